//! AWS clients that start fast: region and keys come from the environment that Lambda sets, nothing is looked up.

use std::error::Error;
use std::fmt::Debug;
use std::iter::successors;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_sqs::error::ProvideErrorMetadata;

/// How long the opening of a connection ahead of its use may hold up the start.
const WARMING: Duration = Duration::from_secs(2);

/// The configuration of all clients, but for where they find AWS and with whose credentials.
pub fn defaults() -> ConfigLoader {
    // The SDK itself has no limit for a call: one without an answer would use up the invocation.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(15))
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts)
}

/// The configuration of all clients inside Lambda.
pub async fn config() -> SdkConfig {
    defaults()
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await
}

/// Opens a client's connection by a call that AWS refuses as invalid: no permission is needed, nothing is changed.
/// During initialisation Lambda gives a whole processor to it, later only a share.
pub async fn warm<T, E: Debug>(refused_call: impl Future<Output = Result<T, E>>) {
    if tokio::time::timeout(WARMING, refused_call).await.is_err() {
        tracing::warn!(seconds = WARMING.as_secs(), "AWS did not answer while the function started");
    }
}

/// Why a call failed: in AWS's words, else all that is known of what kept it from getting there.
pub fn reason<'a, E: Error + ProvideErrorMetadata + 'static>(error: &'a E) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => {
            let outermost: &'a (dyn Error + 'static) = error;
            let causes = successors(Some(outermost), |error: &&'a (dyn Error + 'static)| (*error).source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        }
    }
}
