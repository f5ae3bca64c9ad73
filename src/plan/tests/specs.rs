//! Every spec that is valid: each field that is honoured takes all of its range, its ends above all.
//!
//! The structs are written out without `..`: a new field does not compile until it is generated, or left out for a
//! reason.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use crate::crd::{
    Architecture, Channel, Code, ConcurrencyPolicy, ConfigMapKeyRef, ConfigMapRef, DeletionPolicy, Discord, Function,
    FunctionSecret, Header, Http, HttpMethod, Invocation, LOG_RETENTION_DAYS, Layer, MessageTask, Mode, NotifyOn,
    PythonLayer, Queue, RequirementsFrom, Retry, Runner, S3Object, ScheduledTaskPipelineSpec, SecretKeyRef,
    SecretSource, Sender, Slack, Task, Teams, Telegram, Webhook,
};

/// Seconds that the runner keeps for deliveries beside each task.
const DELIVERY_SECONDS: u32 = 15;

/// Lambda's longest timeout.
const MAX_TIMEOUT_SECONDS: u32 = 900;

/// A number of a range, often one of its ends.
fn within(range: RangeInclusive<u32>) -> impl Strategy<Value = u32> {
    prop_oneof![Just(*range.start()), Just(*range.end()), range]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", 1 => "[a-z0-9][-a-z0-9]{38}[a-z0-9]"]
}

/// Any valid spec.
pub(super) fn specs() -> BoxedStrategy<ScheduledTaskPipelineSpec> {
    policies().prop_flat_map(specs_with).boxed()
}

/// Any valid specs that one pipeline may have one after the other: the API server takes no change of
/// `concurrencyPolicy`.
pub(super) fn edits(count: usize) -> BoxedStrategy<Vec<ScheduledTaskPipelineSpec>> {
    policies().prop_flat_map(move |policy| vec(specs_with(policy), count)).boxed()
}

fn policies() -> impl Strategy<Value = ConcurrencyPolicy> {
    select(vec![ConcurrencyPolicy::Allow, ConcurrencyPolicy::Queue])
}

/// What other fields depend on.
#[derive(Clone, Debug)]
struct Frame {
    policy: ConcurrencyPolicy,
    batch_size: u32,
    channels: Vec<Channel>,
    layers: Vec<Layer>,
    functions: Vec<Function>,
    tasks: Vec<Task>,
}

impl Frame {
    /// The least that the runner may take.
    fn least_timeout(&self) -> u32 {
        let usual = |task: &Task| if task.function.is_some() || task.function_arn.is_some() { 45 } else { 10 };
        let timeouts = self.tasks.iter().map(|task| task.timeout_seconds.unwrap_or(usual(task)));
        self.batch_size * (timeouts.max().unwrap_or_default() + DELIVERY_SECONDS)
    }
}

fn frames(policy: ConcurrencyPolicy) -> BoxedStrategy<Frame> {
    let batch_size = match policy {
        ConcurrencyPolicy::Allow => within(1..=10).boxed(),
        ConcurrencyPolicy::Queue => Just(1).boxed(),
    };
    let frame = (batch_size, channels(), layers()).prop_flat_map(move |(batch_size, channels, layers)| {
        let named = layers.iter().map(|layer| layer.name.clone()).collect();
        (Just(batch_size), Just(channels), Just(layers), functions(named))
    });
    let frame = frame.prop_flat_map(move |(batch_size, channels, layers, functions)| {
        let longest = (MAX_TIMEOUT_SECONDS / batch_size - DELIVERY_SECONDS).min(870);
        let notified = channels.iter().map(|channel| channel.name.clone()).collect();
        let called = functions.iter().map(|function| function.name.clone()).collect();
        tasks(notified, called, longest).prop_map(move |tasks| {
            let (channels, layers, functions) = (channels.clone(), layers.clone(), functions.clone());
            Frame { policy, batch_size, channels, layers, functions, tasks }
        })
    });
    frame.boxed()
}

fn specs_with(policy: ConcurrencyPolicy) -> BoxedStrategy<ScheduledTaskPipelineSpec> {
    let timed = frames(policy).prop_flat_map(|frame| {
        let timeout = option::of(within(frame.least_timeout()..=MAX_TIMEOUT_SECONDS));
        (Just(frame), timeout)
    });
    let spec = timed.prop_flat_map(|(frame, timeout)| {
        let layers: Vec<String> = frame.layers.iter().map(|layer| layer.name.clone()).collect();
        let hops = (sender(layers.clone()), runner(layers, frame.batch_size, timeout));
        let queue = queue(timeout.unwrap_or(frame.least_timeout()));
        (Just(frame), when(), hops, queue, tags(), deletion()).prop_map(|(frame, when, hops, queue, tags, deletion)| {
            let (schedule, time_zone, suspend, start_time, end_time, flexible_window_minutes, invocation) = when;
            ScheduledTaskPipelineSpec {
                schedule,
                time_zone,
                suspend,
                start_time,
                end_time,
                flexible_window_minutes,
                concurrency_policy: frame.policy,
                tasks: frame.tasks,
                channels: frame.channels,
                invocation,
                queue,
                sender: hops.0,
                runner: hops.1,
                deletion_policy: deletion,
                tags,
                functions: frame.functions,
                layers: frame.layers,
                // Refused so far.
                missed_after_seconds: None,
                mode: Mode::Manage,
                aws: None,
            }
        })
    });
    spec.boxed()
}

type When = (String, String, bool, Option<Time>, Option<Time>, Option<u32>, Invocation);

fn when() -> BoxedStrategy<When> {
    let schedules = [
        "0 9 * * 1-5",
        "*/7 * * * *",
        "@monthly",
        "rate(1 minute)",
        "rate(365 days)",
        "cron(0 18 L * ? *)",
        "cron(15 10 ? * 6#3 2026-2100)",
        "at(2030-02-03T04:05:06)",
    ];
    let zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"];
    // Of three starts one has passed, and none is after an end.
    let starts = ["2020-01-01T00:00:00Z", "2026-06-01T12:00:01Z", "2029-12-31T23:59:59.5Z"];
    let ends = ["2031-01-01T00:00:00Z", "2199-12-31T23:59:59Z"];
    let invocation = (within(0..=185), within(60..=86_400))
        .prop_map(|(max_attempts, max_age_seconds)| Invocation { max_attempts, max_age_seconds });
    (
        select(schedules.map(str::to_owned).to_vec()),
        select(zones.map(str::to_owned).to_vec()),
        any::<bool>(),
        option::of(select(starts.map(time).to_vec())),
        option::of(select(ends.map(time).to_vec())),
        option::of(within(1..=1440)),
        invocation,
    )
        .boxed()
}

fn time(text: &str) -> Time {
    Time(text.parse().expect("a time"))
}

fn deletion() -> impl Strategy<Value = DeletionPolicy> {
    select(vec![DeletionPolicy::Delete, DeletionPolicy::Retain])
}

fn tags() -> BoxedStrategy<BTreeMap<String, String>> {
    let key = prop_oneof![4 => "[b-s][b-z0-9 _.:/=+@-]{0,20}", 1 => "[b-s][b-z0-9]{127}"];
    let value = prop_oneof![4 => "[\\p{L}\\p{N} _.:/=+@-]{1,20}", 1 => "[a-z]{256}"];
    prop_oneof![4 => btree_map(key.clone(), value.clone(), 0..4), 1 => btree_map(key, value, 40)].boxed()
}

fn queue(runner_timeout: u32) -> BoxedStrategy<Queue> {
    let seconds = || within(60..=1_209_600);
    (seconds(), option::of(within(runner_timeout..=43_200)), within(1..=900), seconds(), any::<bool>())
        .prop_map(
            |(retention_seconds, visibility_timeout_seconds, max_receive_count, dead_letters, delete_with_messages)| {
                Queue {
                    retention_seconds,
                    visibility_timeout_seconds,
                    max_receive_count,
                    kms_key_id: None,
                    dead_letter_retention_seconds: dead_letters,
                    delete_with_messages,
                }
            },
        )
        .boxed()
}

/// What layers are made of; packages are for the Python of [`code`].
fn layers() -> BoxedStrategy<Vec<Layer>> {
    let empty = || Layer { name: String::new(), python: None, config_map_ref: None, s3: None };
    let packages = btree_set("[a-z]{1,8}==[0-9]", 1..4).prop_map(move |lines| {
        let requirements = Some(lines.into_iter().collect());
        let python = PythonLayer { version: "3.13".to_owned(), requirements, requirements_from: None };
        Layer { python: Some(python), ..empty() }
    });
    let listed = Just(()).prop_map(move |()| {
        let config_map_ref = ConfigMapKeyRef { name: "code".to_owned(), key: "good.txt".to_owned() };
        let requirements_from = Some(RequirementsFrom { config_map_ref });
        let python = PythonLayer { version: "3.13".to_owned(), requirements: None, requirements_from };
        Layer { python: Some(python), ..empty() }
    });
    let files = Just(())
        .prop_map(move |()| Layer { config_map_ref: Some(ConfigMapRef { name: "code".to_owned() }), ..empty() });
    let stored = "[a-z]{1,9}".prop_map(move |key| {
        let object = S3Object { bucket: "team-a-code".to_owned(), key: format!("{key}.zip"), version: None };
        Layer { s3: Some(object), ..empty() }
    });
    let layer = prop_oneof![3 => packages, 1 => listed, 1 => files, 1 => stored];
    btree_map("[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?", layer, 0..4)
        .prop_map(|layers| layers.into_iter().map(|(name, layer)| Layer { name, ..layer }).collect())
        .boxed()
}

type Hop = (u32, Option<Architecture>, u32, BTreeMap<String, String>, Vec<String>);

fn hop(layers: Vec<String>) -> BoxedStrategy<Hop> {
    let count = layers.len();
    (
        within(128..=10_240),
        option::of(Just(Architecture::X8664)),
        select(LOG_RETENTION_DAYS.to_vec()),
        btree_map("V_[A-Za-z0-9_]{0,20}", ".{0,50}", 0..4),
        subsequence(layers, 0..=count),
    )
        .boxed()
}

/// Layers of others, by their ARNs.
fn existing_layers() -> impl Strategy<Value = Vec<String>> {
    let arn = |version| format!("arn:aws:lambda:eu-central-1:111122223333:layer:team-a:{version}");
    btree_set(1_u8..9, 0..3).prop_map(move |versions| versions.into_iter().map(arn).collect())
}

fn sender(layers: Vec<String>) -> BoxedStrategy<Sender> {
    (hop(layers), within(3..=900))
        .prop_map(|((memory_mib, architecture, log_retention_days, environment, layers), timeout)| Sender {
            memory_mib,
            timeout_seconds: timeout,
            architecture,
            log_retention_days,
            environment,
            layers,
            policy_statements: Vec::new(),
            // Code of the user's own is that of `functions`.
            code: None,
            runtime: None,
            handler: None,
        })
        .boxed()
}

fn runner(layers: Vec<String>, batch_size: u32, timeout_seconds: Option<u32>) -> BoxedStrategy<Runner> {
    (hop(layers), option::of(within(2..=1000)))
        .prop_map(move |(hop, max_concurrency)| {
            let (memory_mib, architecture, log_retention_days, environment, layers) = hop;
            Runner {
                memory_mib,
                timeout_seconds,
                architecture,
                log_retention_days,
                environment,
                layers,
                policy_statements: Vec::new(),
                code: None,
                runtime: None,
                handler: None,
                batch_size,
                max_concurrency,
            }
        })
        .boxed()
}

/// A function's code, with its runtime and its handler.
type Started = (Code, Option<String>, Option<String>);

fn code() -> BoxedStrategy<Started> {
    let entry = |runtime: &str, handler: &str| (Some(runtime.to_owned()), Some(handler.to_owned()));
    let inline = (select(vec!["python3.13", "nodejs22.x"]), "[a-z \\n]{0,60}").prop_map(move |(runtime, source)| {
        let (runtime, handler) = entry(runtime, "index.handler");
        (Code { inline: Some(source), ..Code::default() }, runtime, handler)
    });
    let s3 = ("[a-z]{1,9}", option::of("[a-z]{1,9}")).prop_map(move |(key, version)| {
        let object = S3Object { bucket: "team-a-code".to_owned(), key: format!("{key}.zip"), version };
        let (runtime, handler) = entry("provided.al2023", "bootstrap");
        (Code { s3: Some(object), ..Code::default() }, runtime, handler)
    });
    let image = "[0-9a-f]{8}".prop_map(|digest| {
        let uri = format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/team-a@sha256:{digest}");
        (Code { image: Some(uri), ..Code::default() }, None, None)
    });
    prop_oneof![inline, s3, image].boxed()
}

fn functions(layers: Vec<String>) -> BoxedStrategy<Vec<Function>> {
    let secrets = btree_map("[a-z][a-z0-9]{0,9}", select(vec!["slack", "token", "word"]), 0..3);
    let architecture = option::of(select(vec![Architecture::Arm64, Architecture::X8664]));
    let timeout = option::of(within(1..=900));
    let function = (code(), hop(layers), existing_layers(), architecture, secrets, timeout).prop_map(
        |((code, runtime, handler), hop, existing, architecture, secrets, timeout_seconds)| {
            let (memory_mib, _, log_retention_days, environment, named) = hop;
            let secret = |(name, key)| FunctionSecret { name, secret_key_ref: secret(key) };
            // An image has no layers.
            let layers = named.into_iter().chain(existing).filter(|_| code.image.is_none()).collect();
            Function {
                name: String::new(),
                runtime,
                handler,
                code,
                layers,
                environment,
                secrets: secrets.into_iter().map(secret).collect(),
                memory_mib,
                timeout_seconds,
                architecture,
                log_retention_days,
                policy_statements: Vec::new(),
            }
        },
    );
    let name = prop_oneof![4 => "[a-z][a-z0-9]{0,5}", 1 => "[a-z]{20}"];
    btree_map(name, function, 0..3)
        .prop_map(|functions| functions.into_iter().map(|(name, function)| Function { name, ..function }).collect())
        .boxed()
}

/// A key of the one Secret that there is.
fn secret(key: &str) -> SecretKeyRef {
    SecretKeyRef { name: "chat".to_owned(), key: key.to_owned() }
}

fn source() -> SecretSource {
    SecretSource { secret_key_ref: secret("slack") }
}

fn url() -> impl Strategy<Value = String> {
    "https?://[a-z]{1,20}\\.example(/[a-z0-9]{1,10}){0,3}(\\?[a-z]=[0-9])?"
}

fn headers() -> BoxedStrategy<Vec<Header>> {
    let value = prop_oneof![
        "[ -~]{0,40}".prop_map(|value| (Some(value), None)),
        select(vec!["token", "word"]).prop_map(|key| (None, Some(secret(key)))),
    ];
    btree_map("x-[a-z]{1,20}", value, 0..4)
        .prop_map(|headers| {
            let header = |(name, (value, secret_key_ref))| Header { name, value, secret_key_ref };
            headers.into_iter().map(header).collect()
        })
        .boxed()
}

fn channels() -> BoxedStrategy<Vec<Channel>> {
    let webhook = (option::of(url()), headers()).prop_map(|(url, headers)| {
        let url_from = url.is_none().then(source);
        let webhook = Some(Webhook { url, url_from, headers });
        Channel { webhook, ..Channel::default() }
    });
    let telegram = ("-?[0-9]{1,15}|@[a-zA-Z0-9_]{1,32}", option::of(1..=i64::MAX)).prop_map(|(chat_id, thread_id)| {
        let bot_token = SecretSource { secret_key_ref: secret("bot") };
        Channel { telegram: Some(Telegram { bot_token, chat_id, thread_id }), ..Channel::default() }
    });
    let kind = prop_oneof![
        Just(Channel { slack: Some(Slack { webhook_url: source() }), ..Channel::default() }),
        Just(Channel { discord: Some(Discord { webhook_url: source() }), ..Channel::default() }),
        Just(Channel { teams: Some(Teams { webhook_url: source() }), ..Channel::default() }),
        telegram,
        webhook,
    ];
    btree_map(name(), kind, 0..5)
        .prop_map(|channels| channels.into_iter().map(|(name, channel)| Channel { name, ..channel }).collect())
        .boxed()
}

fn tasks(channels: Vec<String>, functions: Vec<String>, longest: u32) -> BoxedStrategy<Vec<Task>> {
    let names = prop_oneof![8 => btree_set(name(), 1..5), 1 => btree_set("[a-z]{12}", 100)];
    names
        .prop_flat_map(move |names| {
            let tasks: Vec<_> =
                names.into_iter().map(|name| task(name, channels.clone(), &functions, longest)).collect();
            tasks
        })
        .boxed()
}

/// What a task does, as the fields that say it.
fn deed(functions: &[String]) -> BoxedStrategy<Task> {
    let http = http().prop_map(|http| Task { http: Some(http), ..Task::default() });
    let message = Just(Task { message: Some(MessageTask {}), ..Task::default() });
    let existing = "[a-z]{1,9}".prop_map(|name| {
        let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:team-a-{name}");
        Task { function_arn: Some(arn), ..Task::default() }
    });
    if functions.is_empty() {
        return prop_oneof![http, message, existing].boxed();
    }
    let function = select(functions.to_vec()).prop_map(|name| Task { function: Some(name), ..Task::default() });
    prop_oneof![http, message, existing, function].boxed()
}

fn task(name: String, channels: Vec<String>, functions: &[String], longest: u32) -> BoxedStrategy<Task> {
    let templates = ["{{ task }}: {{ status }}", "{% if error %}{{ error }}{% endif %}", "Grüße, 你好"];
    let notify_on = select(vec![NotifyOn::Always, NotifyOn::Failure, NotifyOn::Success]);
    let retry = (within(1..=10), within(1..=3600));
    let count = channels.len();
    // 45 seconds are what a task that calls a function gets and names none; ten any other.
    let timeout =
        if longest < 45 { within(1..=longest).prop_map(Some).boxed() } else { option::of(within(1..=longest)).boxed() };
    (
        deed(functions),
        option::of(input()),
        option::of(select(templates.map(str::to_owned).to_vec())),
        subsequence(channels, 0..=count),
        notify_on,
        timeout,
        retry,
    )
        .prop_map(move |(deed, input, template, notify, notify_on, timeout_seconds, (attempts, backoff_seconds))| {
            let Task { message, http, function, function_arn, .. } = deed;
            Task {
                name: name.clone(),
                message,
                http,
                function,
                function_arn,
                input,
                template,
                notify,
                notify_on,
                timeout_seconds,
                retry: Retry { attempts, backoff_seconds },
            }
        })
        .boxed()
}

fn http() -> BoxedStrategy<Http> {
    let methods = vec![
        HttpMethod::Get,
        HttpMethod::Head,
        HttpMethod::Post,
        HttpMethod::Put,
        HttpMethod::Patch,
        HttpMethod::Delete,
        HttpMethod::Options,
    ];
    let status = prop_oneof![
        (100..600_i32).prop_map(IntOrString::Int),
        "[1-5]xx".prop_map(IntOrString::String),
        "[1-5][0-9][0-9]".prop_map(IntOrString::String),
    ];
    (url(), select(methods), headers(), option::of(".{0,60}"), vec(status, 1..4))
        .prop_map(|(url, method, headers, body, expect_status)| Http { url, method, headers, body, expect_status })
        .boxed()
}

fn input() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}
