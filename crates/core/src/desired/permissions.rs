//! What the roles of a pipeline may do, beside what its spec adds.

use std::collections::BTreeMap;

use super::names::Names;
use crate::iam::{Permissions, Statement};
use crate::location::Location;
use crate::resource::LogGroup;

/// Writing logs, into a group that is there.
const WRITE_LOGS: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// All that the runner does with its queue.
const WORK_QUEUE: [&str; 5] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
];

/// The role that EventBridge Scheduler assumes.
pub(super) fn scheduler(names: &Names, location: &Location) -> Permissions {
    let sender = location.function_arn(&names.sender);
    Permissions::default()
        .allow(["lambda:InvokeFunction"], [sender.clone(), format!("{sender}:*")])
        .allow(["sqs:SendMessage"], [location.queue_arn(&names.undelivered_dlq)])
}

/// Any sender's role.
pub(super) fn sender(names: &Names, location: &Location) -> Permissions {
    let queues = [&names.tasks, &names.undelivered_dlq].map(|name| location.queue_arn(name));
    Permissions::default().allow(["sqs:SendMessage"], queues).allow(WRITE_LOGS, [logs(&names.sender, location)])
}

/// Any runner's role.
pub(super) fn runner(names: &Names, location: &Location) -> Permissions {
    Permissions::default()
        .allow(WORK_QUEUE, [location.queue_arn(&names.tasks)])
        .allow(WRITE_LOGS, [logs(&names.runner, location)])
}

/// What the built-in functions may do as well: send reports to the operator's inbox.
pub(super) fn telling(names: &Names, location: &Location) -> Permissions {
    Permissions::default().allow(["sqs:SendMessage"], [location.queue_arn(&names.inbox)])
}

/// What the built-in runner may do beside: call these functions, move what it gives up to the dead-letter queue, and read
/// the pipeline's parameter if it has one.
pub(super) fn running(names: &Names, has_parameter: bool, called: Vec<String>, location: &Location) -> Permissions {
    let parameter = has_parameter.then(|| names.parameter.clone());
    Permissions::default()
        .allow(["sqs:SendMessage"], [location.queue_arn(&names.tasks_dlq)])
        .and(reading(names, parameter, location))
        .allow(["lambda:InvokeFunction"], called)
}

/// The role of a function that tasks call, and that reads these parameters.
pub(super) fn function(
    name: &str,
    names: &Names,
    parameters: impl IntoIterator<Item = String>,
    location: &Location,
) -> Permissions {
    Permissions::default().allow(WRITE_LOGS, [logs(name, location)]).and(reading(names, parameters, location))
}

/// Reading parameters of the pipeline.
fn reading(names: &Names, parameters: impl IntoIterator<Item = String>, location: &Location) -> Permissions {
    let parameters: Vec<String> = parameters.into_iter().map(|name| location.parameter_arn(&name)).collect();
    let decrypting = (!parameters.is_empty()).then(|| decrypting(names, location));
    Permissions::default().allow(["ssm:GetParameter"], parameters).with(decrypting.as_slice())
}

/// Decrypting the pipeline's parameters, through SSM. The policy of its key `aws/ssm` lets all of the account do that; AWS
/// does not say whether a permissions boundary has to allow it all the same, and where it has, the role has to have it.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html>
fn decrypting(names: &Names, location: &Location) -> Statement {
    let any = location.parameter_arn(&names.cluster.parameters(&names.front));
    let condition = BTreeMap::from([
        ("kms:ViaService".to_owned(), vec![format!("ssm.{}.*", location.region)]),
        ("kms:EncryptionContext:PARAMETER_ARN".to_owned(), vec![any]),
    ]);
    Statement {
        actions: vec!["kms:Decrypt".to_owned()],
        resources: vec![location.arn("kms", "key/*")],
        condition: BTreeMap::from([("StringLike".to_owned(), condition)]),
    }
}

fn logs(function: &str, location: &Location) -> String {
    format!("{}:*", location.log_group_arn(&LogGroup::of_function(function)))
}

/// Sending to an encrypted queue, and receiving from it: the key through SQS, and nothing else that it encrypts.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
pub(super) fn use_of_key(key: &str, location: &Location) -> Statement {
    let through_sqs = BTreeMap::from([("kms:ViaService".to_owned(), vec![format!("sqs.{}.*", location.region)])]);
    Statement {
        actions: vec!["kms:GenerateDataKey".to_owned(), "kms:Decrypt".to_owned()],
        resources: vec![key.to_owned()],
        condition: BTreeMap::from([("StringLike".to_owned(), through_sqs)]),
    }
}
