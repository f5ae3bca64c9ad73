//! How many messages a pipeline's queues hold.

use api::QueueDepth;

use super::{Id, Kind, Observed};
use crate::names::Part;

/// Messages in the pipeline's queues, of those that were observed.
pub fn depth<'seen>(seen: impl Iterator<Item = (&'seen Id, &'seen Observed)>) -> QueueDepth {
    seen.filter_map(|(id, observed)| Some((id, observed.depth?))).fold(QueueDepth::default(), |sum, (id, depth)| {
        if is_dead_letter_queue(id) {
            QueueDepth { dead_letters: sum.dead_letters + depth.visible + depth.in_flight, ..sum }
        } else {
            QueueDepth { visible: sum.visible + depth.visible, in_flight: sum.in_flight + depth.in_flight, ..sum }
        }
    })
}

/// Whether a resource is one of the two dead-letter queues.
pub fn is_dead_letter_queue(id: &Id) -> bool {
    id.kind == Kind::Queue && [Part::TasksDeadLetters, Part::Undelivered].iter().any(|part| part.is_end_of(&id.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_counted_apart() {
        let queue = |visible, in_flight| Observed {
            depth: Some(QueueDepth { visible, in_flight, dead_letters: 0 }),
            ..Observed::default()
        };
        let seen = [
            (Id::new(Kind::Queue, "p-tasks.fifo"), queue(2, 1)),
            (Id::new(Kind::Queue, "p-tasks-dlq.fifo"), queue(3, 1)),
            (Id::new(Kind::Queue, "p-undelivered-dlq"), queue(5, 0)),
        ];
        let depth = depth(seen.iter().map(|(id, seen)| (id, seen)));
        assert_eq!(depth, QueueDepth { visible: 2, in_flight: 1, dead_letters: 9 });
    }
}
