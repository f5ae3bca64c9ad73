//! Calls of functions.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use crate::{Aws, AwsError};

/// Hands an event to a function. What comes of it, nobody waits for.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn invoke_async(aws: &Aws, function: &str, payload: String) -> Result<(), AwsError> {
    let request =
        aws.lambda.invoke().function_name(function).invocation_type(InvocationType::Event).payload(Blob::new(payload));
    aws.call(request).await?;
    Ok(())
}
