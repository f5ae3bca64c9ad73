//! What was just written and AWS may not show yet: that is not what somebody else did.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::apply::{Applied, Deed};
use crate::identity::Location;
use crate::plan::{Goal, Have, Plan};
use crate::resource::{Fields, Id, Kind, Resource};

/// How long SQS takes at most to show a queue's attributes as they were set.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const ATTRIBUTES: Duration = Duration::from_mins(1);

/// The same for how long a queue keeps messages.
const RETENTION: Duration = Duration::from_mins(15);

fn takes(field: &str) -> Duration {
    if field == "messageRetentionPeriod" { RETENTION } else { ATTRIBUTES }
}

/// The queues that were written within the longest of these times.
#[derive(Debug, Default)]
pub struct Propagation {
    written: Mutex<HashMap<(Location, Id), Written>>,
}

#[derive(Debug)]
struct Written {
    at: Instant,
    fields: Fields,
}

/// How a plan wants queues to be.
pub fn wanted(plan: &Plan) -> Vec<(Id, Fields)> {
    let queues = plan.steps.iter().filter(|step| step.id.kind == Kind::Queue);
    let fields = queues.filter_map(|step| match &step.goal {
        Goal::Present(wanted) => Some((step.id.clone(), wanted.resource.fields())),
        Goal::Gone => None,
    });
    fields.collect()
}

impl Propagation {
    /// Notes which queues were changed just now, of those that were wanted so.
    pub fn note(&self, location: &Location, wanted: Vec<(Id, Fields)>, applied: &Applied) {
        let changed = |id: &Id| {
            applied.deeds.iter().any(|(other, deed)| other == id && matches!(deed, Deed::Updated(_) | Deed::Created))
        };
        let at = Instant::now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, written| written.at.elapsed() < RETENTION);
        let changed = wanted.into_iter().filter(|(id, _)| changed(id));
        written.extend(changed.map(|(id, fields)| ((location.clone(), id), Written { at, fields })));
    }

    /// Takes what was written, and is still wanted, for what AWS has, for as long as it may not show it.
    pub fn see_through(&self, location: &Location, want: &[Resource], have: &mut Have) {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in want {
            let id = resource.id();
            let Some(Written { at, fields }) = written.get(&(location.clone(), id.clone())) else { continue };
            let Some(Some(seen)) = have.get_mut(&id) else { continue };
            if *fields != resource.fields() {
                continue;
            }
            let age = at.elapsed();
            seen.fields.retain(|name, _| age >= takes(name) || fields.contains_key(name));
            seen.fields.extend(
                fields.iter().filter(|(name, _)| age < takes(name)).map(|(name, field)| (*name, field.clone())),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Tags;
    use crate::resource::{Difference, Field, Observed, Queue};

    fn location() -> Location {
        let [partition, account, region] = ["aws", "111122223333", "eu-west-1"].map(str::to_owned);
        Location { partition, account, region, endpoint: None }
    }

    fn queue(retention_seconds: u32, visibility_timeout_seconds: u32) -> Resource {
        Resource::Queue(Queue {
            name: "a".to_owned(),
            retention_seconds,
            visibility_timeout_seconds: Some(visibility_timeout_seconds),
            redrive: None,
            kms_key_arn: None,
            tags: Tags::new(),
        })
    }

    fn noted(resource: &Resource, age: Duration) -> Propagation {
        let propagation = Propagation::default();
        let difference = Difference { field: "visibilityTimeout".to_owned(), from: String::new(), to: String::new() };
        let applied = Applied { deeds: vec![(resource.id(), Deed::Updated(vec![difference]))], ..Applied::default() };
        propagation.note(&location(), vec![(resource.id(), resource.fields())], &applied);
        let then = Instant::now().checked_sub(age).expect("the machine has run for longer");
        propagation.written.lock().unwrap().values_mut().for_each(|written| written.at = then);
        propagation
    }

    /// What a look takes a queue for that AWS shows as `shown`.
    fn seen(propagation: &Propagation, want: &Resource, shown: &Resource) -> Fields {
        let observed = Observed { fields: shown.fields(), ..Observed::default() };
        let mut have = Have::from([(want.id(), Some(observed))]);
        propagation.see_through(&location(), std::slice::from_ref(want), &mut have);
        have.remove(&want.id()).flatten().unwrap().fields
    }

    #[test]
    fn what_was_just_written_counts_while_aws_may_not_show_it() {
        let (old, new) = (queue(60, 30), queue(120, 90));
        assert_eq!(seen(&noted(&new, Duration::ZERO), &new, &old), new.fields());
        let later = seen(&noted(&new, ATTRIBUTES), &new, &old);
        assert_eq!(later["messageRetentionPeriod"], Field::plain(120));
        assert_eq!(later["visibilityTimeout"], Field::plain(30));
        assert_eq!(seen(&noted(&new, RETENTION), &new, &old), old.fields());
    }

    #[test]
    fn an_attribute_that_aws_still_shows_and_that_was_taken_away_is_overlooked_as_well() {
        let new = queue(120, 90);
        let mut shown = Observed { fields: new.fields(), ..Observed::default() };
        shown.fields.insert("kmsMasterKeyId", Field::plain("old"));
        for (age, expected) in [(Duration::ZERO, false), (ATTRIBUTES, true)] {
            let mut have = Have::from([(new.id(), Some(shown.clone()))]);
            noted(&new, age).see_through(&location(), std::slice::from_ref(&new), &mut have);
            assert_eq!(have[&new.id()].as_ref().unwrap().fields.contains_key("kmsMasterKeyId"), expected);
        }
    }

    #[test]
    fn what_is_wanted_otherwise_by_now_is_written() {
        let (old, new, newer) = (queue(60, 30), queue(120, 90), queue(60, 30));
        assert_eq!(seen(&noted(&new, Duration::ZERO), &newer, &new), new.fields());
        assert_eq!(seen(&Propagation::default(), &new, &old), old.fields());
    }
}
