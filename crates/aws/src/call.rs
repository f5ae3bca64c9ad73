//! The only place that calls AWS: paced, counted, made by the leader alone, and retried where that can help.
//!
//! It wraps the SDK instead of extending it: interceptors cannot wait, and a connector gets signed requests, whose
//! signatures could expire while they wait.
//!
//! AWS knows no lease, so what this operator changes ends with its own: a call is begun only while it leads, whatever it
//! waited for, and one that changes something is ended when it leads no more. What AWS then has in whole it may still carry
//! out.

use std::future::{pending, ready};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use pipeline_core::error_class::ErrorClass;
use tokio::time::{Instant, sleep};

use super::operation::Request;
use super::{Aws, AwsError, AwsRequests, retry};

impl Aws {
    /// Makes a call when the rate limits allow and this operator leads, and makes it again where that can help.
    ///
    /// # Errors
    /// What AWS answered, or that it did not answer.
    pub(crate) async fn call<R: Request + Clone>(&self, request: R) -> Result<R::Output, AwsError> {
        self.call_prepared(|| ready(Ok(request.clone()))).await
    }

    /// The same with a request that cannot be cloned, or takes something that is to be held no longer than needed: it is
    /// prepared for each attempt, and dropped with it.
    ///
    /// # Errors
    /// As [`Aws::call`], or the request cannot be prepared.
    pub(crate) async fn call_prepared<R, F>(&self, prepare: impl Fn() -> F) -> Result<R::Output, AwsError>
    where
        R: Request,
        F: Future<Output = Result<R, SdkError<R::Error, HttpResponse>>>,
    {
        let mut failed = 0;
        loop {
            let request = prepare().await.map_err(|error| AwsError::new(R::OPERATION, &error))?;
            let permit = self.shared.pacer.permit(&self.location, R::OPERATION, &self.caller).await;
            let leadership = &self.shared.leadership;
            // Right before it is sent: what comes before may take minutes.
            leadership.held().await;
            let lost = async {
                if !R::OPERATION.is_write() {
                    pending::<()>().await;
                }
                leadership.lost().await;
            };
            let error = match attempt(&self.shared.requests, request, lost).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let (ErrorClass::Throttled, Some(permit)) = (error.class, permit) {
                permit.throttled();
            }
            failed += 1;
            match retry::pause(&error, failed) {
                Some(pause) => sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Makes a call that reads a resource; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Aws::call`], but for "not found".
    pub(crate) async fn find<R: Request + Clone>(&self, request: R) -> Result<Option<R::Output>, AwsError> {
        match self.call(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Makes a call once, and counts it. It is given up when the operator has lost what lets it make the call.
pub(crate) async fn attempt<R: Request>(
    requests: &AwsRequests,
    request: R,
    lost: impl Future<Output = ()>,
) -> Result<R::Output, AwsError> {
    let started = Instant::now();
    // On the heap: the SDK's futures are tens of kilobytes.
    let sent = Box::pin(request.send());
    let result = tokio::select! {
        biased;
        () = lost => Err(AwsError::no_longer_leading(R::OPERATION)),
        answer = sent => answer.map_err(|error| AwsError::new(R::OPERATION, &error)),
    };
    let took = started.elapsed();
    let operation = R::OPERATION;
    requests.count(operation, took, &result);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => tracing::debug!(aws.operation = %operation, duration_ms, "called AWS"),
        Err(error) => tracing::debug!(aws.operation = %operation, aws.code = error.code, duration_ms, "AWS refused"),
    }
    result
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use aws_sdk_iam::error::ErrorMetadata;
    use aws_sdk_iam::operation::create_role::CreateRoleError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use tokio::sync::{Semaphore, watch};
    use tokio::time::timeout;

    use super::*;
    use crate::{Access, Leadership, Operation};

    /// A request that AWS throttles, as long as it is an early one.
    struct Numbered(u32);

    impl Request for Numbered {
        const OPERATION: Operation = Operation::CreateRole;
        type Output = u32;
        type Error = CreateRoleError;

        async fn send(self) -> Result<u32, SdkError<CreateRoleError, HttpResponse>> {
            if self.0 >= 3 {
                return Ok(self.0);
            }
            let throttled = CreateRoleError::generic(ErrorMetadata::builder().code("Throttling").build());
            let answer = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::empty());
            Err(SdkError::service_error(throttled, answer))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_call_is_made_again_with_a_request_of_its_own() {
        let aws = crate::tests::aws(Access::ReadWrite);
        let made = AtomicU32::new(0);
        let answer = aws.call_prepared(|| ready(Ok(Numbered(made.fetch_add(1, Ordering::Relaxed) + 1)))).await;
        assert_eq!(answer, Ok(3));
        assert_eq!(made.into_inner(), 3);
    }

    /// A request that says that it was sent, and whose answer never comes.
    struct Endless(Arc<AtomicU32>);

    impl Request for Endless {
        const OPERATION: Operation = Operation::UpdateFunctionCode;
        type Output = u32;
        type Error = CreateRoleError;

        async fn send(self) -> Result<u32, SdkError<CreateRoleError, HttpResponse>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            pending().await
        }
    }

    const TERM: Duration = Duration::from_secs(7);

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waited_for_something_else_is_not_sent_once_the_lease_has_run_out() {
        let (lease, until) = watch::channel(Some(Instant::now() + TERM));
        let aws = crate::tests::led(Leadership::until(until));
        let (uploads, sent) = (Semaphore::new(0), Arc::new(AtomicU32::new(0)));
        let prepare = || async {
            uploads.acquire().await.unwrap().forget();
            Ok(Endless(Arc::clone(&sent)))
        };
        let upload = aws.call_prepared(prepare);
        let others = async {
            sleep(TERM * 2).await;
            uploads.add_permits(1);
            sleep(TERM).await;
            let while_it_did_not_lead = sent.load(Ordering::Relaxed);
            lease.send_replace(Some(Instant::now() + TERM));
            sleep(TERM / 2).await;
            (while_it_did_not_lead, sent.load(Ordering::Relaxed))
        };
        tokio::select! {
            _ = upload => panic!("it ended"),
            counts = others => assert_eq!(counts, (0, 1)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_ends_with_the_lease() {
        let (_lease, until) = watch::channel(Some(Instant::now() + TERM));
        let aws = crate::tests::led(Leadership::until(until));
        let sent = Arc::new(AtomicU32::new(0));
        let begun = Instant::now();
        let answer = timeout(TERM * 10, aws.call_prepared(|| ready(Ok(Endless(Arc::clone(&sent)))))).await;
        let error = answer.expect("the call is ended").unwrap_err();
        assert_eq!((error.class, begun.elapsed()), (ErrorClass::Transient, TERM), "{error}");
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }
}
