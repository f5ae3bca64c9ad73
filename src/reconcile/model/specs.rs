//! Strategies for valid specs: each supported field takes its whole range, and often one of its bounds.
//!
//! The spec is written out without `..`: a new field does not compile until it is generated or left out for a reason.
//! In one-of types (`Channel`, `Code`), a new alternative has to be added by hand.

mod functions;
mod tasks;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use api::{
    Architecture, Channel, Code, ConcurrencyPolicy, ConfigMapKeyRef, ConfigMapRef, DeletionPolicy, Discord, Function,
    FunctionSecret, Header, Hop, Http, HttpMethod, Invocation, LOG_RETENTION_DAYS, Layer, MessageTask, Mode, NotifyOn,
    PythonLayer, Queue, RequirementsFrom, Retry, Runner, S3Object, ScheduledTaskPipelineSpec, SecretKeyRef,
    SecretSource, Sender, Slack, Task, Teams, Telegram, Webhook,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use functions::{functions, layers, runner, sender};
use tasks::{channels, tasks};

/// Seconds that the runner keeps for deliveries beside each task.
const DELIVERY_SECONDS: u32 = 15;

/// Lambda's longest timeout.
const MAX_TIMEOUT_SECONDS: u32 = 900;

/// A number from a range, often one of its bounds.
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

/// The fields on which limits of other fields depend.
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
    /// The lowest valid timeout of the runner, in seconds.
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
    // One start is in the past, and every start is before every end.
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

/// A key of the one Secret that there is.
fn secret(key: &str) -> SecretKeyRef {
    SecretKeyRef { name: "chat".to_owned(), key: key.to_owned() }
}

fn source() -> SecretSource {
    SecretSource { secret_key_ref: secret("slack") }
}
