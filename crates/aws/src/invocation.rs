//! Calls of functions, and how many there may be.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use pipeline_core::error_class::ErrorClass;

use crate::{Aws, AwsError};

/// Invokes a function asynchronously, without waiting for its result.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn invoke_async(aws: &Aws, function: &str, payload: String) -> Result<(), AwsError> {
    let request =
        aws.lambda.invoke().function_name(function).invocation_type(InvocationType::Event).payload(Blob::new(payload));
    aws.call(request).await?;
    Ok(())
}

/// How many invocations the account and region allow at the same time, of all functions; `None` where the operator may not ask.
/// An answer counts for as long as the operator runs.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>
///
/// # Errors
/// AWS cannot be reached.
pub async fn account_limit(aws: &Aws) -> Result<Option<u32>, AwsError> {
    let ask = async || {
        let answer = aws.call(aws.lambda.get_account_settings()).await?;
        Ok(answer.account_limit.and_then(|limit| u32::try_from(limit.concurrent_executions).ok()))
    };
    match aws.invocations.get_or_try_init(ask).await {
        Ok(limit) => Ok(*limit),
        Err(AwsError { class: ErrorClass::Denied, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
