//! Whose turn it is where not all can be served at once: by urgency, and among equals by caller in rotation, so that one
//! with much to ask for does not hold up the others. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How soon a call should be made when not all can be made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Somebody waits for it: an edit, a deletion, a command.
    Edit,
    /// A pipeline is made, or made again and again because something fails. After an installation these are many.
    Unready,
    /// A pipeline is reconciled because it is time.
    Resync,
    /// Background work for all pipelines: the sweep, and reading inboxes.
    Sweep,
}

/// On whose behalf a call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// UID of the pipeline; empty for what concerns none or all.
    pub name: Arc<str>,
    /// How soon.
    pub urgency: Urgency,
}

/// One of so many permits goes to the lowest priority that waits, so that nothing starves.
const ONE_FOR_THE_LAST: u32 = 8;

/// Who waits.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lines: BTreeMap<Urgency, Line<T>>,
    taken: u32,
}

/// Callers of one urgency, each with what it waits with. The first is next.
type Line<T> = VecDeque<(Arc<str>, VecDeque<T>)>;

impl<T> Turns<T> {
    pub(super) const fn new() -> Self {
        Self { lines: BTreeMap::new(), taken: 0 }
    }

    /// Waits with something.
    pub(super) fn wait(&mut self, caller: &Caller, with: T) {
        let line = self.lines.entry(caller.urgency).or_default();
        match line.iter_mut().find(|(name, _)| *name == caller.name) {
            Some((_, waiting)) => waiting.push_back(with),
            None => line.push_back((Arc::clone(&caller.name), VecDeque::from([with]))),
        }
    }

    /// What is served next.
    pub(super) fn next(&mut self) -> Option<T> {
        self.taken = self.taken.wrapping_add(1);
        let mut lines = self.lines.values_mut().filter(|line| !line.is_empty());
        let line = if self.taken.is_multiple_of(ONE_FOR_THE_LAST) { lines.next_back() } else { lines.next() }?;
        let (name, mut waiting) = line.pop_front()?;
        let next = waiting.pop_front();
        if !waiting.is_empty() {
            line.push_back((name, waiting));
        }
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.values().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str, urgency: Urgency) -> Caller {
        Caller { name: name.into(), urgency }
    }

    /// Who is served, in order, when these wait.
    fn order(waiting: &[(&str, Urgency)]) -> Vec<String> {
        let mut turns = Turns::new();
        for (number, (name, urgency)) in waiting.iter().enumerate() {
            turns.wait(&caller(name, *urgency), format!("{name}{number}"));
        }
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn callers_of_one_urgency_take_turns() {
        let all = [("a", Urgency::Unready), ("a", Urgency::Unready), ("a", Urgency::Unready), ("b", Urgency::Unready)];
        assert_eq!(order(&all), ["a0", "b3", "a1", "a2"]);
    }

    #[test]
    fn the_urgent_come_first() {
        let all = [
            ("a", Urgency::Sweep),
            ("b", Urgency::Resync),
            ("c", Urgency::Unready),
            ("d", Urgency::Edit),
            ("e", Urgency::Unready),
        ];
        assert_eq!(order(&all), ["d3", "c2", "e4", "b1", "a0"]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut all = vec![("sweep", Urgency::Sweep)];
        all.extend([("edit", Urgency::Edit); 20]);
        let place = order(&all).iter().position(|served| served == "sweep0");
        assert_eq!(place, Some(7));
    }

    #[test]
    fn it_is_empty_when_all_are_served() {
        let mut turns = Turns::new();
        assert!(turns.is_empty());
        turns.wait(&caller("a", Urgency::Edit), 1);
        assert!(!turns.is_empty());
        assert_eq!((turns.next(), turns.next()), (Some(1), None));
        assert!(turns.is_empty());
    }
}
