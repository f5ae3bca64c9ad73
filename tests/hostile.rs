//! What comes from outside, broken in every way that chance finds: it is read or refused, and nothing panics.
//!
//! Texts that no parser takes say little, so each case begins with what is right and breaks a few places of it.
//! `PROPTEST_CASES=100000 cargo test --test hostile` goes on for longer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use api::Architecture;
use jiff::Timestamp;
use pipeline_core::admission::{Admission, admit};
use pipeline_core::code::{Artifact, Artifacts, Builtin};
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::{Installation, desired};
use pipeline_core::iam::Document;
use pipeline_core::location::Location;
use pipeline_core::names::{Owner, TagKeys};
use pipeline_core::partition::Partition;
use pipeline_core::pipeline::{
    ConfigMapLookup, ConfigMaps, Context, Home, SecretLookup, SecretValues, config_map_refs, resolve, secret_refs,
};
use pipeline_core::plan::{Observations, Verdict, plan};
use pipeline_core::secret_text::SecretText;
use proptest::prelude::*;
use proptest::sample::Index;
use protocol::{PipelineRef, Status, TaskResult, Trigger, template};
use schedule::Window;
use serde_json::{Value, json};

/// What the operator lets the namespace of these tests do.
const CONFIGURATION: &str = "
allow:
- namespaces: ['*']
  regions: [eu-west-1]
  roles: [{arn: 'arn:aws:iam::333333333333:role/*', externalId: a-1234}]
  kmsKeys: ['arn:aws:kms:*:111122223333:key/*']
  functions: ['arn:aws:lambda:*:111122223333:function:*']
  layers: ['arn:aws:lambda:*:111122223333:layer:*:*']
  s3: ['arn:aws:s3:::*/*']
  images: ['111122223333.dkr.ecr.*.amazonaws.com/*']
  policyStatements: [{actions: ['s3:*'], resources: ['*']}]
";

/// A spec of what no example has.
const BEYOND: &str = "
schedule: '@hourly'
startTime: 2027-01-01T00:00:00Z
endTime: 2028-01-01T00:00:00Z
aws: {region: eu-west-1}
tags: {team: a}
missedAfterSeconds: 600
queue: {kmsKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/1b671a64-40d5-491e-99b0-da01ff1f3341'}
invocation: {maxAttempts: 3, maxAgeSeconds: 600}
sender: {timeoutSeconds: 20, environment: {NAME: b}, architecture: arm64}
runner: {batchSize: 2, maxConcurrency: 5, policyStatements: [{Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::a/*'}]}
tasks:
- {name: existing, functionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:a', input: [1, {b: null}]}
- {name: own, function: own, retry: {attempts: 3}}
- {name: image, function: image}
functions:
- name: own
  runtime: nodejs22.x
  handler: index.handler
  code: {s3: {bucket: code, key: a.zip, version: v1}}
  layers: [files, 'arn:aws:lambda:eu-west-1:111122223333:layer:a:1']
  secrets: [{name: token, secretKeyRef: {name: a, key: b}}]
- {name: image, code: {image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:1'}}
layers:
- {name: files, configMapRef: {name: code}}
";

/// Values that somebody may write where others are expected.
const HOSTILE: [&str; 22] = [
    "null",
    "true",
    "0",
    "-1",
    "1e308",
    "18446744073709551615",
    "[]",
    "{}",
    "[[]]",
    r#""""#,
    r#"" ""#,
    r#""\u0000""#,
    r#""\ufdd0\ufdd1""#,
    r#""é\u0301\u202e😀""#,
    r#""../../..%2F""#,
    r#""arn:aws:lambda:*:*:*""#,
    r#""https://[::ffff:169.254.169.254]:99999/""#,
    r#""9999-12-31T23:59:59.999999999Z""#,
    r#""cron(0 0 31 2 ? *)""#,
    r#""rate(99999999999999999999 days)""#,
    r#""{{ '%s' | format('x') * 9 }}""#,
    r#""<aws.scheduler.execution-id>""#,
];

/// One way to break a document.
#[derive(Clone, Debug)]
enum Break {
    Replace(Value),
    Remove,
    Double,
    CopyFrom(Index),
}

fn breaks() -> impl Strategy<Value = Vec<(Index, Break)>> {
    let value = prop_oneof![
        prop::sample::select(&HOSTILE[..]).prop_map(|text| serde_json::from_str(text).unwrap()),
        "\\PC{0,40}".prop_map(Value::from),
        (1_usize..20_000).prop_map(|length| Value::from("x".repeat(length))),
    ];
    let one = prop_oneof![
        4 => value.prop_map(Break::Replace),
        1 => Just(Break::Remove),
        1 => Just(Break::Double),
        1 => any::<Index>().prop_map(Break::CopyFrom),
    ];
    prop::collection::vec((any::<Index>(), one), 0..4)
}

/// The places of a document, as JSON pointers.
fn places(document: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(entries) => {
            for (number, value) in entries.iter().enumerate() {
                places(value, &format!("{at}/{number}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn broken(mut document: Value, breaks: &[(Index, Break)]) -> Value {
    for (index, how) in breaks {
        let mut found = Vec::new();
        places(&document, "", &mut found);
        let place = index.get(&found).clone();
        let here = document.pointer(&place).unwrap().clone();
        match how {
            Break::Replace(value) => *document.pointer_mut(&place).unwrap() = value.clone(),
            Break::CopyFrom(index) => {
                let other = document.pointer(index.get::<String>(&found)).unwrap().clone();
                *document.pointer_mut(&place).unwrap() = other;
            }
            Break::Remove | Break::Double => {
                let Some((parent, name)) = place.rsplit_once('/') else { continue };
                match document.pointer_mut(parent).unwrap() {
                    Value::Object(fields) if matches!(how, Break::Remove) => drop(fields.remove(name)),
                    Value::Object(fields) => drop(fields.insert(format!("{name}Two"), here)),
                    Value::Array(entries) if matches!(how, Break::Remove) => {
                        drop(entries.remove(name.parse().unwrap()));
                    }
                    Value::Array(entries) => entries.push(here),
                    _ => {}
                }
            }
        }
    }
    document
}

/// The specs of `examples/`, and [`BEYOND`].
static SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let examples = files.map(|text| serde_saphyr::from_str::<Value>(&text).unwrap()["spec"].take());
    examples.chain([serde_saphyr::from_str(BEYOND).unwrap()]).collect()
});

static ARTIFACTS: LazyLock<Artifacts> = LazyLock::new(|| {
    let all = [Builtin::Sender, Builtin::Runner].into_iter();
    let all = all.flat_map(|builtin| [(builtin, Architecture::Arm64), (builtin, Architecture::X8664)]);
    all.map(|key| {
        let path = format!("{}.zip", key.0.as_str()).into();
        (key, Arc::new(Artifact { path, size: 1, sha256: "hash".to_owned() }))
    })
    .collect()
});

/// A spec goes all the way to a plan, or is refused on the way: whether it went.
fn takes(spec: &Value) -> Result<bool, TestCaseError> {
    let Admission { spec: read, broken } = admit(spec);
    prop_assert!(read.is_some() || !broken.is_empty(), "what cannot be read is refused");
    let Some(read) = read else { return Ok(false) };
    let owner = Owner {
        cluster: "lab".parse().unwrap(),
        namespace: "team-a".to_owned(),
        name: "hello".to_owned(),
        uid: "uid-1".to_owned(),
    };
    let value = |key: &str| if key == "telegram" { "123456789:AAE-sesame_" } else { "https://hooks.example/a" };
    let found = |key: &str| SecretLookup::Found(SecretText::new(value(key).to_owned()));
    let references = secret_refs(&read).into_iter().map(|used| used.reference);
    let secrets: SecretValues = references.map(|reference| (reference.clone(), found(&reference.key))).collect();
    let file = BTreeMap::from([("index.py".to_owned(), "x".to_owned())]);
    let config_maps: ConfigMaps = config_map_refs(&read)
        .into_iter()
        .map(|name| (name.clone(), ConfigMapLookup::Found { data: file.clone(), binary_data: BTreeMap::new() }))
        .collect();
    let context = Context {
        owner: &owner,
        now: "2026-06-01T12:00:00Z".parse().unwrap(),
        secrets: &secrets,
        config_maps: &config_maps,
        default_architecture: Architecture::X8664,
        artifacts: &ARTIFACTS,
        configuration: &Configuration::parse(CONFIGURATION).unwrap(),
        home: Home { own_region: Some("eu-central-1"), ..Home::default() },
        has_schedule: false,
    };
    match resolve(&read, &context) {
        Err(refusals) => {
            prop_assert!(!refusals.is_empty(), "a refusal says why");
            Ok(false)
        }
        // What the API server refuses need not be refused again.
        Ok(_) if !broken.is_empty() => Ok(false),
        Ok(pipeline) => {
            let installation =
                Installation { artifacts: ARTIFACTS.clone(), permissions_boundary: None, layer_bucket: None };
            let location = Location {
                partition: Partition::Aws,
                account: "111122223333".to_owned(),
                region: "eu-central-1".to_owned(),
                endpoint: None,
            };
            let plan = plan(
                &owner,
                desired(&pipeline, &installation, &location),
                &BTreeMap::new(),
                &TagKeys::default(),
                Observations::new(),
            );
            prop_assert!(plan.steps.len() >= 13, "a pipeline has at least its chain");
            prop_assert!(plan.steps.iter().all(|step| step.verdict == Verdict::Create));
            Ok(true)
        }
    }
}

fn result(text: String, json: Option<Value>) -> TaskResult {
    TaskResult {
        pipeline: PipelineRef { namespace: "default".to_owned(), name: "hello".to_owned() },
        task: "task".to_owned(),
        run_id: "aaaaaaaaaaaaaaaa".to_owned(),
        scheduled_time: "2026-01-01T09:00:00Z".to_owned(),
        trigger: Trigger::Schedule,
        attempt: 1,
        status: Status::Succeeded,
        text,
        json,
        error: None,
        duration_ms: 1,
    }
}

/// Pieces that templates are made of, in no sensible order.
fn scribbled_template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{ result.text }}",
        "{{ result.json.a[0].b }}",
        "{{ ",
        " }}",
        "{% for x in result.json %}",
        "{% endfor %}",
        "{% if ",
        "{% else %}",
        "{% endif %}",
        " | safe",
        " | upper",
        " | tojson",
        " | join(', ')",
        "result.text[:3]",
        "range(9999999)",
        "'a' * 99999",
        "{% set x = [x, x] %}",
        "{% raw %}",
        "{% endraw %}",
        "{# ",
        " #}",
        "x",
        "~",
        "\n",
        "{% macro m() %}",
        "{% endmacro %}",
        "{{ m() }}",
        "{{ loop.index }}",
        "\u{fdd0}",
        "\u{fdd1}",
        "é",
        "{{ error }}",
        "{% include 'a' %}",
        "{{ input.a.b.c }}",
        "{{ 1 / 0 }}",
        "{{ -9223372036854775808 // -1 }}",
        "{{ 'a' | replace('', 'b') }}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn what_is_broken_here_is_right_before() {
    for spec in SPECS.iter() {
        assert!(takes(spec).unwrap(), "{spec}");
    }
    assert!(SPECS.len() > 8);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spec_becomes_a_plan_or_is_refused(which in any::<Index>(), breaks in breaks()) {
        takes(&broken(which.get(&SPECS).clone(), &breaks))?;
    }

    #[test]
    fn a_schedule_that_is_taken_has_firings_and_warnings(
        schedule in prop_oneof![
            "(cron|rate|at)\\([-0-9*/,?LW# T:a-z]{0,30}\\)",
            "[0-9*/,-]{1,4} [0-9*/,-]{1,4} [0-9*/,L?W-]{1,4} [0-9A-Z*/,-]{1,4} [0-9A-Z*/,#L?-]{1,4}",
            "cron\\([0-9*/,-]{1,4} [0-9*/,-]{1,4} [0-9*/,L?W-]{1,4} [0-9*/,-]{1,4} [0-9A-Z*/,#L?-]{1,4} [0-9*/,-]{1,9}\\)",
        ],
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Pacific/Apia", "Antarctica/Troll", "Africa/Monrovia"]),
        after in -2_000_000_000_i64..8_000_000_000,
    ) {
        let Ok(parsed) = schedule::parse(&schedule, zone) else { return Ok(()) };
        let after = Timestamp::from_second(after).unwrap();
        let window = Window::default();
        let firings = parsed.next(after, &window, 3);
        prop_assert!(firings.windows(2).all(|two| two[0] < two[1]), "{firings:?} are in order");
        let _ = (parsed.warnings(after, &window), parsed.interval(after, &window), parsed.is_over(after, &window));
        let _ = parsed.next_from(Some(after), after, &window, 3);
    }

    #[test]
    fn a_template_writes_or_fails_and_never_more_than_it_may(
        template in scribbled_template(),
        text in "\\PC{0,20}",
        breaks in breaks(),
    ) {
        let answer = broken(json!({"a": [{"b": "c"}], "items": [1, 2.5, null, {"x": "\u{fdd0}"}]}), &breaks);
        let _ = template::check(&template);
        if let Ok(rendered) = template::render(Some(&template), &result(text, Some(answer)), None) {
            let filled = rendered.filled(str::to_owned);
            prop_assert!(filled.len() <= 2 << 20);
        }
    }

    #[test]
    fn a_policy_equals_itself_and_changes_are_told(left in breaks(), right in breaks()) {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:Receive*"], "Resource": "arn:aws:sqs:*:*:a"},
            {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}, "Bool": {"a": true}}},
            {"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["a", "b"], "Sid": "x"},
        ]});
        let (left, right) = (broken(policy.clone(), &left), broken(policy, &right));
        let [one, other] = [&left, &right].map(|value| Document::decode(&value.to_string().replace('%', "%25")));
        prop_assert_eq!(&one, &one.clone());
        prop_assert_eq!(one == other, other == one);
        let (gone, new) = Document::changes(Some(&one), Some(&other));
        prop_assert_eq!(one == other, gone.is_empty() && new.is_empty(), "{} and {}", left, right);
        let _ = (Document::changes(None, Some(&one)), Document::changes(Some(&one), None));
    }
}
