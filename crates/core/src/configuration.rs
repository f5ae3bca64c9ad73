//! The operator's configuration: what the pipelines of each namespace may use beyond their own resources.
//!
//! Denies by default: without a file, and for a namespace without an entry, nothing is allowed.
//! [`Configuration::parse`] reports all mistakes at once, each with its path. Every denied check returns a [`Missing`]
//! that says what the configuration would have to contain.

mod bucket;
pub mod file;
mod pattern;
mod statement;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::iam::Statement;
use crate::location::AssumedRole;
use crate::partition::Partition;
use statement::AllowedStatement;

pub use bucket::Bucket;
pub use pattern::Pattern;
pub use validate::{InvalidConfiguration, Mistake};
pub(crate) use validate::{is_action, is_arn, is_function_arn, is_key_arn, is_layer_arn, is_region, is_role_arn};

/// A validated configuration. The default allows nothing.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    entries: Vec<Entry>,
    /// In lower case.
    reserved_tags: Vec<Pattern>,
    layer_bucket: Option<Bucket>,
}

/// One entry: what its namespaces may use.
#[derive(Clone, Debug)]
struct Entry {
    namespaces: Vec<Pattern>,
    regions: Vec<String>,
    roles: Vec<Role>,
    kms_keys: Vec<Pattern>,
    functions: Vec<Pattern>,
    layers: Vec<Pattern>,
    s3: Vec<Pattern>,
    images: Vec<Pattern>,
    policy_statements: Vec<AllowedStatement>,
    /// By key in lower case.
    tags: BTreeMap<String, Vec<Pattern>>,
}

#[derive(Clone, Debug)]
struct Role {
    arn: Pattern,
    external_id: Option<String>,
    regions: Vec<String>,
}

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The subject of the denial, with its namespace.
    pub what: String,
    /// The rule that the configuration lacks.
    pub rule: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.rule)
    }
}

impl Configuration {
    /// Whether a namespace may use a region of the operator's own account.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub(crate) fn region(&self, namespace: &str, region: &str) -> Result<(), Missing> {
        let allowed = self.of(namespace).any(|(_, entry)| entry.regions.iter().any(|allowed| allowed == region));
        self.answer(allowed, namespace, &format!("region `{region}`"), "regions", region)
    }

    /// Returns a role that a namespace may use, with the external id from the configuration.
    ///
    /// # Errors
    /// No entry for the namespace lists it, or none with this external id or region.
    pub(crate) fn role(
        &self,
        namespace: &str,
        arn: &str,
        external_id: Option<&str>,
        region: Option<&str>,
    ) -> Result<AssumedRole, Missing> {
        let listed: Vec<&Role> =
            self.of(namespace).flat_map(|(_, entry)| &entry.roles).filter(|role| role.arn.matches(arn)).collect();
        if listed.is_empty() {
            return Err(self.missing(namespace, &format!("role `{arn}`"), "roles[].arn", arn));
        }
        let with_id: Vec<&Role> = listed
            .into_iter()
            .filter(|role| external_id.is_none() || external_id == role.external_id.as_deref())
            .collect();
        if with_id.is_empty() {
            let what = format!("role `{arn}` is not allowed with this external id in namespace `{namespace}`");
            let rule = "remove `externalId`: the operator shows the one of its configuration".to_owned();
            return Err(Missing { what, rule });
        }
        let in_region = |role: &&Role| region.is_none_or(|region| role.regions.iter().any(|allowed| allowed == region));
        let Some(role) = with_id.into_iter().find(in_region) else {
            let region = region.unwrap_or_default();
            return Err(self.missing(
                namespace,
                &format!("region `{region}` of role `{arn}`"),
                "roles[].regions",
                region,
            ));
        };
        Ok(AssumedRole { arn: arn.to_owned(), external_id: role.external_id.clone() })
    }

    /// Whether a namespace may encrypt queues with a KMS key.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub(crate) fn kms_key(&self, namespace: &str, arn: &str) -> Result<(), Missing> {
        let allowed = self.covers(namespace, arn, |entry| &entry.kms_keys);
        self.answer(allowed, namespace, &format!("KMS key `{arn}`"), "kmsKeys", arn)
    }

    /// Whether a namespace's tasks may call an existing function.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub fn function(&self, namespace: &str, arn: &str) -> Result<(), Missing> {
        let allowed = self.covers(namespace, arn, |entry| &entry.functions);
        self.answer(allowed, namespace, &format!("function `{arn}`"), "functions", arn)
    }

    /// Whether a namespace's functions may have a layer.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub(crate) fn layer(&self, namespace: &str, arn: &str) -> Result<(), Missing> {
        let allowed = self.covers(namespace, arn, |entry| &entry.layers);
        self.answer(allowed, namespace, &format!("layer `{arn}`"), "layers", arn)
    }

    /// Whether a namespace may take code from an object in S3.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub(crate) fn s3(&self, namespace: &str, partition: Partition, bucket: &str, key: &str) -> Result<(), Missing> {
        let path = format!("{bucket}/{key}");
        let lists = |entry: &Entry| entry.s3.iter().any(|objects| resource(objects).matches(&path));
        let allowed = self.of(namespace).any(|(_, entry)| lists(entry));
        let arn = format!("arn:{partition}:s3:::{path}");
        self.answer(allowed, namespace, &format!("object `{arn}`"), "s3", &arn)
    }

    /// Whether a namespace's functions may run an image.
    ///
    /// # Errors
    /// No entry for the namespace lists it.
    pub(crate) fn image(&self, namespace: &str, uri: &str) -> Result<(), Missing> {
        let allowed = self.of(namespace).any(|(_, entry)| entry.images.iter().any(|images| images.matches(uri)));
        self.answer(allowed, namespace, &format!("image `{uri}`"), "images", uri)
    }

    /// Whether a namespace may give its functions' roles a statement.
    ///
    /// # Errors
    /// The first action on a resource that no statement of the namespace's entries allows.
    pub(crate) fn policy_statement(&self, namespace: &str, statement: &Statement) -> Result<(), Missing> {
        let allowed: Vec<&AllowedStatement> =
            self.of(namespace).flat_map(|(_, entry)| &entry.policy_statements).collect();
        let Err(refused) = statement::covered(statement, &allowed) else { return Ok(()) };
        Err(self.missing(namespace, &refused.what(), "policyStatements", &refused.rule()))
    }

    /// Whether a namespace may set a tag.
    ///
    /// # Errors
    /// The key is reserved, and no entry for the namespace lists it with this value.
    pub(crate) fn tag(&self, namespace: &str, key: &str, value: &str) -> Result<(), Missing> {
        let folded = key.to_lowercase();
        let reserved = self.reserved_tags.iter().any(|pattern| pattern.matches(&folded));
        let lists =
            |entry: &Entry| entry.tags.get(&folded).is_some_and(|values| values.iter().any(|it| it.matches(value)));
        let allowed = !reserved || self.of(namespace).any(|(_, entry)| lists(entry));
        self.answer(allowed, namespace, &format!("value `{value}` of the reserved tag `{key}`"), "tags", key)
    }

    /// Regions of the operator's own account that any namespace may use.
    pub fn regions(&self) -> BTreeSet<String> {
        self.entries.iter().flat_map(|entry| &entry.regions).cloned().collect()
    }

    /// ARNs of the roles that any namespace may use, with wildcards.
    pub fn roles(&self) -> Vec<String> {
        let arns: BTreeSet<&str> =
            self.entries.iter().flat_map(|entry| &entry.roles).map(|role| role.arn.as_str()).collect();
        arns.into_iter().map(str::to_owned).collect()
    }

    /// ARNs of the KMS keys that any namespace may use, with wildcards.
    pub(crate) fn kms_keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| &entry.kms_keys).map(Pattern::as_str)
    }

    /// ARNs of the functions that any namespace may call, with wildcards.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| &entry.functions).map(Pattern::as_str)
    }

    /// Read permissions that the operator needs to create functions, for all layers, objects and images that any
    /// namespace may use.
    pub fn sources(&self, partition: Partition) -> Vec<Statement> {
        let all = |patterns: fn(&Entry) -> &[Pattern]| -> Vec<String> {
            let texts: BTreeSet<&str> = self.entries.iter().flat_map(patterns).map(Pattern::as_str).collect();
            texts.into_iter().map(str::to_owned).collect()
        };
        let images = all(|entry| &entry.images);
        let repositories = images.iter().filter_map(|images| repository_arn(partition, images)).collect();
        let sources: [(&[&str], Vec<String>); 3] = [
            (&["lambda:GetLayerVersion"], all(|entry| &entry.layers)),
            (&["s3:GetObject", "s3:GetObjectVersion"], all(|entry| &entry.s3)),
            (&["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], repositories),
        ];
        let given = sources.into_iter().filter(|(_, resources)| !resources.is_empty());
        given
            .map(|(actions, resources)| Statement {
                actions: actions.iter().map(|action| (*action).to_owned()).collect(),
                resources,
                condition: crate::iam::Condition::new(),
            })
            .collect()
    }

    /// The bucket through which layers go that are too large for a call.
    pub const fn layer_bucket(&self) -> Option<&Bucket> {
        self.layer_bucket.as_ref()
    }

    /// IAM statements that any namespace may add to the roles of its functions.
    pub fn policy_statements(&self) -> impl Iterator<Item = Statement> {
        self.entries.iter().flat_map(|entry| &entry.policy_statements).map(AllowedStatement::widest)
    }

    /// The entries that apply to a namespace, with their indices.
    fn of(&self, namespace: &str) -> impl Iterator<Item = (usize, &Entry)> {
        let is_for = move |entry: &Entry| entry.namespaces.iter().any(|pattern| pattern.matches(namespace));
        self.entries.iter().enumerate().filter(move |(_, entry)| is_for(entry))
    }

    /// Whether one of a namespace's patterns covers an ARN.
    fn covers(&self, namespace: &str, arn: &str, patterns: impl Fn(&Entry) -> &[Pattern]) -> bool {
        let arn = Pattern::new(arn);
        self.of(namespace).any(|(_, entry)| patterns(entry).iter().any(|pattern| pattern.covers_arn(&arn)))
    }

    fn answer(&self, allowed: bool, namespace: &str, what: &str, field: &str, value: &str) -> Result<(), Missing> {
        if allowed { Ok(()) } else { Err(self.missing(namespace, what, field, value)) }
    }

    fn missing(&self, namespace: &str, what: &str, field: &str, value: &str) -> Missing {
        let entries: Vec<String> = self.of(namespace).map(|(number, _)| format!("`allow[{number}]`")).collect();
        let present = match entries.as_slice() {
            [] => "there is none".to_owned(),
            [one] => format!("{one} is"),
            several => format!("{} are", several.join(", ")),
        };
        Missing {
            what: format!("{what} is not allowed in namespace `{namespace}`"),
            rule: format!(
                "it takes `{value}` in `{field}` of an entry for this namespace in the operator's configuration ({present})"
            ),
        }
    }
}

/// The resource part of a pattern of ARNs.
fn resource(arns: &Pattern) -> Pattern {
    Pattern::new(arns.as_str().splitn(6, ':').nth(5).unwrap_or_default())
}

/// The ARN of the repositories of images in ECR, from their URIs: `ACCOUNT.dkr.ecr.REGION.DOMAIN/NAME:TAG`.
fn repository_arn(partition: Partition, images: &str) -> Option<String> {
    let (registry, image) = images.split_once('/')?;
    let mut parts = registry.split('.');
    let (account, region) = (parts.next()?, parts.nth(2).unwrap_or("*"));
    let repository = image.split([':', '@']).next()?;
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}"))
}
