//! What a person can do about what AWS answered: a hint for each class, as precise as the answer is.

use std::borrow::Cow;

use pipeline_core::error_class::ErrorClass;

use super::error::AwsError;
use super::operation::Operation;
use super::quota::Quota;

impl AwsError {
    /// What to do about it.
    pub fn remedy(&self) -> Cow<'static, str> {
        match self.class {
            ErrorClass::Denied => denied(self.operation, &self.code, &self.message),
            ErrorClass::Quota => Quota::of(self.operation, &self.code, &self.message).remedy().into(),
            ErrorClass::Credentials => credentials(&self.code).into(),
            ErrorClass::Conflict => conflict(self.operation).into(),
            ErrorClass::Invalid if is_about_a_key(&self.code) => {
                "check the KMS key: it must exist, be enabled, and be usable by the operator".into()
            }
            ErrorClass::Waiting | ErrorClass::Throttled | ErrorClass::Transient | ErrorClass::Invalid => {
                self.class.remedy().into()
            }
        }
    }
}

fn is_about_a_key(code: &str) -> bool {
    code.starts_with("KMS") || code.starts_with("Kms") || code == "InvalidKeyId"
}

/// AWS names what is missing, which may be more than the operation's own action, such as `iam:PassRole`.
fn denied(operation: Operation, code: &str, message: &str) -> Cow<'static, str> {
    let after = |mark: &str| message.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
    let trimmed = |text: &str| text.trim_end_matches(['.', ',', ';']).to_owned();
    let action = after("perform: ").map_or_else(|| operation.to_string(), trimmed);
    let on = after("on resource: ").map(|resource| format!(" on {}", trimmed(resource))).unwrap_or_default();
    if is_about_a_key(code) {
        "allow the use of the KMS key, in the key's policy and in the operator's".into()
    } else if message.contains("service control policy") {
        format!("{action}{on} is forbidden by a service control policy of your organization: ask who manages it").into()
    } else if message.contains("permissions boundary") {
        format!("allow {action}{on} in the permissions boundary of the operator's own role").into()
    } else if message.contains("explicit deny") {
        format!("remove what denies {action}{on} to the operator").into()
    } else {
        format!("allow {action}{on} in the operator's IAM policy, which `task-pipelines iam-policy` prints").into()
    }
}

fn credentials(code: &str) -> &'static str {
    match code {
        "ExpiredToken" | "ExpiredTokenException" => {
            "the operator's session has ended: give it credentials that are renewed, such as its ServiceAccount's role"
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" => {
            "give the operator valid AWS credentials, and its node the right time"
        }
        _ => ErrorClass::Credentials.remedy(),
    }
}

fn conflict(operation: Operation) -> &'static str {
    match operation {
        Operation::DeleteRole => "take off what others put on the role, or delete the role: the deletion then goes on",
        Operation::DeleteScheduleGroup => {
            "move or delete the schedules that others put into the group: the deletion then goes on"
        }
        _ => ErrorClass::Conflict.remedy(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: Operation, class: ErrorClass, code: &str, message: &str, expected: &str) {
        let error = AwsError { operation, class, code: code.to_owned(), message: message.to_owned() };
        assert_eq!(error.remedy(), expected);
    }

    #[test]
    fn a_denial_names_the_action_and_the_resource_that_aws_names() {
        let user = "User: arn:aws:sts::111122223333:assumed-role/operator/a is not authorized to perform:";
        let role = "arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender";
        check(
            Operation::CreateFunction,
            ErrorClass::Denied,
            "AccessDeniedException",
            &format!("{user} iam:PassRole on resource: {role} because no identity-based policy allows it"),
            &format!(
                "allow iam:PassRole on {role} in the operator's IAM policy, which `task-pipelines iam-policy` prints"
            ),
        );
        check(
            Operation::CreateRole,
            ErrorClass::Denied,
            "AccessDenied",
            &format!("{user} iam:CreateRole on resource: {role} with an explicit deny in a service control policy"),
            &format!(
                "iam:CreateRole on {role} is forbidden by a service control policy of your organization: ask who manages it"
            ),
        );
        check(
            Operation::CreateQueue,
            ErrorClass::Denied,
            "AccessDenied",
            "Access to the resource is denied.",
            "allow sqs:CreateQueue in the operator's IAM policy, which `task-pipelines iam-policy` prints",
        );
    }

    #[test]
    fn an_expired_session_needs_other_credentials_than_a_wrong_key() {
        let get = Operation::GetRole;
        check(get, ErrorClass::Credentials, "InvalidClientTokenId", "", "give the operator valid AWS credentials");
        let expired = AwsError {
            operation: get,
            class: ErrorClass::Credentials,
            code: "ExpiredToken".to_owned(),
            message: String::new(),
        };
        assert!(expired.remedy().contains("renewed"));
    }
}
