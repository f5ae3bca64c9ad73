//! Takes a pipeline away: what it holds on AWS, then its finalizer.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{DeletionPolicy, Mode, ResourceRow};
use aws::resource;
use aws::{Aws, AwsError};
use futures::future::join_all;
use jiff::Timestamp;
use pipeline_core::event::Event;
use pipeline_core::names::Ownership;
use pipeline_core::pipeline::place_of_deletion;
use pipeline_core::plan::{Have, plan_deletion};
use pipeline_core::reason::{Acted, Underway};
use pipeline_core::resource::{Id, Kind, depth};

use super::{Context, Next, PATIENCE, Reconciler};
use crate::kubernetes::cluster::has_finalizer;
use crate::reconcile::apply::{Outcome, apply, observe_all};
use crate::reconcile::events;
use crate::reconcile::ready::{Again, Health};
use crate::reconcile::status;

/// How long the runner may go on after the schedule is gone.
const DRAIN: Duration = Duration::from_mins(5);

/// How often the queue is read meanwhile.
const DRAIN_POLL: Duration = Duration::from_secs(2);

/// What follows when everything of one step is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The rest is still there.
    Requeue,
    /// Nothing is left.
    Finish,
}

pub(super) async fn delete(reconciler: Reconciler<'_>) -> kube::Result<Next> {
    if !has_finalizer(&reconciler.pipeline) {
        reconciler.context.forget_all(&reconciler.pipeline);
        return Ok(Next::OnChange);
    }
    // Nobody expects it to fire any more.
    reconciler.context.expectations.forget(&reconciler.owner.uid);
    let held: Vec<Id> = status::known(&reconciler.before).into_keys().collect();
    if held.is_empty() {
        return reconciler.finish_deletion(&[]).await;
    }
    if reconciler.pipeline.spec.mode == Mode::Observe {
        let events = retained("mode is Observe", &reconciler.before.resources);
        return reconciler.finish_deletion(&events).await;
    }
    if reconciler.pipeline.spec.deletion_policy == DeletionPolicy::Retain {
        let events = retained("deletionPolicy is Retain", &reconciler.before.resources);
        return reconciler.finish_deletion(&events).await;
    }
    let spec = &reconciler.pipeline.spec;
    let place = place_of_deletion(
        spec.aws.as_ref(),
        &reconciler.owner.namespace,
        &reconciler.context.configuration,
        reconciler.home(),
    );
    let target = match place {
        Ok(target) => target,
        Err(refusals) => return reconciler.finish_early(&Health::refused(&refusals, true)).await,
    };
    let aws = match reconciler.aws(&target).await {
        Ok(aws) => aws,
        Err(health) => return reconciler.finish_early(&health).await,
    };

    let (schedules, rest): (Vec<Id>, Vec<Id>) = held.into_iter().partition(|id| id.kind == Kind::Schedule);
    // First the schedule alone: a firing that was just handed over gets to the queue before that is read.
    let have = match observe_all(&aws, schedules.clone()).await {
        Ok(have) => have,
        Err(error) => return reconciler.finish_early(&Health::aws(&error)).await,
    };
    if have.values().any(Option::is_some) {
        let what = Removal { ids: schedules, have, ..Removal::default() };
        return Box::pin(reconciler.delete_resources(&aws, what, Then::Requeue)).await;
    }
    let queues = rest.iter().filter(|id| id.kind == Kind::Queue).cloned();
    let (queues, unseen) = observe_each(&aws, queues).await;
    let left = reconciler.undelivered(&queues);
    if left > 0 && reconciler.deleting_for() < DRAIN {
        let message = format!("the schedule is gone, and {left} messages are still being worked on");
        return reconciler.finish_early(&Health::progressing(Underway::Deleting, message, Again::In(DRAIN_POLL))).await;
    }
    let (keep, rest): (Vec<Id>, Vec<Id>) = rest.into_iter().partition(|id| reconciler.keeps(id, &queues));
    let mut events = kept(&keep, &queues);
    if left > 0 {
        events.push(Event::new(
            Acted::MessagesLost,
            format!("{left} messages went with the queue: they were not worked on within {} s", DRAIN.as_secs()),
        ));
    }
    // The schedule's row, if it is still there, goes with the others.
    let ids = rest.into_iter().chain(schedules).collect();
    let what = Removal { ids, unseen, events, ..Removal::default() };
    Box::pin(reconciler.delete_resources(&aws, what, Then::Finish)).await
}

/// What to take away.
#[derive(Default)]
struct Removal {
    /// The resources.
    ids: Vec<Id>,
    /// What was seen of them; each is read again just before it goes.
    have: Have,
    /// Those that cannot be read: a queue that may hold dead letters stays.
    unseen: BTreeMap<Id, AwsError>,
    /// What there is to tell when the others are gone.
    events: Vec<Event>,
}

/// Reads several resources at once; one that cannot be read stops no other.
async fn observe_each(aws: &Aws, ids: impl IntoIterator<Item = Id>) -> (Have, BTreeMap<Id, AwsError>) {
    let looks = ids.into_iter().map(|id| async move {
        let seen = resource::observe(aws, &id).await;
        (id, seen)
    });
    let (mut have, mut unseen) = (Have::new(), BTreeMap::new());
    for (id, seen) in join_all(looks).await {
        match seen {
            Ok(seen) => drop(have.insert(id, seen)),
            Err(error) => drop(unseen.insert(id, error)),
        }
    }
    (have, unseen)
}

impl Reconciler<'_> {
    /// Deletes these, and goes on when they are gone.
    async fn delete_resources(self, aws: &Aws, what: Removal, then: Then) -> kube::Result<Next> {
        let Removal { ids, have, unseen, events } = what;
        let seen = ids.iter().filter(|id| !unseen.contains_key(*id)).cloned().collect();
        let plan = plan_deletion(&self.owner, seen, have);
        let mut applied = apply(aws, &self.owner, plan, PATIENCE).await;
        applied.outcomes.extend(unseen.into_iter().map(|(id, error)| (id, Outcome::Failed(error))));
        let done = applied.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_)));
        let mut status = self.before.clone();
        status.resources = status::rows_after(&self.before.resources, &applied, &ids);
        status.schedule = None;
        status.next_run = None;
        let mut all_events = events::of_changes(&applied, &[]);
        if done && then == Then::Finish {
            if let Err(error) = Box::pin(self.delete_inbox(aws)).await? {
                return self.finish_early(&Health::aws(&error)).await;
            }
            all_events.extend(events);
            return self.finish_deletion(&all_events).await;
        }
        let health = Health::of(&applied, Underway::Deleting)
            .unwrap_or_else(|| Health::progressing(Underway::Deleting, "the schedule is gone", Again::In(DRAIN_POLL)));
        self.finish(status, &health, all_events).await
    }

    /// The inbox goes with the last pipeline of its account and region.
    async fn delete_inbox(&self, aws: &Aws) -> kube::Result<Result<(), AwsError>> {
        let Context { memory, cluster, inboxes, cluster_name, .. } = self.context;
        let (account, region) = (&aws.location.account, &aws.location.region);
        // Forgotten first, or the reader of the inbox would make it again.
        memory.forget(&self.owner.uid);
        if memory.lives_in(&aws.location) || cluster.stays_in(account, region, &self.owner.uid).await? {
            return Ok(Ok(()));
        }
        Ok(inboxes.delete(aws, cluster_name).await)
    }

    async fn finish_deletion(self, events: &[Event]) -> kube::Result<Next> {
        self.publish_events(events).await?;
        self.context.cluster.remove_finalizer(&self.pipeline).await?;
        self.context.forget_all(&self.pipeline);
        Ok(Next::OnChange)
    }

    /// Messages in the queue between sender and runner.
    fn undelivered(&self, have: &Have) -> u64 {
        let seen = have.iter().filter_map(|(id, seen)| Some((id, seen.as_ref()?)));
        let depth = depth::depth(seen.filter(|(_, seen)| self.owner.ownership(&seen.tags) == Ownership::Ours));
        depth.visible + depth.in_flight
    }

    /// Whether a queue stays for the dead letters in it.
    fn keeps(&self, id: &Id, have: &Have) -> bool {
        let messages = have.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth);
        let full = messages.is_some_and(|depth| depth.visible + depth.in_flight > 0);
        full && depth::is_dead_letter_queue(id) && !self.pipeline.spec.queue.delete_with_messages
    }

    fn deleting_for(&self) -> Duration {
        let since = self.pipeline.metadata.deletion_timestamp.as_ref().map_or_else(Timestamp::now, |time| time.0);
        Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default()
    }
}

/// Bytes of ARNs in one event, whose note may have 1024.
const MAX_ARNS: usize = 900;

/// What stays, in as many events as it takes.
pub(super) fn retained(why: &str, rows: &[ResourceRow]) -> Vec<Event> {
    let mut lists: Vec<String> = Vec::new();
    for row in rows {
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

fn kept(queues: &[Id], have: &Have) -> Vec<Event> {
    let depth = |id: &Id| have.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth).unwrap_or_default();
    queues
        .iter()
        .map(|id| {
            let messages = depth(id).visible + depth(id).in_flight;
            let remedy = "set queue.deleteWithMessages to delete such queues too";
            Event::new(Acted::DeadLettersKept, format!("{id} holds {messages} messages and stays on AWS; {remedy}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use api::ResourceState;

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
        let events = retained("deletionPolicy is Retain", &rows);
        assert!(events.iter().all(|event| event.note.len() <= 1024), "{events:?}");
        let all: String = events.into_iter().map(|event| event.note).collect();
        assert!(rows.iter().all(|row| all.contains(&row.arn)), "{all}");
    }
}
