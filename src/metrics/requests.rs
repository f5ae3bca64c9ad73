//! What is asked of AWS and of the API server, and what came of it.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

use crate::aws::{AwsError, Operation};

/// Upper ends of the buckets of an AWS call's time, seconds: most take a tenth, and a look into the inbox waits for 20.
const SECONDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Calls of AWS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AwsRequests {
    made: Family<AwsLabels, Counter>,
    seconds: Family<OperationLabels, Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AwsLabels {
    service: String,
    operation: String,
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    service: String,
    operation: String,
}

impl Default for AwsRequests {
    fn default() -> Self {
        Self { made: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) }
    }
}

impl AwsRequests {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requests = Self::default();
        let aws = registry.sub_registry_with_prefix("task_pipelines_aws");
        aws.register("requests", "Calls of AWS, by what came of them", requests.made.clone());
        aws.register("request_duration_seconds", "How long calls of AWS took", requests.seconds.clone());
        requests
    }

    /// Counts a call that was answered, or was not.
    pub fn count<T>(&self, operation: Operation, took: Duration, result: &Result<T, AwsError>) {
        let result = match result {
            Ok(_) => "ok".to_owned(),
            Err(error) if error.is_not_found() => "not_found".to_owned(),
            Err(error) => error.class.to_string().to_lowercase(),
        };
        let action = operation.to_string();
        let (service, operation) = action.split_once(':').unwrap_or(("", &action));
        let [service, operation] = [service, operation].map(str::to_owned);
        let labels = OperationLabels { service: service.clone(), operation: operation.clone() };
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
        self.made.get_or_create(&AwsLabels { service, operation, result }).inc();
    }
}

/// Requests to the API server, in client-go's name: a layer of the client.
#[derive(Clone, Debug, Default)]
pub struct ApiServerRequests {
    made: Family<HttpLabels, Counter>,
    host: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HttpLabels {
    code: String,
    method: String,
    host: String,
}

impl ApiServerRequests {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requests = Self::default();
        registry.register("rest_client_requests", "Requests to the API server", requests.made.clone());
        requests
    }

    /// Those to a host.
    #[must_use]
    pub fn to(&self, host: &str) -> Self {
        Self { made: self.made.clone(), host: host.to_owned() }
    }

    /// Counts a request that was answered, or was not.
    pub fn count(&self, method: &Method, status: Option<StatusCode>) {
        // As client-go says that nothing came back.
        let code = status.map_or_else(|| "<error>".to_owned(), |status| status.as_str().to_owned());
        self.made.get_or_create(&HttpLabels { code, method: method.to_string(), host: self.host.clone() }).inc();
    }
}

impl<S> Layer<S> for ApiServerRequests {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, requests: self.clone() }
    }
}

/// Passes requests on, and counts them by what came back.
#[derive(Clone, Debug)]
pub struct Counting<S> {
    inner: S,
    requests: ApiServerRequests,
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (method, requests) = (request.method().clone(), self.requests.clone());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            requests.count(&method, answer.as_ref().ok().map(Response::status));
            answer
        }
        .boxed()
    }
}
