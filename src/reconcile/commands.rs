//! Tokens of the commands that are given as annotations. Each token acts once.

use api::{PipelineStatus, ScheduledTaskPipeline, annotation};
use data_encoding::HEXLOWER;
use kube::ResourceExt as _;
use pipeline_core::text::truncate;
use sha2::{Digest as _, Sha256};

/// Tokens are cut to this many bytes, since the status holds them.
const MAX_TOKEN: usize = 253;

/// How many handled tokens of `run-now` are remembered. One that is set again after so many others acts again.
const REMEMBERED: usize = 50;

/// Bytes of the hash that is kept of a handled token.
const HASH: usize = 6;

/// The token of a command.
pub(super) fn of(pipeline: &ScheduledTaskPipeline, command: &str) -> Option<String> {
    pipeline.annotations().get(command).map(|token| truncate(token, MAX_TOKEN))
}

/// The token of a `run-now` that was not handled yet.
pub(super) fn new_run_now(pipeline: &ScheduledTaskPipeline, status: &PipelineStatus) -> Option<String> {
    let token = of(pipeline, annotation::RUN_NOW)?;
    let handled = status.last_run_now.as_ref() == Some(&token) || status.handled_run_now.contains(&hash(&token));
    (!handled).then_some(token)
}

/// Records a token of a `run-now` as handled.
pub(super) fn handle_run_now(status: &mut PipelineStatus, token: String) {
    status.handled_run_now.push(hash(&token));
    let old = status.handled_run_now.len().saturating_sub(REMEMBERED);
    status.handled_run_now.drain(..old);
    status.last_run_now = Some(token);
}

/// Records the token of `reconcile-now` as handled: the reconcile that it asks for is this one.
pub(super) fn take_reconcile_now(pipeline: &ScheduledTaskPipeline, status: &mut PipelineStatus) {
    let token = of(pipeline, annotation::RECONCILE_NOW);
    status.last_reconcile_now = token.or_else(|| status.last_reconcile_now.take());
}

fn hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token)[..HASH])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn annotated(token: &str) -> ScheduledTaskPipeline {
        let mut pipeline = ScheduledTaskPipeline::new("a", api::ScheduledTaskPipelineSpec::default());
        let annotations =
            [annotation::RUN_NOW, annotation::RECONCILE_NOW].map(|name| (name.to_owned(), token.to_owned()));
        pipeline.metadata.annotations = Some(BTreeMap::from(annotations));
        pipeline
    }

    #[test]
    fn a_token_acts_once_also_when_another_came_between() {
        let mut status = PipelineStatus::default();
        for token in ["first", "second"] {
            assert_eq!(new_run_now(&annotated(token), &status).as_deref(), Some(token));
            handle_run_now(&mut status, token.to_owned());
        }
        for token in ["first", "second"] {
            assert_eq!(new_run_now(&annotated(token), &status), None, "{token}");
        }
        assert_eq!(status.last_run_now.as_deref(), Some("second"));
        // Handled by an earlier version, which kept no hashes.
        let before = PipelineStatus { last_run_now: Some("old".to_owned()), ..PipelineStatus::default() };
        assert_eq!(new_run_now(&annotated("old"), &before), None);
    }

    #[test]
    fn tokens_of_any_length_and_number_leave_the_status_small() {
        let mut status = PipelineStatus::default();
        for number in 0..200 {
            let token = of(&annotated(&format!("{number} {}", "x".repeat(100_000))), annotation::RUN_NOW).unwrap();
            handle_run_now(&mut status, token);
        }
        status.last_reconcile_now = of(&annotated(&"ü".repeat(100_000)), annotation::RECONCILE_NOW);
        assert!(serde_json::to_string(&status).unwrap().len() < 2_000);
    }
}
