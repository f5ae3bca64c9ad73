//! AWS as the operator sees it: clients of one account and region, paced, with errors in classes.

mod error;
mod operation;
mod pace;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::Mutex;

use crate::identity::Location;

pub use error::{AwsError, Class};
pub use operation::{Family, Operation};
pub use pace::{Pacer, Pacing};

/// A single try of a call. The SDK has no default, and a connection that hangs would hold a reconcile for ever.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A call with the SDK's own retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// The account and its clients, found when first needed: the operator starts, and says so, without an AWS identity.
pub struct Account {
    config: SdkConfig,
    pacer: Arc<Pacer>,
    identity: Mutex<Option<Asked>>,
    regions: Mutex<Vec<Arc<Aws>>>,
}

/// What came of asking AWS who the operator is.
enum Asked {
    Answered(Identity),
    Refused { error: AwsError, when: Instant },
}

/// How long a refusal stands: all pipelines ask at once, and one answer serves them.
const REFUSAL_STANDS: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Identity {
    partition: String,
    account: String,
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
}

impl Account {
    /// Reads the usual environment variables and files; makes no call.
    pub async fn from_environment(pacing: Pacing) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            .load()
            .await;
        Self { config, pacer: Arc::new(Pacer::new(pacing)), identity: Mutex::default(), regions: Mutex::default() }
    }

    /// The clients for a region, or for the operator's own.
    ///
    /// # Errors
    /// No region is known, or AWS does not accept the operator's credentials.
    pub async fn region(&self, region: Option<&str>) -> Result<Arc<Aws>, NoAws> {
        let own = self.config.region().map(Region::as_ref);
        let region = region.or(own).ok_or(NoAws::Region)?.to_owned();
        let identity = self.identity(&region).await.map_err(NoAws::Identity)?;
        let mut regions = self.regions.lock().await;
        if let Some(known) = regions.iter().find(|aws| aws.location.region == region) {
            return Ok(Arc::clone(known));
        }
        let location = Location {
            partition: identity.partition,
            account: identity.account,
            region: region.clone(),
            endpoint: self.config.endpoint_url().map(str::to_owned),
        };
        let config = self.config.to_builder().region(Region::new(region)).build();
        let aws = Arc::new(Aws::new(&config, location, Arc::clone(&self.pacer)));
        regions.push(Arc::clone(&aws));
        Ok(aws)
    }

    /// Who the operator is; asked by one at a time, and not again once it is known.
    async fn identity(&self, region: &str) -> Result<Identity, AwsError> {
        let mut asked = self.identity.lock().await;
        match &*asked {
            Some(Asked::Answered(identity)) => return Ok(identity.clone()),
            Some(Asked::Refused { error, when }) if when.elapsed() < REFUSAL_STANDS => return Err(error.clone()),
            Some(Asked::Refused { .. }) | None => {}
        }
        let answer = self.ask_identity(region).await;
        *asked = Some(match answer.clone() {
            Ok(identity) => Asked::Answered(identity),
            Err(error) => Asked::Refused { error, when: Instant::now() },
        });
        answer
    }

    async fn ask_identity(&self, region: &str) -> Result<Identity, AwsError> {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        let client = aws_sdk_sts::Client::new(&config);
        let request = Box::pin(client.get_caller_identity().send());
        let answer = call(&self.pacer, Operation::GetCallerIdentity, request).await?;
        let partition = answer.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        let account = answer.account().unwrap_or_default().to_owned();
        tracing::info!(account, region, arn = answer.arn(), "found the AWS identity");
        Ok(Identity { partition, account })
    }
}

/// Clients of one account and region.
pub struct Aws {
    /// Which account and region.
    pub location: Location,
    /// EventBridge Scheduler.
    pub scheduler: aws_sdk_scheduler::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Systems Manager.
    pub ssm: aws_sdk_ssm::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pacer: Arc<Pacer>,
}

impl Aws {
    fn new(config: &SdkConfig, location: Location, pacer: Arc<Pacer>) -> Self {
        Self {
            location,
            scheduler: aws_sdk_scheduler::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            pacer,
        }
    }

    /// Makes a call when the rate limits allow.
    ///
    /// # Errors
    /// What AWS answered, or that it did not answer.
    pub fn call<'call, T: 'call, E>(
        &'call self,
        operation: Operation,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'call,
    ) -> impl Future<Output = Result<T, AwsError>> + Send + 'call
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        call(&self.pacer, operation, Box::pin(request))
    }

    /// Makes a call that reads something which may not be there.
    ///
    /// # Errors
    /// As [`Aws::call`], but for "not found".
    pub fn find<'call, T: 'call, E>(
        &'call self,
        operation: Operation,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'call,
    ) -> impl Future<Output = Result<Option<T>, AwsError>> + Send + 'call
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let answer = self.call(operation, request);
        async move {
            match answer.await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        }
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("location", &self.location).finish_non_exhaustive()
    }
}

/// Takes the request on the heap: the SDK's futures are tens of kilobytes.
async fn call<T, E>(
    pacer: &Pacer,
    operation: Operation,
    request: Pin<Box<impl Future<Output = Result<T, SdkError<E, HttpResponse>>>>>,
) -> Result<T, AwsError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    pacer.wait(operation).await;
    let started = Instant::now();
    let result = request.await.map_err(|error| AwsError::new(operation, &error));
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => tracing::debug!(aws.operation = %operation, duration_ms, "called AWS"),
        Err(error) => tracing::debug!(aws.operation = %operation, aws.code = error.code, duration_ms, "AWS refused"),
    }
    result
}
