//! What AWS failed at after it had taken it on, as an error of the call that it had taken.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::plan::Verdict;
use pipeline_core::resource::Failure;

use crate::{AwsError, Operation};

/// The codes of what may be over by the next try.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html#lambda-Type-FunctionConfiguration-StateReasonCode>
const PASSING: [&str; 4] =
    ["InternalError", "FunctionError.InitTimeout", "EniLimitExceeded", "CapacityProviderScalingLimitExceeded"];

/// The error of a function that is as `failure` says after it was made or changed; `verdict` says what would be done about it.
pub fn failed(failure: &Failure, verdict: &Verdict) -> AwsError {
    let operation = match verdict {
        Verdict::Replace(_) => Operation::CreateFunction,
        _ => Operation::UpdateFunctionConfiguration,
    };
    let passing = PASSING.contains(&failure.code.as_str());
    let class = if passing { ErrorClass::Transient } else { ErrorClass::Invalid };
    AwsError { operation, class, code: failure.code.clone(), message: failure.message.clone() }
}
