//! What the status said before a reconcile, parsed once.

use std::collections::BTreeMap;

use api::{PipelineStatus, ResourceState, Run, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use pipeline_core::names::TagKeys;
use pipeline_core::pipeline::Home;
use pipeline_core::reason::Reported;
use pipeline_core::runs::due;

use super::status::Rows;
use crate::plan::Held;
use crate::resource::Id;

/// How far two clocks may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_secs(30);

/// The status as a reconcile found it, or last wrote it.
pub(super) struct PreviousState {
    /// The reconciler's own part.
    status: PipelineStatus,
    /// `status.resources`.
    pub(super) rows: Rows,
    /// Which resources those are, and which of them the pipeline held.
    pub(super) held: BTreeMap<Id, Held>,
    /// Which tags on AWS are the pipeline's.
    pub(super) tag_keys: TagKeys,
    /// The runs that the inbox brought.
    pub(super) runs: Vec<Run>,
    /// Whether a condition says that runs are not reported.
    pub(super) says_not_reported: bool,
    /// When the schedule last fired since it fires as it does.
    pub(super) last_firing: Option<Timestamp>,
}

impl PreviousState {
    /// Of the whole status of a pipeline.
    pub(super) fn of(whole: &PipelineStatus) -> Self {
        Self::new(whole.clone().without_news(), whole)
    }

    /// Of the reconciler's own part, and the whole that has what the inbox brought.
    pub(super) fn new(own: PipelineStatus, whole: &PipelineStatus) -> Self {
        let rows = Rows::from(&own.resources[..]);
        Self {
            held: rows.held(),
            rows,
            tag_keys: TagKeys::new(own.tag_keys.iter().cloned()),
            runs: whole.runs.clone(),
            says_not_reported: whole.conditions.iter().any(|it| it.reason == Reported::NotReported.to_string()),
            last_firing: last_firing(whole),
            status: own,
        }
    }

    /// The reconciler's own part, for what is written anew from it.
    pub(super) fn status(&self) -> &PipelineStatus {
        &self.status
    }

    /// Where the pipeline lives. One that was only observed has nothing anywhere.
    pub(super) fn home<'a>(&'a self, own_region: Option<&'a str>) -> Home<'a> {
        let lives = !self.rows.is_empty();
        Home {
            own_region,
            account: self.status.account.as_deref().filter(|_| lives),
            region: self.status.region.as_deref().filter(|_| lives),
        }
    }

    /// Whether the pipeline was made before: then it goes on as it was.
    pub(super) fn was_made(&self) -> bool {
        self.rows.iter().any(|row| !row.unseen)
    }

    /// Whether AWS once had all that this is the fingerprint of.
    pub(super) fn was_in_sync_with(&self, fingerprint: &str) -> bool {
        self.status.in_sync_with.as_deref() == Some(fingerprint)
    }

    /// Whether fewer resources are missing, wrong or still to go in this status.
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
    let fired = status.runs.iter().filter(|run| run.trigger == RunTrigger::Schedule && !run.marks.is_empty());
    fired.map(due).find(|due| *due >= since.saturating_sub(CLOCKS).unwrap_or(since))
}
