//! The table, against what the SDK and AWS's documentation say.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::ConfigBag;

use super::*;

/// A request that is being sent: what we think that it is, and what the SDK says.
pub(super) type Sending = Pin<Box<dyn Future<Output = (Operation, Option<Metadata>)>>>;

/// Keeps what the SDK says of a request, and lets none get to AWS.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Option<Metadata>>>);

#[dyn_dispatch_hint]
impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "Seen"
    }

    // The first hook, as S3's next one misses the bucket of these empty requests.
    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap() = config.load::<Metadata>().cloned();
        Err("seen".into())
    }
}

pub(super) fn sending<R: Request + 'static>(request: impl FnOnce(Seen) -> R) -> Sending {
    let seen = Seen::default();
    let request = request(seen.clone());
    Box::pin(async move {
        drop(request.send().await);
        let said = seen.0.lock().unwrap().take();
        (R::OPERATION, said)
    })
}

/// The SDK's name of a service.
fn sdk_name(service: &str) -> &str {
    match service {
        "sts" => "STS",
        "tag" => "Resource Groups Tagging API",
        "logs" => "CloudWatch Logs",
        "sqs" => "SQS",
        "ssm" => "SSM",
        "iam" => "IAM",
        "s3" => "S3",
        "lambda" => "Lambda",
        "scheduler" => "Scheduler",
        other => panic!("which service is {other}?"),
    }
}

#[tokio::test]
async fn each_request_is_the_operation_that_the_sdk_says() {
    let config = crate::tests::config();
    let requests = requests(&config);
    assert_eq!(requests.len(), Operation::all().count());
    for request in requests {
        let (operation, said) = request.await;
        let said = said.unwrap_or_else(|| panic!("{operation} is not sent"));
        let (service, action) = operation.action();
        assert_eq!(said.service(), sdk_name(service), "{operation}");
        assert!(format!("{operation:?}").ends_with(said.name()), "{operation:?} is {}", said.name());
        // The service authorization reference names these after others.
        let expected = match said.name() {
            "Invoke" => "InvokeFunction",
            "DeleteMessageBatch" => "DeleteMessage",
            name => name,
        };
        assert_eq!(action, expected, "{operation:?}");
    }
}

#[test]
fn reads_and_writes_are_told_apart() {
    assert!(Operation::PutRolePolicy.is_write());
    assert!(Operation::AddTagsToResource.is_write());
    assert!(!Operation::DescribeLogGroups.is_write());
    assert!(!Operation::LambdaListTags.is_write());
}

#[test]
fn each_call_counts_against_the_limit_that_aws_documents() {
    assert_eq!(Operation::GetFunction.family(), Family::LambdaGet);
    assert_eq!(Operation::GetFunctionEventInvokeConfig.family(), Family::Lambda);
    assert_eq!(Operation::SchedulerTagResource.family(), Family::ScheduleGroups);
    assert_eq!(Operation::GetRole.family(), Family::IamRead);
}
