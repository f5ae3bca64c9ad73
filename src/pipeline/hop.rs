//! Settings of the sender and the runner.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layer::Layers;
use super::refusal::Refusals;
use super::{Builtin, Context, Hop, environment, statement};
use crate::crd::{Architecture, LOG_RETENTION_DAYS, Runner, Sender};

/// Lambda's longest timeout.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_TIMEOUT_SECONDS: u32 = 900;

/// Seconds that the runner keeps, beside a task's timeout, for the delivery of its result.
const DELIVERY_SECONDS: u32 = 15;

/// Messages that one invocation of the runner gets at most.
const MAX_BATCH_SIZE: u32 = 10;

/// Checks the sender's settings.
pub(super) fn sender(spec: &Sender, defined: &Layers<'_>, context: &Context<'_>, refusals: &mut Refusals) -> Hop {
    let Sender {
        memory_mib,
        timeout_seconds,
        architecture,
        log_retention_days,
        environment,
        layers,
        policy_statements,
        code,
        runtime,
        handler,
    } = spec;
    let later = [("code", code.is_some()), ("runtime", runtime.is_some()), ("handler", handler.is_some())];
    refusals.unsupported("spec.sender", &later);
    let settings = Settings { memory_mib, architecture, log_retention_days, environment, layers, policy_statements };
    settings.resolve(Builtin::Sender, *timeout_seconds, defined, context, refusals)
}

/// What the runner adds to the settings that both functions have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batching {
    pub(super) batch_size: u32,
    pub(super) max_concurrency: Option<u32>,
}

/// Checks the runner's settings against the tasks that it runs.
pub(super) fn runner(
    spec: &Runner,
    tasks: &[protocol::Task],
    fifo: bool,
    defined: &Layers<'_>,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> (Hop, Batching) {
    let Runner {
        memory_mib,
        timeout_seconds,
        architecture,
        log_retention_days,
        environment,
        layers,
        policy_statements,
        code,
        runtime,
        handler,
        batch_size,
        max_concurrency,
    } = spec;
    let later = [("code", code.is_some()), ("runtime", runtime.is_some()), ("handler", handler.is_some())];
    refusals.unsupported("spec.runner", &later);
    refusals.in_range("spec.runner.batchSize", *batch_size, 1..=MAX_BATCH_SIZE);
    if fifo && *batch_size != 1 {
        let message = format!("{batch_size} is more than 1, all that `concurrencyPolicy: Queue` allows");
        refusals.invalid_hint("spec.runner.batchSize", message, "remove it");
    }
    let timeout_seconds = runner_timeout(*timeout_seconds, *batch_size, tasks, refusals);
    let settings = Settings { memory_mib, architecture, log_retention_days, environment, layers, policy_statements };
    let hop = settings.resolve(Builtin::Runner, timeout_seconds, defined, context, refusals);
    (hop, Batching { batch_size: *batch_size, max_concurrency: *max_concurrency })
}

/// Long enough that no task, however late in its batch, dies with the runner.
fn runner_timeout(set: Option<u32>, batch_size: u32, tasks: &[protocol::Task], refusals: &mut Refusals) -> u32 {
    let Some(longest) = tasks.iter().max_by_key(|task| task.timeout_seconds) else {
        return set.unwrap_or(MAX_TIMEOUT_SECONDS);
    };
    let (task, timeout_seconds) = (&longest.name, longest.timeout_seconds);
    let one = timeout_seconds.saturating_add(DELIVERY_SECONDS);
    let least = batch_size.max(1).saturating_mul(one);
    let timeout = set.unwrap_or(least);
    let sum = format!("{batch_size} × ({timeout_seconds} s of task `{task}` + {DELIVERY_SECONDS} s) = {least} s");
    if least > MAX_TIMEOUT_SECONDS {
        refusals.invalid_hint(
            "spec.runner.batchSize",
            format!("the runner needs {sum}, and Lambda gives {MAX_TIMEOUT_SECONDS}"),
            format!("lower it to {}, or lower `spec.tasks[{task}].timeoutSeconds`", MAX_TIMEOUT_SECONDS / one),
        );
    } else if timeout < least {
        refusals.invalid_hint(
            "spec.runner.timeoutSeconds",
            format!("{timeout} is less than {sum}"),
            format!("remove it, or lower `spec.tasks[{task}].timeoutSeconds`"),
        );
    } else {
        refusals.in_range("spec.runner.timeoutSeconds", timeout, 1..=MAX_TIMEOUT_SECONDS);
    }
    timeout
}

/// The settings that both functions have.
struct Settings<'a> {
    memory_mib: &'a u32,
    architecture: &'a Option<Architecture>,
    log_retention_days: &'a u32,
    environment: &'a BTreeMap<String, String>,
    layers: &'a [String],
    policy_statements: &'a [Value],
}

impl Settings<'_> {
    fn resolve(
        self,
        builtin: Builtin,
        timeout_seconds: u32,
        defined: &Layers<'_>,
        context: &Context<'_>,
        refusals: &mut Refusals,
    ) -> Hop {
        let Self { memory_mib, architecture, log_retention_days, environment, layers, policy_statements } = self;
        let field = format!("spec.{}", builtin.as_str());
        let architecture = architecture.unwrap_or(context.default_architecture);
        check_available(&field, builtin, architecture, context, refusals);
        check_retention(&format!("{field}.logRetentionDays"), *log_retention_days, refusals);
        environment::check(&format!("{field}.environment"), environment, refusals);
        Hop {
            memory_mib: *memory_mib,
            timeout_seconds,
            architecture,
            log_retention_days: *log_retention_days,
            environment: environment.clone(),
            layers: defined.of_function(&field, layers, architecture, refusals),
            statements: statement::resolve(&format!("{field}.policyStatements"), policy_statements, context, refusals),
        }
    }
}

fn check_available(
    field: &str,
    builtin: Builtin,
    architecture: Architecture,
    context: &Context<'_>,
    refusals: &mut Refusals,
) {
    if context.available.contains(&(builtin, architecture)) {
        return;
    }
    let zip = |architecture: Architecture| format!("`{}-{}.zip`", builtin.as_str(), architecture.as_str());
    let there = [Architecture::Arm64, Architecture::X8664]
        .into_iter()
        .find(|architecture| context.available.contains(&(builtin, *architecture)));
    let hint = there.map_or_else(
        || "build it with `cargo run -p package-functions`".to_owned(),
        |there| format!("set `{}`, for which there is {}", there.as_str(), zip(there)),
    );
    let message = format!("the operator has no {}", zip(architecture));
    refusals.invalid_hint(format!("{field}.architecture"), message, hint);
}

fn check_retention(field: &str, days: u32, refusals: &mut Refusals) {
    if LOG_RETENTION_DAYS.contains(&days) {
        return;
    }
    let below = LOG_RETENTION_DAYS.into_iter().rev().find(|period| *period < days);
    let above = LOG_RETENTION_DAYS.into_iter().find(|period| *period > days);
    let nearest = below.into_iter().chain(above).map(|period| period.to_string()).collect::<Vec<_>>().join(" or ");
    let message = format!("{days} is none of CloudWatch's retention periods");
    refusals.invalid_hint(field, message, format!("the nearest is {nearest}"));
}
