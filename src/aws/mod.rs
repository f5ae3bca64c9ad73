//! AWS as the operator sees it: clients for each account and region, paced, with errors in classes.

mod accounts;
mod error;
mod operation;
mod pace;
mod permission;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::identity::Location;

pub use accounts::{Accounts, NoAws};
pub use error::{AwsError, Class};
pub use operation::{Family, Operation};
pub use pace::{Pacer, Pacing};
pub use permission::{MAX_POLICY, OperatorPolicy, Scope};

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
    /// Of this account and region.
    pacer: Arc<Pacer>,
    /// Of the account: IAM is one for all regions.
    global_pacer: Arc<Pacer>,
}

impl Aws {
    fn new(config: &SdkConfig, location: Location, pacer: Arc<Pacer>, global_pacer: Arc<Pacer>) -> Self {
        // The SDK's own partition is a service and a region, whoever the account: one that is throttled would use up the
        // retries of all others.
        macro_rules! client {
            ($sdk:ident) => {{
                let name = format!("{}-{}-{}", stringify!($sdk), location.account, location.region);
                let partition = $sdk::config::retry::RetryPartition::new(name);
                $sdk::Client::from_conf($sdk::config::Builder::from(config).retry_partition(partition).build())
            }};
        }
        Self {
            scheduler: client!(aws_sdk_scheduler),
            sqs: client!(aws_sdk_sqs),
            lambda: client!(aws_sdk_lambda),
            iam: client!(aws_sdk_iam),
            ssm: client!(aws_sdk_ssm),
            logs: client!(aws_sdk_cloudwatchlogs),
            location,
            pacer,
            global_pacer,
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
        let pacer = if operation.is_global() { &self.global_pacer } else { &self.pacer };
        call(pacer, operation, Box::pin(request))
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
