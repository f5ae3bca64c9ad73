//! Who the operator is on AWS: a user who may do what the operator's own `iam-policy` prints, and nothing more.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::aws::Aws;
use super::environment::Environment;
use super::operator::{CLUSTER, Settings};

/// Name of the user.
const USER: &str = "operator";

/// An access key of the user.
#[derive(Clone, Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Makes the user, who may do nothing yet.
pub(crate) async fn create(aws: &Aws) -> AccessKey {
    aws.iam.create_user().user_name(USER).send().await.unwrap();
    let key = aws.iam.create_access_key().user_name(USER).send().await.unwrap().access_key.unwrap();
    AccessKey { id: key.access_key_id, secret: key.secret_access_key }
}

/// Lets the user do what an operator with these settings needs, in place of what it was let do before.
pub(crate) async fn permit(aws: &Aws, environment: &Environment, account: &str, settings: &Settings) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let before = aws.iam.list_attached_user_policies().user_name(USER).send().await.unwrap();
    let before = before.attached_policies.unwrap_or_default();
    let request = aws.iam.create_policy().policy_name(format!("operator-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let document = printed(environment, account, settings, &[]);
    let policy = request.policy_document(document).send().await.unwrap().policy.unwrap();
    aws.iam.attach_user_policy().user_name(USER).policy_arn(policy.arn.unwrap()).send().await.unwrap();
    for old in before {
        aws.iam.detach_user_policy().user_name(USER).policy_arn(old.policy_arn.unwrap()).send().await.unwrap();
    }
}

/// What `task-pipelines iam-policy` prints for the operator's own flags and variables.
pub(crate) fn printed(environment: &Environment, account: &str, settings: &Settings, flags: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_task-pipelines"))
        .args(["iam-policy", "--cluster-name", CLUSTER, "--account", account])
        .args(flags)
        .args(settings.configuration_file().iter().flat_map(|path| [Path::new("--config"), path]))
        .env_clear()
        .env("AWS_REGION", &environment.region)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(settings.variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(output.status.success(), "iam-policy: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
