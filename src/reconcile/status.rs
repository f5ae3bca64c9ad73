//! What the status says of a pipeline: rows and fields, derived from what was done and seen.

use std::collections::BTreeMap;

use api::{Action, Change, PipelineStatus, ResourceRow, ResourceState, ScheduleStatus};
use aws::resource::TagRefusal;
use jiff::{Timestamp, Zoned};
use pipeline_core::location::Location;
use pipeline_core::names::TagKeys;
use pipeline_core::pipeline::Pipeline;
use pipeline_core::plan::{Goal, Plan, Verdict};
use pipeline_core::resource::{Id, Kind, Observed, tag_field};
use pipeline_core::text::truncate;

use crate::reconcile::apply::{Applied, AppliedChange, Outcome};

/// Firings shown ahead.
const NEXT_FIRINGS: usize = 3;

/// Characters of a row's message: 20 rows of these leave the status well below 64 KB.
const MAX_ROW_MESSAGE: usize = 512;

/// The resources that the status lists, and whether this pipeline may have held each: not one that was never seen to be
/// ours. Rows of kinds that this version doesn't know are left to the version that does.
pub fn known(status: &PipelineStatus) -> BTreeMap<Id, bool> {
    let id = |row: &ResourceRow| Some(Id::new(row.kind.parse::<Kind>().ok()?, &row.name));
    let held = |row: &ResourceRow| !row.unseen;
    status.resources.iter().filter_map(|row| Some((id(row)?, held(row)))).collect()
}

/// Which tags on AWS are the pipeline's.
pub fn tag_keys(status: &PipelineStatus) -> TagKeys {
    TagKeys::new(status.tag_keys.iter().cloned())
}

/// The tag keys that may be on AWS once a plan is carried out, beside those there are.
pub fn tag_keys_before(before: &TagKeys, plan: &Plan) -> TagKeys {
    plan.steps.iter().fold(before.clone(), |keys, step| match (&step.goal, &step.verdict) {
        (Goal::Gone, _) | (_, Verdict::Conflict { .. }) => keys,
        (Goal::Present(wanted), _) => keys.with(wanted.resource.tags()),
    })
}

/// The tag keys that may be on AWS after a plan was carried out: one that is no longer `wanted` stays until every resource
/// was seen without it. What was written alone may not show yet, or may have been refused.
pub fn tag_keys_after(before: &TagKeys, wanted: &TagKeys, applied: &Applied) -> TagKeys {
    let gone = |key: &String| {
        applied.outcomes.values().all(|outcome| match outcome {
            Outcome::Done(Some(seen)) => !seen.tags.contains_key(key),
            Outcome::Done(None)
            | Outcome::TagsRefused { .. }
            | Outcome::Waiting(_)
            | Outcome::Failed(_)
            | Outcome::Conflict { .. }
            | Outcome::Blocked { .. } => false,
        })
    };
    TagKeys::new(before.recorded().filter(|key| wanted.contains(key) || !gone(key)).cloned())
}

/// Rows for what is about to be made or taken over, beside those there are.
pub fn rows_before(before: &[ResourceRow], plan: &Plan, location: &Location) -> Vec<ResourceRow> {
    let listed = |id: &Id| before.iter().any(|row| is_row_of(row, id));
    let new = plan.steps.iter().filter(|step| !listed(&step.id)).filter_map(|step| match (&step.goal, &step.verdict) {
        (Goal::Gone, _) | (_, Verdict::Conflict { .. }) => None,
        (Goal::Present(wanted), _) => {
            let arn = wanted.resource.arn(location).unwrap_or_default();
            Some(new(&step.id, arn))
        }
    });
    sorted(before.iter().cloned().chain(new))
}

/// Rows after a plan was carried out: those of what is gone are gone, those of kinds that this version doesn't know stay.
pub fn rows_after(before: &[ResourceRow], applied: &Applied, gone: &[Id]) -> Vec<ResourceRow> {
    let deleted = |id: &Id| gone.contains(id) && matches!(applied.outcomes.get(id), Some(Outcome::Done(_)));
    let rows = before.iter().filter_map(|old| {
        let Ok(kind) = old.kind.parse() else { return Some(old.clone()) };
        let id = Id::new(kind, &old.name);
        if deleted(&id) {
            return None;
        }
        Some(
            applied
                .outcomes
                .get(&id)
                .map_or_else(|| old.clone(), |outcome| row_of(&id, outcome, old, gone.contains(&id))),
        )
    });
    let listed = |id: &Id| before.iter().any(|row| is_row_of(row, id));
    let found = applied
        .outcomes
        .iter()
        .filter(|(id, _)| !listed(id) && !gone.contains(id))
        .map(|(id, outcome)| row_of(id, outcome, &new(id, String::new()), false));
    sorted(rows.chain(found))
}

/// Whether fewer resources are missing, wrong or still to go than before.
pub fn got_further(before: &PipelineStatus, after: &PipelineStatus) -> bool {
    let pending =
        |status: &PipelineStatus| status.resources.iter().filter(|row| row.state != ResourceState::Ready).count();
    pending(after) < pending(before)
}

fn row_of(id: &Id, outcome: &Outcome, old: &ResourceRow, goes: bool) -> ResourceRow {
    let busy = match (goes, old.unseen) {
        (true, _) => ResourceState::Deleting,
        (false, true) => ResourceState::Creating,
        (false, false) => ResourceState::Updating,
    };
    let arn = |seen: &Option<Observed>| seen.as_ref().map_or_else(|| old.arn.clone(), |seen| seen.arn.clone());
    let still =
        |state, message: &str| ResourceRow { unseen: old.unseen, ..row(id, old.arn.clone(), state, Some(message)) };
    match outcome {
        Outcome::Done(seen) => row(id, arn(seen), ResourceState::Ready, None),
        Outcome::Waiting(wait) => still(busy, &wait.why),
        Outcome::TagsRefused { seen, refusals } => {
            row(id, arn(seen), ResourceState::Failed, Some(&refusal_message(refusals)))
        }
        // One that was never ours stays so: failing to make it proves nothing.
        Outcome::Failed(error) => still(ResourceState::Failed, &error.to_string()),
        Outcome::Conflict { whose } => row(id, old.arn.clone(), ResourceState::Conflict, Some(whose)),
        Outcome::Blocked { by } => still(ResourceState::Waiting, &format!("waits for {by}")),
    }
}

fn refusal_message(refusals: &[TagRefusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A row for what is about to be made.
fn new(id: &Id, arn: String) -> ResourceRow {
    ResourceRow { unseen: true, ..row(id, arn, ResourceState::Creating, None) }
}

fn row(id: &Id, arn: String, state: ResourceState, message: Option<&str>) -> ResourceRow {
    let message = message.map(|message| truncate(message, MAX_ROW_MESSAGE));
    ResourceRow { kind: id.kind.to_string(), name: id.name.clone(), arn, state, message, unseen: false }
}

fn is_row_of(row: &ResourceRow, id: &Id) -> bool {
    row.name == id.name && row.kind == id.kind.to_string()
}

fn sorted(rows: impl Iterator<Item = ResourceRow>) -> Vec<ResourceRow> {
    let mut rows: Vec<ResourceRow> = rows.collect();
    rows.sort_by(|a, b| (a.kind.parse::<Kind>().ok(), &a.name).cmp(&(b.kind.parse::<Kind>().ok(), &b.name)));
    rows
}

/// What is still to be done after a plan was carried out, as far as it went.
pub fn still_pending(planned: Vec<Change>, applied: &Applied) -> Vec<Change> {
    let outcome = |change: &Change| {
        let found =
            applied.outcomes.iter().find(|(id, _)| id.name == change.name && id.kind.to_string() == change.kind);
        found.map(|(_, outcome)| outcome)
    };
    let pending = planned.into_iter().filter_map(|change| match outcome(&change)? {
        Outcome::Done(_) => None,
        Outcome::TagsRefused { seen: _, refusals } => {
            let is_refused = |field: &str| refusals.iter().any(|refusal| field == tag_field(&refusal.key));
            let changes = change.changes.into_iter().filter(|change| is_refused(&change.field)).collect();
            Some(Change { note: Some(refusal_message(refusals)), changes, ..change })
        }
        Outcome::Failed(_) | Outcome::Blocked { .. } => Some(change),
        Outcome::Waiting(wait) => Some(Change { note: Some(wait.why.clone()), ..change }),
        Outcome::Conflict { whose } => {
            Some(Change { action: Action::Conflict, note: Some(whose.clone()), changes: Vec::new(), ..change })
        }
    });
    pending.collect()
}

/// Puts the schedule as AWS has it into the status. `known` is one of its firings, from which those of a `rate()` follow.
pub fn put_schedule(status: &mut PipelineStatus, pipeline: &Pipeline, known: Option<Timestamp>, now: Timestamp) {
    let mut schedule = schedule(pipeline, known, now);
    let before = status
        .schedule
        .take()
        .filter(|before| (&before.expression, &before.state) == (&schedule.expression, &schedule.state));
    schedule.since = before.and_then(|before| before.since).or_else(|| Some(to_the_second(now)));
    status.next_run = schedule.next.first().cloned();
    status.schedule = Some(schedule);
}

/// Expects firings from now on alone: the schedule was made, or fires otherwise than before.
pub fn restart_schedule(status: &mut PipelineStatus, now: Timestamp) {
    if let Some(schedule) = &mut status.schedule {
        schedule.since = Some(to_the_second(now));
    }
}

/// Whether carrying a plan out has changed when the schedule fires.
pub fn fires_otherwise(applied: &Applied) -> bool {
    let timing = ["expression", "timeZone", "state", "startDate", "endDate", "flexibleWindowMinutes"];
    applied.changes.iter().filter(|(id, _)| id.kind == Kind::Schedule).any(|(_, change)| match change {
        AppliedChange::Updated(differences) => differences.iter().any(|one| timing.contains(&one.field.as_str())),
        AppliedChange::Created | AppliedChange::TakenOver { .. } | AppliedChange::Deleted => true,
    })
}

fn to_the_second(now: Timestamp) -> String {
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}

fn schedule(pipeline: &Pipeline, known: Option<Timestamp>, now: Timestamp) -> ScheduleStatus {
    let next = if pipeline.suspended {
        Vec::new()
    } else {
        pipeline.schedule.next_from(known, now, &pipeline.window, NEXT_FIRINGS)
    };
    ScheduleStatus {
        since: None,
        expression: pipeline.schedule.expression().to_owned(),
        state: if pipeline.suspended { "DISABLED" } else { "ENABLED" }.to_owned(),
        next: next.iter().map(rfc3339).collect(),
        warnings: pipeline.schedule.warnings(now, &pipeline.window),
    }
}

fn rfc3339(time: &Zoned) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws::resource::{TagChange, Wait};
    use aws::{AwsError, Operation};
    use pipeline_core::error_class::ErrorClass;

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

    fn states(rows: &[ResourceRow]) -> Vec<String> {
        rows.iter()
            .map(|row| format!("{} {:?} {}", row.name, row.state, row.message.as_deref().unwrap_or("-")))
            .collect()
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
            &before,
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
            partition: "aws".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            endpoint: None,
        };
        let seen = |tags| {
            let observed = Observed { tags, ..Observed::default() };
            (id(Kind::ScheduleGroup, "a"), Some(observed))
        };
        let rows = |have| {
            let want = vec![pipeline_core::resource::Resource::ScheduleGroup(group("uid-1"))];
            let plan = pipeline_core::plan::plan(&owner, want, &BTreeMap::new(), &TagKeys::default(), have);
            states(&rows_before(&[], &plan, &location))
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
        let recorded = |have| {
            let want = vec![pipeline_core::resource::Resource::ScheduleGroup(group.clone())];
            let before = TagKeys::new(["old".to_owned()]);
            let plan = pipeline_core::plan::plan(&owner, want, &BTreeMap::new(), &before, have);
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
        let pending = still_pending(vec![change], &applied(vec![(id(Kind::Queue, "a"), tags_refused())]));
        assert_eq!(pending.len(), 1);
        assert_eq!(pending[0].changes, [field("tags.team")]);
        assert!(pending[0].note.as_ref().is_some_and(|note| note.starts_with("tag `team` cannot be set")));
    }

    #[test]
    fn rows_go_when_the_resource_is_gone_and_not_before() {
        let before = [old(Kind::Queue, "a", ResourceState::Ready), old(Kind::Role, "b", ResourceState::Ready)];
        let gone = [id(Kind::Queue, "a"), id(Kind::Role, "b")];
        let outcomes = applied(vec![(gone[0].clone(), Outcome::Done(None)), (gone[1].clone(), refused())]);
        assert_eq!(states(&rows_after(&before, &outcomes, &gone)), ["b Failed iam:CreateRole: AccessDenied: no"]);
    }

    #[test]
    fn rows_of_kinds_that_only_a_later_version_knows_stay_as_they_are() {
        let later = ResourceRow { kind: "Layer".to_owned(), ..old(Kind::Queue, "c", ResourceState::Ready) };
        let made = [(id(Kind::Queue, "a"), Outcome::Done(None))];
        let after = rows_after(&[later], &applied(made.into()), &[]);
        assert_eq!(states(&after), ["c Ready -", "a Ready -"]);
    }

    #[test]
    fn what_was_never_seen_to_be_ours_is_not_held() {
        let resources = vec![
            old(Kind::Queue, "a", ResourceState::Creating),
            old(Kind::Queue, "b", ResourceState::Conflict),
            ResourceRow { kind: "Unknown".to_owned(), ..old(Kind::Queue, "c", ResourceState::Ready) },
        ];
        let known = known(&PipelineStatus { resources, ..PipelineStatus::default() });
        assert_eq!(known, BTreeMap::from([(id(Kind::Queue, "a"), false), (id(Kind::Queue, "b"), true)]));
    }
}
