//! Deletes a pipeline: first its resources on AWS, then its finalizer.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{DeletionPolicy, Mode, ScheduledTaskPipeline};
use aws::{Aws, AwsError, resource};
use futures::future::join_all;
use jiff::Timestamp;
use pipeline_core::event::Event;
use pipeline_core::names::{Owner, Ownership};
use pipeline_core::pipeline::place_of_deletion;
use pipeline_core::plan::{Observations, plan_deletion};
use pipeline_core::reason::{Acted, Underway};
use pipeline_core::requeue::Requeue;
use pipeline_core::resource::{Id, Kind, depth};
use pipeline_core::text::counted;

use super::apply::{Outcome, apply, observe_all};
use super::context::{PlanContext, ReconcileContext};
use super::drain;
use super::error::ReconcileError;
use super::finish::{finish, finish_early, publish_events};
use super::ready::Health;
use super::status::{self, Rows};
use super::subject::{self, Subject};
use super::{PATIENCE, events};
use crate::kubernetes::cluster::has_finalizer;

/// How long the runner may work off the queue after the schedule is deleted.
const DRAIN: Duration = Duration::from_mins(5);

/// How often the queue is read until it is empty.
const DRAIN_POLL: Duration = Duration::from_secs(2);

/// How often the queues are read until their counts can be believed.
const SETTLE_POLL: Duration = Duration::from_secs(10);

/// Why a deletion waits although the queues are shown empty.
const SETTLING: &str = "the schedule is deleted, and the queues are shown empty; since something was under way a moment \
                        ago, they are counted once more a minute after it";

/// What follows when all resources of one step are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The other resources come next, after this time.
    Requeue(Duration),
    /// Nothing is left: the finalizer is removed.
    Finish,
}

pub(super) async fn cleanup(context: &ReconcileContext, subject: &Subject) -> Result<Requeue, ReconcileError> {
    let Subject { pipeline, owner, previous } = subject;
    if !has_finalizer(pipeline) {
        context.forget(pipeline);
        return Ok(Requeue::OnChange);
    }
    let fired_by_hand = context.expectations.awaits_run_by_hand(&owner.uid);
    // A deleted pipeline has no missed firings.
    context.expectations.forget(&owner.uid);
    let recorded: Vec<Id> = previous.recorded.keys().cloned().collect();
    if recorded.is_empty() {
        return finish_deletion(context, subject, &[]).await;
    }
    if let Some(why) = retains(pipeline) {
        return finish_deletion(context, subject, &retained(why, &previous.rows)).await;
    }
    let home = previous.home(context.plan.accounts.own_region());
    let spec = &pipeline.spec;
    let target = match place_of_deletion(spec.aws.as_ref(), &owner.namespace, &context.plan.configuration, home) {
        Ok(target) => target,
        Err(refusals) => return finish_early(context, subject, &Health::refused(&refusals, true)).await,
    };
    let aws = subject::aws(&context.plan, subject, &target).await?;

    let (schedules, rest): (Vec<Id>, Vec<Id>) = recorded.into_iter().partition(|id| id.kind == Kind::Schedule);
    // The schedule goes first, alone: a firing that it has just handed over then reaches the queue before the queue is
    // read.
    let observed = observe_all(&aws, schedules.clone(), &previous.rows.arns()).await?;
    let fires = observed.values().any(Option::is_some);
    let now = Timestamp::now();
    let moved = || drain::moved(&pipeline.spec, previous.status(), &previous.runs, now);
    context.drains.found(&owner.uid, fires || fired_by_hand, || if fired_by_hand { Some(now) } else { moved() });
    if fires {
        let what = Removal { ids: schedules, observed, ..Removal::default() };
        let at_rest = context.drains.unsettled_for(&owner.uid, now).is_none();
        let pause = if at_rest { Duration::ZERO } else { DRAIN_POLL };
        return Box::pin(delete_resources(context, subject, &aws, what, Then::Requeue(pause))).await;
    }
    let queues = rest.iter().filter(|id| id.kind == Kind::Queue).cloned();
    let (queues, unreadable) = observe_each(&aws, queues).await;
    let left = undelivered(owner, &queues);
    if left > 0 {
        context.drains.saw_messages(&owner.uid, Timestamp::now());
    }
    if left > 0 && deleting_for(subject) < DRAIN {
        let message = format!("the schedule is deleted; not processed yet: {}", counted(left, "message"));
        let health = Health::progressing(Underway::Deleting, message, Requeue::In(DRAIN_POLL));
        return finish_early(context, subject, &health).await;
    }
    let unsettled = context.drains.unsettled_for(&owner.uid, Timestamp::now());
    if let Some(time) = unsettled.filter(|_| left == 0) {
        let again = Duration::try_from(time).unwrap_or_default().min(SETTLE_POLL);
        let health = Health::progressing(Underway::Deleting, SETTLING, Requeue::In(again));
        return finish_early(context, subject, &health).await;
    }
    // What the runner has not processed may become a dead letter to the last.
    let rest =
        rest.into_iter().filter(|id| unsettled.is_none() || !depth::is_dead_letter_queue(id)).collect::<Vec<_>>();
    let (keep, rest): (Vec<Id>, Vec<Id>) = rest.into_iter().partition(|id| keeps(pipeline, id, &queues));
    let mut events = kept(&keep, &queues);
    if left > 0 {
        events.push(Event::new(
            Acted::MessagesLost,
            format!("deleted with the queue: {}, not processed within {} s", counted(left, "message"), DRAIN.as_secs()),
        ));
    }
    // The schedule itself is gone, but its row may still be in the status.
    let ids = rest.into_iter().chain(schedules).collect();
    let what = Removal { ids, unreadable, events, ..Removal::default() };
    let then = if unsettled.is_none() { Then::Finish } else { Then::Requeue(SETTLE_POLL) };
    Box::pin(delete_resources(context, subject, &aws, what, then)).await
}

/// Why everything stays on AWS; `None` if it is to be deleted.
fn retains(pipeline: &ScheduledTaskPipeline) -> Option<&'static str> {
    match (pipeline.spec.mode, pipeline.spec.deletion_policy) {
        (Mode::Observe, _) => Some("mode is Observe"),
        (Mode::Manage, DeletionPolicy::Retain) => Some("deletionPolicy is Retain"),
        (Mode::Manage, DeletionPolicy::Delete) => None,
    }
}

/// The resources that one step of a deletion removes.
#[derive(Default)]
struct Removal {
    /// The resources to delete.
    ids: Vec<Id>,
    /// Observations of them, if there are any. Each is read again right before it is deleted.
    observed: Observations,
    /// Queues that cannot be read. They are not deleted, as they may hold dead letters.
    unreadable: BTreeMap<Id, AwsError>,
    /// Events to publish once all the resources are gone.
    events: Vec<Event>,
}

/// Reads several resources concurrently. An error of one does not stop the others.
async fn observe_each(aws: &Aws, ids: impl IntoIterator<Item = Id>) -> (Observations, BTreeMap<Id, AwsError>) {
    let reads = ids.into_iter().map(|id| async move {
        let seen = resource::observe(aws, &id, None).await;
        (id, seen)
    });
    let (mut observed, mut unreadable) = (Observations::new(), BTreeMap::new());
    for (id, seen) in join_all(reads).await {
        match seen {
            Ok(seen) => drop(observed.insert(id, seen)),
            Err(error) => drop(unreadable.insert(id, error)),
        }
    }
    (observed, unreadable)
}

/// Deletes resources, and continues with `then` once they are gone.
async fn delete_resources(
    context: &ReconcileContext,
    subject: &Subject,
    aws: &Aws,
    what: Removal,
    then: Then,
) -> Result<Requeue, ReconcileError> {
    let Removal { ids, observed, unreadable, events } = what;
    let seen = ids.iter().filter(|id| !unreadable.contains_key(*id)).cloned().collect();
    let plan = plan_deletion(&subject.owner, seen, observed).with_arns(&subject.previous.rows.arns());
    let mut applied = apply(aws, &subject.owner, &plan, PATIENCE).await;
    applied.outcomes.extend(unreadable.into_iter().map(|(id, error)| (id, Outcome::Failed(error))));
    let done = applied.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_)));
    let mut all_events = events::of_changes(&applied, &[]);
    if done {
        all_events.extend(events);
    }
    if done && then == Then::Finish {
        Box::pin(delete_inbox(context, subject, aws)).await?;
        return finish_deletion(context, subject, &all_events).await;
    }
    let mut status = subject.previous.status().clone();
    status.resources = status::rows_after(&subject.previous.rows, &applied, &ids).into_vec();
    status.schedule = None;
    status.next_run = None;
    let pause = match then {
        Then::Requeue(pause) => pause,
        Then::Finish => DRAIN_POLL,
    };
    let health = Health::of(&applied, Underway::Deleting)
        .unwrap_or_else(|| Health::progressing(Underway::Deleting, "the schedule is gone", Requeue::In(pause)));
    finish(context, subject, status, &health, all_events).await
}

/// Deletes the inbox if this was the last pipeline of its account and region.
async fn delete_inbox(context: &ReconcileContext, subject: &Subject, aws: &Aws) -> Result<(), ReconcileError> {
    let ReconcileContext { plan: PlanContext { cluster, cluster_name, .. }, observed_cache, inboxes, .. } = context;
    let (account, region) = (&aws.location.account, &aws.location.region);
    // The reader of the inbox would create it again for a pipeline that it still knows.
    observed_cache.forget(&subject.owner.uid);
    if !observed_cache.lives_in(&aws.location) && !cluster.stays_in(account, region, &subject.owner.uid).await? {
        inboxes.delete(aws, cluster_name).await?;
    }
    Ok(())
}

async fn finish_deletion(
    context: &ReconcileContext,
    subject: &Subject,
    events: &[Event],
) -> Result<Requeue, ReconcileError> {
    publish_events(context, subject, events).await?;
    context.plan.cluster.remove_finalizer(&subject.pipeline).await?;
    context.forget(&subject.pipeline);
    Ok(Requeue::OnChange)
}

/// Messages in the queue between sender and runner.
fn undelivered(owner: &Owner, observed: &Observations) -> u64 {
    let seen = observed.iter().filter_map(|(id, seen)| Some((id, seen.as_ref()?)));
    let depth = depth::depth(seen.filter(|(_, seen)| owner.ownership(&seen.tags) == Ownership::Ours));
    depth.visible + depth.in_flight
}

/// Whether a dead-letter queue stays because it holds messages.
fn keeps(pipeline: &ScheduledTaskPipeline, id: &Id, observed: &Observations) -> bool {
    let messages = observed.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth);
    let full = messages.is_some_and(|depth| depth.visible + depth.in_flight > 0);
    full && depth::is_dead_letter_queue(id) && !pipeline.spec.queue.delete_with_messages
}

fn deleting_for(subject: &Subject) -> Duration {
    let since = subject.deleted().unwrap_or_else(Timestamp::now);
    Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default()
}

/// Bytes of ARNs in one event: the API server limits a note to 1024 bytes.
const MAX_ARNS: usize = 900;

/// Events that list the resources that stay on AWS, as many as their ARNs need.
pub(super) fn retained(why: &str, rows: &Rows) -> Vec<Event> {
    let mut lists: Vec<String> = Vec::new();
    for row in rows.iter() {
        let name = if row.arn.is_empty() { format!("{} {}", row.kind, row.name) } else { row.arn.clone() };
        match lists.last_mut() {
            Some(list) if list.len() + name.len() < MAX_ARNS => {
                list.push_str(", ");
                list.push_str(&name);
            }
            _ => lists.push(name),
        }
    }
    let event = |list| Event::new(Acted::Retained, format!("{why}: left on AWS, and firing: {list}"));
    lists.into_iter().map(event).collect()
}

fn kept(queues: &[Id], observed: &Observations) -> Vec<Event> {
    let depth = |id: &Id| observed.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth).unwrap_or_default();
    queues
        .iter()
        .map(|id| {
            let messages = depth(id).visible + depth(id).in_flight;
            let remedy = "set queue.deleteWithMessages to delete such queues too";
            Event::new(
                Acted::DeadLettersKept,
                format!("{id} holds {} and stays on AWS; {remedy}", counted(messages, "message")),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use api::{ResourceRow, ResourceState};

    use super::*;

    #[test]
    fn every_arn_that_stays_is_told_and_no_event_is_too_long() {
        let row = |number: usize| ResourceRow {
            kind: "Queue".to_owned(),
            name: number.to_string(),
            arn: format!("arn:aws:sqs:eu-west-1:111122223333:{number}-{}", "x".repeat(80)),
            state: ResourceState::Ready,
            message: None,
            unseen: false,
        };
        let rows: Vec<ResourceRow> = (0..20).map(row).collect();
        let events = retained("deletionPolicy is Retain", &Rows::from(&rows[..]));
        assert!(events.iter().all(|event| event.note.len() <= 1024), "{events:?}");
        let all: String = events.into_iter().map(|event| event.note).collect();
        assert!(rows.iter().all(|row| all.contains(&row.arn)), "{all}");
    }
}
