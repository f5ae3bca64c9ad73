//! Whether what the operator needs is there, each with what to do where it is not: for who installs it.

use std::fmt;

use api::GROUP;
use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use pipeline_core::error_chain::chain;
use pipeline_core::text::printable;
use serde::Serialize;
use serde_json::Value;

/// What was read, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was read.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub state: State,
    /// What was found; where it is not as it should be, also what to do.
    pub found: String,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    /// It is.
    Well,
    /// It is not.
    NotWell,
    /// It could not be read.
    NotKnown,
}

impl Finding {
    /// What is as it should be, or what is wrong.
    pub fn of(what: &'static str, found: Result<String, String>) -> Self {
        match found {
            Ok(found) => Self { what, state: State::Well, found },
            Err(found) => Self { what, state: State::NotWell, found },
        }
    }

    /// What could not be read, and how it can be.
    pub const fn not_known(what: &'static str, why: String) -> Self {
        Self { what, state: State::NotKnown, found: why }
    }

    /// Whether there is something to put right.
    pub fn is_not_well(&self) -> bool {
        self.state == State::NotWell
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.state {
            State::Well => "ok  ",
            State::NotWell => "FAIL",
            State::NotKnown => "?   ",
        };
        write!(f, "{sign} {}: {}", self.what, self.found)
    }
}

/// Whether there is nothing to put right in any of these.
pub fn are_well(findings: &[Finding]) -> bool {
    !findings.iter().any(Finding::is_not_well)
}

/// A line for each.
pub fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| printable(&finding.to_string()).into_owned() + "\n").collect()
}

/// Something that somebody must be allowed to do in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right<'a> {
    /// Such as `get`.
    pub verb: &'a str,
    /// API group; empty for the core's.
    pub group: &'a str,
    /// Such as `secrets` or `scheduledtaskpipelines/status`.
    pub resource: &'a str,
    /// Where, if not everywhere.
    pub namespace: Option<&'a str>,
    /// Which, if not all.
    pub name: Option<&'a str>,
}

impl fmt::Display for Right<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, namespace, name } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        name.map_or(Ok(()), |name| write!(f, " `{name}`"))?;
        namespace.map_or(Ok(()), |namespace| write!(f, " in namespace {namespace}"))
    }
}

/// Whether the API server answers.
pub async fn api_server(client: &Client) -> Finding {
    let found = match client.apiserver_version().await {
        Ok(version) => Ok(format!("it answers, version {}", version.git_version)),
        Err(error) => Err(format!("{}; set KUBECONFIG, or check the Pod's network policy", chain(&error))),
    };
    Finding::of("API server", found)
}

/// Whether the API server knows pipelines as this version writes them.
pub async fn definition(client: &Client) -> Finding {
    let found = missing_fields(client).await.and_then(|missing| match missing.as_slice() {
        [] => Ok("the API server knows ScheduledTaskPipeline with all fields of this version".to_owned()),
        [first, rest @ ..] => Err(format!(
            "the cluster's definition is of another version: it lacks `{first}`{}; upgrade it with the chart, or with \
             `kubectl apply --server-side -f crds/`",
            if rest.is_empty() { String::new() } else { format!(" and {} more fields", rest.len()) }
        )),
    });
    Finding::of("definition", found)
}

/// Fields that this version has and the cluster's definition lacks.
async fn missing_fields(client: &Client) -> Result<Vec<String>, String> {
    let path = format!("/openapi/v3/apis/{GROUP}/v1alpha1");
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    let document: Value = match client.request(request).await {
        Ok(document) => document,
        Err(kube::Error::Api(status)) if status.code == 404 => {
            return Err("the API server does not know ScheduledTaskPipeline, or not long enough to show its fields; \
                        install it with the chart, or with `kubectl apply --server-side -f crds/`"
                .to_owned());
        }
        Err(error) => return Err(chain(&error)),
    };
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let theirs = schemas
        .map(|(_, schema)| schema)
        .find(|schema| schema["x-kubernetes-group-version-kind"][0]["kind"] == "ScheduledTaskPipeline");
    let ours = serde_json::to_value(api::crd()).map_err(|error| error.to_string())?;
    let ours = &ours["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    Ok(lacking(ours, theirs.unwrap_or(&Value::Null), ""))
}

/// Properties of one schema that another lacks, the outermost of each branch.
fn lacking(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    let properties = ours["properties"].as_object().into_iter().flatten();
    let below = properties.flat_map(|(name, field)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match theirs["properties"].get(name) {
            Some(other) => lacking(field, other, &path),
            None => vec![path],
        }
    });
    let items = ours.get("items").map(|items| lacking(items, &theirs["items"], &format!("{path}[]")));
    below.chain(items.into_iter().flatten()).collect()
}

/// Whether the API server would let us do all this.
pub async fn permissions(client: &Client, rights: &[Right<'_>]) -> Finding {
    let allowed = match try_join_all(rights.iter().map(|right| is_allowed(client, *right))).await {
        Ok(allowed) => allowed,
        Err(error) => return Finding::of("permissions", Err(chain(&error))),
    };
    let refused = rights.iter().zip(allowed).filter(|(_, allowed)| !allowed);
    let refused: Vec<String> = refused.map(|(right, _)| right.to_string()).collect();
    let found = if refused.is_empty() {
        Ok(format!("all {} are granted", rights.len()))
    } else {
        Err(format!("not granted: {}; grant it with an RBAC role", refused.join(", ")))
    };
    Finding::of("permissions", found)
}

async fn is_allowed(client: &Client, right: Right<'_>) -> kube::Result<bool> {
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource, None),
    };
    let attributes = ResourceAttributes {
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        namespace: right.namespace.map(str::to_owned),
        name: right.name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_lacks_what_a_later_version_added() {
        let text = || json!({"type": "string"});
        let ours = json!({"properties": {"spec": {"properties": {
            "old": text(), "new": {"properties": {"a": text()}},
            "list": {"items": {"properties": {"old": text(), "new": text()}}},
        }}}});
        let theirs = json!({"properties": {"spec": {"properties": {
            "old": text(), "list": {"items": {"properties": {"old": text()}}}, "gone": text(),
        }}}});
        assert_eq!(lacking(&ours, &theirs, ""), ["spec.list[].new", "spec.new"]);
        assert!(lacking(&ours, &ours, "").is_empty());
    }
}
