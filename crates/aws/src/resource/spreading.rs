//! Refusals that name what may not have spread yet, if it is the pipeline's own. What a user names may be wrong for good.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::location::Location;
use pipeline_core::names::{Owner, Part};
use pipeline_core::resource::{Function, Resource};

use crate::AwsError;

/// The error, as one that ends by itself where it is about another resource of the pipeline.
pub(super) fn classify(location: &Location, resource: &Resource, error: AwsError) -> AwsError {
    let is_spreading = match resource {
        Resource::Function(function) => {
            is_of_own_layer(location, function, &error.message) || is_of_own_destination(function, &error.message)
        }
        Resource::LogGroup(_)
        | Resource::Queue(_)
        | Resource::Parameter(_)
        | Resource::Role(_)
        | Resource::ScheduleGroup(_)
        | Resource::LayerVersion(_)
        | Resource::EventSourceMapping(_)
        | Resource::Schedule(_) => false,
    };
    if is_spreading { AwsError { class: ErrorClass::Waiting, ..error } } else { error }
}

/// `Layer version ARN does not exist.`
fn is_of_own_layer(location: &Location, function: &Function, message: &str) -> bool {
    let named = || message.strip_prefix("Layer version ")?.strip_suffix(" does not exist.");
    let own = Owner::of(&function.tags).map(|owner| location.layer_arn(&owner.part(Part::Layer(""))));
    named().zip(own).is_some_and(|(arn, own)| arn.starts_with(&own))
}

/// `The destination ARN … is invalid.`
fn is_of_own_destination(function: &Function, message: &str) -> bool {
    let own =
        function.async_invoke.as_ref().map(|invoke| format!("destination ARN {} is invalid", invoke.on_failure_arn));
    own.is_some_and(|own| message.contains(&own))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pipeline_core::code::Code;
    use pipeline_core::resource::AsyncInvoke;
    use pipeline_core::test_support::owner;

    use pipeline_core::partition::Partition;

    use super::*;
    use crate::Operation;

    fn function() -> Resource {
        Resource::Function(Function {
            name: owner().part(Part::Sender),
            role_arn: String::new(),
            other_role_arn: String::new(),
            code: Code::Image(String::new()),
            layers: Vec::new(),
            architecture: api::Architecture::Arm64,
            memory_mib: 128,
            timeout_seconds: 30,
            environment: BTreeMap::new(),
            async_invoke: Some(AsyncInvoke {
                max_retries: 2,
                max_age_seconds: 60,
                on_failure_arn: "arn:aws:sqs:eu-west-1:111122223333:a-undelivered-dlq".to_owned(),
            }),
            tags: owner().tags(),
        })
    }

    #[track_caller]
    fn check(message: &str, expected: ErrorClass) {
        let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
        let location = Location { partition: Partition::Aws, account, region, endpoint: None };
        let error = AwsError {
            operation: Operation::UpdateFunctionConfiguration,
            class: ErrorClass::Invalid,
            code: "InvalidParameterValueException".to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(classify(&location, &function(), error).class, expected, "{message}");
    }

    #[test]
    fn a_layer_of_the_pipelines_own_is_waited_for_and_a_users_is_not() {
        let missing =
            |place: &str, name: &str| format!("Layer version arn:aws:lambda:{place}:layer:{name}:3 does not exist.");
        let own = owner().part(Part::Layer("deps"));
        check(&missing("eu-west-1:111122223333", &own), ErrorClass::Waiting);
        check(&missing("eu-west-1:444455556666", &own), ErrorClass::Invalid);
        check(&missing("eu-west-1:111122223333", "numpy"), ErrorClass::Invalid);
        check("Layer version does not exist.", ErrorClass::Invalid);
    }

    #[test]
    fn the_queue_of_the_undelivered_is_waited_for_and_no_other_destination() {
        let invalid = |name: &str| format!("The destination ARN arn:aws:sqs:eu-west-1:111122223333:{name} is invalid.");
        check(&invalid("a-undelivered-dlq"), ErrorClass::Waiting);
        check(&invalid("theirs"), ErrorClass::Invalid);
    }
}
