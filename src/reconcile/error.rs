//! Errors that end a reconcile.

use std::time::Duration;

use aws::{AwsError, NoAws};
use pipeline_core::pipeline::{Refusal, summary};

/// Why a reconcile or a plan was not finished. [`Health::of_error`](super::ready::Health::of_error) turns it into
/// conditions.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API server refuses, or does not answer, so the status cannot be written either.
    #[error("the API server does not do what the operator asks")]
    ApiServer(#[from] kube::Error),
    /// It exceeded this limit, and was cancelled.
    #[error("gave up after {} s", .0.as_secs())]
    TooLong(Duration),
    /// The spec cannot be carried out.
    #[error("{}", summary(.0).1)]
    Refused(Vec<Refusal>),
    /// AWS clients for the pipeline's account cannot be had.
    #[error(transparent)]
    NoAws(#[from] NoAws),
    /// The credentials are of another account than the pipeline's.
    #[error("the pipeline lives in account {account}, and {credentials} is of account {other}")]
    OtherAccount {
        /// The pipeline's account.
        account: String,
        /// ARN of the assumed role, or `the operator`.
        credentials: String,
        /// The account that the credentials belong to.
        other: String,
    },
    /// An AWS call failed. Failures while a plan is applied are not errors, but outcomes of their steps.
    #[error(transparent)]
    Aws(#[from] AwsError),
}
