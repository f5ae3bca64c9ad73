//! Refusals that may be for tags alone: of what the operator's policy lets it change only where the cluster's tag is.
//!
//! AWS decides so of a resource that is gone too, where it would else say "not found"; and it may not know the tags of a
//! new one yet, for seconds. A log group's was seen to take that long; of functions and schedule groups it is a guess.

use jiff::{SignedDuration, Timestamp};
use pipeline_core::error_class::ErrorClass;
use pipeline_core::resource::{Id, Observed};

use super::observe;
use crate::operation::Scope;
use crate::{Aws, AwsError};

/// How long after a resource was made a refusal may be for tags that AWS does not know yet.
const SPREADING: SignedDuration = SignedDuration::from_mins(2);

/// What such a refusal means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The resource is gone.
    Gone,
    /// It is to be waited for, or what AWS says it is.
    Refused(AwsError),
}

/// What a refusal to change or delete a resource means that was seen as this.
pub(super) async fn meaning(aws: &Aws, id: &Id, observed: &Observed, error: AwsError) -> Meaning {
    if !is_by_tag(&error) {
        return Meaning::Refused(error);
    }
    match observe(aws, id, Some(&observed.arn)).await {
        Ok(None) => Meaning::Gone,
        Ok(Some(_)) | Err(_) => Meaning::Refused(awaited(error, observed, Timestamp::now())),
    }
}

/// The refusal as one to wait for, where the tags of a new resource may be missing.
pub(super) fn awaited(error: AwsError, observed: &Observed, now: Timestamp) -> AwsError {
    let is_new = observed.since.is_some_and(|since| now.duration_since(since) < SPREADING);
    if is_by_tag(&error) && is_new { AwsError { class: ErrorClass::Waiting, ..error } } else { error }
}

/// Whether AWS denies the very action that the policy allows by tags, and not another that the call takes too; and since
/// nothing allows it, not since something denies it.
fn is_by_tag(error: &AwsError) -> bool {
    error.class == ErrorClass::Denied
        && matches!(error.operation.scope(), Scope::Ours | Scope::Mappings)
        && error.message.contains(&format!("perform: {}", error.operation))
        && !error.message.contains("explicit deny")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;

    fn denied(operation: Operation, action: &str) -> AwsError {
        let message = format!(
            "User: arn:aws:sts::111122223333:assumed-role/operator/a is not authorized to perform: {action} on resource: x \
             because no identity-based policy allows the {action} action"
        );
        AwsError { operation, class: ErrorClass::Denied, code: "AccessDeniedException".to_owned(), message }
    }

    #[test]
    fn a_refusal_is_waited_for_while_the_tags_of_a_new_resource_spread() {
        let made: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let observed = Observed { since: Some(made), ..Observed::default() };
        let class = |error: AwsError, observed: &Observed, seconds: i64| {
            awaited(error, observed, made + SignedDuration::from_secs(seconds)).class
        };
        let own = || denied(Operation::UpdateFunctionCode, "lambda:UpdateFunctionCode");
        assert_eq!(class(own(), &observed, 10), ErrorClass::Waiting);
        assert_eq!(class(own(), &observed, 600), ErrorClass::Denied);
        assert_eq!(class(own(), &Observed::default(), 10), ErrorClass::Denied);
        let passing = denied(Operation::UpdateFunctionConfiguration, "iam:PassRole");
        assert_eq!(class(passing, &observed, 10), ErrorClass::Denied);
        let mut forbidden = own();
        forbidden.message = forbidden.message.replace("because no", "with an explicit deny in an");
        assert_eq!(class(forbidden, &observed, 10), ErrorClass::Denied);
        assert_eq!(class(denied(Operation::CreateQueue, "sqs:createqueue"), &observed, 10), ErrorClass::Denied);
    }
}
