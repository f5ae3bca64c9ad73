//! Recent writes that AWS may not show yet, so that they are not taken for drift.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pipeline_core::location::Location;
use pipeline_core::plan::{Goal, Observations, Plan};
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Resource};

/// The longest that SQS takes to show changed attributes of a queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const ATTRIBUTES: Duration = Duration::from_mins(1);

/// The longest that SQS takes to show a changed retention period.
const RETENTION: Duration = Duration::from_mins(15);

fn takes(field: FieldName) -> Duration {
    if field == FieldName::MessageRetentionPeriod { RETENTION } else { ATTRIBUTES }
}

/// Queues that were changed recently, with their fields before and after.
#[derive(Debug, Default)]
pub struct PendingWrites {
    changes: Mutex<HashMap<(Location, Id), Change>>,
}

/// A write to a queue: its fields before and after.
#[derive(Clone, Debug)]
pub struct Change {
    at: Instant,
    from: Fields,
    to: Fields,
}

impl Change {
    /// The fields that AWS may still show with their old value: name, old value, new value.
    fn under_way(&self) -> impl Iterator<Item = (FieldName, Option<&Field>, Option<&Field>)> {
        let names = self.from.keys().chain(self.to.keys()).copied();
        let fields = names.map(|name| (name, self.from.get(&name), self.to.get(&name)));
        let age = self.at.elapsed();
        fields.filter(move |(name, from, to)| from != to && age < takes(*name))
    }
}

/// The writes to existing queues that a plan contains.
pub fn changes(plan: &Plan) -> Vec<(Id, Change)> {
    let queues = plan.steps.iter().filter(|step| step.id.kind == Kind::Queue);
    let changes = queues.filter_map(|step| match (&step.goal, &step.observed) {
        (Goal::Present(desired), Some(observed)) => {
            let change = Change { at: Instant::now(), from: observed.fields.clone(), to: desired.resource.fields() };
            Some((step.id.clone(), change))
        }
        (Goal::Present(_), None) | (Goal::Gone, _) => None,
    });
    changes.collect()
}

impl PendingWrites {
    /// Records the writes that were carried out: those to resources in `updated`.
    pub fn record<'ids>(
        &self,
        location: &Location,
        changes: Vec<(Id, Change)>,
        updated: impl Iterator<Item = &'ids Id>,
    ) {
        let updated: BTreeSet<&Id> = updated.collect();
        let mut noted = self.changes.lock();
        noted.retain(|_, change| change.under_way().next().is_some());
        let done = changes.into_iter().filter(|(id, _)| updated.contains(id));
        noted.extend(done.map(|(id, change)| ((location.clone(), id), Change { at: Instant::now(), ..change })));
    }

    /// Whether AWS may still show one of these resources as it was before a write.
    pub fn is_under_way<'ids>(&self, location: &Location, mut ids: impl Iterator<Item = &'ids Id>) -> bool {
        let noted = self.changes.lock();
        ids.any(|id| noted.get(&(location.clone(), id.clone())).is_some_and(|it| it.under_way().next().is_some()))
    }

    /// Replaces old values in observations by the values that were just written, if those are still desired.
    pub fn overlay(&self, location: &Location, desired: &[Resource], observed: &mut Observations) {
        let noted = self.changes.lock();
        for resource in desired {
            let id = resource.id();
            let Some(Some(seen)) = observed.get_mut(&id) else { continue };
            let change = noted.get(&(location.clone(), id)).filter(|change| change.to == resource.fields());
            for (name, from, to) in change.iter().flat_map(|change| change.under_way()) {
                if seen.fields.get(&name) != from {
                    continue;
                }
                match to {
                    Some(to) => drop(seen.fields.insert(name, to.clone())),
                    None => drop(seen.fields.remove(&name)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline_core::names::Tags;
    use pipeline_core::partition::Partition;
    use pipeline_core::resource::{Observed, Queue};

    use super::*;

    fn location() -> Location {
        let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
        Location { partition: Partition::Aws, account, region, endpoint: None }
    }

    fn queue(retention_seconds: u32, visibility_timeout_seconds: u32, key: Option<&str>) -> Resource {
        Resource::Queue(Queue {
            name: "a".to_owned(),
            retention_seconds,
            visibility_timeout_seconds: Some(visibility_timeout_seconds),
            redrive: None,
            kms_key_arn: key.map(str::to_owned),
            tags: Tags::new(),
        })
    }

    /// A write that was carried out `age` ago.
    fn noted(from: &Resource, to: &Resource, age: Duration) -> PendingWrites {
        let pending = PendingWrites::default();
        let change = Change { at: Instant::now(), from: from.fields(), to: to.fields() };
        pending.record(&location(), vec![(to.id(), change)], [to.id()].iter());
        let then = Instant::now().checked_sub(age).expect("the machine has run for longer");
        pending.changes.lock().values_mut().for_each(|change| change.at = then);
        pending
    }

    /// The fields that a reconcile works with if AWS shows the queue as `shown`.
    fn seen(pending: &PendingWrites, desired: &Resource, shown: &Resource) -> Fields {
        let observed = Observed { fields: shown.fields(), ..Observed::default() };
        let mut observed = Observations::from([(desired.id(), Some(observed))]);
        pending.overlay(&location(), std::slice::from_ref(desired), &mut observed);
        observed.remove(&desired.id()).flatten().unwrap().fields
    }

    #[test]
    fn what_was_just_written_counts_while_aws_may_not_show_it() {
        let (old, new) = (queue(60, 30, Some("old")), queue(120, 90, None));
        assert_eq!(seen(&noted(&old, &new, Duration::ZERO), &new, &old), new.fields());
        let later = noted(&old, &new, ATTRIBUTES);
        let after = seen(&later, &new, &old);
        assert_eq!(after[&FieldName::MessageRetentionPeriod], Field::plain(120));
        assert_eq!(
            (&after[&FieldName::VisibilityTimeout], &after[&FieldName::KmsMasterKeyId]),
            (&Field::plain(30), &Field::plain("old"))
        );
        assert!(later.is_under_way(&location(), [new.id()].iter()));
        let over = noted(&old, &new, RETENTION);
        assert_eq!(seen(&over, &new, &old), old.fields());
        assert!(!over.is_under_way(&location(), [new.id()].iter()));
    }

    #[test]
    fn what_somebody_else_does_meanwhile_is_seen() {
        let (old, new, theirs) = (queue(60, 30, None), queue(120, 90, None), queue(240, 45, Some("theirs")));
        assert_eq!(seen(&noted(&old, &new, Duration::ZERO), &new, &theirs), theirs.fields());
    }

    #[test]
    fn what_is_wanted_otherwise_by_now_is_written() {
        let (old, new) = (queue(60, 30, None), queue(120, 90, None));
        assert_eq!(seen(&noted(&old, &new, Duration::ZERO), &old, &new), new.fields());
        assert_eq!(seen(&PendingWrites::default(), &new, &old), old.fields());
    }
}
