//! The configuration as it is written: docs/configuration.md and the JSON schema are made of these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What pipelines may reach beyond their own resources on AWS, by namespace. What is not allowed here is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct File {
    /// What is allowed. A namespace may do what any of the entries for it allows.
    #[serde(default)]
    pub allow: Vec<Entry>,
    /// Keys of tags, with wildcards, that pipelines may not set unless an entry allows key and value. Name those by which
    /// policies in your accounts decide, such as `team` or `access-*`. Case does not matter.
    #[serde(default)]
    pub reserved_tags: Vec<String>,
    /// How layers get to Lambda.
    #[serde(default)]
    pub layers: Layers,
}

/// How layers get to Lambda.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layers {
    /// Name of the bucket through which layers go whose zip is larger than 50 MiB. It has to be in the account and the region
    /// of the pipelines, for which `{account}` and `{region}` stand in the name. Without it such layers are refused.
    #[serde(default)]
    pub bucket: Option<String>,
}

/// What some namespaces may.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Names of namespaces, with wildcards.
    pub namespaces: Vec<String>,
    /// Regions of the operator's own account, beside the operator's own region: `spec.aws.region`.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Roles that the operator assumes for a pipeline, most often of another account: `spec.aws.roleArn`.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// ARNs of KMS keys, with wildcards, that may encrypt queues: `spec.queue.kmsKeyId`.
    #[serde(default)]
    pub kms_keys: Vec<String>,
    /// ARNs of existing functions, with wildcards, that tasks may call: `functionArn`.
    #[serde(default)]
    pub functions: Vec<String>,
    /// ARNs of layer versions, with wildcards, that functions may have: `layers`.
    #[serde(default)]
    pub layers: Vec<String>,
    /// ARNs of objects in S3, with wildcards, that code may come from: `code.s3`. The operator then may read them.
    #[serde(default)]
    pub s3: Vec<String>,
    /// URIs of container images, with wildcards, that functions may run: `code.image`.
    #[serde(default)]
    pub images: Vec<String>,
    /// IAM statements that may be added to the functions' roles: `policyStatements`.
    #[serde(default)]
    pub policy_statements: Vec<Statement>,
    /// Values, with wildcards, that reserved tags may have, by key.
    #[serde(default)]
    pub tags: BTreeMap<String, Vec<String>>,
}

/// A role that the operator may assume.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// ARN of the role; its name may have wildcards, its account may not.
    pub arn: String,
    /// External id that the operator shows when it assumes the role. Have the role's trust policy ask for it, and give
    /// each namespace another one.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Regions of the role's account, beside the operator's own region.
    #[serde(default)]
    pub regions: Vec<String>,
}

/// Actions on resources that a pipeline may give to its functions' roles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// Actions, with wildcards: a pipeline may name these, and any that they cover. Actions that hand out rights (all of
    /// `iam` and `sts`, and those of `lambda` and `scheduler` that change something) are allowed only as they are
    /// written here.
    pub actions: Vec<String>,
    /// ARNs of resources, with wildcards, or `*`: a pipeline may name these, and any that they cover.
    pub resources: Vec<String>,
    /// Conditions that the pipeline's statement must have too, as IAM writes them. It may have more.
    #[serde(default)]
    pub condition: BTreeMap<String, BTreeMap<String, Values>>,
}

/// One value, or several of which one must match.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Values {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}
