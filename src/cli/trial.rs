//! `task-pipelines try`: a pipeline's tasks in this process, and what its channels would show.

use std::error::Error;
use std::fmt::Write as _;

use api::{ScheduledTaskPipelineSpec, Task};
use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};
use pipeline_core::pipeline::{SecretLookup, SecretUse, SecretValues, secret_refs, work};
use pipeline_core::secret_text::SecretText;
use pipeline_core::text::{cut_characters, one_line, printable, printable_lines};
use protocol::{Delivery, PipelineRef, Run, Status, TaskResult, Trigger};
use runner::trial::{self, Trial};

use super::arguments::TrySettings;
use super::documents::{self, Document, Files, Namespace};
use super::exit_status::ExitStatus;
use super::runtime;
use super::terminal::{self, print};

/// Id of a run that no schedule fired.
const RUN_ID: &str = "trial";

/// Where the runner finds another Bot API server than Telegram's.
const TELEGRAM_API: &str = "TELEGRAM_API_URL";

/// Characters of a result that are shown.
const SHOWN: usize = 2_000;

/// Tries all pipelines of the files, one task after the other.
///
/// # Errors
/// Nothing could be tried at all.
pub fn run(settings: TrySettings) -> Result<ExitStatus, Box<dyn Error>> {
    runtime()?.block_on(try_all(settings))
}

async fn try_all(settings: TrySettings) -> Result<ExitStatus, Box<dyn Error>> {
    let namespace = Namespace::of(settings.namespace.clone()).await;
    let mut files = documents::read(&settings.filename, &namespace)?;
    let documents = std::mem::take(&mut files.documents);
    let of_documents = documents.iter().filter_map(|document| document.spec.as_ref());
    let known = |name: &str| of_documents.clone().flat_map(|spec| &spec.tasks).any(|task| task.name == name);
    if let Some(unknown) = settings.tasks.iter().find(|name| files.problems.is_empty() && !known(name)) {
        return Err(format!("--task {unknown}: no pipeline of the files has a task of that name").into());
    }
    let mut problems: Vec<String> = files.problems.iter().map(ToString::to_string).collect();
    let mut outcome = ExitStatus::Success;
    for document in &documents {
        match Box::pin(try_one(document, &files, &settings)).await {
            Ok(one) => outcome = outcome.max(one),
            Err(refused) => problems.extend(refused),
        }
    }
    for problem in &problems {
        terminal::note(&printable(problem))?;
    }
    Ok(if problems.is_empty() { outcome } else { ExitStatus::Error })
}

/// Tries a pipeline; answers all that is wrong with it, each with its place.
async fn try_one(document: &Document, files: &Files, settings: &TrySettings) -> Result<ExitStatus, Vec<String>> {
    let Document { place, namespace, name, spec, broken } = document;
    let here = |problem: &dyn std::fmt::Display| format!("{place}: {problem}");
    let spec = spec.as_ref().filter(|_| broken.is_empty());
    let Some(spec) = spec else {
        return Err(broken.iter().map(|broken| here(broken)).collect());
    };
    let (tried, left_out) = split(spec, &settings.tasks);
    for task in left_out {
        say(&format!("{}/{}: not tried, as functions run only on AWS\n\n", printable(name), printable(&task.name)))
            .map_err(|error| vec![error])?;
    }
    if tried.tasks.is_empty() {
        return Ok(ExitStatus::Success);
    }
    let secrets = secrets(&tried, namespace, files, settings.post)
        .map_err(|missing| missing.iter().map(|problem| here(problem)).collect::<Vec<_>>())?;
    let work = work(&tried, namespace, &secrets);
    let work = work.map_err(|refusals| refusals.iter().map(|refusal| here(refusal)).collect::<Vec<_>>())?;
    let telegram = spec.runner.hop.environment.get(TELEGRAM_API).cloned();
    let trial = Trial::new(work.secrets, telegram).await.map_err(|error| vec![here(&error)])?;
    let mut outcome = ExitStatus::Success;
    for task in work.tasks {
        let channels = work.channels.iter().filter(|channel| task.notify.contains(&channel.name));
        let run = Run {
            run_id: RUN_ID.to_owned(),
            scheduled_time: now(),
            trigger: Trigger::Manual,
            pipeline: PipelineRef { namespace: namespace.clone(), name: name.clone() },
            parameter: Some(trial::PARAMETER.to_owned()),
            // Nobody is told.
            position: 0,
            tasks: 0,
            channels: channels.cloned().collect(),
            task,
        };
        let one = try_task(&trial, &run, settings.post).await.map_err(|error| vec![error])?;
        outcome = outcome.max(one);
    }
    Ok(outcome)
}

/// The spec of the tasks that are to be tried, with the channels that they notify; and what cannot be tried of them.
fn split(spec: &ScheduledTaskPipelineSpec, wanted: &[String]) -> (ScheduledTaskPipelineSpec, Vec<Task>) {
    let tasks = spec.tasks.iter().filter(|task| wanted.is_empty() || wanted.contains(&task.name)).cloned();
    let (left_out, tasks): (Vec<Task>, Vec<Task>) =
        tasks.partition(|task| task.function.is_some() || task.function_arn.is_some());
    let is_notified = |name: &String| tasks.iter().any(|task| task.notify.contains(name));
    let channels = spec.channels.iter().filter(|channel| is_notified(&channel.name)).cloned().collect();
    (ScheduledTaskPipelineSpec { tasks, channels, functions: Vec::new(), ..spec.clone() }, left_out)
}

/// The secrets among the files, or those that are missing there: of channels only where something is posted.
fn secrets(
    spec: &ScheduledTaskPipelineSpec,
    namespace: &str,
    files: &Files,
    posts: bool,
) -> Result<SecretValues, Vec<String>> {
    let mut missing = Vec::new();
    let mut values = SecretValues::new();
    for SecretUse { reference, field, .. } in secret_refs(spec) {
        let found = files.secrets.get(&(namespace.to_owned(), reference.clone()));
        let is_needed = posts || field.starts_with("spec.tasks");
        let lookup = match found.filter(|_| is_needed) {
            Some(text) => SecretLookup::Found(SecretText::new(text.expose().to_owned())),
            None => SecretLookup::NotAsked,
        };
        if is_needed && found.is_none() {
            missing.push(format!(
                "{field}: no Secret `{}` with the key `{}` is among the files; add a file with it: `kubectl \
                 --namespace {namespace} get secret {} -o yaml > secret.yaml`, then `-f secret.yaml`",
                reference.name, reference.key, reference.name
            ));
        }
        // One that is needed in one place is known in all.
        if !matches!(values.get(&reference), Some(SecretLookup::Found(_))) {
            values.insert(reference, lookup);
        }
    }
    if missing.is_empty() { Ok(values) } else { Err(missing) }
}

fn now() -> String {
    let now = Timestamp::now();
    let second = TimestampRound::new().smallest(Unit::Second);
    now.round(second).unwrap_or(now).to_string()
}

async fn try_task(trial: &Trial, run: &Run, posts: bool) -> Result<ExitStatus, String> {
    let result = trial.attempt(run).await;
    let mut outcome = match result.status {
        Status::Succeeded => ExitStatus::Success,
        Status::Failed => ExitStatus::Failure,
    };
    say(&headline(run, &result))?;
    let deliveries = trial::deliveries(run, &result);
    if deliveries.is_empty() {
        let why = if run.channels.is_empty() { "it names no channel" } else { "`notifyOn` leaves such results out" };
        say(&format!("  No channel is notified: {why}.\n"))?;
    }
    for delivery in deliveries {
        let posted = if posts { Some(trial.post(&delivery).await) } else { None };
        if let Some(Err(_)) = posted {
            outcome = ExitStatus::Failure;
        }
        let (verb, why) = match posted {
            None => ("would show", String::new()),
            Some(Ok(())) => ("shows", String::new()),
            Some(Err(why)) => ("did not take", format!("  ({})", one_line(&why.to_string()))),
        };
        say(&shown(&delivery, verb, &why))?;
    }
    say("\n")?;
    Ok(outcome)
}

pub(super) fn headline(run: &Run, result: &TaskResult) -> String {
    let TaskResult { text, error, duration_ms, .. } = result;
    let duration = SignedDuration::from_millis(i64::try_from(*duration_ms).unwrap_or(i64::MAX));
    let came = match error {
        Some(error) => format!("failed after {duration:#}: {}", one_line(error)),
        None => format!("succeeded in {duration:#}"),
    };
    let mut headline = format!("{}/{}: {came}\n", printable(&run.pipeline.name), printable(&run.task.name));
    if !text.is_empty() {
        let shown = cut_characters(text, SHOWN);
        let more = if shown == *text { String::new() } else { format!("\n({} bytes in all)", text.len()) };
        // Nothing to be done about a string that cannot be written to.
        let _ = writeln!(headline, "  result:\n{}", indented(&(shown + &more)));
    }
    headline
}

pub(super) fn shown(delivery: &Delivery, verb: &str, why: &str) -> String {
    let Delivery { channel, body, .. } = delivery;
    let text = indented(&trial::readable(&channel.target, body));
    format!("  {} ({}) {verb}:{why}\n{text}\n", printable(&channel.name), trial::service(channel))
}

/// Lines set in.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {}", printable_lines(line))).collect::<Vec<_>>().join("\n")
}

fn say(text: &str) -> Result<(), String> {
    print(text).map_err(|error| format!("cannot write to stdout: {error}"))
}
