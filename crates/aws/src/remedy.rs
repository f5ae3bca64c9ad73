//! Remedies for AWS's error answers: what a person can do, as precise as the answer allows.

use std::borrow::Cow;

use pipeline_core::error_class::ErrorClass;

use super::error::{AwsError, NO_MESSAGE};
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
            ErrorClass::Invalid if self.operation.is_of_layer_bucket() => invalid_bucket(&self.code).into(),
            ErrorClass::Waiting | ErrorClass::Throttled | ErrorClass::Transient | ErrorClass::Invalid => {
                self.class.remedy().into()
            }
        }
    }
}

fn is_about_a_key(code: &str) -> bool {
    code.starts_with("KMS") || code.starts_with("Kms") || code == "InvalidKeyId"
}

/// What is wrong with the bucket through which layers go.
fn invalid_bucket(code: &str) -> &'static str {
    match code {
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "name a bucket of the pipeline's region in `layers.bucket` of the operator's configuration, where `{region}` \
             stands for it"
        }
        _ => {
            "make the bucket in the pipeline's account and region, or name another in `layers.bucket` of the operator's \
             configuration"
        }
    }
}

/// AWS names what is missing, which may be more than the operation's own action, such as `iam:PassRole`, and of whom: Lambda
/// fetches images and objects with rights that are not the operator's alone.
fn denied(operation: Operation, code: &str, message: &str) -> Cow<'static, str> {
    if is_about_a_key(code) && operation == Operation::Invoke {
        return "delete the function, which the operator then makes anew: its role was deleted, and with it went its leave to \
                use the key of its environment variables"
            .into();
    }
    if is_about_a_key(code) {
        return "allow the use of the KMS key, in the key's policy and in the operator's".into();
    }
    if message.contains("access the ECR image") {
        return "allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to lambda.amazonaws.com in the policy of the image's \
                ECR repository"
            .into();
    }
    if message.contains("denied by S3") {
        return "allow s3:GetObject on the object, and s3:GetObjectVersion where a version is named, in the operator's IAM \
                policy, which `task-pipelines iam-policy` prints, and in the policy of a bucket of another account"
            .into();
    }
    if operation.is_of_layer_bucket() && message.contains("perform: kms:") {
        return "allow kms:GenerateDataKey and kms:Decrypt with the bucket's KMS key, in the key's policy and in the operator's"
            .into();
    }
    if operation.is_of_layer_bucket() && !message.contains("perform: ") {
        return format!(
            "check that the bucket is in the pipeline's account, and that neither its policy nor the operator's, which \
             `task-pipelines iam-policy` prints with --config, denies {operation}"
        )
        .into();
    }
    let after = |mark: &str| message.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
    // S3 puts a resource into quotes.
    let trimmed = |text: &str| text.trim_end_matches(['.', ',', ';']).trim_matches('"').to_owned();
    let action = after("perform: ").map_or_else(|| operation.to_string(), trimmed);
    let on = after("on resource: ").map(|resource| format!(" on {}", trimmed(resource))).unwrap_or_default();
    let what = format!("{action}{on}");
    match Policy::of(message) {
        Policy::Organization(which) => {
            format!("{what} is forbidden by a {which} of your organization: ask who manages it")
        }
        Policy::Boundary => format!("allow {what} in the permissions boundary of the operator's own role"),
        Policy::Session => format!("allow {what} in the policy of the operator's session, or take that away"),
        Policy::Endpoint => {
            format!("allow {what} in the policy of the VPC endpoint through which the operator calls AWS")
        }
        Policy::Denial => format!("remove what denies {what} to the operator"),
        Policy::Resource => format!(
            "allow {what} to the operator in the policy of that resource, which its owner can change, and in its own \
             IAM policy"
        ),
        Policy::Unnamed => format!(
            "AWS does not say what is missing: check that {operation} is in the operator's IAM policy, which \
             `task-pipelines iam-policy` prints, and that the resource is in the pipeline's account"
        ),
        Policy::Identity => {
            format!("allow {what} in the operator's IAM policy, which `task-pipelines iam-policy` prints")
        }
    }
    .into()
}

/// What a call was denied by.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[derive(Clone, Copy)]
enum Policy {
    /// One that the account's organization sets.
    Organization(&'static str),
    /// The permissions boundary of the operator's role.
    Boundary,
    /// That which the operator's session was begun with.
    Session,
    /// That of the VPC endpoint on the way.
    Endpoint,
    /// Any, by a statement with the effect `Deny`.
    Denial,
    /// That of what was asked for.
    Resource,
    /// The operator's own, by far the most frequent.
    Identity,
    /// AWS does not say.
    Unnamed,
}

impl Policy {
    fn of(message: &str) -> Self {
        let named = [
            ("service control policy", Self::Organization("service control policy")),
            ("resource control policy", Self::Organization("resource control policy")),
            ("permissions boundary", Self::Boundary),
            ("session policy", Self::Session),
            ("VPC endpoint policy", Self::Endpoint),
            ("explicit deny", Self::Denial),
            ("no resource-based policy", Self::Resource),
        ];
        let named = named.into_iter().find(|(words, _)| message.contains(words)).map(|(_, policy)| policy);
        let unnamed = if message.is_empty() || message == NO_MESSAGE { Self::Unnamed } else { Self::Identity };
        named.unwrap_or(unnamed)
    }
}

fn credentials(code: &str) -> &'static str {
    match code {
        "ExpiredToken" | "ExpiredTokenException" => {
            "the operator's session has ended: give it credentials that are renewed, such as its ServiceAccount's role"
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" | "RequestTimeTooSkewed" => {
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
        Operation::DeleteLogGroup => "turn its deletion protection off: the deletion then goes on",
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
    fn a_denial_is_mended_where_it_comes_from() {
        let denied = |why: &str| {
            let error = AwsError {
                operation: Operation::CreateFunction,
                class: ErrorClass::Denied,
                code: "AccessDeniedException".to_owned(),
                message: format!(
                    "User: arn:aws:sts::111122223333:assumed-role/operator/a is not authorized to perform: \
                     lambda:GetLayerVersion on resource: arn:aws:lambda:eu-west-1:444455556666:layer:numpy:1 {why}"
                ),
            };
            error.remedy().into_owned()
        };
        for (why, words) in [
            ("because no identity-based policy allows it", "in the operator's IAM policy"),
            ("because no resource-based policy allows it", "in the policy of that resource"),
            ("because no session policy allows it", "of the operator's session"),
            ("because no VPC endpoint policy allows it", "VPC endpoint"),
            ("with an explicit deny in a resource control policy", "resource control policy of your organization"),
            (
                "with an explicit deny in a permissions boundary",
                "in the permissions boundary of the operator's own role",
            ),
            ("with an explicit deny in an identity-based policy", "remove what denies"),
        ] {
            let remedy = denied(why);
            assert!(remedy.contains(words), "{why}: {remedy}");
            assert!(remedy.contains("lambda:GetLayerVersion on arn:aws:lambda:"), "{why}: {remedy}");
        }
    }

    #[test]
    fn a_bucket_that_cannot_be_used_is_mended_where_it_is_named() {
        let remedy = |class, code: &str, message: &str| {
            let [code, message] = [code, message].map(str::to_owned);
            AwsError { operation: Operation::PutObject, class, code, message }.remedy().into_owned()
        };
        let missing = remedy(ErrorClass::Invalid, "NoSuchBucket", "bucket `l`: The specified bucket does not exist");
        assert!(missing.starts_with("make the bucket in the pipeline's account and region"), "{missing}");
        for code in ["PermanentRedirect", "AuthorizationHeaderMalformed"] {
            let elsewhere = remedy(ErrorClass::Invalid, code, "");
            assert!(elsewhere.starts_with("name a bucket of the pipeline's region in `layers.bucket`"), "{elsewhere}");
        }
        let foreign = remedy(ErrorClass::Denied, "AccessDenied", "bucket `l`: Access Denied");
        assert!(foreign.starts_with("check that the bucket is in the pipeline's account"), "{foreign}");
        let user = "bucket `l`: User: arn:aws:iam::111122223333:user/a is not authorized to perform:";
        let key = format!("{user} kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:111122223333:key/1a");
        let key = remedy(ErrorClass::Denied, "AccessDenied", &key);
        assert!(key.starts_with("allow kms:GenerateDataKey and kms:Decrypt"), "{key}");
        let object =
            format!("{user} s3:PutObject on resource: \"arn:aws:s3:::l/a\" because no identity-based policy allows it");
        let object = remedy(ErrorClass::Denied, "AccessDenied", &object);
        assert!(object.starts_with("allow s3:PutObject on arn:aws:s3:::l/a in the operator's IAM policy"), "{object}");
        let disabled = remedy(ErrorClass::Invalid, "KMS.DisabledException", "");
        assert!(disabled.starts_with("check the KMS key"), "{disabled}");
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
