//! Errors that AWS answered, as bytes and through the SDK, each with the class that it falls in and its remedy.

mod asked;
mod functions;
mod mappings;
mod others;
mod queues;

use pipeline_core::error_class::ErrorClass;

use super::wire::{Answer, Replay};
use crate::{AwsError, Operation};
use asked::ask;

/// What is made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It is there no more, or not yet.
    Gone,
    /// A resource of that name is there.
    Exists,
    /// It ends by itself.
    Waiting,
    /// Fewer calls are asked for.
    Throttled,
    /// AWS failed.
    Transient,
    /// A person has to allow something; these words say what.
    Denied(&'static str),
    /// A person has to correct something; these words say what.
    Invalid(&'static str),
}

/// What is said of an answer that names what is wrong.
const FIELD: &str = "correct the field that AWS names";

const INVALID: &str = "InvalidParameterValueException";
const VALIDATION: &str = "ValidationException";
const NOT_FOUND: &str = "ResourceNotFoundException";
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// Entries of the record, if it is of the record; operation, status, code and message; what is to be made of it.
type Refusal = (&'static [u8], Operation, u16, &'static str, &'static str, Reading);

fn refusals() -> impl Iterator<Item = Refusal> {
    let all = [functions::FUNCTIONS, mappings::LAYERS_AND_MAPPINGS, queues::QUEUES, others::OTHERS];
    all.into_iter().flatten().copied()
}

/// The entries of the record that are errors.
pub(super) fn replayed() -> impl Iterator<Item = u8> {
    refusals().flat_map(|(entries, ..)| entries).copied()
}

/// Whether an error is met as an answer should be.
fn is_met(error: &AwsError, expected: Reading) -> bool {
    let is = |class: ErrorClass| error.class == class && !error.is_not_found() && !error.is_already_exists();
    match expected {
        Reading::Gone => error.is_not_found(),
        Reading::Exists => error.is_already_exists(),
        Reading::Waiting => is(ErrorClass::Waiting),
        Reading::Throttled => is(ErrorClass::Throttled),
        Reading::Transient => is(ErrorClass::Transient),
        Reading::Denied(words) => is(ErrorClass::Denied) && error.remedy().contains(words),
        Reading::Invalid(words) => is(ErrorClass::Invalid) && error.remedy().contains(words),
    }
}

#[tokio::test]
async fn what_aws_has_answered_is_met_as_it_should_be() {
    for (_, operation, status, code, message, expected) in refusals() {
        let replay = Replay::of([Answer::error(operation, status, code, message)]);
        let error = ask(&replay, operation).await;
        let (class, remedy) = (error.class, error.remedy());
        assert_eq!((error.operation, error.code.as_str()), (operation, code), "{error}");
        assert!(is_met(&error, expected), "{error}: {class} and not {expected:?}; {remedy}");
    }
}
