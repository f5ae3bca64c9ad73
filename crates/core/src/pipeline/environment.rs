//! Environment variables of the functions.

use std::collections::BTreeMap;

use super::refusal::{Refusals, quoted};

/// Lambda's limit for the bytes of all names and values.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BYTES: usize = 4096;

/// Bytes to reserve for each variable that the operator sets.
const OPERATORS_OWN: usize = 256;

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

/// Variables that a function's environment must not have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken<'a> {
    /// Variables that the operator sets.
    pub(super) variables: &'a [&'a str],
    /// Prefixes of variables that the function's own code reads.
    pub(super) prefixes: &'a [&'a str],
}

/// Checks a function's environment variables.
pub(super) fn check(
    field: &str,
    environment: &BTreeMap<String, String>,
    Taken { variables, prefixes }: Taken<'_>,
    refusals: &mut Refusals,
) {
    for name in environment.keys() {
        let field = format!("{field}.{name}");
        if variables.contains(&name.as_str()) {
            refusals.invalid_hint(field, format!("the operator itself sets `{name}`"), "remove it");
        } else if RESERVED.contains(&name.as_str()) {
            refusals.invalid_hint(field, format!("Lambda reserves {}", quoted(name)), "remove it");
        } else if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            let message = format!("{} would change what the function runs, or as whom it calls AWS", quoted(name));
            refusals.invalid_hint(field, message, "remove it");
        } else if !is_name(name) {
            refusals.invalid_hint(
                field,
                format!("{} is not a valid name of a Lambda environment variable", quoted(name)),
                "write a letter, then at least one more letter, digit or `_`",
            );
        }
    }
    let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    let room = MAX_BYTES.saturating_sub(variables.len() * OPERATORS_OWN);
    if bytes > room {
        let message = format!("names and values have {bytes} bytes, and Lambda leaves {room} for them");
        refusals.invalid_hint(field, message, "shorten them");
    }
}

pub(super) fn is_name(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|character: char| character.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
