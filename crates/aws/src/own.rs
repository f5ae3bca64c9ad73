//! What people ask of AWS with credentials of their own, through `kubectl pipelines`. These calls are not the operator's:
//! no pacing, no leadership, no metrics, and the SDK's own retries.

pub mod dead_letters;
pub mod logs;
pub mod usage;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_types::error::display::DisplayErrorContext;

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
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    fn of(error: impl std::error::Error) -> Self {
        Self(DisplayErrorContext(error).to_string())
    }
}
