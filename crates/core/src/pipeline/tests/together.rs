//! What holds for all refusals: sizes, how they are gathered and shown, what they keep to themselves.

use super::*;
use crate::pipeline::summary;
use crate::reason::Refused;

#[test]
fn sizes() {
    let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let too_many_tasks = format!("tasks: [{}]", many(101, &|n| format!("{{name: t{n}, message: {{}}}}")));
    let bodies = many(5, &|n| {
        let body = "x".repeat(60_000 + n);
        format!("{{name: t{n}, http: {{url: 'https://example.com', body: {body}}}}}")
    });
    let too_many_tags = format!("tags: {{{}}}", many(41, &|n| format!("t{n}: x")));
    let too_much_environment = format!("runner: {{environment: {{LONG: {}}}}}", "x".repeat(3069));
    for (yaml, expected) in [
        (too_many_tasks, "spec.tasks: there are 101 tasks, and a pipeline can have at most 100; split the pipeline"),
        (
            format!("tasks: [{bodies}]"),
            "spec.tasks: tasks and channels are 301100 bytes as JSON, and a schedule can hold 262144: task `t4` has \
             60186, task `t3` has 60185, task `t2` has 60184; shorten them, or split the pipeline",
        ),
        (too_many_tags, "spec.tags: there are 41 tags, and 40 are allowed"),
        (
            too_much_environment,
            "spec.runner.environment: names and values have 3073 bytes, and Lambda leaves 3072 for them; shorten them",
        ),
    ] {
        assert_eq!(refused(&yaml), format!("InvalidSpec: {expected}"));
    }
}

#[test]
fn all_refusals_are_found_at_once() {
    let all = refused(
        "{schedule: daily, timeZone: Mars, functions: [{name: f, code: {inline: x}}], tasks: [{name: a}], sender: {logRetentionDays: 2}}",
    );
    let fields: Vec<_> = all.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(
        fields,
        [
            "spec.schedule",
            "spec.timeZone",
            "spec.tasks[a]",
            "spec.functions[f].runtime",
            "spec.functions[f].handler",
            "spec.sender.logRetentionDays"
        ]
    );
}

#[test]
fn what_fired_already_is_no_mistake() {
    for yaml in ["schedule: at(2026-06-01T11:59:00)", "endTime: 2026-06-01T11:59:00Z"] {
        assert!(try_resolve(&spec(yaml), Pipelines::New).is_err(), "{yaml} is refused");
        assert!(try_resolve(&spec(yaml), Pipelines::Running).is_ok(), "{yaml} has fired");
    }
}

#[test]
fn refusals_tell_no_secret() {
    for key in ["lines", "word", "long"] {
        let yaml = format!(
            "channels: [{{name: a, slack: {{webhookUrl: {{secretKeyRef: {{name: chat, key: {key}}}}}}}}}, \
             {{name: b, webhook: {{url: 'https://example.com', headers: [{{name: X, secretKeyRef: {{name: chat, key: {key}}}}}]}}}}]"
        );
        assert!(!refused(&yaml).contains("sesame"), "{key}");
    }
    let secret = SecretLookup::Found(SecretText::new("sesame".to_owned()));
    assert_eq!(format!("{secret:?}"), "Found([secret])");
}

#[test]
fn a_summary_shows_the_gravest_first_and_stays_short() {
    let refusal = |reason, message: &str| Refusal {
        reason,
        field: "spec.x".to_owned(),
        message: message.to_owned(),
        hint: Some("do".to_owned()),
    };
    let few = [refusal(Refused::SecretMissing, "a"), refusal(Refused::InvalidSpec, "b")];
    assert_eq!(summary(&few), (Refused::InvalidSpec, "spec.x: b; do | spec.x: a; do".to_owned()));

    let many = vec![refusal(Refused::InvalidSpec, &"ü".repeat(400)); 9];
    let (reason, text) = summary(&many);
    assert_eq!(reason, Refused::InvalidSpec);
    assert!(text.ends_with("; do | and 7 more"), "{text}");

    let (_, text) = summary(&[refusal(Refused::InvalidSpec, &"ü".repeat(4000))]);
    assert_eq!(text.chars().count(), 1000);
}
