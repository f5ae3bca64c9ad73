use std::collections::BTreeMap;
use std::time::Duration;

use api::{ResourceRow, ResourceState};
use aws::resource::{TagChange, Wait};
use aws::{AwsError, Operation};
use pipeline_core::error_class::ErrorClass;
use pipeline_core::location::Location;
use pipeline_core::names::TagKeys;
use pipeline_core::partition::Partition;
use pipeline_core::plan::{Goal, Recorded, Step, Verdict};
use pipeline_core::resource::{Id, Kind, Observed};

use super::rows::row;
use super::*;

fn id(kind: Kind, name: &str) -> Id {
    Id::new(kind, name)
}

fn old(kind: Kind, name: &str, state: ResourceState) -> ResourceRow {
    let unseen = state == ResourceState::Creating;
    ResourceRow { unseen, ..row(&id(kind, name), "arn:old".to_owned(), state, None) }
}

fn applied(outcomes: Vec<(Id, Outcome)>) -> Applied {
    Applied { outcomes: outcomes.into_iter().collect(), changes: Vec::new() }
}

fn states(rows: &Rows) -> Vec<String> {
    rows.iter().map(|row| format!("{} {:?} {}", row.name, row.state, row.message.as_deref().unwrap_or("-"))).collect()
}

fn denied() -> AwsError {
    AwsError {
        operation: Operation::CreateRole,
        class: ErrorClass::Denied,
        code: "AccessDenied".to_owned(),
        message: "no".to_owned(),
    }
}

fn refused() -> Outcome {
    Outcome::Failed(denied())
}

fn tags_refused() -> Outcome {
    let refusal = TagRefusal { key: "team".to_owned(), change: TagChange::Set, error: denied() };
    Outcome::TagsRefused { seen: None, refusals: vec![refusal] }
}

#[test]
fn rows_say_what_became_of_each_resource() {
    let wait = Wait { why: "soon".to_owned(), again: Duration::from_secs(1) };
    let before = [
        old(Kind::LogGroup, "made", ResourceState::Creating),
        old(Kind::LogGroup, "never-made", ResourceState::Creating),
        old(Kind::LogGroup, "failed", ResourceState::Ready),
        old(Kind::LogGroup, "tagged", ResourceState::Ready),
        old(Kind::Queue, "busy", ResourceState::Ready),
        old(Kind::Role, "taken", ResourceState::Ready),
        old(Kind::Function, "blocked", ResourceState::Ready),
        old(Kind::Schedule, "not-planned", ResourceState::Ready),
    ];
    let after = rows_after(
        &Rows::from(&before[..]),
        &applied(vec![
            (id(Kind::LogGroup, "made"), Outcome::Done(None)),
            (id(Kind::LogGroup, "never-made"), refused()),
            (id(Kind::LogGroup, "failed"), refused()),
            (id(Kind::LogGroup, "tagged"), tags_refused()),
            (id(Kind::Queue, "busy"), Outcome::Waiting(wait)),
            (id(Kind::Role, "taken"), Outcome::Conflict { whose: "theirs".to_owned() }),
            (id(Kind::Function, "blocked"), Outcome::Blocked { by: id(Kind::Role, "taken") }),
        ]),
        &[],
    );
    assert_eq!(
        states(&after),
        [
            "failed Failed iam:CreateRole: AccessDenied: no",
            "made Ready -",
            "never-made Failed iam:CreateRole: AccessDenied: no",
            "tagged Failed tag `team` cannot be set: iam:CreateRole: AccessDenied: no",
            "busy Updating soon",
            "taken Conflict theirs",
            "blocked Waiting waits for Role taken",
            "not-planned Ready -",
        ]
    );
}

#[test]
fn a_row_is_written_before_anything_is_made_or_taken_over() {
    let owner = pipeline_core::test_support::owner();
    let group = |uid: &str| pipeline_core::resource::ScheduleGroup {
        name: "a".to_owned(),
        tags: pipeline_core::names::Owner { uid: uid.to_owned(), ..owner.clone() }.tags(),
    };
    let location = Location {
        partition: Partition::Aws,
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        endpoint: None,
    };
    let seen = |tags| {
        let observed = Observed { tags, ..Observed::default() };
        (id(Kind::ScheduleGroup, "a"), Some(observed))
    };
    let rows = |observed| {
        let desired = vec![pipeline_core::resource::Resource::ScheduleGroup(group("uid-1"))];
        let plan = pipeline_core::plan::plan(&owner, desired, &BTreeMap::new(), &TagKeys::default(), observed);
        states(&rows_before(&Rows::default(), &plan, &location))
    };
    assert_eq!(rows(BTreeMap::new()), ["a Creating -"]);
    assert_eq!(rows(BTreeMap::from([seen(group("uid-0").tags)])), ["a Creating -"], "a predecessor's");
    assert_eq!(rows(BTreeMap::from([seen(group("uid-1").tags)])), ["a Creating -"], "ours, and listed nowhere");
    assert_eq!(
        rows(BTreeMap::from([seen(pipeline_core::names::Tags::new())])),
        Vec::<String>::new(),
        "somebody else's"
    );
}

#[test]
fn a_tag_key_is_recorded_until_every_resource_was_seen_without_it() {
    let keys = |keys: &[&str]| TagKeys::new(keys.iter().map(|key| (*key).to_owned()));
    let seen = |key: &str| {
        let tags = pipeline_core::names::Tags::from([(key.to_owned(), "x".to_owned())]);
        Outcome::Done(Some(Observed { tags, ..Observed::default() }))
    };
    let after = |last: Outcome| {
        let outcomes = vec![(id(Kind::Queue, "a"), seen("foreign")), (id(Kind::Queue, "b"), last)];
        tag_keys_after(&keys(&["old", "new"]), &keys(&["new"]), &applied(outcomes))
    };
    assert_eq!(after(seen("new")), keys(&["new"]));
    let wait = Wait { why: "soon".to_owned(), again: Duration::from_secs(1) };
    for last in [
        seen("old"),
        Outcome::Done(None),
        tags_refused(),
        Outcome::Waiting(wait),
        refused(),
        Outcome::Conflict { whose: "theirs".to_owned() },
        Outcome::Blocked { by: id(Kind::Role, "c") },
    ] {
        assert_eq!(after(last.clone()), keys(&["old", "new"]), "{last:?}");
    }
}

#[test]
fn tag_keys_are_recorded_before_anything_is_tagged() {
    let owner = pipeline_core::test_support::owner();
    let mut group = pipeline_core::resource::ScheduleGroup { name: "a".to_owned(), tags: owner.tags() };
    group.tags.insert("team".to_owned(), "a".to_owned());
    let recorded = |observed| {
        let desired = vec![pipeline_core::resource::Resource::ScheduleGroup(group.clone())];
        let before = TagKeys::new(["old".to_owned()]);
        let plan = pipeline_core::plan::plan(&owner, desired, &BTreeMap::new(), &before, observed);
        tag_keys_before(&before, &plan).recorded().cloned().collect::<Vec<_>>()
    };
    assert_eq!(recorded(BTreeMap::new()), ["old", "team"]);
    let somebody_elses = (id(Kind::ScheduleGroup, "a"), Some(Observed::default()));
    assert_eq!(recorded(BTreeMap::from([somebody_elses])), ["old"], "what is not ours is not tagged");
}

#[test]
fn of_a_resource_whose_tags_are_refused_those_alone_are_pending() {
    let field = |field: &str| api::FieldChange {
        field: field.to_owned(),
        from: String::new(),
        to: "x".to_owned(),
        forces_replacement: false,
    };
    let change = Change {
        action: Action::Update,
        kind: "Queue".to_owned(),
        name: "a".to_owned(),
        drift: false,
        note: None,
        changes: vec![field("visibilityTimeout"), field("tags.other"), field("tags.team")],
    };
    let step = Step {
        id: id(Kind::Queue, "a"),
        goal: Goal::Gone,
        observed: None,
        last_arn: None,
        verdict: Verdict::InSync,
        after: std::collections::BTreeSet::new(),
    };
    let outcomes = applied(vec![(step.id.clone(), tags_refused())]);
    let pending = still_pending(&Plan { steps: vec![step] }, &[change], &outcomes);
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].changes, [field("tags.team")]);
    assert!(pending[0].note.as_ref().is_some_and(|note| note.starts_with("tag `team` cannot be set")));
}

#[test]
fn rows_go_when_the_resource_is_gone_and_not_before() {
    let before = [old(Kind::Queue, "a", ResourceState::Ready), old(Kind::Role, "b", ResourceState::Ready)];
    let gone = [id(Kind::Queue, "a"), id(Kind::Role, "b")];
    let outcomes = applied(vec![(gone[0].clone(), Outcome::Done(None)), (gone[1].clone(), refused())]);
    assert_eq!(
        states(&rows_after(&Rows::from(&before[..]), &outcomes, &gone)),
        ["b Failed iam:CreateRole: AccessDenied: no"]
    );
}

#[test]
fn rows_of_kinds_that_only_a_later_version_knows_stay_as_they_are() {
    let later = ResourceRow { kind: "Layer".to_owned(), ..old(Kind::Queue, "c", ResourceState::Ready) };
    let made = [(id(Kind::Queue, "a"), Outcome::Done(None))];
    let after = rows_after(&Rows::from(&[later][..]), &applied(made.into()), &[]);
    assert_eq!(states(&after), ["c Ready -", "a Ready -"]);
}

#[test]
fn what_was_never_seen_to_be_ours_is_not_held() {
    let resources = [
        old(Kind::Queue, "a", ResourceState::Creating),
        old(Kind::Queue, "b", ResourceState::Conflict),
        ResourceRow { kind: "Unknown".to_owned(), ..old(Kind::Queue, "c", ResourceState::Ready) },
    ];
    let recorded = Rows::from(&resources[..]).recorded();
    assert_eq!(
        recorded,
        BTreeMap::from([(id(Kind::Queue, "a"), Recorded::Unconfirmed), (id(Kind::Queue, "b"), Recorded::Ours)])
    );
}
