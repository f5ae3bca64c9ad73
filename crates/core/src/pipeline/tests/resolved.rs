//! What comes of specs that are in order.

use api::DeletionPolicy;
use proptest::prelude::*;
use protocol::{Action, Firing, Header, HeaderValue, Http, HttpMethod, Target, UrlSource};
use schedule::Window;

use super::*;
use crate::archive::{Files, Zip};
use crate::code::{Code, Entry, S3Object};
use crate::configuration::Configuration;
use crate::iam::Statement;
use crate::location::{self, AssumedRole};
use crate::names::Part;
use crate::pipeline::{Callee, FunctionLayer, Invocation, Lambda, Queue};

fn parameter(pipeline: &Pipeline) -> Option<&str> {
    pipeline.parameter.as_ref().map(SecretText::expose)
}

#[test]
fn a_pipeline_takes_half_of_the_room_that_its_account_has_unless_it_says_otherwise() {
    let taken = |yaml: &str, limit| resolved(yaml).within(limit).max_concurrency;
    for (limit, expected) in
        [(None, None), (Some(0), Some(2)), (Some(10), Some(4)), (Some(1000), Some(499)), (Some(100_000), Some(1000))]
    {
        assert_eq!(taken("{}", limit), expected, "{limit:?}");
    }
    assert_eq!(taken("runner: {maxConcurrency: 7}", Some(10)), Some(7));
}

#[test]
fn the_smallest_pipeline_has_all_defaults() {
    let Pipeline {
        owner: of,
        target,
        schedule,
        missed_after_seconds,
        window,
        start_time,
        now,
        suspended,
        flexible_window_minutes,
        fifo,
        firing,
        parameter,
        invocation,
        queue,
        sender,
        runner,
        functions,
        called,
        batch_size,
        max_concurrency,
        deletion_policy,
        tags,
    } = resolved("{}");
    assert_eq!((of, target), (owner(), location::Target::default()));
    assert_eq!(schedule, schedule::parse("@daily", "UTC").unwrap());
    assert_eq!((window, start_time), (Window::default(), None));
    assert_eq!(now, "2026-06-01T12:00:00Z".parse().unwrap());
    assert!(!suspended && !fifo);
    assert_eq!((flexible_window_minutes, max_concurrency, batch_size), (None, None, 1));
    assert_eq!(missed_after_seconds, None);
    assert_eq!(
        serde_json::json!(firing).to_string(),
        r#"{"pipeline":{"name":"hello","namespace":"team-a"},"scheduleArn":"<aws.scheduler.schedule-arn>","#.to_owned()
            + r#""scheduledTime":"<aws.scheduler.scheduled-time>","#
            + r#""tasks":[{"action":"message","attempts":1,"backoffSeconds":30,"name":"a","notifyOn":"Always","#
            + r#""timeoutSeconds":10}],"trigger":"Schedule"}"#
    );
    assert_eq!(parameter, None);
    assert_eq!(invocation, Invocation { max_attempts: 5, max_age_seconds: 3600 });
    assert_eq!(
        queue,
        Queue {
            retention_seconds: 345_600,
            visibility_timeout_seconds: 150,
            max_receive_count: 30,
            dead_letter_retention_seconds: 1_209_600,
            delete_with_messages: false,
            kms_key_arn: None,
        }
    );
    for (hop, zip, memory, timeout) in [(sender, "sender.zip", 128, 30), (runner, "runner.zip", 256, 25)] {
        let Lambda {
            code,
            layers,
            memory_mib,
            timeout_seconds,
            architecture,
            log_retention_days,
            environment,
            statements,
        } = hop;
        assert!(matches!(code, Code::Builtin(artifact) if artifact.path.ends_with(zip)), "{zip}");
        assert_eq!((memory_mib, timeout_seconds, log_retention_days), (memory, timeout, 30));
        assert_eq!(architecture, Architecture::X8664);
        assert!(layers.is_empty() && environment.is_empty() && statements.is_empty());
    }
    assert!(functions.is_empty() && called.is_empty());
    assert_eq!(deletion_policy, DeletionPolicy::Delete);
    assert_eq!(tags, owner().tags());
}

#[test]
fn timeouts_attempts_and_receives_follow_the_tasks() {
    let tasks = "[{name: a, message: {}, timeoutSeconds: 60, retry: {attempts: 4}}, {name: b, message: {}}]";
    let pipeline = resolved(&format!("{{runner: {{batchSize: 3}}, queue: {{maxReceiveCount: 2}}, tasks: {tasks}}}"));
    assert_eq!(pipeline.runner.timeout_seconds, 3 * (60 + 15));
    assert_eq!(pipeline.queue.visibility_timeout_seconds, 6 * 225);
    assert_eq!(pipeline.queue.max_receive_count, 2 + 25);

    let pipeline = resolved("{runner: {timeoutSeconds: 100}, queue: {visibilityTimeoutSeconds: 100}}");
    assert_eq!((pipeline.runner.timeout_seconds, pipeline.queue.visibility_timeout_seconds), (100, 100));
}

#[test]
fn a_start_that_has_passed_is_left_out() {
    let start = |time: &str| resolved(&format!("startTime: {time}")).window.start.map(|start| start.to_string());
    assert_eq!(start("2026-06-01T12:00:00Z"), None);
    assert_eq!(start("2026-06-01T14:00:01+02:00").as_deref(), Some("2026-06-01T12:00:01Z"));
}

#[test]
fn the_rest_of_the_spec_is_handed_on() {
    let pipeline = resolved(
        "{suspend: true, flexibleWindowMinutes: 5, concurrencyPolicy: Queue, deletionPolicy: Retain, \
         endTime: 2027-01-01T00:00:00Z, invocation: {maxAttempts: 0, maxAgeSeconds: 60}, \
         sender: {environment: {MODE: fast}}, runner: {maxConcurrency: 7}, tags: {Team: Förde/1}}",
    );
    assert!(pipeline.suspended && pipeline.fifo);
    assert_eq!(pipeline.window.end, Some("2027-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!((pipeline.flexible_window_minutes, pipeline.max_concurrency), (Some(5), Some(7)));
    assert_eq!(pipeline.invocation, Invocation { max_attempts: 0, max_age_seconds: 60 });
    assert_eq!(pipeline.deletion_policy, DeletionPolicy::Retain);
    assert_eq!(pipeline.sender.environment["MODE"], "fast");
    assert_eq!((pipeline.tags.len(), pipeline.tags["Team"].as_str()), (5, "Förde/1"));
}

#[test]
fn what_reaches_beyond_is_handed_on_where_it_is_allowed() {
    let pipeline = resolved(
        "{aws: {region: eu-west-1, roleArn: 'arn:aws:iam::333333333333:role/team-a/x'}, tags: {access-level: low-2}, \
         queue: {kmsKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/1a2b'}, \
         runner: {policyStatements: [{Effect: Allow, Action: s3:GetObject, Resource: ['arn:aws:s3:::team-a-x/y*']}, \
         {Effect: Allow, Action: ['dynamodb:Q*'], Resource: 'arn:aws:dynamodb:eu-west-1:111122223333:table/team-a', \
         Condition: {StringEquals: {'aws:RequestedRegion': [eu-central-1, eu-west-1]}, Bool: {'aws:Secure': true}}}]}}",
    );
    let role = AssumedRole {
        arn: "arn:aws:iam::333333333333:role/team-a/x".to_owned(),
        external_id: Some("a-1234".to_owned()),
    };
    assert_eq!(pipeline.target, location::Target { region: Some("eu-west-1".to_owned()), role: Some(role) });
    assert_eq!(pipeline.queue.kms_key_arn.as_deref(), Some("arn:aws:kms:eu-west-1:111122223333:key/1a2b"));
    assert_eq!(pipeline.tags["access-level"], "low-2");
    let documents: Vec<Value> = pipeline.runner.statements.iter().map(Statement::document).collect();
    let expected = serde_json::json!([
        { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::team-a-x/y*"] },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:Q*"],
            "Resource": ["arn:aws:dynamodb:eu-west-1:111122223333:table/team-a"],
            "Condition": {
                "StringEquals": { "aws:RequestedRegion": ["eu-central-1", "eu-west-1"] },
                "Bool": { "aws:Secure": ["true"] },
            },
        },
    ]);
    assert_eq!(Value::from(documents), expected);
}

#[test]
fn a_pipeline_lives_where_it_was_made() {
    let target = |yaml: &str, which| try_resolve(&spec(yaml), which).map(|pipeline| pipeline.target.region);
    assert_eq!(target("{}", Pipelines::New), Ok(None));
    assert_eq!(target("{}", Pipelines::Running), Ok(Some("eu-west-1".to_owned())));
    assert_eq!(target("aws: {region: eu-central-1}", Pipelines::New), Ok(Some("eu-central-1".to_owned())));
    let home = Home { own_region: Some("eu-central-1"), account: None, region: Some("eu-west-1/../@evil") };
    let place = crate::pipeline::place_of_deletion(None, "team-a", &Configuration::default(), home);
    assert_eq!(place, Ok(location::Target::default()), "a status that somebody else wrote leads nowhere");
}

#[test]
fn secrets_travel_by_key_alone() {
    let pipeline = resolved(
        "{tasks: [{name: site, http: {url: 'https://example.com', method: POST, body: '{}', expectStatus: [200, 3xx], \
         headers: [{name: Authorization, secretKeyRef: {name: chat, key: token}}, {name: X, value: plain}]}}], \
         channels: [{name: team, slack: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}, \
         {name: hook, webhook: {urlFrom: {secretKeyRef: {name: chat, key: slack}}, \
         headers: [{name: X-Token, secretKeyRef: {name: chat, key: token}}]}}]}",
    );
    assert_eq!(
        parameter(&pipeline),
        Some(
            r#"{"channels/hook/headers/x-token":"Bearer sesame","#.to_owned()
                + r#""channels/hook/url":"https://hooks.slack.com/services/T/B/sesame","#
                + r#""channels/team/url":"https://hooks.slack.com/services/T/B/sesame","#
                + r#""tasks/site/headers/authorization":"Bearer sesame"}"#
        )
        .as_deref()
    );
    assert!(!format!("{pipeline:?}").contains("sesame"));

    let Firing { parameter, tasks, channels, .. } = pipeline.firing;
    assert_eq!(parameter, Some(owner().parameter(Part::Channels)));
    let header = |name: &str, value| Header { name: name.to_owned(), value };
    assert_eq!(
        tasks[0].action,
        Action::Http(Http {
            url: "https://example.com".to_owned(),
            method: HttpMethod::Post,
            headers: vec![
                header("Authorization", HeaderValue::Secret("tasks/site/headers/authorization".to_owned())),
                header("X", HeaderValue::Plain("plain".to_owned())),
            ],
            body: Some("{}".to_owned()),
            expect_status: vec!["200".parse().unwrap(), "3xx".parse().unwrap()],
        })
    );
    assert_eq!(channels[0].target, Target::Slack { url: "channels/team/url".to_owned() });
    assert_eq!(
        channels[1].target,
        Target::Webhook {
            url: UrlSource::Secret("channels/hook/url".to_owned()),
            headers: vec![header("X-Token", HeaderValue::Secret("channels/hook/headers/x-token".to_owned()))],
        }
    );
}

#[test]
fn a_telegram_chat_travels_with_its_topic() {
    for (chat, thread, expected) in [("'-1001234567890'", "", None), ("'@alerts_1'", ", threadId: 7", Some(7))] {
        let pipeline = resolved(&format!(
            "channels: [{{name: bot, telegram: {{chatId: {chat}{thread}, \
             botToken: {{secretKeyRef: {{name: chat, key: bot}}}}}}}}]"
        ));
        let target = &pipeline.firing.channels[0].target;
        let (token, chat) = ("channels/bot/token".to_owned(), chat.trim_matches('\'').to_owned());
        assert_eq!(*target, Target::Telegram { token, chat, thread: expected });
    }
}

#[test]
fn uses_of_secrets_name_their_fields() {
    let spec = spec(
        "{tasks: [{name: site, http: {url: 'https://example.com', \
         headers: [{name: X-Token, secretKeyRef: {name: chat, key: token}}]}}], \
         channels: [{name: team, discord: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}, \
         {name: bot, telegram: {chatId: '@a', botToken: {secretKeyRef: {name: chat, key: bot}}}}]}",
    );
    let uses: Vec<_> = secret_refs(&spec).into_iter().map(|used| (used.key, used.reference.key, used.field)).collect();
    let expected = [
        ("channels/team/url", "slack", "spec.channels[team].discord.webhookUrl.secretKeyRef"),
        ("channels/bot/token", "bot", "spec.channels[bot].telegram.botToken.secretKeyRef"),
        ("tasks/site/headers/x-token", "token", "spec.tasks[site].http.headers[X-Token].secretKeyRef"),
    ];
    assert_eq!(uses, expected.map(|(key, of, field)| (key.to_owned(), of.to_owned(), field.to_owned())));
}

proptest! {
    #[test]
    fn tasks_of_any_names_and_texts_arrive_as_they_were_sent(
        names in proptest::collection::btree_set("[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", 1..=100),
        text in "[^{}<]{0,100}",
        input in "\\PC{0,100}",
    ) {
        let task = |name: &String| {
            serde_json::json!({ "name": name, "message": {}, "template": text, "input": { "text": input.replace('<', "") } })
        };
        let mut spec = spec("{}");
        spec.tasks = serde_json::from_value(names.iter().map(task).collect()).unwrap();
        let pipeline = try_resolve(&spec, Pipelines::New).unwrap();
        let sent: Vec<_> = pipeline.firing.tasks.into_iter().map(|task| (task.name, task.template, task.input)).collect();
        let meant: Vec<_> = spec.tasks.into_iter().map(|task| (task.name, task.template, task.input)).collect();
        prop_assert_eq!(sent, meant);
    }
}

#[test]
fn source_is_zipped_under_the_name_that_its_runtime_asks_for() {
    for (runtime, file) in [("python3.13", "index.py"), ("nodejs22.x", "index.mjs")] {
        let pipeline = resolved(&format!(
            "functions: [{{name: f, runtime: {runtime}, handler: index.handler, code: {{inline: 'source'}}}}]"
        ));
        let [function] = pipeline.functions.as_slice() else { panic!("one function") };
        let Code::Zip { zip, entry } = &function.lambda.code else { panic!("{:?}", function.lambda.code) };
        assert_eq!(**zip, Zip::pack(&Files::from([(file.to_owned(), b"source".to_vec())])).unwrap(), "{runtime}");
        assert_eq!(*entry, Entry { runtime: runtime.to_owned(), handler: "index.handler".to_owned() });
    }
}

#[test]
fn a_function_has_the_time_of_its_longest_task_and_its_tasks_more_than_others() {
    let function = "{name: f, runtime: python3.13, handler: index.handler, code: {inline: x}}";
    let timeouts = |tasks: &str| {
        let pipeline = resolved(&format!("{{tasks: {tasks}, functions: [{function}]}}"));
        (pipeline.functions[0].lambda.timeout_seconds, pipeline.runner.timeout_seconds)
    };
    assert_eq!(timeouts("[{name: a, message: {}}]"), (45, 25));
    assert_eq!(timeouts("[{name: a, function: f}]"), (45, 60));
    assert_eq!(timeouts("[{name: a, function: f, timeoutSeconds: 5}]"), (5, 20));
    assert_eq!(
        timeouts("[{name: a, function: f, timeoutSeconds: 5}, {name: b, function: f, timeoutSeconds: 100}]"),
        (100, 115)
    );
}

#[test]
fn tasks_travel_with_the_name_of_their_function() {
    let existing = "arn:aws:lambda:eu-central-1:111122223333:function:team-a-report:live";
    let pipeline = resolved(&format!(
        "{{tasks: [{{name: a, function: f}}, {{name: b, functionArn: '{existing}'}}], \
         functions: [{{name: f, runtime: python3.13, handler: index.handler, code: {{inline: x}}}}]}}"
    ));
    let actions: Vec<Action> = pipeline.firing.tasks.into_iter().map(|task| task.action).collect();
    let name = |name: &str| Action::Function { name: name.to_owned() };
    assert_eq!(actions, [name(&owner().part(Part::Function("f"))), name(existing)]);
    let called = BTreeSet::from([Callee::Own("f".to_owned()), Callee::Existing(existing.to_owned())]);
    assert_eq!(pipeline.called, called);
}

#[test]
fn a_functions_secrets_are_its_own_and_known_by_the_names_of_their_parameters() {
    let pipeline = resolved(
        "functions: [{name: f, runtime: python3.13, handler: index.handler, code: {inline: x}, \
         secrets: [{name: api-token, secretKeyRef: {name: chat, key: token}}]}]",
    );
    let secret = &pipeline.functions[0].secrets[0];
    assert_eq!((secret.name.as_str(), secret.variable.as_str()), ("api-token", "API_TOKEN_PARAMETER"));
    assert_eq!(secret.value.expose(), "Bearer sesame");
    assert!(pipeline.parameter.is_none() && !format!("{pipeline:?}").contains("sesame"));
}

#[test]
fn code_from_elsewhere_is_handed_on_where_it_is_allowed() {
    let code = |fields: &str| resolved(&format!("functions: [{{name: f, {fields}}}]")).functions[0].lambda.code.clone();
    let from_s3 =
        code("runtime: java21, handler: Main, code: {s3: {bucket: team-a-code, key: report/1.zip, version: v1}}");
    let Code::S3 { object, .. } = from_s3 else { panic!("{from_s3:?}") };
    let [bucket, key, version] = ["team-a-code", "report/1.zip", "v1"].map(str::to_owned);
    assert_eq!(object, S3Object { bucket, key, version: Some(version) });
    let uri = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team-a@sha256:1a2b";
    assert!(matches!(code(&format!("code: {{image: '{uri}'}}")), Code::Image(image) if image == uri));
    let layer = "arn:aws:lambda:eu-central-1:111122223333:layer:team-a:3";
    let pipeline = resolved(&format!("runner: {{layers: ['{layer}']}}"));
    assert_eq!(pipeline.runner.layers, [FunctionLayer::Existing(layer.to_owned())]);
}

#[test]
fn a_pipeline_with_a_sender_of_its_own_needs_no_tasks() {
    let own = "runtime: python3.13, handler: index.handler, code: {inline: x}";
    let pipeline = resolved(&format!("{{tasks: [], sender: {{{own}}}, runner: {{{own}, batchSize: 2}}}}"));
    for hop in [&pipeline.sender, &pipeline.runner] {
        assert!(matches!(hop.code, Code::Zip { .. }), "{hop:?}");
    }
    assert_eq!(pipeline.runner.timeout_seconds, 2 * (45 + 15));
    assert!(pipeline.firing.tasks.is_empty());
}
