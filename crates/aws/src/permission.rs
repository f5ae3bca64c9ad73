//! The operator's IAM policy, generated from the table of calls, so that it cannot miss one.
//!
//! After AWS's service authorization reference: <https://docs.aws.amazon.com/service-authorization/latest/reference/>

mod merged;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use pipeline_core::configuration::Bucket;
use pipeline_core::iam::{Service, Statement, document};
use pipeline_core::location::Location;
use pipeline_core::names::{ClusterName, tag};
use pipeline_core::partition::Partition;
use serde_json::{Value, json};

use super::operation::{Operation, Scope};
use merged::merged;

impl Operation {
    /// The service that the call passes a role to, which requires `iam:PassRole`.
    const fn passes_role_to(self) -> Option<Service> {
        match self {
            Self::CreateFunction | Self::UpdateFunctionConfiguration => Some(Service::Lambda),
            Self::CreateSchedule | Self::UpdateSchedule => Some(Service::Scheduler),
            _ => None,
        }
    }
}

/// The settings that the operator's policy depends on.
#[derive(Clone, Debug)]
pub struct OperatorPolicy {
    /// Partition.
    pub partition: Partition,
    /// 12-digit account id; absent: any.
    pub account: Option<String>,
    /// Regions that pipelines live in; empty: any.
    pub regions: Vec<String>,
    /// The cluster's name.
    pub cluster: ClusterName,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// ARNs of the roles that the configuration lets pipelines name, with wildcards.
    pub assumed_roles: Vec<String>,
    /// What the configuration lets pipelines take code from: to create a function, one has to be able to read it.
    pub sources: Vec<Statement>,
    /// The bucket through which layers go that are too large for a call.
    pub layer_bucket: Option<Bucket>,
}

/// What names begin with: something readable, and the ten characters of a hash.
const FRONT: &str = "*-??????????";

/// What the names of functions end in, and those of their roles too.
const FUNCTIONS: [&str; 3] = ["-sender", "-runner", "-fn-*"];

/// Characters of a managed policy without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MAX_POLICY: usize = 6144;

impl OperatorPolicy {
    /// The policy document: the least privileges that the operator needs. A statement for each kind of resource, as long as
    /// they fit.
    pub fn document(&self) -> Value {
        let statements = self.statements();
        let plain = document(&statements);
        if plain.to_string().chars().count() <= MAX_POLICY { plain } else { document(&merged(statements)) }
    }

    fn statements(&self) -> Vec<Value> {
        let mut actions: BTreeMap<Scope, BTreeSet<String>> = BTreeMap::new();
        for operation in Operation::all() {
            let scope = match operation.scope() {
                // Merged into one statement, since the policy's size is limited.
                Scope::BoundaryGiven if self.boundary.is_some() => Scope::BoundedRoles,
                scope => scope,
            };
            actions.entry(scope).or_default().insert(operation.to_string());
        }
        // Giving a function a layer takes the right to read it.
        actions.entry(Scope::Layers).or_default().insert("lambda:GetLayerVersion".to_owned());
        // Lambda reads the object with the operator's rights.
        actions.entry(Scope::LayerObjects).or_default().insert("s3:GetObject".to_owned());
        // A session of EKS Pod Identity hands its tags on to each role that it assumes.
        // <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
        actions.entry(Scope::AssumedRoles).or_default().insert("sts:TagSession".to_owned());
        let granted = actions.into_iter().filter_map(|(scope, actions)| self.statement(scope, &actions));
        let passed: BTreeSet<Service> = Operation::all().filter_map(Operation::passes_role_to).collect();
        let passed = passed.into_iter().map(|service| self.pass_role(service));
        let sources = self.sources.iter().map(Statement::document);
        granted.chain(passed).chain(sources).chain(self.kept_boundary()).chain(self.other_regions()).collect()
    }

    fn statement(&self, scope: Scope, actions: &BTreeSet<String>) -> Option<Value> {
        let resources = self.resources(scope);
        if resources.is_empty() {
            return None;
        }
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        if let Some(condition) = self.condition(scope) {
            statement["Condition"] = condition;
        }
        Some(statement)
    }

    fn resources(&self, scope: Scope) -> Vec<String> {
        match (scope, &self.boundary) {
            (Scope::Free | Scope::BoundaryGiven, _) | (Scope::BoundaryTaken, Some(_)) => Vec::new(),
            (Scope::Everything | Scope::Mappings, _) => vec!["*".to_owned()],
            (Scope::Roles | Scope::BoundedRoles, _) | (Scope::BoundaryTaken, None) => vec![self.role("*")],
            (Scope::AssumedRoles, _) => self.assumed_roles.clone(),
            (Scope::Functions, _) => {
                let functions = FUNCTIONS.map(|end| self.regional("lambda", &format!("function:{FRONT}{end}")));
                functions.into_iter().chain([self.mappings()]).collect()
            }
            (Scope::Tagged, _) => self.tagged().into(),
            (Scope::Ours, _) => {
                let log_groups = self.regional("logs", &format!("log-group:/aws/lambda/{FRONT}-*"));
                self.tagged().into_iter().chain([log_groups]).collect()
            }
            (Scope::LayerObjects, _) => self.layer_bucket.iter().map(|bucket| self.layer_objects(bucket)).collect(),
            (Scope::Layers, _) => vec![self.regional("lambda", &format!("layer:{FRONT}-layer-*"))],
            (Scope::Queues, _) => {
                let queues = ["tasks*", "undelivered-dlq"].map(|part| self.regional("sqs", &format!("{FRONT}-{part}")));
                queues.into_iter().chain([self.inbox()]).collect()
            }
            (Scope::Inbox, _) => vec![self.inbox()],
            (Scope::Senders, _) => vec![self.regional("lambda", &format!("function:{FRONT}-sender"))],
            (Scope::Parameters, _) => {
                vec![self.regional("ssm", &format!("parameter/taskpipelines/{}/*", self.cluster))]
            }
            // Tags are asked for by the group's ARN, all else with `:*` or a stream behind it.
            (Scope::LogGroups, _) => {
                let ends = FUNCTIONS.map(|end| format!("{}*", end.trim_end_matches('*')));
                ends.map(|end| self.regional("logs", &format!("log-group:/aws/lambda/{FRONT}{end}"))).into()
            }
            (Scope::Schedules, _) => {
                // A group is deleted with all the schedules in it.
                vec![self.schedule_groups(), self.regional("scheduler", &format!("schedule/{FRONT}/*"))]
            }
        }
    }

    /// What the cluster's tag decides of. The names are shorter, for the room that there is.
    fn tagged(&self) -> [String; 3] {
        [self.regional("lambda", &format!("function:{FRONT}-*")), self.mappings(), self.schedule_groups()]
    }

    fn mappings(&self) -> String {
        self.regional("lambda", "event-source-mapping:*")
    }

    fn schedule_groups(&self) -> String {
        self.regional("scheduler", &format!("schedule-group/{FRONT}"))
    }

    fn condition(&self, scope: Scope) -> Option<Value> {
        let tagged = |of: &str| json!({ format!("aws:{of}Tag/{}", tag::CLUSTER): self.cluster.to_string() });
        match (scope, &self.boundary) {
            (Scope::BoundedRoles, Some(boundary)) => {
                Some(json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }))
            }
            (Scope::Mappings, _) => {
                let runners = self.regional("lambda", &format!("function:{FRONT}-runner"));
                Some(json!({ "ArnLike": { "lambda:FunctionArn": runners } }))
            }
            // What is being made has no tags yet.
            (Scope::Tagged, _) => Some(json!({
                "StringEquals": tagged("Request"),
                "StringEqualsIfExists": tagged("Resource"),
            })),
            (Scope::Ours, _) => Some(json!({ "StringEquals": tagged("Resource") })),
            _ => None,
        }
    }

    fn pass_role(&self, service: Service) -> Value {
        let ends: &[&str] = match service {
            Service::Lambda => &FUNCTIONS,
            Service::Scheduler => &["-scheduler"],
        };
        json!({
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": ends.iter().map(|end| self.role(&format!("*{end}"))).collect::<Vec<_>>(),
            "Condition": { "StringEquals": { "iam:PassedToService": service.principal() } },
        })
    }

    /// Denies removing the boundary: a role without it could be given any right, and passed to a function.
    fn kept_boundary(&self) -> Option<Value> {
        self.boundary.as_ref().map(|_| {
            let action = Operation::DeleteRolePermissionsBoundary.to_string();
            json!({ "Effect": "Deny", "Action": [action], "Resource": ["*"] })
        })
    }

    /// With several regions, ARNs have a wildcard for the region, and a statement denies all other regions.
    fn other_regions(&self) -> Option<Value> {
        (self.regions.len() > 1).then(|| {
            json!({
                "Effect": "Deny",
                "NotAction": ["iam:*", "sts:*"],
                "Resource": ["*"],
                "Condition": { "StringNotEquals": { "aws:RequestedRegion": self.regions } },
            })
        })
    }

    /// Account and region for ARNs; `*` stands for any.
    pub fn location(&self) -> Location {
        Location {
            partition: self.partition,
            account: self.account.clone().unwrap_or_else(|| "*".to_owned()),
            region: if let [region] = self.regions.as_slice() { region.clone() } else { "*".to_owned() },
            endpoint: None,
        }
    }

    fn inbox(&self) -> String {
        self.regional("sqs", &self.cluster.inbox())
    }

    fn layer_objects(&self, bucket: &Bucket) -> String {
        let Location { partition, account, region, endpoint: _ } = self.location();
        format!("arn:{partition}:s3:::{}/{}", bucket.of(&account, &region), self.cluster.layer_object("*", "*"))
    }

    fn regional(&self, service: &str, resource: &str) -> String {
        self.location().arn(service, resource)
    }

    fn role(&self, name: &str) -> String {
        self.location().role_arn(&format!("/taskpipelines/{}/", self.cluster), name)
    }
}
