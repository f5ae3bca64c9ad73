//! Plans of whole pipelines against what AWS may have.

mod report;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::invariants::check;
use super::test_support::{desired_by, made, owned_by, recorded};
use super::{Observations, Plan, Recorded, Verdict};
use crate::names::{Owner, TagKeys, Tags, tag};
use crate::resource::{Difference, FieldName, Id, Kind, Observed, Resource};
use crate::test_support::{owner, spec};

const CHAT: &str = "channels: [{name: team, slack: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}]";

fn desired(yaml: &str) -> Vec<Resource> {
    desired_by(&spec(yaml))
}

/// A plan without a flaw.
#[track_caller]
fn plan(owner: &Owner, desired: Vec<Resource>, known: &BTreeMap<Id, Recorded>, observed: Observations) -> Plan {
    plan_with(owner, desired, known, &TagKeys::default(), observed)
}

/// The same, where the status records tag keys.
#[track_caller]
fn plan_with(
    owner: &Owner,
    desired: Vec<Resource>,
    known: &BTreeMap<Id, Recorded>,
    tag_keys: &TagKeys,
    observed: Observations,
) -> Plan {
    let plan = super::plan(owner, desired, known, tag_keys, observed);
    check(owner, &plan);
    plan
}

#[track_caller]
fn plan_deletion(owner: &Owner, ids: Vec<Id>, observed: Observations) -> Plan {
    let plan = super::plan_deletion(owner, ids, observed);
    check(owner, &plan);
    plan
}

/// Changes what AWS has of one resource.
fn change(observed: &mut Observations, kind: Kind, suffix: &str, change: impl Fn(&mut Observed)) {
    let mut found = observed.iter_mut().filter(|(id, _)| id.kind == kind && id.name.ends_with(suffix));
    let (_, observed) = found.next().unwrap_or_else(|| panic!("{kind} …{suffix}"));
    assert!(found.next().is_none(), "one {kind} ends in {suffix}");
    change(observed.as_mut().expect("made"));
}

/// Everything that is not in sync, as `verdict kind …suffix`.
fn verdicts(plan: &Plan) -> Vec<String> {
    let fields = |differences: &[Difference]| {
        let name = |it: &Difference| it.field().map_or_else(|| "tags".to_owned(), |name| name.to_string());
        let mut fields: Vec<String> = differences.iter().map(name).collect();
        fields.dedup();
        fields.join(",")
    };
    let prefix = owner().prefix();
    let short = |id: &Id| format!("{} …{}", id.kind, id.name.rsplit(&prefix).next().unwrap_or_default());
    let mut lines: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| {
            let what = match &step.verdict {
                Verdict::InSync => return None,
                Verdict::Settle(why) => format!("wait ({why})"),
                Verdict::Create => "create".to_owned(),
                Verdict::Update(differences) => format!("update {}", fields(differences)),
                Verdict::TakeOver { from, differences } => format!("take over from {from} {}", fields(differences)),
                Verdict::Replace(differences) => format!("replace for {}", fields(differences)),
                Verdict::Delete => "delete".to_owned(),
                Verdict::Conflict { whose } => format!("conflict ({whose})"),
            };
            Some(format!("{what}: {}", short(&step.id)))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_new_pipeline_is_created_without_a_look_and_its_schedule_last() {
    let plan = plan(&owner(), desired(CHAT), &BTreeMap::new(), Observations::new());
    assert_eq!(
        verdicts(&plan),
        [
            "create: EventSourceMapping …-runner",
            "create: Function …-runner",
            "create: Function …-sender",
            "create: LogGroup …-runner",
            "create: LogGroup …-sender",
            "create: Parameter …/channels",
            "create: Queue …-tasks",
            "create: Queue …-tasks-dlq",
            "create: Queue …-undelivered-dlq",
            "create: Role …-runner",
            "create: Role …-scheduler",
            "create: Role …-sender",
            "create: Schedule …",
            "create: ScheduleGroup …",
        ]
    );
    let schedule = plan.steps.iter().find(|step| step.id.kind == Kind::Schedule).expect("a schedule");
    assert_eq!(schedule.after.len(), plan.steps.len() - 1);
}

#[test]
fn a_queue_of_its_own_kind_is_fifo_with_its_dead_letters_and_the_undelivered_are_not() {
    let plan = plan(&owner(), desired("concurrencyPolicy: Queue"), &BTreeMap::new(), Observations::new());
    let queues: Vec<String> = verdicts(&plan).into_iter().filter(|line| line.contains("Queue")).collect();
    assert_eq!(
        queues,
        ["create: Queue …-tasks-dlq.fifo", "create: Queue …-tasks.fifo", "create: Queue …-undelivered-dlq"]
    );
}

#[test]
fn what_no_longer_has_secrets_loses_its_parameter_after_everything_else() {
    let before = desired(CHAT);
    let after = desired("{}");
    let plan = plan(&owner(), after, &recorded(&before), made(&before));
    assert_eq!(
        verdicts(&plan),
        ["delete: Parameter …/channels", "update input: Schedule …", "update policy: Role …-runner"]
    );
    let parameter = plan.steps.iter().find(|step| step.id.kind == Kind::Parameter).expect("a parameter");
    assert_eq!(parameter.after.len(), plan.steps.len() - 1);
}

#[test]
fn what_somebody_changed_or_deleted_is_put_right() {
    let resources = desired(CHAT);
    let mut observed = made(&resources);
    change(&mut observed, Kind::Function, "-sender", |function| {
        function.fields.remove(&FieldName::MemorySize);
    });
    change(&mut observed, Kind::Queue, "-tasks", |queue| {
        queue.tags.insert("team".to_owned(), "b".to_owned());
    });
    observed.retain(|id, _| !id.name.ends_with("undelivered-dlq"));
    let tag_keys = TagKeys::new(["team".to_owned()]);
    let plan = plan_with(&owner(), resources.clone(), &recorded(&resources), &tag_keys, observed);
    assert_eq!(
        verdicts(&plan),
        ["create: Queue …-undelivered-dlq", "update memorySize: Function …-sender", "update tags: Queue …-tasks"]
    );
}

#[test]
fn a_foreign_tag_of_any_resource_is_not_planned_for() {
    let resources = desired(&format!("{{{CHAT}, tags: {{team: a}}}}"));
    let mut observed = made(&resources);
    let taggable = |id: &Id| !matches!(id.kind, Kind::Schedule | Kind::LayerVersion);
    for (_, seen) in observed.iter_mut().filter(|(id, _)| taggable(id)) {
        let tags = &mut seen.as_mut().expect("made").tags;
        tags.extend(["cost-center", "aws:cloudformation:stack-id"].map(|key| (key.to_owned(), "x".to_owned())));
    }
    let tag_keys = TagKeys::new(["team".to_owned()]);
    let unchanged = plan_with(&owner(), resources.clone(), &recorded(&resources), &tag_keys, observed.clone());
    assert_eq!(verdicts(&unchanged), Vec::<String>::new());
    let untagged = plan_with(&owner(), desired(CHAT), &recorded(&resources), &tag_keys, observed);
    let updated: Vec<&Vec<Difference>> = untagged
        .steps
        .iter()
        .filter_map(|step| match &step.verdict {
            Verdict::Update(differences) => Some(differences),
            _ => None,
        })
        .collect();
    assert_eq!(updated.len(), resources.iter().filter(|resource| taggable(&resource.id())).count());
    assert!(updated.iter().all(|it| it.len() == 1 && it[0].tag_key() == Some("team")), "{updated:?}");
}

#[test]
fn a_function_is_given_its_role_again_when_that_was_made_anew() {
    let resources = desired("{}");
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    for (role, function, expected) in [
        (at(10), at(10), Vec::new()),
        (at(11), at(10), vec!["update role: Function …-runner"]),
        (None, at(10), vec!["create: Role …-runner", "update role: Function …-runner"]),
    ] {
        let mut observed = made(&resources);
        change(&mut observed, Kind::Function, "-runner", |seen| seen.since = function);
        change(&mut observed, Kind::Role, "-runner", |seen| seen.since = role);
        if role.is_none() {
            observed.retain(|id, _| !(id.kind == Kind::Role && id.name.ends_with("-runner")));
        }
        let plan = plan(&owner(), resources.clone(), &recorded(&resources), observed);
        assert_eq!(verdicts(&plan), expected, "role of {role:?}, function of {function:?}");
    }
}

#[test]
fn what_aws_still_works_on_is_waited_for() {
    let resources = desired("{}");
    let mut observed = made(&resources);
    change(&mut observed, Kind::Function, "-runner", |function| function.settling = Some("Pending".to_owned()));
    let plan = plan(&owner(), resources.clone(), &recorded(&resources), observed);
    assert_eq!(verdicts(&plan), ["wait (Pending): Function …-runner"]);
}

#[test]
fn what_is_not_ours_stops_everything() {
    let resources = desired("{}");
    let mut observed = made(&resources);
    change(&mut observed, Kind::Queue, "-tasks", |queue| queue.tags = Tags::new());
    change(&mut observed, Kind::Role, "-sender", |role| {
        role.fields.remove(&FieldName::Policy);
    });
    let plan = plan(&owner(), resources.clone(), &recorded(&resources), observed).stopped_by_conflict();
    assert_eq!(verdicts(&plan), ["conflict (it carries no tags of this operator): Queue …-tasks"]);
}

fn rebuilt() -> Owner {
    Owner { uid: "uid-2".to_owned(), ..owner() }
}

fn desired_by_rebuilt() -> Vec<Resource> {
    owned_by(desired("{}"), "uid-2")
}

#[test]
fn a_rebuilt_cluster_takes_its_own_back_and_changes_the_uid_alone() {
    let plan = plan(&rebuilt(), desired_by_rebuilt(), &BTreeMap::new(), made(&desired("{}")));
    for step in &plan.steps {
        let Verdict::TakeOver { from, differences } = &step.verdict else { panic!("{}: {:?}", step.id, step.verdict) };
        assert_eq!(from, "uid-1");
        let uid = Difference::of_tag(tag::UID, Some("uid-1"), Some("uid-2"));
        assert_eq!(differences, &[uid], "{}", step.id);
    }
}

#[test]
fn what_was_held_and_now_has_another_uid_is_a_conflict_that_names_both() {
    let resources = desired_by_rebuilt();
    let plan = plan(&rebuilt(), resources.clone(), &recorded(&resources), made(&desired("{}"))).stopped_by_conflict();
    assert_eq!(plan.steps.len(), resources.len());
    for step in &plan.steps {
        let whose = "it now belongs to a pipeline of the same name with UID uid-1, this one has uid-2";
        assert_eq!(step.verdict, Verdict::Conflict { whose: whose.to_owned() }, "{}", step.id);
    }
}

#[test]
fn deletion_goes_backwards_and_leaves_what_is_not_ours() {
    let resources = desired(CHAT);
    let mut observed = made(&resources);
    change(&mut observed, Kind::Role, "-runner", |role| role.tags = Tags::new());
    let plan = plan_deletion(&owner(), recorded(&resources).into_keys().collect(), observed);
    let deleted = verdicts(&plan);
    assert_eq!(deleted.len(), resources.len() - 1);
    assert!(!deleted.contains(&"delete: Role …-runner".to_owned()), "{deleted:?}");
    let step = |kind: Kind| plan.steps.iter().find(|step| step.id.kind == kind).expect("planned");
    assert!(step(Kind::Schedule).after.is_empty());
    assert!(step(Kind::Function).after.iter().any(|id| id.kind == Kind::EventSourceMapping));
    assert!(step(Kind::LogGroup).after.iter().any(|id| id.kind == Kind::Function));
}

#[test]
fn what_was_not_looked_at_is_looked_at_when_it_is_to_be_deleted() {
    let plan = plan_deletion(&owner(), recorded(&desired(CHAT)).into_keys().collect(), Observations::new());
    assert!(plan.steps.iter().all(|step| step.verdict == Verdict::Delete), "{:?}", plan.steps);
}

#[test]
fn a_function_that_will_not_go_holds_up_its_own_role_and_log_group_alone() {
    let plan = plan_deletion(&owner(), recorded(&desired(CHAT)).into_keys().collect(), Observations::new());
    let is_sender = |id: &Id| id.kind == Kind::Function && id.name.ends_with("-sender");
    let waiting = plan.steps.iter().filter(|step| step.after.iter().any(is_sender));
    let waiting: Vec<(Kind, bool)> = waiting.map(|step| (step.id.kind, step.id.name.ends_with("-sender"))).collect();
    assert_eq!(waiting, [(Kind::LogGroup, true), (Kind::Role, true)]);
}

#[test]
fn a_queue_hides_messages_for_longer_before_the_function_may_take_longer_and_the_other_way_round() {
    let short = desired("runner: {timeoutSeconds: 60}");
    let long = desired("runner: {timeoutSeconds: 120}");
    for (from, to, first, second) in
        [(&short, &long, Kind::Queue, Kind::Function), (&long, &short, Kind::Function, Kind::Queue)]
    {
        let plan = plan(&owner(), to.clone(), &recorded(from), made(from));
        let of = |kind: Kind| {
            let changed = |verdict: &Verdict| matches!(verdict, Verdict::Update(_));
            plan.steps.iter().find(|step| step.id.kind == kind && changed(&step.verdict)).expect("changed")
        };
        assert!(of(second).after.contains(&of(first).id), "{first} before {second}");
        assert!(!of(first).after.contains(&of(second).id));
    }
}
