//! All AWS calls: clients for each account and region, pacing, classified errors, and operations on resources.
//!
//! The clients themselves are private, so that nothing is asked of AWS elsewhere. What people ask with credentials of
//! their own is apart, in [`own`].

mod access;
mod accounts;
mod call;
mod classify;
mod error;
pub mod inbox_queue;
pub mod invocation;
mod leadership;
mod operation;
pub mod own;
mod pacing;
mod permission;
mod quota;
#[cfg(test)]
mod recorded;
mod remedy;
mod requests;
pub mod resource;
mod retry;
mod uploads;

use std::fmt;
use std::sync::Arc;

use aws_config::SdkConfig;
use pipeline_core::location::Location;
use tokio::sync::OnceCell;

use pacing::Pacer;
use uploads::Uploads;

pub use access::Access;
pub use accounts::{Accounts, NoAws};
pub use error::AwsError;
pub use leadership::Leadership;
pub use operation::Operation;
pub use pacing::{Caller, Pacing, Urgency};
pub use permission::{MAX_POLICY, OperatorPolicy};
pub use quota::Quota;
pub use requests::AwsRequests;
pub use retry::ATTEMPTS;

/// Clients of one account and region, on behalf of a caller. Cheap to clone.
#[derive(Clone)]
pub struct Aws {
    /// Which account and region.
    pub location: Location,
    pub(crate) scheduler: aws_sdk_scheduler::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
    shared: Shared,
    caller: Caller,
    /// How many invocations the account and region allow at the same time, once they were asked; `None`: they do not say.
    invocations: Arc<OnceCell<Option<u32>>>,
}

/// What the clients of all accounts and regions share.
#[derive(Clone, Debug)]
struct Shared {
    pacer: Arc<Pacer>,
    leadership: Leadership,
    requests: AwsRequests,
    uploads: Uploads,
}

impl Aws {
    fn new(config: &SdkConfig, access: Access, location: Location, shared: Shared) -> Self {
        macro_rules! client {
            ($sdk:ident $(, $setting:ident = $value:expr)?) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(config).interceptor(access)$(.$setting($value))?.build(),
                )
            };
        }
        let own_endpoint = location.endpoint.is_some();
        Self {
            location,
            scheduler: client!(aws_sdk_scheduler),
            sqs: client!(aws_sdk_sqs),
            lambda: client!(aws_sdk_lambda),
            iam: client!(aws_sdk_iam),
            ssm: client!(aws_sdk_ssm),
            // Host names of buckets are AWS's own.
            s3: client!(aws_sdk_s3, force_path_style = own_endpoint),
            logs: client!(aws_sdk_cloudwatchlogs),
            tagging: client!(aws_sdk_resourcegroupstagging),
            shared,
            caller: Caller { name: Arc::from(""), urgency: Urgency::Resync },
            invocations: Arc::default(),
        }
    }

    /// The same clients, with calls paced on behalf of another caller.
    #[must_use]
    pub fn on_behalf_of(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// Turns for uploads of code. The clients of all accounts share them.
    pub(crate) const fn uploads(&self) -> &Uploads {
        &self.shared.uploads
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("location", &self.location).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use pipeline_core::partition::Partition;

    use super::*;

    /// Of clients whose requests fail: nothing listens on port 9.
    pub(crate) fn config() -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .endpoint_url("http://127.0.0.1:9")
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test")))
            .retry_config(RetryConfig::disabled())
            .build()
    }

    pub(crate) fn aws(access: Access) -> Aws {
        aws_with(&config(), access, Leadership::sole())
    }

    /// Clients that may send calls only while the operator leads.
    pub(crate) fn led(leadership: Leadership) -> Aws {
        aws_with(&config(), Access::ReadWrite, leadership)
    }

    /// Clients of this configuration.
    pub(crate) fn aws_of(config: &SdkConfig) -> Aws {
        aws_with(config, Access::ReadWrite, Leadership::sole())
    }

    fn aws_with(config: &SdkConfig, access: Access, leadership: Leadership) -> Aws {
        let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
        let location = Location { partition: Partition::Aws, account, region, endpoint: None };
        Aws::new(config, access, location, shared(leadership))
    }

    pub(crate) fn shared(leadership: Leadership) -> Shared {
        Shared {
            pacer: Arc::new(Pacer::new(Pacing::Off)),
            leadership,
            requests: AwsRequests::default(),
            uploads: Uploads::new(1),
        }
    }

    #[tokio::test]
    async fn a_read_only_client_sends_no_write() {
        let refusal = "CreateQueue is refused: this command changes nothing on AWS";
        for (access, refused) in [(Access::ReadOnly, true), (Access::ReadWrite, false)] {
            let aws = aws(access);
            let request = aws.sqs.create_queue().queue_name("a");
            let error = aws.call(request).await.unwrap_err();
            assert_eq!(error.message.contains(refusal), refused, "{access:?}: {error}");
            let error = aws.call(aws.iam.get_role().role_name("a")).await.unwrap_err();
            assert!(!error.message.contains("is refused"), "{access:?}: {error}");
        }
    }
}
