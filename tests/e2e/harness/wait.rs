//! Waiting for a state, never for a time.

use std::env;
use std::time::{Duration, Instant};

/// Far beyond what anything here takes on a busy machine; in a soak AWS is slow, and back-off long.
fn limit() -> Duration {
    Duration::from_mins(if env::var_os("TASK_PIPELINES_SOAK").is_some() { 60 } else { 3 })
}

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(100);

/// Checks until it is `Ok`; an `Err` says what is the case instead, and the last one is shown when time is up.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit();
    loop {
        match check().await {
            Ok(found) => return found,
            Err(instead) if Instant::now() > deadline => {
                panic!("{what}: not within {} s; in the end: {instead}", limit().as_secs())
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
