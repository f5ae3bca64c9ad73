//! The only layer that retries the operator's AWS calls.
//!
//! Retries of the SDK are disabled: they would bypass the pacing, multiply with those of the caller, and repeat writes of
//! unknown outcome without reading first.

use std::time::Duration;

use pipeline_core::backoff;
use pipeline_core::error_class::ErrorClass;

use super::error::AwsError;
use super::operation::Operation;

/// Maximum number of attempts at one call.
pub const ATTEMPTS: u32 = 5;

/// The first pause after throttling, which also halves the call rate.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);

/// The first pause after no answer or a failure of AWS's own.
const TRANSIENT_PAUSE: Duration = Duration::from_millis(100);

/// The pause before the next attempt at a call that has failed `failed` times; `None` if it is not retried.
pub(super) fn pause(error: &AwsError, failed: u32) -> Option<Duration> {
    let first = match error.class {
        ErrorClass::Throttled => THROTTLED_PAUSE,
        // An object that is deleted twice is gone all the same.
        ErrorClass::Transient if error.operation == Operation::DeleteObject => TRANSIENT_PAUSE,
        // It may have been carried out: the caller reads what AWS has, and then decides.
        ErrorClass::Transient if error.operation.is_write() => return None,
        ErrorClass::Transient => TRANSIENT_PAUSE,
        ErrorClass::Waiting
        | ErrorClass::Denied
        | ErrorClass::Conflict
        | ErrorClass::Invalid
        | ErrorClass::Quota
        | ErrorClass::Credentials => {
            return None;
        }
    };
    (failed < ATTEMPTS).then(|| backoff::equal_jitter(first * 2_u32.pow(failed - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(operation: Operation, class: ErrorClass) -> usize {
        let error = AwsError { operation, class, code: String::new(), message: String::new() };
        (1..100).map_while(|failed| pause(&error, failed)).count()
    }

    #[test]
    fn reads_are_repeated_and_writes_only_when_they_were_not_carried_out() {
        let again = usize::try_from(ATTEMPTS).unwrap() - 1;
        assert_eq!(pauses(Operation::GetRole, ErrorClass::Transient), again);
        assert_eq!(pauses(Operation::GetRole, ErrorClass::Throttled), again);
        assert_eq!(pauses(Operation::CreateRole, ErrorClass::Throttled), again);
        assert_eq!(pauses(Operation::CreateRole, ErrorClass::Transient), 0);
        assert_eq!(pauses(Operation::PutObject, ErrorClass::Transient), 0);
        assert_eq!(pauses(Operation::DeleteObject, ErrorClass::Transient), again);
    }

    #[test]
    fn what_a_repetition_cannot_mend_is_not_repeated() {
        for class in [
            ErrorClass::Waiting,
            ErrorClass::Denied,
            ErrorClass::Conflict,
            ErrorClass::Invalid,
            ErrorClass::Quota,
            ErrorClass::Credentials,
        ] {
            assert_eq!(pauses(Operation::GetRole, class), 0, "{class}");
        }
    }

    #[test]
    fn pauses_grow() {
        let error = AwsError {
            operation: Operation::CreateRole,
            class: ErrorClass::Throttled,
            code: "Throttling".to_owned(),
            message: "Rate exceeded".to_owned(),
        };
        let (first, last) = (pause(&error, 1).unwrap(), pause(&error, ATTEMPTS - 1).unwrap());
        assert!(first <= THROTTLED_PAUSE && last >= first * 4, "{first:?}, {last:?}");
    }
}
