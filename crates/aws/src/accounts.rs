//! Clients for each account and region that pipelines live in, made when first needed and then kept.
//!
//! The operator starts, and says so, without an AWS identity. All clients share one HTTP client and its connections.
//! Clients of a role serve every pipeline that uses the role, so its sessions carry no namespace's name.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use pipeline_core::arn::Arn;
use pipeline_core::location::{AssumedRole, Location, Target};
use pipeline_core::partition::Partition;
use tokio::sync::Mutex;

use super::call::attempt;
use super::{Access, Aws, AwsError, AwsRequests, Leadership, Pacer, Pacing, Shared, Uploads};

/// Timeout of one attempt at a call. The SDK has no default, and a connection that hangs would block a reconcile.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is kept that nothing uses: AWS closes them after 20 s and more, and a call on a connection that
/// is being closed fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a refusal is cached, so that pipelines that ask at the same time share one answer.
const REFUSAL_STANDS: Duration = Duration::from_secs(2);

/// Name of the operator's sessions under an assumed role, as `CloudTrail` shows it.
const SESSION_NAME: &str = "task-pipelines";

/// All accounts and regions that the operator works in.
pub struct Accounts {
    own: SdkConfig,
    access: Access,
    shared: Shared,
    /// One provider of credentials for each role that could be assumed.
    roles: Mutex<HashMap<AssumedRole, SdkConfig>>,
    /// Clients by target. Each is connected under its own lock, by one caller at a time.
    targets: Mutex<HashMap<Target, Arc<Mutex<Asked>>>>,
}

/// The result of connecting to a target.
#[derive(Default)]
enum Asked {
    #[default]
    NotYet,
    Known(Arc<Aws>),
    Refused {
        error: AwsError,
        when: Instant,
    },
}

/// Why there is no AWS to work with.
#[derive(Debug, thiserror::Error)]
pub enum NoAws {
    /// No region is set.
    #[error("no AWS region is set; set AWS_REGION for the operator")]
    Region,
    /// AWS does not say, or denies, who the operator is.
    #[error("the operator's AWS identity is unknown")]
    Identity(#[source] AwsError),
    /// AWS does not let the operator assume a role.
    #[error(
        "the operator cannot act as `{role}`, which must trust it with the external id of the configuration, and let it \
         tag its sessions"
    )]
    Role {
        /// ARN of the role.
        role: String,
        /// What AWS answered.
        #[source]
        error: AwsError,
    },
}

impl Accounts {
    /// Reads the usual environment variables and files; makes no call. `uploads` is the number of uploads of code that
    /// may run at the same time, in all accounts together.
    pub async fn from_environment(
        pacing: Pacing,
        access: Access,
        uploads: u16,
        leadership: Leadership,
        requests: AwsRequests,
    ) -> Self {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
        let http = aws_smithy_http_client::Builder::new()
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let own = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            // Calls are repeated in one layer, that of `retry.rs`.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .load()
            .await;
        let uploads = Uploads::new(uploads);
        let shared = Shared { pacer: Arc::new(Pacer::new(pacing)), leadership, requests, uploads };
        Self { own, access, shared, roles: Mutex::default(), targets: Mutex::default() }
    }

    /// Those of this configuration.
    #[cfg(test)]
    pub(crate) fn of(own: SdkConfig) -> Self {
        let shared = crate::tests::shared(Leadership::sole());
        Self { own, access: Access::ReadWrite, shared, roles: Mutex::default(), targets: Mutex::default() }
    }

    /// The operator's own region, in which pipelines live that name none.
    pub fn own_region(&self) -> Option<&str> {
        self.own.region().map(Region::as_ref)
    }

    /// The clients for a target.
    ///
    /// # Errors
    /// No region is known, or AWS does not accept the operator's credentials or lend it the role.
    pub async fn get(&self, target: &Target) -> Result<Arc<Aws>, NoAws> {
        let region = target.region.as_deref().or(self.own_region()).ok_or(NoAws::Region)?;
        let entry = self.entry(Target { region: Some(region.to_owned()), role: target.role.clone() }).await;
        let mut asked = entry.lock().await;
        let error = match &*asked {
            Asked::Known(aws) => return Ok(Arc::clone(aws)),
            Asked::Refused { error, when } if when.elapsed() < REFUSAL_STANDS => error.clone(),
            Asked::Refused { .. } | Asked::NotYet => match self.connect(region, target.role.as_ref()).await {
                Ok(aws) => {
                    *asked = Asked::Known(Arc::clone(&aws));
                    return Ok(aws);
                }
                Err(error) => {
                    *asked = Asked::Refused { error: error.clone(), when: Instant::now() };
                    error
                }
            },
        };
        Err(match &target.role {
            Some(AssumedRole { arn, .. }) => NoAws::Role { role: arn.clone(), error },
            None => NoAws::Identity(error),
        })
    }

    async fn entry(&self, target: Target) -> Arc<Mutex<Asked>> {
        let mut targets = self.targets.lock().await;
        // Old refusals are dropped: the configuration may allow any number of roles that do not exist.
        targets
            .retain(|known, entry| *known == target || entry.try_lock().map_or(true, |asked| asked.is_worth_keeping()));
        Arc::clone(targets.entry(target).or_default())
    }

    async fn connect(&self, region: &str, role: Option<&AssumedRole>) -> Result<Arc<Aws>, AwsError> {
        let config = match role {
            Some(role) => self.assuming(role, region).await,
            None => self.own.clone(),
        };
        let config = config.to_builder().region(Region::new(region.to_owned())).build();
        let client = aws_sdk_sts::Client::new(&config);
        // It changes nothing, so a standby may ask it too.
        let answer = attempt(&self.shared.requests, client.get_caller_identity(), pending()).await?;
        let location = Location {
            partition: partition(answer.arn(), region),
            account: answer.account().unwrap_or_default().to_owned(),
            region: region.to_owned(),
            endpoint: self.own.endpoint_url().map(str::to_owned),
        };
        tracing::info!(account = location.account, region, arn = answer.arn(), "found the AWS identity");
        if let Some(role) = role {
            self.roles.lock().await.entry(role.clone()).or_insert_with(|| config.clone());
        }
        Ok(Arc::new(Aws::new(&config, self.access, location, self.shared.clone())))
    }

    /// The operator's configuration with a role's credentials, which one provider refreshes for all regions.
    async fn assuming(&self, role: &AssumedRole, region: &str) -> SdkConfig {
        if let Some(known) = self.roles.lock().await.get(role) {
            return known.clone();
        }
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .session_name(SESSION_NAME)
            .region(Region::new(self.own_region().unwrap_or(region).to_owned()))
            // The provider retries by itself: its transient failures would surface in the call that needs the credentials.
            .configure(&self.own.to_builder().retry_config(RetryConfig::standard()).build());
        if let Some(external_id) = &role.external_id {
            provider = provider.external_id(external_id);
        }
        let provider = SharedCredentialsProvider::new(provider.build().await);
        self.own.to_builder().credentials_provider(provider).build()
    }
}

/// The partition that AWS says one is in, or that the region is in where AWS says one that is not known.
fn partition(arn: Option<&str>, region: &str) -> Partition {
    let said = arn.and_then(Arn::parse).and_then(|arn| arn.partition.parse().ok());
    said.unwrap_or_else(|| Partition::of_region(region))
}

impl Asked {
    fn is_worth_keeping(&self) -> bool {
        match self {
            Self::Refused { when, .. } => when.elapsed() < REFUSAL_STANDS,
            Self::Known(_) | Self::NotYet => true,
        }
    }
}
