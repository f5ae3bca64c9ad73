//! Metrics of requests to the API server.

use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

/// Counts requests to the API server under the name that client-go uses, as a layer of the client.
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

    /// Sets the label `host`.
    #[must_use]
    pub fn to(&self, host: &str) -> Self {
        Self { made: self.made.clone(), host: host.to_owned() }
    }

    /// Counts a request; `status` is `None` if there was no answer.
    pub fn count(&self, method: &Method, status: Option<StatusCode>) {
        // The value that client-go uses for a request without an answer.
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

/// Forwards requests, and counts them by the status of their answers.
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
