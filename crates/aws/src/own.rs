//! What people ask of AWS with credentials of their own, through `kubectl pipelines` and `task-pipelines check --aws`. These
//! calls are not the operator's: no pacing, no leadership, no metrics, the SDK's own retries, and nothing of the operator's
//! policy.

pub mod dead_letters;
pub mod logs;
pub mod rights;
pub mod services;
pub mod usage;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A person's credentials and region.
#[derive(Debug)]
pub struct Session(SdkConfig);

impl Session {
    /// Finds the credentials as the AWS CLI finds them, and the region too where none is given.
    pub async fn in_region(region: Option<&str>) -> Self {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let config = region.into_iter().fold(config, |config, region| config.region(Region::new(region.to_owned())));
        Self(config.load().await)
    }

    /// Whether a region is known. Without one, no call can be made.
    pub fn has_region(&self) -> bool {
        self.0.region().is_some()
    }

    /// ARN of whose credentials these are.
    ///
    /// # Errors
    /// AWS does not accept them, or there are none.
    pub async fn identity(&self) -> Result<String, Failure> {
        let identity = aws_sdk_sts::Client::new(&self.0).get_caller_identity().send().await;
        identity.map(|identity| identity.arn.unwrap_or_default()).map_err(Failure::of)
    }
}

/// A call that failed, with all that the SDK knows about it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// AWS's error code; absent when there was no answer.
    pub code: Option<String>,
    message: Option<String>,
    text: String,
}

impl Failure {
    fn of(error: impl std::error::Error + ProvideErrorMetadata) -> Self {
        let [code, message] = [error.code(), error.message()].map(|text| text.map(str::to_owned));
        let text = DisplayErrorContext(error).to_string();
        Self { code, message, text }
    }

    /// What AWS answered, on one line; all that is known where it did not.
    pub fn answer(&self) -> String {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, _) => self.text.clone(),
        }
    }

    /// Whether AWS knows who asks, and does not let them.
    pub fn is_denied(&self) -> bool {
        let denied = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"];
        self.code.as_deref().is_some_and(|code| denied.contains(&code))
    }

    /// Whether AWS does not know who asks: bad credentials, or a region that is not enabled for the account.
    pub fn is_unknown_caller(&self) -> bool {
        let unknown = [
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "OptInRequired",
            "SubscriptionRequiredException",
            "AuthFailure",
        ];
        self.code.as_deref().is_some_and(|code| unknown.contains(&code))
    }
}
