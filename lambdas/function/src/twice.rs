//! Calls that are made again when they are not answered.

use std::time::Duration;

use tokio::time::timeout;

/// Makes a call, and once more if it fails or is silent for `first`: the connection may have died while Lambda had frozen
/// the process, and a call that is given up closes its connection. The second one has `second`. For calls that may
/// be repeated.
///
/// # Errors
/// Neither was answered as it should be; says why of the second one.
pub(crate) async fn twice<T>(
    call: impl AsyncFn() -> Result<T, String>,
    first: Duration,
    second: Duration,
) -> Result<T, String> {
    match timeout(first, Box::pin(call())).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => timeout(second, Box::pin(call()))
            .await
            .unwrap_or_else(|_| Err(format!("no answer in {} ms, twice", second.as_millis()))),
    }
}
