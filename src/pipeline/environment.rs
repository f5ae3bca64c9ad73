//! Environment variables of the functions.

use std::collections::BTreeMap;

use super::refusal::{Refusals, quoted};

/// Set by the operator.
const QUEUE_URL: &str = "QUEUE_URL";

/// Bytes of names and values together: Lambda's 4,096, less those of the operator's own variable.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 4096 - 256;

/// Names that Lambda refuses.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Beginnings of variables that the AWS SDK and the loader of the built-in functions would heed.
const HEEDED: [&str; 2] = ["AWS_", "LD_"];

/// Checks a function's environment variables.
pub(super) fn check(field: &str, environment: &BTreeMap<String, String>, refusals: &mut Refusals) {
    for name in environment.keys() {
        let field = format!("{field}.{name}");
        if name == QUEUE_URL {
            refusals.invalid_hint(field, format!("the operator itself sets `{QUEUE_URL}`"), "remove it");
        } else if RESERVED.contains(&name.as_str()) {
            refusals.invalid_hint(field, format!("Lambda reserves {}", quoted(name)), "remove it");
        } else if HEEDED.iter().any(|prefix| name.starts_with(prefix)) {
            let message = format!("{} would change what the function runs, or as whom it calls AWS", quoted(name));
            refusals.invalid_hint(field, message, "remove it");
        } else if !is_name(name) {
            refusals.invalid_hint(
                field,
                format!("{} is no name of a variable in Lambda", quoted(name)),
                "write a letter, then at least one more letter, digit or `_`",
            );
        }
    }
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_BYTES {
        let message = format!("names and values have {bytes} bytes, and Lambda leaves {MAX_BYTES} for them");
        refusals.invalid_hint(field, message, "shorten them");
    }
}

fn is_name(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|character: char| character.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
