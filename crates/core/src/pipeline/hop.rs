//! Settings of the sender and the runner.

use std::sync::Arc;

use api::{Architecture, Hop, Runner, Sender};

use super::environment::Taken;
use super::lambda::Settings;
use super::layer::Layers;
use super::refusal::Refusals;
use super::{Context, Lambda, code, task};
use crate::code::{Builtin, Code};

/// Lambda's longest timeout.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_TIMEOUT_SECONDS: u32 = 900;

/// Seconds that the runner needs for the delivery of a result, in addition to the task's timeout.
const DELIVERY_SECONDS: u32 = 15;

/// Maximum number of messages for one invocation of the runner.
pub(super) const MAX_BATCH_SIZE: u32 = 10;

/// Variables that the operator sets, and prefixes that the AWS SDK and the loader of the built-in functions read.
fn taken(builtin: Builtin, own: Option<&api::Code>) -> Taken<'static> {
    let prefixes = &["AWS_", "LD_"];
    match (own, builtin) {
        (Some(_), _) => Taken { variables: &["QUEUE_URL"], prefixes: &[] },
        (None, Builtin::Sender) => Taken { variables: &["QUEUE_URL", "INBOX_URL"], prefixes },
        (None, Builtin::Runner) => {
            Taken { variables: &["QUEUE_URL", "INBOX_URL", "DEAD_LETTER_QUEUE_URL", "VISIBILITY_SECONDS"], prefixes }
        }
    }
}

/// The settings that the sender and the runner have in common.
struct Given<'a> {
    builtin: Builtin,
    memory_mib: u32,
    timeout_seconds: u32,
    hop: &'a Hop,
}

impl Given<'_> {
    fn resolve(&self, defined: &Layers<'_>, context: &Context<'_>, refusals: &mut Refusals) -> Option<Lambda> {
        let Self { builtin, memory_mib, timeout_seconds, hop } = *self;
        let Hop { architecture, log_retention_days, environment, layers, policy_statements, code, runtime, handler } =
            hop;
        let field = format!("spec.{}", builtin.as_str());
        let architecture = architecture.unwrap_or(context.default_architecture);
        let settings = Settings {
            field: &field,
            memory_mib,
            timeout_seconds,
            architecture,
            log_retention_days: *log_retention_days,
            environment,
            taken: taken(builtin, code.as_ref()),
            layers,
            policy_statements,
        };
        let (runtime, handler) = (runtime.as_deref(), handler.as_deref());
        let code = if let Some(code) = code {
            code::Given { field: &field, code, runtime, handler }.resolve(context, refusals)
        } else {
            for (name, _) in [("runtime", runtime), ("handler", handler)].iter().filter(|(_, value)| value.is_some()) {
                let message = format!("the built-in {} has its own {name}", builtin.as_str());
                refusals.invalid_hint(format!("{field}.{name}"), message, format!("remove it, or add `{field}.code`"));
            }
            built_in(builtin, architecture, context, refusals)
        };
        settings.resolve(code, defined, context, refusals)
    }
}

/// Validates the sender's settings.
pub(super) fn sender(
    spec: &Sender,
    defined: &Layers<'_>,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<Lambda> {
    let Sender { memory_mib, timeout_seconds, hop } = spec;
    let given = Given { builtin: Builtin::Sender, memory_mib: *memory_mib, timeout_seconds: *timeout_seconds, hop };
    given.resolve(defined, context, refusals)
}

/// How the runner reads the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) timeout_seconds: u32,
    pub(super) batch_size: u32,
    pub(super) max_concurrency: Option<u32>,
}

/// Validates the runner's settings against the tasks that it runs.
pub(super) fn runner(
    spec: &Runner,
    tasks: &[protocol::Task],
    fifo: bool,
    defined: &Layers<'_>,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> (Option<Lambda>, Running) {
    let Runner { memory_mib, timeout_seconds, batch_size, max_concurrency, hop } = spec;
    refusals.in_range("spec.runner.batchSize", *batch_size, 1..=MAX_BATCH_SIZE);
    if fifo && *batch_size != 1 {
        let message = format!("{batch_size} is more than 1, all that `concurrencyPolicy: Queue` allows");
        refusals.invalid_hint("spec.runner.batchSize", message, "remove it");
    }
    let timeout_seconds = runner_timeout(*timeout_seconds, *batch_size, tasks, refusals);
    let given = Given { builtin: Builtin::Runner, memory_mib: *memory_mib, timeout_seconds, hop };
    let lambda = given.resolve(defined, context, refusals);
    (lambda, Running { timeout_seconds, batch_size: *batch_size, max_concurrency: *max_concurrency })
}

/// The runner's timeout, long enough that even the last task of a batch can use its own timeout.
fn runner_timeout(set: Option<u32>, batch_size: u32, tasks: &[protocol::Task], refusals: &mut Refusals) -> u32 {
    let Some(longest) = tasks.iter().max_by_key(|task| task.timeout_seconds) else {
        let one = task::CALL_TIMEOUT_SECONDS + DELIVERY_SECONDS;
        return set.unwrap_or(batch_size.saturating_mul(one).min(MAX_TIMEOUT_SECONDS));
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

/// A built-in function, if its zip for the architecture is available.
fn built_in(
    builtin: Builtin,
    architecture: Architecture,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<Code> {
    if let Some(artifact) = context.artifacts.get(&(builtin, architecture)) {
        return Some(Code::Builtin(Arc::clone(artifact)));
    }
    let zip = |architecture: Architecture| format!("`{}-{}.zip`", builtin.as_str(), architecture.as_str());
    let there = [Architecture::Arm64, Architecture::X8664]
        .into_iter()
        .find(|architecture| context.artifacts.contains_key(&(builtin, *architecture)));
    let hint = there.map_or_else(
        || "build it with `cargo run -p package-functions`".to_owned(),
        |there| format!("set `{}`, for which there is {}", there.as_str(), zip(there)),
    );
    let message = format!("the operator has no {}", zip(architecture));
    refusals.invalid_hint(format!("spec.{}.architecture", builtin.as_str()), message, hint);
    None
}
