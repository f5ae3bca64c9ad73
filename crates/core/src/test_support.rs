//! Pipelines for tests.

#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::{Architecture, ScheduledTaskPipelineSpec, SecretKeyRef};
use serde_json::Value;

use crate::code::{Artifact, Artifacts, Builtin};
use crate::configuration::Configuration;
use crate::names::Owner;
use crate::pipeline::{
    ConfigMapLookup, ConfigMaps, Context, Home, Pipeline, Refusal, SecretLookup, SecretValues, resolve, secret_refs,
};
use crate::secret_text::SecretText;

/// What the operator lets namespaces do.
pub const CONFIGURATION: &str = "
reservedTags: [access-*]
allow:
- namespaces: [team-b]
  regions: [us-east-1]
  roles: [{arn: 'arn:aws:iam::222222222222:role/team-b', externalId: b-1234}]
- namespaces: [team-a, team-c-*]
  regions: [eu-west-1]
  roles:
  - {arn: 'arn:aws:iam::333333333333:role/team-a/*', externalId: a-1234, regions: [eu-west-1]}
  kmsKeys: ['arn:aws:kms:eu-*:111122223333:key/*']
  functions: ['arn:aws:lambda:*:111122223333:function:team-a*']
  layers: ['arn:aws:lambda:*:111122223333:layer:team-a:*']
  s3: ['arn:aws:s3:::team-a-code/*.zip']
  images: ['111122223333.dkr.ecr.*.amazonaws.com/team-a@*']
  policyStatements:
  - {actions: ['s3:Get*', 's3:ListBucket'], resources: ['arn:aws:s3:::team-a-*']}
  - actions: [dynamodb:*]
    resources: ['arn:aws:dynamodb:*:111122223333:table/team-a']
    condition: {StringEquals: {aws:RequestedRegion: [eu-west-1, eu-central-1]}}
  - {actions: ['*'], resources: ['arn:aws:lambda:*:111122223333:function:team-a']}
  tags: {Access-Level: [low-*]}
";

/// A spec of the smallest pipeline, with these fields in place of its own.
pub fn spec(yaml: &str) -> ScheduledTaskPipelineSpec {
    let mut spec = serde_json::json!({ "schedule": "@daily", "tasks": [{ "name": "a", "message": {} }] });
    let fields: Value = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let (Value::Object(spec_fields), Value::Object(fields)) = (&mut spec, fields) else { panic!("{yaml}: no mapping") };
    spec_fields.extend(fields);
    serde_json::from_value(spec).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

/// The pipeline `team-a/hello` of the cluster `lab`.
pub fn owner() -> Owner {
    Owner {
        cluster: "lab".parse().expect("a name"),
        namespace: "team-a".to_owned(),
        name: "hello".to_owned(),
        uid: "uid-1".to_owned(),
    }
}

/// The cluster has one Secret, `chat`.
fn look_up(reference: &SecretKeyRef) -> SecretLookup {
    let value = match (reference.name.as_str(), reference.key.as_str()) {
        ("chat", "slack") => "https://hooks.slack.com/services/T/B/sesame\n",
        ("chat", "token") => "Bearer sesame",
        ("chat", "lines") => "sesame\r\nX: y",
        ("chat", "bot") => "123456789:AAE-sesame_",
        ("chat", "word") => "sesame",
        ("chat", "empty") => "\n",
        ("chat", "long") => return SecretLookup::Found(SecretText::new("sesame".repeat(700))),
        ("chat", "binary") => return SecretLookup::NotUtf8,
        ("chat", _) => return SecretLookup::NoKey,
        ("locked", _) => return SecretLookup::Denied("secrets \"locked\" is forbidden".to_owned()),
        _ => return SecretLookup::NoSecret,
    };
    SecretLookup::Found(SecretText::new(value.to_owned()))
}

/// The cluster has one `ConfigMap` of files, one that is empty, and one that is locked.
fn config_maps() -> ConfigMaps {
    let found = |data: &[(&str, &str)]| ConfigMapLookup::Found {
        data: data.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        binary_data: BTreeMap::new(),
    };
    let denied = ConfigMapLookup::Denied("configmaps \"locked\" is forbidden".to_owned());
    [
        ("code", found(&[("main.py", "x"), ("good.txt", "humanize==4.13.0\n"), ("bad.txt", "-e .")])),
        ("empty", found(&[])),
        ("locked", denied),
    ]
    .map(|(name, lookup)| (name.to_owned(), lookup))
    .into()
}

/// There are zips for one architecture.
pub fn artifacts() -> Artifacts {
    let artifact = |builtin: Builtin| {
        let path = PathBuf::from(format!("{}.zip", builtin.as_str()));
        let sha256 = format!("hash of the {}", builtin.as_str());
        ((builtin, Architecture::X8664), Arc::new(Artifact { path, size: 1, sha256 }))
    };
    Artifacts::from([artifact(Builtin::Sender), artifact(Builtin::Runner)])
}

/// Whether the schedule exists on AWS.
#[derive(Clone, Copy)]
pub enum Pipelines {
    /// It does not.
    New,
    /// It is made already, so that what has fired by now is not refused.
    Running,
}

/// What a spec resolves to in that cluster.
///
/// # Errors
/// It is refused.
pub fn try_resolve(spec: &ScheduledTaskPipelineSpec, which: Pipelines) -> Result<Pipeline, Vec<Refusal>> {
    let secrets: SecretValues =
        secret_refs(spec).into_iter().map(|used| (used.reference.clone(), look_up(&used.reference))).collect();
    let context = Context {
        owner: &owner(),
        now: "2026-06-01T12:00:00Z".parse().expect("a time"),
        secrets: &secrets,
        config_maps: &config_maps(),
        default_architecture: Architecture::X8664,
        artifacts: &artifacts(),
        configuration: &Configuration::parse(CONFIGURATION).expect("the configuration of these tests"),
        home: match which {
            Pipelines::New => Home { own_region: Some("eu-central-1"), ..Home::default() },
            Pipelines::Running => {
                Home { own_region: Some("eu-central-1"), account: Some("111122223333"), region: Some("eu-west-1") }
            }
        },
        has_schedule: matches!(which, Pipelines::Running),
    };
    resolve(spec, &context)
}

/// What [`spec`] resolves to.
#[track_caller]
pub fn resolved(yaml: &str) -> Pipeline {
    resolved_spec(&spec(yaml))
}

/// What a valid spec resolves to.
#[track_caller]
pub fn resolved_spec(spec: &ScheduledTaskPipelineSpec) -> Pipeline {
    try_resolve(spec, Pipelines::New).unwrap_or_else(|refusals| panic!("{spec:?}: {}", refusals[0]))
}
