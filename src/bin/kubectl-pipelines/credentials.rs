//! Your own AWS, where a pipeline lives.

use api::PipelineStatus;
use aws_config::{BehaviorVersion, Region, SdkConfig};

/// Your credentials, found as the AWS CLI finds them, in the pipeline's region where its status tells it.
pub(crate) async fn of(status: &PipelineStatus) -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12());
    let config = status.region.iter().fold(config, |config, region| config.region(Region::new(region.clone())));
    config.load().await
}
