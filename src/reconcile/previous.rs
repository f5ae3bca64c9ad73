//! What the status said before a reconcile, parsed once.

use std::collections::BTreeMap;

use api::{PipelineStatus, ResourceState, Run, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use pipeline_core::names::TagKeys;
use pipeline_core::pipeline::Home;
use pipeline_core::plan::Recorded;
use pipeline_core::reason::Reported;
use pipeline_core::resource::Id;
use pipeline_core::runs::due;

use super::status::Rows;

/// Tolerated difference between two clocks.
const CLOCKS: SignedDuration = SignedDuration::from_secs(30);

/// The status as the reconcile read it, or last wrote it.
pub(super) struct PreviousState {
    /// The fields that the reconciler owns.
    status: PipelineStatus,
    /// `status.resources`.
    pub(super) rows: Rows,
    /// The resources in those rows, and which of them were seen to be the pipeline's own.
    pub(super) recorded: BTreeMap<Id, Recorded>,
    /// Keys of the tags on AWS that are the pipeline's.
    pub(super) tag_keys: TagKeys,
    /// `status.runs`, which the recorder of the inbox owns.
    pub(super) runs: Vec<Run>,
    /// Whether the conditions already say that runs are not reported.
    pub(super) says_not_reported: bool,
    /// When the last known run of the schedule was due, however it fired then.
    pub(super) last_run: Option<Timestamp>,
    /// When the last known firing was due, since the schedule was last changed.
    pub(super) last_firing: Option<Timestamp>,
}

impl PreviousState {
    /// Parses the status of a pipeline.
    pub(super) fn of(whole: &PipelineStatus) -> Self {
        Self::new(whole.clone().without_reports(), whole)
    }

    /// From `own`, the fields that the reconciler owns, and the whole status, for those that the inbox's recorder owns.
    pub(super) fn new(own: PipelineStatus, whole: &PipelineStatus) -> Self {
        let rows = Rows::from(&own.resources[..]);
        Self {
            recorded: rows.recorded(),
            rows,
            tag_keys: TagKeys::new(own.tag_keys.iter().cloned()),
            runs: whole.runs.clone(),
            says_not_reported: whole.conditions.iter().any(|it| it.reason == Reported::NotReported.to_string()),
            last_run: firings(whole).next(),
            last_firing: last_firing(whole),
            status: own,
        }
    }

    /// The fields that the reconciler owns, as the base of the next status.
    pub(super) fn status(&self) -> &PipelineStatus {
        &self.status
    }

    /// The account and region that hold the pipeline. Unset for a pipeline that was only observed.
    pub(super) fn home<'a>(&'a self, own_region: Option<&'a str>) -> Home<'a> {
        let lives = !self.rows.is_empty();
        Home {
            own_region,
            account: self.status.account.as_deref().filter(|_| lives),
            region: self.status.region.as_deref().filter(|_| lives),
        }
    }

    /// Whether the pipeline was created before, and so keeps firing whatever is wrong now.
    pub(super) fn was_made(&self) -> bool {
        self.rows.iter().any(|row| !row.unseen)
    }

    /// Whether AWS matched the desired state with this fingerprint when the status was written.
    pub(super) fn was_in_sync_with(&self, fingerprint: &str) -> bool {
        self.status.in_sync_with.as_deref() == Some(fingerprint)
    }

    /// Whether `after` has fewer resources that are not ready: the reconcile made progress.
    pub(super) fn is_behind(&self, after: &PipelineStatus) -> bool {
        let pending = |status: &PipelineStatus| {
            let is_pending = |state: ResourceState| state != ResourceState::Ready;
            status.resources.iter().filter(|row| is_pending(row.state)).count()
        };
        pending(after) < pending(&self.status)
    }
}

fn last_firing(status: &PipelineStatus) -> Option<Timestamp> {
    let since: Timestamp = status.schedule.as_ref()?.since.as_ref()?.parse().ok()?;
    firings(status).find(|due| *due >= since.saturating_sub(CLOCKS).unwrap_or(since))
}

/// When the runs of the schedule were due that were heard of, the newest first.
fn firings(status: &PipelineStatus) -> impl Iterator<Item = Timestamp> {
    let fired = status.runs.iter().filter(|run| run.trigger == RunTrigger::Schedule && !run.marks.is_empty());
    fired.map(due)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn previous(status: Value) -> PreviousState {
        PreviousState::of(&serde_json::from_value(status).unwrap())
    }

    #[test]
    fn account_and_region_are_fixed_once_something_is_there() {
        let place = json!({"account": "111122223333", "region": "eu-west-1"});
        let observed = previous(place.clone());
        assert_eq!((observed.home(None).account, observed.home(None).region), (None, None));
        let mut made = place;
        made["resources"] = json!([{"kind": "Queue", "name": "a", "arn": "", "state": "Creating", "unseen": true}]);
        let made = previous(made);
        assert_eq!((made.home(None).account, made.home(None).region), (Some("111122223333"), Some("eu-west-1")));
        assert_eq!(
            made.recorded,
            BTreeMap::from([(Id::new(pipeline_core::resource::Kind::Queue, "a"), Recorded::Unconfirmed)])
        );
        assert!(!made.was_made(), "it was about to be made");
    }

    #[test]
    fn runs_are_known_and_not_written_back() {
        let run = |due: &str| {
            json!({"runId": due, "scheduledTime": due, "trigger": "Schedule", "result": "Succeeded", "marks": "a",
                   "counts": {"succeeded": 1, "failed": 0, "running": 0, "missed": 0}})
        };
        let status = |runs: [Value; 2]| {
            json!({"runs": runs, "lastRun": "2026-03-02T09:00:00Z",
                   "schedule": {"expression": "rate(1 day)", "state": "ENABLED", "next": [], "since": "2026-03-02T00:00:00Z"}})
        };
        let known = previous(status([run("2026-03-02T09:00:00Z"), run("2026-03-01T09:00:00Z")]));
        assert_eq!(known.last_firing, Some("2026-03-02T09:00:00Z".parse().unwrap()));
        assert_eq!((known.runs.len(), known.status().runs.len(), &known.status().last_run), (2, 0, &None));
        let earlier = previous(status([run("2026-03-01T09:00:00Z"), run("2026-02-28T09:00:00Z")]));
        assert_eq!(earlier.last_firing, None, "it fired otherwise then");
    }
}
