//! What a person reads of a plan.

use std::collections::{BTreeMap, BTreeSet};

use api::{Action, Change};
use serde_json::json;

use super::super::Recorded;
use super::{CHAT, change, desired, desired_by_rebuilt, owner, rebuilt};
use crate::desired::possible_ids;
use crate::iam::Document;
use crate::names::TagKeys;
use crate::plan::render::{Style, text};
use crate::plan::report::{Knowledge, PlanReport, changes, fingerprint, for_status};
use crate::plan::test_support::{location, made, recorded};
use crate::plan::{Observations, plan};
use crate::resource::{Field, FieldName, Id, Kind, Resource};
use crate::secret_text::SecretText;

const CLUSTER: Knowledge = Knowledge { was_in_sync: false, secrets: true };
const DRIFT: Knowledge = Knowledge { was_in_sync: true, secrets: true };
const FILE: Knowledge = Knowledge { was_in_sync: false, secrets: false };

fn shown(
    desired: Vec<Resource>,
    known: &BTreeMap<Id, Recorded>,
    observed: Observations,
    knowledge: Knowledge,
) -> PlanReport {
    let tag_keys = TagKeys::new(["recorded".to_owned()]);
    let plan = plan(&owner(), desired, known, &tag_keys, observed).stopped_by_conflict();
    PlanReport::new(&owner(), &location(), changes(&plan, knowledge), knowledge)
}

/// The text in short: names without what they have in common, and without the first line.
fn brief(shown: &PlanReport, style: Style) -> String {
    let text = text(shown, style);
    let text = text.split_once('\n').map_or("", |(_, rest)| rest);
    text.replace(&owner().prefix(), "…").replace("arn:aws:sqs:eu-west-1:111122223333:", "")
}

/// The plan after an edit from the first to the second spec, with this change made on AWS in between.
#[track_caller]
fn check_plan([from, to]: [&str; 2], change: impl FnOnce(&mut Observations), knowledge: Knowledge, expected: &str) {
    let before = desired(from);
    let mut observed = made(&before);
    change(&mut observed);
    let shown = shown(desired(to), &recorded(&before), observed, knowledge);
    assert_eq!(brief(&shown, Style::default()).trim(), expected.trim());
}

#[test]
fn the_first_line_says_where() {
    let text = text(&shown(Vec::new(), &BTreeMap::new(), Observations::new(), CLUSTER), Style::default());
    let first = "Pipeline team-a/hello: cluster lab, account 111122223333, region eu-west-1";
    assert_eq!(text.lines().next(), Some(first));
}

#[test]
fn an_empty_plan_says_what_was_compared() {
    check_plan(
        [CHAT, CHAT],
        |_| {},
        CLUSTER,
        "Nothing to do: AWS has what the pipeline says.\n\
         Compared, with all fields and tags that are managed: 1 EventSourceMapping, 2 Functions, 2 LogGroups, \
         1 Parameter, 3 Queues, 3 Roles, 1 Schedule, 1 ScheduleGroup.",
    );
}

#[test]
fn without_a_cluster_it_also_says_what_was_not() {
    let resources = desired(CHAT);
    let shown = shown(resources.clone(), &recorded(&resources), made(&resources), FILE);
    let text = brief(&shown, Style::default());
    let last = "Not compared: value of Parameter /taskpipelines/lab/…/channels, since only the cluster knows it.";
    assert_eq!(text.lines().last(), Some(last));
}

#[test]
fn a_new_pipeline_shows_all_it_will_have_and_no_secret() {
    let shown = shown(desired(CHAT), &BTreeMap::new(), Observations::new(), FILE);
    let text = brief(&shown, Style::default());
    for part in [
        "  + create    Queue …-tasks\n              maximumMessageSize: + 1048576\n",
        "              redrivePolicy.deadLetterTargetArn: + …-tasks-dlq\n",
        "              policy: + Allow sqs:SendMessage on taskpipelines-lab-inbox, …-tasks, …-undelivered-dlq\n",
        "              trust: + Allow sts:AssumeRole to Service lambda.amazonaws.com\n",
        "              value: + (known after apply)\n",
        "              environment.QUEUE_URL: + https://sqs.eu-west-1.amazonaws.com/111122223333/…-tasks\n",
        "              input.tasks: + [{",
        "\nSigns: + create.\nPlan: 14 to create.\n",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!text.contains("sesame") && !text.contains("taskpipelines.dev/"), "{text}");
    assert!(!json!(shown).to_string().contains("sesame"));
}

#[test]
fn an_edit_is_told_field_by_field_and_a_policy_by_what_it_grants() {
    let before = format!("{{{CHAT}, tasks: [{{name: a, message: {{}}, template: Hi}}], tags: {{team: a}}}}");
    let after = "{tasks: [{name: a, message: {}, template: \"Bye\\nbye\"}, {name: b, message: {}}], \
                 runner: {memoryMiB: 512, environment: {LOG: debug}}, queue: {maxReceiveCount: 7}, tags: {team: a}}";
    check_plan(
        [&before, after],
        |_| {},
        CLUSTER,
        r#"
Will be done:

  ~ update    Queue …-tasks
              redrivePolicy.maxReceiveCount: 30 → 32
  ~ update    Role …-runner
              policy: - Allow kms:Decrypt on arn:aws:kms:eu-west-1:111122223333:key/* if kms:EncryptionContext:PARAMETER_ARN StringLike arn:aws:ssm:eu-west-1:111122223333:parameter/taskpipelines/lab/…/* and kms:ViaService StringLike ssm.eu-west-1.*
              policy: - Allow ssm:GetParameter on arn:aws:ssm:eu-west-1:111122223333:parameter/taskpipelines/lab/…/channels
  ~ update    Function …-runner
              environment.LOG: + debug
              memorySize: 256 → 512
  ~ update    Schedule …
              input.channels: - [{"name":"team","target":{"slack":{"url":"channels/team/url"}}}]
              input.parameter: - /taskpipelines/lab/…/channels
              input.tasks[a].template: Hi → Bye\nbye
              input.tasks[b]: + {"action":"message","attempts":1,"backoffSeconds":30,"name":"b","notifyOn":"Always","timeoutSeconds":10}
  - delete    Parameter /taskpipelines/lab/…/channels

Signs: ~ update, - delete.
Plan: 4 to update, 1 to delete, 9 in sync.
"#,
    );
}

#[test]
fn what_somebody_changed_is_told_apart_from_what_the_spec_asks_for() {
    let somebody = |observed: &mut Observations| {
        change(observed, Kind::Function, "-runner", |function| {
            function.fields.insert(FieldName::MemorySize, Field::plain(999));
        });
        change(observed, Kind::Role, "-scheduler", |role| {
            let statement = json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]);
            let policy = json!({ "Version": "2012-10-17", "Statement": statement });
            role.fields.insert(FieldName::Policy, Field::Policy(Document::new(policy)));
        });
        change(observed, Kind::Queue, "-tasks", |queue| {
            queue.tags.insert("recorded".to_owned(), String::new());
            queue.tags.insert("stranger".to_owned(), String::new());
        });
        change(observed, Kind::Function, "-sender", |function| function.settling = Some("it is Pending".to_owned()));
        observed.retain(|id, _| id.kind != Kind::EventSourceMapping);
    };
    let expected = |headline: &str, gone: &str, changed: &str, waits: &str, end: &str| {
        format!(
            "
{headline}

  ~ update    Queue …-tasks{changed}
              tags.recorded: - \"\"
  ~ update    Role …-scheduler{changed}
              policy: - Allow s3:* on *
              policy: + Allow lambda:InvokeFunction on arn:aws:lambda:eu-west-1:111122223333:function:…-sender, \
             arn:aws:lambda:eu-west-1:111122223333:function:…-sender:*
              policy: + Allow sqs:SendMessage on …-undelivered-dlq
{waits}  ~ update    Function …-runner{changed}
              memorySize: 999 → 256
  + create    EventSourceMapping …-runner{gone}
              batchSize: + 1
              enabled: + true
              functionResponseTypes: + [\"ReportBatchItemFailures\"]
              maximumBatchingWindowInSeconds: + 0
              queue: + …-tasks
{end}
Signs: + create, ~ update, … wait for.
Plan: 1 to create, 3 to update, 1 to wait for, 8 in sync.
"
        )
    };
    let wait = "  … wait for  Function …-sender: it is Pending\n";
    let after = expected(
        "Has changed on AWS, and will be put right:",
        ", which is gone",
        ", which has changed",
        "",
        &format!("\nWill be done:\n\n{wait}"),
    );
    check_plan(["{}", "{}"], somebody, DRIFT, &after);
    check_plan(["{}", "{}"], somebody, CLUSTER, &expected("Will be done:", "", "", wait, ""));
}

#[test]
fn a_secret_is_seen_to_change_and_not_what_it_is() {
    let changed = |observed: &mut Observations| {
        change(observed, Kind::Parameter, "channels", |parameter| {
            parameter.fields.insert(FieldName::Value, Field::Secret(SecretText::new("marker".to_owned())));
        });
    };
    // The Secret may have been changed as well as the parameter.
    check_plan(
        [CHAT, CHAT],
        changed,
        DRIFT,
        "Will be done:\n\n  ~ update    Parameter /taskpipelines/lab/…/channels\n              \
         value: [secret] → another [secret]\n\nSigns: ~ update.\nPlan: 1 to update, 13 in sync.",
    );
}

#[test]
fn what_aws_cannot_change_is_replaced_and_the_field_that_forces_it_is_marked() {
    let other = |observed: &mut Observations| {
        change(observed, Kind::Parameter, "channels", |parameter| {
            parameter.fields.insert(FieldName::Type, Field::plain("String"));
        });
        change(observed, Kind::Role, "-sender", |role| {
            role.fields.insert(FieldName::Path, Field::plain("/"));
        });
    };
    check_plan(
        [CHAT, CHAT],
        other,
        CLUSTER,
        "Will be done:\n\n  ± replace   Parameter /taskpipelines/lab/…/channels\n              \
         type: String → SecureString (forces replacement)\n  ± replace   Role …-sender\n              \
         path: / → /taskpipelines/lab/ (forces replacement)\n\nSigns: ± replace.\nPlan: 2 to replace, 12 in sync.",
    );
}

#[test]
fn a_conflict_stops_everything_and_says_whose_it_is() {
    let foreign = |observed: &mut Observations| {
        change(observed, Kind::Queue, "-tasks", |queue| queue.tags.clear());
        observed.retain(|id, _| id.kind != Kind::Role);
    };
    check_plan(
        ["{}", "{}"],
        foreign,
        CLUSTER,
        "Will be done:\n\n  ! conflict  Queue …-tasks: it carries no tags of this operator\n\nSigns: ! conflict.\n\
         Plan: 1 in conflict. Nothing is done until that is resolved.",
    );
}

#[test]
fn a_rebuilt_cluster_takes_over() {
    let plan = plan(&rebuilt(), desired_by_rebuilt(), &BTreeMap::new(), &TagKeys::default(), made(&desired("{}")));
    let changes = changes(&plan, DRIFT);
    assert!(changes.iter().all(|change| change.action == Action::TakeOver && !change.drift), "{changes:?}");
    let note = "it belongs to an earlier pipeline of this name with UID uid-1";
    assert!(changes.iter().all(|change| change.note.as_deref() == Some(note)), "{changes:?}");
}

#[test]
fn what_does_not_fit_a_line_gets_its_own() {
    let (before, after) = (desired("{}"), desired("tags: {team: data-platform}"));
    let narrow = Style { colour: false, width: Some(30) };
    let text = brief(&shown(after, &recorded(&before), made(&before), CLUSTER), narrow);
    assert!(text.contains("\n              tags.team:\n                + data-platform\n"), "{text}");
}

#[test]
fn colour_is_added_to_sign_and_word_and_to_nothing_else() {
    let (before, after) = (desired("{}"), desired("runner: {memoryMiB: 512}"));
    let shown = shown(after, &recorded(&before), made(&before), CLUSTER);
    let coloured = text(&shown, Style { colour: true, width: None });
    assert!(coloured.contains("\x1b[33m~ update   \x1b[0m Function"), "{coloured}");
    assert_eq!(coloured.replace("\x1b[33m", "").replace("\x1b[0m", ""), text(&shown, Style::default()));
}

#[test]
fn a_status_holds_what_is_to_be_done_within_its_bounds() {
    let before = desired("{}");
    let environment: Vec<String> =
        (0..45).map(|number| format!("V{number}: x, W{number}: '{}'", "ü".repeat(9))).collect();
    let (environment, long) = (environment.join(", "), "ü".repeat(500));
    let mut long = desired(&format!("{{{CHAT}, runner: {{environment: {{LONG: {long}, {environment}}}}}}}"));
    // More than a pipeline can have today.
    long.extend((0..60).map(|number| {
        let Resource::LogGroup(group) = &before[0] else { panic!("the first is a log group") };
        let mut group = group.clone();
        group.name = format!("/aws/lambda/{number}");
        Resource::LogGroup(group)
    }));
    let all = shown(long, &recorded(&before), made(&before), CLUSTER).plan;
    let kept = for_status(all.clone());
    assert_eq!((all.len() > 60, kept.len()), (true, 50));
    assert!(kept.iter().all(|change| change.action != Action::InSync));
    let fields: Vec<_> = kept.iter().flat_map(|change| &change.changes).collect();
    assert_eq!(fields.len(), 50);
    assert!(fields.iter().all(|field| field.to.len() <= 120 && field.from.len() <= 120));
    assert!(fields.iter().any(|field| field.to.ends_with('…')), "{fields:?}");
    let note = "and 43 more fields";
    assert!(kept.iter().any(|change| change.note.as_deref() == Some(note)), "{kept:?}");
    assert!(json!(kept).to_string().len() < 32 * 1024);
}

#[test]
fn a_plan_in_sync_leaves_nothing_in_the_status() {
    let resources = desired(CHAT);
    let shown = shown(resources.clone(), &recorded(&resources), made(&resources), CLUSTER);
    assert_eq!(for_status(shown.plan), Vec::<Change>::new());
}

#[test]
fn whatever_a_pipeline_has_is_looked_for_without_a_cluster() {
    let possible = possible_ids(&owner());
    for yaml in ["{}", CHAT, "concurrencyPolicy: Queue"] {
        let ids: BTreeSet<Id> = desired(yaml).iter().map(Resource::id).collect();
        assert!(ids.is_subset(&possible), "{yaml}: {:?}", ids.difference(&possible));
    }
}

#[test]
fn a_fingerprint_changes_with_what_is_wanted_and_not_with_a_secret() {
    let of = |yaml: &str| fingerprint(&desired(yaml));
    assert_eq!(of(CHAT), of(CHAT));
    assert_ne!(of(CHAT), of("{}"));
    assert_ne!(of("{}"), of("tags: {team: a}"));
    assert_ne!(of("{}"), of("runner: {memoryMiB: 512}"));
    let mut another = desired(CHAT);
    for resource in &mut another {
        if let Resource::Parameter(parameter) = resource {
            parameter.value = SecretText::new("another".to_owned());
        }
    }
    assert_eq!(fingerprint(&another), of(CHAT));
}
