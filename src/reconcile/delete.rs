//! Takes a pipeline away: what it holds on AWS, then its finalizer.

use std::time::Duration;

use jiff::Timestamp;

use super::{Look, Next, PATIENCE};
use crate::apply::{Outcome, apply, observe_all};
use crate::aws::Aws;
use crate::cluster::{News, has_finalizer};
use crate::crd::DeletionPolicy;
use crate::health::{Again, Health, reason};
use crate::identity::Ownership;
use crate::pipeline::place_of_deletion;
use crate::plan::{Have, plan_deletion};
use crate::resource::{Id, Kind};
use crate::status;

/// How long the runner may go on after the schedule is gone.
const DRAIN: Duration = Duration::from_mins(5);

/// How often the queue is looked at meanwhile.
const DRAIN_POLL: Duration = Duration::from_secs(2);

/// What follows when everything of one step is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The rest is still there.
    LookAgain,
    /// Nothing is left.
    LetGo,
}

pub(super) async fn delete(look: Look<'_>) -> kube::Result<Next> {
    if !has_finalizer(&look.pipeline) {
        look.context.forget(&look.pipeline);
        return Ok(Next::OnChange);
    }
    let held: Vec<Id> = status::known(&look.before).into_keys().collect();
    if held.is_empty() {
        return look.let_go(&[]).await;
    }
    if look.pipeline.spec.deletion_policy == DeletionPolicy::Retain {
        return look.let_go(&[retained(&held)]).await;
    }
    let spec = &look.pipeline.spec;
    let place = place_of_deletion(spec.aws.as_ref(), &look.owner.namespace, &look.context.configuration, look.home());
    let target = match place {
        Ok(target) => target,
        Err(refusals) => return look.give_up(&Health::refused(&refusals, true)).await,
    };
    let aws = match look.aws(&target).await {
        Ok(aws) => aws,
        Err(health) => return look.give_up(&health).await,
    };
    let have = match observe_all(&aws, held.clone()).await {
        Ok(have) => have,
        Err(error) => return look.give_up(&Health::aws(&error)).await,
    };

    let (schedules, rest): (Vec<Id>, Vec<Id>) = held.into_iter().partition(|id| id.kind == Kind::Schedule);
    // First the schedule alone: a firing that was just handed over gets to the queue before that is looked at.
    let fires = schedules.iter().any(|id| have.get(id).is_some_and(Option::is_some));
    if fires {
        return look.take_away(&aws, schedules, have, Vec::new(), Then::LookAgain).await;
    }
    let left = look.undelivered(&have);
    if left > 0 && look.deleting_for() < DRAIN {
        let message = format!("the schedule is gone, and {left} messages are still being worked on");
        return look.give_up(&Health::progressing(reason::DELETING, message, Again::In(DRAIN_POLL))).await;
    }
    let (keep, rest): (Vec<Id>, Vec<Id>) = rest.into_iter().partition(|id| look.keeps(id, &have));
    let mut news = kept(&keep, &have);
    if left > 0 {
        news.push(warning(format!(
            "{left} messages went with the queue: they were not worked on within {} s",
            DRAIN.as_secs()
        )));
    }
    // The schedule's row, if it is still there, goes with the others.
    let ids = rest.into_iter().chain(schedules).collect();
    look.take_away(&aws, ids, have, news, Then::LetGo).await
}

impl Look<'_> {
    /// Deletes these, and goes on when they are gone.
    async fn take_away(self, aws: &Aws, ids: Vec<Id>, have: Have, news: Vec<News>, then: Then) -> kube::Result<Next> {
        let plan = plan_deletion(&self.owner, ids.clone(), have);
        let applied = apply(aws, &self.owner, plan, PATIENCE).await;
        let done = applied.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_)));
        let mut status = self.before.clone();
        status.resources = status::rows_after(&self.before.resources, &applied, &ids);
        status.schedule = None;
        status.next_run = None;
        let mut all_news = status::news_of(&applied);
        all_news.extend(news);
        if done && then == Then::LetGo {
            return self.let_go(&all_news).await;
        }
        let health = Health::of(&applied, reason::DELETING)
            .unwrap_or_else(|| Health::progressing(reason::DELETING, "the schedule is gone", Again::In(DRAIN_POLL)));
        self.conclude(status, &health, all_news).await
    }

    async fn let_go(self, news: &[News]) -> kube::Result<Next> {
        self.tell(news).await?;
        self.context.cluster.remove_finalizer(&self.pipeline).await?;
        self.context.forget(&self.pipeline);
        Ok(Next::OnChange)
    }

    /// Messages in the queue between sender and runner.
    fn undelivered(&self, have: &Have) -> u64 {
        let seen = have.iter().filter_map(|(id, seen)| Some((id, seen.as_ref()?)));
        let depth = status::depth(seen.filter(|(_, seen)| self.owner.ownership(&seen.tags) == Ownership::Ours));
        depth.visible + depth.in_flight
    }

    /// Whether a queue stays for the dead letters in it.
    fn keeps(&self, id: &Id, have: &Have) -> bool {
        let messages = have.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth);
        let full = messages.is_some_and(|depth| depth.visible + depth.in_flight > 0);
        full && status::is_dead_letter_queue(id) && !self.pipeline.spec.queue.delete_with_messages
    }

    fn deleting_for(&self) -> Duration {
        let since = self.pipeline.metadata.deletion_timestamp.as_ref().map_or_else(Timestamp::now, |time| time.0);
        Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default()
    }
}

fn warning(note: String) -> News {
    News { warning: true, reason: "MessagesLost".to_owned(), action: "Delete", note }
}

fn retained(held: &[Id]) -> News {
    let names: Vec<String> = held.iter().map(ToString::to_string).collect();
    News {
        warning: false,
        reason: "Retained".to_owned(),
        action: "Delete",
        note: format!("deletionPolicy is Retain: left on AWS, and firing: {}", names.join(", ")),
    }
}

fn kept(queues: &[Id], have: &Have) -> Vec<News> {
    let depth = |id: &Id| have.get(id).and_then(Option::as_ref).and_then(|seen| seen.depth).unwrap_or_default();
    queues
        .iter()
        .map(|id| News {
            warning: true,
            reason: "DeadLettersKept".to_owned(),
            action: "Delete",
            note: format!(
                "{id} holds {} messages and stays on AWS; set queue.deleteWithMessages to delete such queues too",
                depth(id).visible + depth(id).in_flight
            ),
        })
        .collect()
}
