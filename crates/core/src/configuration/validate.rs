//! Validates the configuration file: reports all mistakes at once, each with its path.

use std::fmt;

use super::file::{self, File, Values};
use super::statement::AllowedStatement;
use super::{Bucket, Configuration, Entry, Pattern, Role};
use crate::arn::Arn;
use crate::iam::Condition;
use crate::partition::Partition;

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Path of the field, such as `allow[0].regions[1]`.
    pub path: String,
    /// What is wrong with it, and what to write.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Why a text is not a valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfiguration {
    /// It is not YAML, has an unknown field, or a value of the wrong type.
    #[error("the configuration cannot be read")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// It can be read, and has mistakes.
    #[error("the configuration has mistakes: {}", listed(.0))]
    Mistakes(Vec<Mistake>),
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

impl Configuration {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// All mistakes in the configuration.
    pub fn parse(yaml: &str) -> Result<Self, InvalidConfiguration> {
        // An empty file is one that allows nothing.
        let file: Option<File> =
            serde_saphyr::from_str(yaml).map_err(|error| InvalidConfiguration::Yaml(Box::new(error)))?;
        let File { allow, reserved_tags, layers: file::Layers { bucket } } = file.unwrap_or_default();
        let mut check = Check::default();
        let entries = allow
            .into_iter()
            .enumerate()
            .map(|(number, entry)| check.entry(&format!("allow[{number}]"), entry))
            .collect();
        let reserved_tags = reserved_tags.iter().map(|key| Pattern::new(key.to_lowercase())).collect();
        let layer_bucket = bucket.and_then(|name| check.bucket(&name));
        if check.0.is_empty() {
            Ok(Self { entries, reserved_tags, layer_bucket })
        } else {
            Err(InvalidConfiguration::Mistakes(check.0))
        }
    }
}

/// The mistakes found so far.
#[derive(Default)]
struct Check(Vec<Mistake>);

impl Check {
    fn require(&mut self, holds: bool, path: impl Into<String>, message: impl Into<String>) {
        if !holds {
            self.0.push(Mistake { path: path.into(), message: message.into() });
        }
    }

    fn entry(&mut self, path: &str, entry: file::Entry) -> Entry {
        let file::Entry {
            namespaces,
            regions,
            roles,
            kms_keys,
            functions,
            layers,
            s3,
            images,
            policy_statements,
            tags,
        } = entry;
        self.require(
            !namespaces.is_empty(),
            format!("{path}.namespaces"),
            "it is empty; specify at least one namespace, or `*`",
        );
        for (number, namespace) in namespaces.iter().enumerate() {
            let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*?".contains(&byte);
            self.require(
                !namespace.is_empty() && namespace.bytes().all(known),
                format!("{path}.namespaces[{number}]"),
                format!(
                    "`{namespace}` is not a valid namespace pattern; write lower-case letters, digits and `-`, \
                         with `*` and `?` as wildcards"
                ),
            );
        }
        self.regions(path, &regions);
        let mut patterns = |field: &str, texts: &[String], is_one: fn(&str) -> bool, what: &str| {
            for (number, text) in texts.iter().enumerate() {
                self.require(
                    is_one(text),
                    format!("{path}.{field}[{number}]"),
                    format!("`{text}` is not a valid {what}"),
                );
            }
        };
        patterns("kmsKeys", &kms_keys, is_key_pattern, "KMS key ARN; write `arn:aws:kms:REGION:ACCOUNT:key/…`");
        patterns(
            "functions",
            &functions,
            is_function_pattern,
            "function ARN; write `arn:aws:lambda:REGION:ACCOUNT:function:NAME`",
        );
        patterns(
            "layers",
            &layers,
            is_layer_pattern,
            "layer version ARN; write `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`",
        );
        patterns("s3", &s3, is_object_pattern, "S3 object ARN; write `arn:aws:s3:::BUCKET/KEY`");
        patterns(
            "images",
            &images,
            |text| text.contains('/'),
            "image URI; write `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:*`",
        );
        Entry {
            namespaces: namespaces.into_iter().map(Pattern::new).collect(),
            regions,
            roles: roles
                .into_iter()
                .enumerate()
                .map(|(number, role)| self.role(&format!("{path}.roles[{number}]"), role))
                .collect(),
            kms_keys: kms_keys.into_iter().map(Pattern::new).collect(),
            functions: functions.into_iter().map(Pattern::new).collect(),
            layers: layers.into_iter().map(Pattern::new).collect(),
            s3: s3.into_iter().map(Pattern::new).collect(),
            images: images.into_iter().map(Pattern::new).collect(),
            policy_statements: policy_statements
                .into_iter()
                .enumerate()
                .map(|(number, it)| self.statement(&format!("{path}.policyStatements[{number}]"), it))
                .collect(),
            tags: tags
                .into_iter()
                .map(|(key, values)| (key.to_lowercase(), values.into_iter().map(Pattern::new).collect()))
                .collect(),
        }
    }

    fn bucket(&mut self, name: &str) -> Option<Bucket> {
        let bucket = Bucket::parse(name);
        self.require(
            bucket.is_some(),
            "layers.bucket",
            format!(
                "`{name}` is not a name that S3 takes for a bucket; write 3 to 63 lower-case letters, digits, `-` and `.`, \
                 with `{{account}}` and `{{region}}` in place of those of the pipeline"
            ),
        );
        bucket
    }

    fn role(&mut self, path: &str, role: file::Role) -> Role {
        let file::Role { arn, external_id, regions } = role;
        self.require(
            is_role(&arn, |byte| b"*?".contains(&byte)),
            format!("{path}.arn"),
            format!(
                "`{arn}` is not a valid role ARN; write `arn:aws:iam::ACCOUNT:role/NAME`, with wildcards only in the \
                 name"
            ),
        );
        self.require(
            external_id.as_deref().is_none_or(is_external_id),
            format!("{path}.externalId"),
            "it is not a valid external id; write 2 to 1224 letters, digits and `_+=,.@:/-`",
        );
        self.regions(path, &regions);
        Role { arn: Pattern::new(arn), external_id, regions }
    }

    fn regions(&mut self, path: &str, regions: &[String]) {
        for (number, region) in regions.iter().enumerate() {
            self.require(
                is_region(region),
                format!("{path}.regions[{number}]"),
                format!("`{region}` is not a valid region; write one like `eu-central-1`, without wildcards"),
            );
        }
    }

    fn statement(&mut self, path: &str, statement: file::Statement) -> AllowedStatement {
        let file::Statement { actions, resources, condition } = statement;
        self.require(!actions.is_empty(), format!("{path}.actions"), "it is empty; specify at least one action");
        self.require(
            !resources.is_empty(),
            format!("{path}.resources"),
            "it is empty; specify at least one resource, or `*`",
        );
        for (number, action) in actions.iter().enumerate() {
            self.require(
                action == "*" || is_action(action),
                format!("{path}.actions[{number}]"),
                format!(
                    "`{action}` is not a valid action; write one like `s3:GetObject`, with `*` and `?` as wildcards"
                ),
            );
        }
        for (number, resource) in resources.iter().enumerate() {
            self.require(
                resource == "*" || is_arn(resource),
                format!("{path}.resources[{number}]"),
                format!("`{resource}` is not a valid ARN; write all six parts, like `arn:aws:s3:::bucket/*`, or `*`"),
            );
        }
        AllowedStatement {
            actions: actions.into_iter().map(|action| Pattern::new(action.to_ascii_lowercase())).collect(),
            resources: resources.into_iter().map(Pattern::new).collect(),
            condition: condition
                .into_iter()
                .map(|(operator, keys)| (operator, keys.into_iter().map(listed_values).collect()))
                .collect::<Condition>(),
        }
    }
}

fn listed_values((key, values): (String, Values)) -> (String, Vec<String>) {
    match values {
        Values::One(value) => (key, vec![value]),
        Values::Several(values) => (key, values),
    }
}

/// Whether a text is the name of a region: it becomes part of host names.
pub(crate) fn is_region(text: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [words @ .., number] => {
            (2..=4).contains(&words.len())
                && words.iter().all(|word| letters(word))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// Whether a text is the ARN of a role.
pub(crate) fn is_role_arn(text: &str) -> bool {
    is_role(text, |_| false)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
fn is_role(text: &str, also: impl Fn(u8) -> bool) -> bool {
    let Some(arn) = of_service("iam", text) else { return false };
    let Some(name) = arn.resource.strip_prefix("role/") else { return false };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte) || also(byte);
    let segment = |segment: &str| !segment.is_empty() && segment != ".." && segment.bytes().all(allowed);
    arn.partition.parse::<Partition>().is_ok()
        && arn.region.is_empty()
        && is_account(arn.account)
        && name.split('/').all(segment)
}

/// Whether a text is the ARN of one KMS key. Aliases are refused: they can be moved to another key.
pub(crate) fn is_key_arn(text: &str) -> bool {
    is_key_pattern(text) && !text.contains(['*', '?'])
}

fn is_key_pattern(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-*?".contains(&byte);
    of_service("kms", text)
        .and_then(|arn| arn.resource.strip_prefix("key/"))
        .is_some_and(|id| !id.is_empty() && id.bytes().all(allowed))
}

/// Whether a text is the ARN of one function, with or without a version or an alias behind it.
pub(crate) fn is_function_arn(text: &str) -> bool {
    is_function_pattern(text) && !text.contains(['*', '?'])
}

fn is_function_pattern(text: &str) -> bool {
    let Some(arn) = of_service("lambda", text) else { return false };
    let Some(name) = arn.resource.strip_prefix("function:") else { return false };
    let segments: Vec<&str> = name.split(':').collect();
    matches!(segments.len(), 1 | 2) && [arn.region, arn.account].into_iter().chain(segments).all(is_named)
}

/// Whether a text is the ARN of one version of a layer.
pub(crate) fn is_layer_arn(text: &str) -> bool {
    let version = |arn: Arn<'_>| arn.name().bytes().all(|byte| byte.is_ascii_digit());
    is_layer_pattern(text) && !text.contains(['*', '?']) && Arn::parse(text).is_some_and(version)
}

fn is_layer_pattern(text: &str) -> bool {
    let Some(arn) = of_service("lambda", text) else { return false };
    let Some((name, version)) = arn.resource.strip_prefix("layer:").and_then(|layer| layer.split_once(':')) else {
        return false;
    };
    [arn.region, arn.account, name, version].into_iter().all(is_named)
}

fn is_named(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_*?$".contains(&byte))
}

fn is_object_pattern(text: &str) -> bool {
    of_service("s3", text).is_some_and(|arn| {
        let names_object = |(bucket, key): (&str, &str)| !bucket.is_empty() && !key.is_empty();
        arn.region.is_empty() && arn.account.is_empty() && arn.resource.split_once('/').is_some_and(names_object)
    })
}

/// The parts of a text that is the ARN, or a pattern of ARNs, of a service.
fn of_service<'text>(service: &str, text: &'text str) -> Option<Arn<'text>> {
    Arn::parse(text).filter(|arn| arn.service == service && is_arn(text))
}

/// Whether a text has the six parts of an ARN, in printable ASCII.
pub(crate) fn is_arn(text: &str) -> bool {
    let Some(Arn { partition, service, region, account, resource }) = Arn::parse(text) else { return false };
    let name = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-*?".contains(&byte));
    !partition.is_empty()
        && !service.is_empty()
        && [partition, service, region, account].into_iter().all(name)
        && !resource.is_empty()
        && resource.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether a text is an action, such as `s3:GetObject` or `s3:Get*`.
pub(crate) fn is_action(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-*?".contains(&byte))
    };
    text.split_once(':').is_some_and(|(service, name)| part(service) && part(name))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_external_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    (2..=1224).contains(&text.len()) && text.bytes().all(allowed)
}
