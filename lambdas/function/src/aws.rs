//! AWS clients that start fast: region and credentials come only from the environment variables that Lambda sets.

use std::error::Error;
use std::fmt::Debug;
use std::iter::successors;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Time limit for opening a connection ahead of its use.
const WARMING: Duration = Duration::from_secs(2);

/// How long a connection is kept that nothing uses: enough for the calls of one invocation. Between invocations Lambda
/// freezes the process, and AWS closes connections that are idle: one that is older may be dead without a sign of it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html>
pub const KEPT_IDLE: Duration = Duration::from_secs(3);

/// The configuration of all clients, without region and credentials.
pub fn defaults() -> ConfigLoader {
    // The SDK has no default timeout: a call without an answer would use up the invocation's time.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(15))
        .build();
    let http = aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(KEPT_IDLE)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).timeout_config(timeouts)
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

/// How long a refusal for lack of a permission may mean that a policy just made does not count everywhere yet.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
pub const PROPAGATION: Duration = Duration::from_secs(5);

/// Whether a call was refused for lack of a permission.
pub fn is_denied(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("AccessDeniedException")
}

/// Why a call failed: AWS's code and message, or else the chain of causes.
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
