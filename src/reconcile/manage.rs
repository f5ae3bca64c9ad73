//! Makes a pipeline and keeps it as its spec says.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Change, Mode, PipelineStatus, QueueDepth, RunTrigger, annotation};
use aws::Aws;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use pipeline_core::error_chain::chain;
use pipeline_core::location::Location;
use pipeline_core::names::TagKeys;
use pipeline_core::pipeline::Pipeline;
use pipeline_core::plan::report::for_status;
use pipeline_core::plan::{Goal, Plan};
use pipeline_core::reason::{Reported, Settled, Underway};
use pipeline_core::resource::{Id, Kind, Observed, depth};
use pipeline_core::runs::missed::Expectation;
use pipeline_core::runs::{due, reports_nothing};

use super::observe::observe;
use super::planning::{Desired, First, Planned};
use super::{Next, PATIENCE, Reconciler, commands};
use crate::artifacts::layers::{self, Build};
use crate::drift::observed_cache::{self, Found, Snapshot};
use crate::drift::pending_writes;
use crate::kubernetes::cluster::has_finalizer;
use crate::reconcile::apply::{Applied, Outcome, apply};
use crate::reconcile::drift::{Before, drift};
use crate::reconcile::events;
use crate::reconcile::ready::{self, Again, Health};
use crate::reconcile::status;

/// How often a layer that is being built is read.
const LAYER_POLL: Duration = Duration::from_secs(1);

pub(super) async fn manage(mut reconciler: Reconciler<'_>) -> kube::Result<Next> {
    let now = Timestamp::now();
    reconciler.write_initial_status(now).await?;
    match reconciler.pipeline.spec.mode {
        Mode::Manage => {}
        Mode::Observe => return Box::pin(observe(reconciler, now)).await,
    }

    let desired = match reconciler.desired(now).await? {
        Ok(desired) => desired,
        Err(no_plan) => {
            let health = reconciler.health(&no_plan);
            return reconciler.finish_early(&health).await;
        }
    };
    let mark = desired.mark;
    if let Some(depth) = reconciler.still_fresh(&desired) {
        return reconciler.still_in_sync(&desired.pipeline, &desired.aws.location, depth, now).await;
    }
    let planned = match reconciler.compare(desired, First::Create).await {
        Ok(planned) => planned,
        Err(no_plan) => {
            reconciler.context.memory.invalidate(&reconciler.owner.uid);
            let health = reconciler.health(&no_plan);
            return reconciler.finish_early(&health).await;
        }
    };
    let Planned { pipeline, aws, mut plan, changes, fingerprint, knowledge } = planned;
    // Before anything is written: what cannot be built changes nothing.
    if let Some(health) = reconciler.build_layers(&mut plan) {
        return reconciler.finish_early(&health).await;
    }
    // The finalizer first, or a pipeline deleted this moment would be gone before what is about to be made.
    reconciler.context.cluster.add_finalizer(&reconciler.pipeline).await?;
    reconciler.record_planned_rows(&plan, &aws).await?;
    let wanted_tags = status::tag_keys_before(&TagKeys::default(), &plan);
    reconciler.make_inbox(&aws).await;

    let gone: Vec<Id> =
        plan.steps.iter().filter(|step| matches!(step.goal, Goal::Gone)).map(|step| step.id.clone()).collect();
    let changed_queues = pending_writes::changes(&plan);
    let applied = apply(&aws, &reconciler.owner, plan, PATIENCE).await;
    reconciler.context.propagation.note(&aws.location, changed_queues, applied.updated());
    let before = Before {
        in_sync: knowledge.was_in_sync,
        same_secrets: reconciler.context.memory.wanted(&reconciler.owner.uid, mark),
    };
    let tag_keys = status::tag_keys_after(&status::tag_keys(&reconciler.before), &wanted_tags, &applied);
    let (pipeline, aws, applied, gone) = (&pipeline, &aws, &applied, &gone);
    reconciler.report(Done { pipeline, aws, applied, gone, tag_keys, changes, fingerprint, mark, before }, now).await
}

/// How far two clocks may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_secs(30);

/// A plan that was carried out, as far as it went.
struct Done<'a> {
    pipeline: &'a Pipeline,
    aws: &'a Aws,
    applied: &'a Applied,
    /// What was to go.
    gone: &'a [Id],
    /// Which tags are the pipeline's now.
    tag_keys: TagKeys,
    /// What was to be done.
    changes: Vec<Change>,
    /// Hash of all that is wanted.
    fingerprint: String,
    /// The same with secrets.
    mark: u64,
    before: Before,
}

impl Reconciler<'_> {
    /// The first word about a new pipeline: to kstatus, one without a status counts as done.
    async fn write_initial_status(&mut self, now: Timestamp) -> kube::Result<()> {
        if !self.before.conditions.is_empty() {
            return Ok(());
        }
        let mut status = self.before.clone();
        status.observed_generation = Some(self.generation());
        // What came with the pipeline, perhaps out of a backup, was not asked for now.
        if let Some(token) = commands::new_run_now(&self.pipeline, &self.before) {
            commands::handle_run_now(&mut status, token);
        }
        status.conditions = ready::conditions(&Health::new_pipeline(), &[], self.generation(), now);
        self.write(status).await
    }

    /// Rows for what is about to be made, and the keys of its tags, written before it is: deletion works on the rows, and
    /// only tags with these keys are ever removed.
    async fn record_planned_rows(&mut self, plan: &Plan, aws: &Aws) -> kube::Result<()> {
        let mut status = self.before.clone();
        status.account = Some(aws.location.account.clone());
        status.region = Some(aws.location.region.clone());
        status.resources = status::rows_before(&self.before.resources, plan, &aws.location);
        let tag_keys = status::tag_keys_before(&status::tag_keys(&self.before), plan);
        status.tag_keys = tag_keys.recorded().cloned().collect();
        if status == self.before { Ok(()) } else { self.write(status).await }
    }

    /// Has the zips built of the layers that are to be published; why there is nothing to be done yet, unless all are there.
    fn build_layers(&self, plan: &mut Plan) -> Option<Health> {
        match self.context.layers.fill(plan) {
            Build::Done => None,
            Build::Building(message) => {
                Some(Health::progressing(Underway::Reconciling, message, Again::In(LAYER_POLL)))
            }
            Build::Failed(refusals) => {
                Some(Health { again: Again::In(layers::RETRY), ..Health::refused(&refusals, self.runs()) })
            }
        }
    }

    /// The inbox, once a row says that there is something to delete: the last deletion takes the inbox along. Without one a
    /// pipeline works all the same, and what it reports is lost.
    async fn make_inbox(&self, aws: &Aws) {
        if self.before.resources.is_empty() {
            return;
        }
        if let Err(error) = self.context.inboxes.make(aws, &self.context.cluster_name).await {
            tracing::warn!(error = chain(&error), "runs are not reported");
        }
    }

    /// Nothing was changed on AWS.
    pub(super) async fn finish_early(self, health: &Health) -> kube::Result<Next> {
        let status = self.before.clone();
        self.finish(status, health, Vec::new()).await
    }

    /// How many messages the queues held, if AWS need not be asked.
    fn still_fresh(&self, desired: &Desired) -> Option<QueueDepth> {
        let made = has_finalizer(&self.pipeline) && self.before.in_sync_with.as_ref() == Some(&desired.fingerprint);
        let memory = &self.context.memory;
        let is_fresh = || memory.is_fresh(&self.owner.uid, desired.mark, &desired.aws.location, self.annotations());
        if made { is_fresh() } else { None }
    }

    fn annotations(&self) -> u64 {
        observed_cache::mark(self.pipeline.annotations())
    }

    /// Nothing was wanted otherwise, and nothing has changed on AWS: what moves by itself is refreshed.
    async fn still_in_sync(
        self,
        pipeline: &Pipeline,
        location: &Location,
        depth: QueueDepth,
        now: Timestamp,
    ) -> kube::Result<Next> {
        let mut status = self.before.clone();
        status::put_schedule(&mut status, pipeline, self.last_firing(), now);
        status.queue = Some(depth);
        self.expect(pipeline, location, &status, now);
        self.finish(status, &healthy(pipeline, now), Vec::new()).await
    }

    /// When the schedule last fired since it fires as it does.
    pub(super) fn last_firing(&self) -> Option<Timestamp> {
        let status = self.pipeline.status.as_ref()?;
        let since: Timestamp = status.schedule.as_ref()?.since.as_ref()?.parse().ok()?;
        let fired = status.runs.iter().filter(|run| run.trigger == RunTrigger::Schedule && !run.marks.is_empty());
        fired.map(due).find(|due| *due >= since.saturating_sub(CLOCKS).unwrap_or(since))
    }

    /// Expects the firings to come.
    fn expect(&self, pipeline: &Pipeline, location: &Location, status: &PipelineStatus, now: Timestamp) {
        let since = status.schedule.as_ref().and_then(|schedule| schedule.since.as_ref()?.parse().ok());
        let (schedule, silent) = (self.owner.prefix(), reports_nothing(&self.pipeline.spec));
        let expectation = Expectation {
            pipeline: (self.owner.namespace.clone(), self.owner.name.clone()),
            location: location.clone(),
            schedule: pipeline.schedule.clone(),
            window: pipeline.window,
            suspended: pipeline.suspended,
            audible: !silent,
            unsaid: silent && !self.says_not_reported(),
            since: since.unwrap_or(now),
            missed_after_seconds: pipeline.missed_after_seconds,
            flexible_window_minutes: pipeline.flexible_window_minutes,
            schedule_arn: location.schedule_arn(&schedule, &schedule),
            tasks: u32::try_from(self.pipeline.spec.tasks.len()).unwrap_or(u32::MAX),
            sender: self.owner.part("sender"),
            undelivered: self.owner.part("undelivered-dlq"),
        };
        let runs = self.pipeline.status.as_ref().map_or(&[][..], |status| &status.runs);
        self.context.expectations.expect(&self.owner.uid, expectation, runs);
    }

    fn says_not_reported(&self) -> bool {
        let conditions = self.pipeline.status.as_ref().map_or(&[][..], |status| &status.conditions);
        conditions.iter().any(|condition| condition.reason == Reported::NotReported.to_string())
    }

    /// Remembers what was found, so that AWS need not be asked again before something changes.
    fn remember(&self, done: &Done<'_>, depth: QueueDepth) {
        let snapshot = |(id, seen): (&Id, &Observed)| (id.clone(), Snapshot::of(seen, &done.tag_keys));
        let snapshots: BTreeMap<Id, Snapshot> = done.applied.seen().map(snapshot).collect();
        let propagates = self.context.propagation.is_under_way(&done.aws.location, snapshots.keys());
        let found = Found {
            pipeline: ObjectRef::from(&self.pipeline),
            location: done.aws.location.clone(),
            tag_keys: done.tag_keys.clone(),
            complete: snapshots.len() == done.applied.outcomes.len() && !propagates,
            snapshots,
            desired_hash: done.mark,
            depth,
            annotations: self.annotations(),
        };
        if self.context.memory.remember(&self.owner.uid, found, !done.applied.changes.is_empty()) {
            // Nobody sweeps or reads any more when the operator stops.
            for places in &self.context.places {
                let _ = places.unbounded_send(done.aws.clone());
            }
        }
    }

    async fn report(self, done: Done<'_>, now: Timestamp) -> kube::Result<Next> {
        let depth = depth::depth(done.applied.seen());
        let failing = Health::of(done.applied, Underway::Reconciling);
        if failing.is_none() {
            self.remember(&done, depth);
        } else {
            self.context.memory.invalidate(&self.owner.uid);
        }
        let Done { pipeline, aws, applied, gone, tag_keys, changes, fingerprint, mark: _, before } = done;
        let mut status = self.before.clone();
        let made = |(id, outcome): (&Id, &Outcome)| id.kind == Kind::Schedule && matches!(outcome, Outcome::Done(_));
        if applied.outcomes.iter().any(made) {
            status::put_schedule(&mut status, pipeline, self.last_firing(), now);
            if status::fires_otherwise(applied) {
                status::restart_schedule(&mut status, now);
            }
            self.expect(pipeline, &aws.location, &status, now);
        }
        status.resources = status::rows_after(&self.before.resources, applied, gone);
        status.tag_keys = tag_keys.recorded().cloned().collect();
        status.queue = Some(depth);
        status.plan = for_status(status::still_pending(changes, applied));
        if applied.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_))) {
            status.in_sync_with = Some(fingerprint);
        } else {
            // Of what is wanted now, AWS may have any part.
            status.in_sync_with = status.in_sync_with.filter(|before| *before == fingerprint);
        }
        let drift = drift(applied, before);
        for one in &drift {
            self.context.metrics.count_drift(one);
        }
        let mut events = events::of_changes(applied, &drift);
        self.take_commands(&mut status);
        let mut health = failing.unwrap_or_else(|| healthy(pipeline, now));
        // A tag that AWS refuses holds up no command.
        if applied.outcomes.values().all(Outcome::is_usable) {
            match self.run_now(pipeline, aws, &mut status).await {
                Ok(fired) => events.extend(fired),
                Err(error) => health = Health::aws(&error),
            }
        }
        self.finish(status, &health, events).await
    }

    /// Records the token of `reconcile-now`, so that it acts once: a reconcile, which is what it asks for, has just been taken.
    pub(super) fn take_commands(&self, status: &mut PipelineStatus) {
        let token = commands::of(&self.pipeline, annotation::RECONCILE_NOW);
        status.last_reconcile_now = token.or_else(|| status.last_reconcile_now.take());
    }
}

fn healthy(pipeline: &Pipeline, now: Timestamp) -> Health {
    if pipeline.suspended {
        Health::ready(Settled::Suspended, "everything on AWS is as wanted, and the schedule is disabled")
    } else if pipeline.schedule.is_over(now, &pipeline.window) {
        Health::ready(Settled::Completed, "everything on AWS is as wanted, and nothing will fire any more")
    } else {
        Health::ready(Settled::InSync, "everything on AWS is as wanted")
    }
}
