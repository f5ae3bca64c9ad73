//! Why a reconcile breaks off.

use std::time::Duration;

use aws::{AwsError, NoAws};
use pipeline_core::pipeline::{Refusal, summary};

/// Why a reconcile, or a plan, did not get to its end. [`Health::of_error`](super::ready::Health::of_error) has the words for
/// the status.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API server refuses, or does not answer, so the status cannot be written either.
    #[error("the API server does not do what the operator asks")]
    ApiServer(#[from] kube::Error),
    /// It took longer than this, and was cancelled.
    #[error("gave up after {} s", .0.as_secs())]
    TooLong(Duration),
    /// The spec cannot be carried out.
    #[error("{}", summary(.0).1)]
    Refused(Vec<Refusal>),
    /// There is no AWS to work with.
    #[error(transparent)]
    NoAws(#[from] NoAws),
    /// The credentials are of another account than the pipeline's.
    #[error("the pipeline lives in account {account}, and {credentials} is of account {other}")]
    OtherAccount {
        /// Where the pipeline lives.
        account: String,
        /// ARN of the role, or the operator.
        credentials: String,
        /// The account of those.
        other: String,
    },
    /// A call of AWS failed. What fails while a plan is carried out is not an error but an outcome of its step.
    #[error(transparent)]
    Aws(#[from] AwsError),
}
