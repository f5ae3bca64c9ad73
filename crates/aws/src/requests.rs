//! Prometheus metrics of AWS calls.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{AwsError, Operation};

/// Upper ends of the buckets of an AWS call's time, seconds: most take a tenth, and a read of the inbox waits for 20.
const SECONDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Calls of AWS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AwsRequests {
    made: Family<AwsLabels, Counter>,
    seconds: Family<OperationLabels, Histogram>,
    refusals: Option<Arc<Mutex<Vec<AwsError>>>>,
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
        Self {
            made: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            refusals: None,
        }
    }
}

impl AwsRequests {
    /// Calls that are counted in a registry.
    pub fn registered(registry: &mut Registry) -> Self {
        let requests = Self::default();
        let aws = registry.sub_registry_with_prefix("task_pipelines_aws");
        aws.register("requests", "Calls of AWS, by what came of them", requests.made.clone());
        aws.register("request_duration_seconds", "How long calls of AWS took", requests.seconds.clone());
        requests
    }

    /// Calls of which all that AWS refused is kept, for a command that tells it.
    pub fn keeping_refusals() -> Self {
        Self { refusals: Some(Arc::default()), ..Self::default() }
    }

    /// What AWS refused so far, if it is kept: not that something is not there, or is there already.
    pub fn refusals(&self) -> Vec<AwsError> {
        self.refusals.as_ref().map(|refusals| refusals.lock().clone()).unwrap_or_default()
    }

    /// Counts a call that was answered, or was not.
    pub fn count<T>(&self, operation: Operation, took: Duration, result: &Result<T, AwsError>) {
        if let (Some(refusals), Err(error)) = (&self.refusals, result)
            && !error.is_not_found()
            && !error.is_already_exists()
        {
            refusals.lock().push(error.clone());
        }
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
