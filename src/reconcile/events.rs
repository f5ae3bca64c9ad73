//! Events of a pipeline: what the operator changed, what others changed, and changes of the pipeline's condition.

use api::PipelineStatus;
use pipeline_core::event::Event;
use pipeline_core::plan::drift::Drift;
use pipeline_core::reason::Acted;
use pipeline_core::resource::{Difference, Id, Side};
use pipeline_core::text::{printable, truncate};

use crate::reconcile::apply::{Applied, AppliedChange};
use crate::reconcile::ready::{Health, State};

/// Events for applied changes: one for everything that was created, one for each resource that was updated, and one for
/// each that had drifted.
pub fn of_changes(applied: &Applied, drift: &[Drift]) -> Vec<Event> {
    let drifted = |id: &Id| drift.iter().find(|drift| drift.id == *id);
    let listed = |desired: &AppliedChange| {
        let ids: Vec<String> = applied
            .changes
            .iter()
            .filter(|(id, change)| change == desired && (*desired != AppliedChange::Created || drifted(id).is_none()))
            .map(|(id, _)| id.to_string())
            .collect();
        (!ids.is_empty()).then(|| format!("{} on AWS: {}", ids.len(), ids.join(", ")))
    };
    let made = listed(&AppliedChange::Created).map(|note| Event::new(Acted::Created, note));
    let gone = listed(&AppliedChange::Deleted).map(|note| Event::new(Acted::Deleted, note));
    let changed = applied.changes.iter().filter_map(|(id, change)| match change {
        AppliedChange::Updated(differences) => {
            drifted(id).is_none().then(|| Event::new(Acted::Updated, format!("{id}: {}", listing(differences))))
        }
        AppliedChange::TakenOver { from } => Some(Event::new(
            Acted::TakenOver,
            format!("{id}, made by an earlier pipeline of this name with UID {from}"),
        )),
        AppliedChange::Created | AppliedChange::Deleted => None,
    });
    made.into_iter().chain(changed).chain(gone).chain(drift.iter().map(of_drift)).collect()
}

fn of_drift(Drift { id, differences }: &Drift) -> Event {
    let note = if differences.is_empty() {
        format!("{id} was deleted by somebody else, and is made again")
    } else {
        format!("{id} was changed by somebody else, and is put right: {}", listing(differences))
    };
    Event::new(Acted::DriftCorrected, note)
}

/// Lists fields with their old and new values.
fn listing(differences: &[Difference]) -> String {
    let line = |one: &Difference| format!("{}: {} → {}", one.place, brief(one.from.as_ref()), brief(one.to.as_ref()));
    differences.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// Values are cut to this many characters in an event.
const MAX_VALUE: usize = 120;

fn brief(side: Option<&Side>) -> String {
    side.map_or_else(|| "(unset)".to_owned(), |side| truncate(&printable(&side.to_string()), MAX_VALUE))
}

/// An event if the pipeline fails for another reason than before, or has recovered.
pub fn of_health(before: &PipelineStatus, health: &Health) -> Option<Event> {
    let old = before.condition("Ready");
    let same = old.is_some_and(|old| old.reason == health.reason.to_string() && old.message == health.message);
    let was_ready = old.is_some_and(|old| old.status == "True");
    let is_new = match health.state {
        State::Failing | State::Stalled => !same,
        State::Ready => !was_ready,
        State::Progressing => false,
    };
    is_new.then(|| Event::new(health.reason, &health.message))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pipeline_core::error_class::ErrorClass;
    use pipeline_core::reason::{Reason, Settled};
    use pipeline_core::resource::{FieldName, Kind};

    use super::*;

    fn id(kind: Kind, name: &str) -> Id {
        Id::new(kind, name)
    }

    #[test]
    fn one_event_lists_what_was_made_and_each_change_says_its_fields() {
        let memory = |mib: u32| Some(Side::value(mib));
        let difference = Difference::of_field(FieldName::MemorySize, memory(128), memory(256));
        let unset = Difference::of_tag("team", None, Some("a"));
        let changes = vec![
            (id(Kind::Queue, "a"), AppliedChange::Created),
            (id(Kind::Queue, "b"), AppliedChange::Created),
            (id(Kind::Function, "c"), AppliedChange::Updated(vec![difference, unset])),
            (id(Kind::Role, "d"), AppliedChange::TakenOver { from: "uid-0".to_owned() }),
        ];
        let events = of_changes(&Applied { changes, ..Applied::default() }, &[]);
        let texts: Vec<String> = events.iter().map(|event| format!("{}: {}", event.reason, event.note)).collect();
        assert_eq!(
            texts,
            [
                "Created: 2 on AWS: Queue a, Queue b",
                "Updated: Function c: memorySize: 128 → 256, tags.team: (unset) → a",
                "TakenOver: Role d, made by an earlier pipeline of this name with UID uid-0",
            ]
        );
    }

    #[test]
    fn a_failure_is_an_event_once() {
        let stalled = Health::conflict("Queue a exists");
        let event = of_health(&PipelineStatus::default(), &stalled).expect("an event");
        assert_eq!((event.reason, event.reason.is_warning()), (Reason::Failed(ErrorClass::Conflict), true));
        let conditions = crate::reconcile::ready::conditions(&stalled, &[], 1, Timestamp::UNIX_EPOCH);
        let status = PipelineStatus { conditions, ..PipelineStatus::default() };
        assert_eq!(of_health(&status, &stalled), None);
        assert!(of_health(&status, &Health::ready(Settled::InSync, "well")).is_some());
    }
}
