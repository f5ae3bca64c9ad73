//! Breadth-first search through all states of a small pipeline, so that a failure shows the shortest trace to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::rc::Rc;

use pipeline_core::resource::{Id, Kind};
use pipeline_core::test_support::spec;

use super::{Budget, CALM, Event, Rest, Setting, World, is_deep};

/// What was found.
struct Explored {
    states: usize,
    transitions: usize,
    /// The ways in which pipelines come to rest, each with its number of states.
    rests: Vec<(Rest, usize)>,
}

/// States in the order in which they were found, each with the transition that led to it.
#[derive(Default)]
struct Found {
    worlds: Vec<Rc<World>>,
    indices: HashMap<Rc<World>, usize>,
    from: Vec<Option<(usize, Event)>>,
}

impl Found {
    fn add(&mut self, world: World, from: Option<(usize, Event)>) -> usize {
        let world = Rc::new(world);
        match self.indices.entry(Rc::clone(&world)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.worlds.push(world);
                self.from.push(from);
                *new.insert(self.worlds.len() - 1)
            }
        }
    }

    /// The shortest sequence of events that leads to a state.
    fn trace(&self, mut index: usize) -> Vec<&Event> {
        let mut events = Vec::new();
        while let Some((before, event)) = &self.from[index] {
            events.push(event);
            index = *before;
        }
        events.reverse();
        events
    }

    fn fail(&self, index: usize, wrong: &str) -> ! {
        let mut text = String::new();
        for event in self.trace(index) {
            let _ = writeln!(text, "  {event}");
        }
        panic!("{wrong}\nafter\n{text}{:#?}", self.worlds[index]);
    }
}

/// Explores all states within a budget of disturbances, and how each comes to rest when no more disturbances follow.
fn explore(setting: &Setting, budget: Budget) -> Explored {
    let mut found = Found::default();
    let mut calm: Vec<Vec<usize>> = Vec::new();
    let mut transitions = 0;
    found.add(World::new(setting, budget), None);
    while calm.len() < found.worlds.len() {
        let index = calm.len();
        let world = Rc::clone(&found.worlds[index]);
        let next = world.calm(setting).unwrap_or_else(|wrong| found.fail(index, &wrong));
        let disturbed = world.disturbances(setting).unwrap_or_else(|wrong| found.fail(index, &wrong));
        transitions += next.len() + disturbed.len();
        let mut add = |(event, world)| found.add(world, Some((index, event)));
        calm.push(next.into_iter().map(&mut add).collect());
        for it in disturbed {
            add(it);
        }
    }
    let mut rests: Vec<(Rest, usize)> = Vec::new();
    for (index, world) in found.worlds.iter().enumerate().filter(|(index, _)| calm[*index].is_empty()) {
        let rest = world.rest(setting).unwrap_or_else(|wrong| found.fail(index, &wrong));
        match rests.iter_mut().find(|(other, _)| *other == rest) {
            Some((_, count)) => *count += 1,
            None => rests.push((rest, 1)),
        }
    }
    rests.sort_unstable();
    if let Some(index) = circle(&calm) {
        found.fail(index, "the operator goes round in circles: undisturbed, this state comes again");
    }
    Explored { states: found.worlds.len(), transitions, rests }
}

/// A state from which undisturbed steps can run into a cycle; `None` if every undisturbed path ends.
fn circle(calm: &[Vec<usize>]) -> Option<usize> {
    let mut waits_for: Vec<usize> = calm.iter().map(Vec::len).collect();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); calm.len()];
    for (index, next) in calm.iter().enumerate() {
        for it in next {
            before[*it].push(index);
        }
    }
    let mut ends: Vec<usize> = (0..calm.len()).filter(|index| waits_for[*index] == 0).collect();
    while let Some(index) = ends.pop() {
        for it in &before[index] {
            waits_for[*it] -= 1;
            if waits_for[*it] == 0 {
                ends.push(*it);
            }
        }
    }
    waits_for.iter().position(|count| *count > 0)
}

/// With secrets, hence with a parameter.
const CHAT: &str = "{channels: [{name: team, slack: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}]}";
/// Without secrets, and with a runner timeout above the visibility timeout of the queue of [`CHAT`].
const LONGER: &str = "{runner: {timeoutSeconds: 600}}";
/// Stays on AWS when it is deleted.
const RETAINED: &str = "{deletionPolicy: Retain}";
/// With queues of other names, and a mapping from one of them to the same function.
const FIFO: &str = "{concurrencyPolicy: Queue}";

/// With tags, of which [`TAGGED_OTHERWISE`] changes one and removes one; it also adds one.
const TAGGED: &str = "{tags: {stage: test, owner: me}}";
const TAGGED_OTHERWISE: &str = "{tags: {stage: live, cost: high}}";

/// With a layer, and with one of another content.
const LAYER: &str =
    "{layers: [{name: deps, python: {version: '3.13', requirements: [humanize==4.13.0]}}], runner: {layers: [deps]}}";
const OTHER_LAYER: &str =
    "{layers: [{name: deps, python: {version: '3.13', requirements: [humanize==4.12.0]}}], runner: {layers: [deps]}}";

/// The runner's half of a pipeline: every kind but log groups, and every order that there is among kinds.
fn half(id: &Id) -> bool {
    id.kind != Kind::LogGroup && !id.name.ends_with("-sender") && !id.name.ends_with("-undelivered-dlq")
}

/// The runner's role, whose update includes its tags, and its function, whose update takes several rounds.
fn tagged(id: &Id) -> bool {
    id.kind == Kind::Role && id.name.ends_with("-runner") || id.kind == Kind::Function && id.name.ends_with("-runner")
}

/// Layer versions, and all functions and roles except the sender's.
fn layered(id: &Id) -> bool {
    matches!(id.kind, Kind::LayerVersion | Kind::Function | Kind::Role) && !id.name.ends_with("-sender")
}

/// Explores pipelines of these specs under these disturbances: no write breaks an invariant, and the pipelines come to
/// rest in exactly the expected ways.
#[track_caller]
#[expect(clippy::print_stdout, reason = "how much was explored is part of what a test run says")]
fn check(specs: &[&str], keep: fn(&Id) -> bool, budget: Budget, expected: &[Rest]) {
    let deep = is_deep();
    let specs: Vec<_> = specs.iter().map(|yaml| spec(yaml)).collect();
    let setting = Setting::new(&specs, keep, deep);
    let explored = explore(&setting, Budget { all: budget.all + u8::from(deep), ..budget });
    let rests: Vec<Rest> = explored.rests.iter().map(|(rest, _)| *rest).collect();
    assert_eq!(rests, expected);
    println!("{} states, {} transitions; at rest {:?}", explored.states, explored.transitions, explored.rests);
}

#[test]
fn whatever_is_lost_at_whatever_write_a_pipeline_comes_to_be_as_wanted() {
    let budget = Budget { all: 3, crashes: 1, faults: 1, edits: 1, ..CALM };
    check(&[CHAT, LONGER], half, budget, &[Rest::Matched]);
}

#[test]
fn a_pipeline_deleted_or_made_anew_at_any_moment_leaves_nothing_of_its_own() {
    let budget = Budget { all: 2, lives: 2, edits: 1, crashes: 1, ..CALM };
    check(&[CHAT, LONGER], half, budget, &[Rest::Matched, Rest::Gone]);
}

#[test]
fn a_pipeline_that_was_retained_is_taken_over_by_one_with_another_kind_of_queue() {
    let budget = Budget { all: 2, lives: 2, ..CALM };
    check(&[RETAINED, FIFO], half, budget, &[Rest::Matched, Rest::Gone]);
}

#[test]
fn whatever_somebody_changes_or_deletes_is_put_right_or_named() {
    let budget = Budget { all: 2, drifts: 1, crashes: 1, lives: 1, ..CALM };
    check(&[CHAT, LONGER], half, budget, &[Rest::Matched, Rest::Conflict, Rest::Gone]);
}

#[test]
fn whatever_a_policy_protects_the_tags_of_a_spec_come_and_go_and_foreign_ones_stay() {
    let budget = Budget { all: 3, edits: 2, crashes: 1, faults: 2, drifts: 1, lives: 1, ..CALM };
    let rests = [Rest::Matched, Rest::Conflict, Rest::Gone];
    check(&[TAGGED, TAGGED_OTHERWISE], tagged, budget, &rests);
}

#[test]
fn whatever_name_somebody_takes_is_left_to_them_and_named() {
    let budget = Budget { all: 2, foreigners: 2, crashes: 1, lives: 1, ..CALM };
    check(&[CHAT, LONGER], half, budget, &[Rest::Matched, Rest::Conflict, Rest::Gone]);
}

#[test]
fn a_function_is_given_another_layer_before_the_one_that_it_had_goes() {
    let budget = Budget { all: 2, edits: 2, crashes: 1, faults: 1, lives: 1, drifts: 1, ..CALM };
    check(&[LAYER, OTHER_LAYER], layered, budget, &[Rest::Matched, Rest::Conflict, Rest::Gone]);
}
