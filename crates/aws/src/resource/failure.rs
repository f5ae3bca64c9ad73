//! Failures of asynchronous work on AWS, as the error of the call that AWS had accepted.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::plan::Verdict;
use pipeline_core::resource::{Failure, FieldName};

use crate::{AwsError, Operation};

/// Codes of transient failures.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html#lambda-Type-FunctionConfiguration-StateReasonCode>
const PASSING: [&str; 4] =
    ["InternalError", "FunctionError.InitTimeout", "EniLimitExceeded", "CapacityProviderScalingLimitExceeded"];

/// The error of a function that Lambda could not make work after it had accepted a call; `verdict` says what differs.
pub fn failed(failure: &Failure, verdict: &Verdict) -> AwsError {
    let is_broken = verdict.differences().iter().any(|it| it.field() == Some(FieldName::State));
    let operation = if is_broken { Operation::UpdateFunctionCode } else { Operation::UpdateFunctionConfiguration };
    let passing = PASSING.contains(&failure.code.as_str());
    let class = if passing { ErrorClass::Transient } else { ErrorClass::Invalid };
    AwsError { operation, class, code: failure.code.clone(), message: failure.message.clone() }
}
