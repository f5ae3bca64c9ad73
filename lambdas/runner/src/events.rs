//! Reports tasks and deliveries to the operator.

use std::time::Duration;

use jiff::Timestamp;
use protocol::{Delivery, Report, Run, RunEvent, Status, TaskResult, brief};
use tokio::time::sleep;

use crate::Runner;

/// Attempts that take longer than this are reported when they start; others only when they end.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Awaits the work of an attempt, and reports its start if it takes longer than a moment.
pub(crate) async fn telling_of<T>(runner: &Runner, run: &Run, attempt: u32, work: impl Future<Output = T>) -> T {
    let started =
        RunEvent::Started { at: Timestamp::now(), task: run.task.name.clone(), position: run.position, attempt };
    let telling = async {
        sleep(A_MOMENT).await;
        report_run(runner, run, vec![started]).await;
        std::future::pending::<T>().await
    };
    tokio::select! {
        biased;
        ended = work => ended,
        never = telling => never,
    }
}

/// How an attempt ended.
pub(crate) fn ended(run: &Run, result: &TaskResult) -> RunEvent {
    RunEvent::Ended {
        at: Timestamp::now(),
        task: run.task.name.clone(),
        position: run.position,
        attempt: result.attempt,
        status: result.status,
        again: result.status == Status::Failed && result.attempt < run.task.attempts,
        duration_ms: result.duration_ms,
        error: result.error.as_deref().map(brief),
    }
}

/// How a delivery ended.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The channel got the result.
    Delivered,
    /// The channel will not get the result, for this reason.
    GivenUp(String),
}

/// The event for the end of a delivery.
pub(crate) fn of_delivery(delivery: &Delivery, fate: &Fate) -> RunEvent {
    let (at, task, channel) = (Timestamp::now(), delivery.task.clone(), delivery.channel.name.clone());
    match fate {
        Fate::Delivered => RunEvent::Delivered { at, task, channel },
        Fate::GivenUp(reason) => RunEvent::GaveUp { at, task, channel, reason: brief(reason) },
    }
}

/// Reports events of a task and its deliveries.
pub(crate) async fn report_run(runner: &Runner, run: &Run, events: Vec<RunEvent>) {
    runner.queue.report(&Report { pipeline: run.pipeline.clone(), run: run.run(), events }).await;
}

/// Reports the end of a delivery that was queued.
pub(crate) async fn report_delivery(runner: &Runner, delivery: &Delivery, fate: &Fate) {
    let events = vec![of_delivery(delivery, fate)];
    runner.queue.report(&Report { pipeline: delivery.pipeline.clone(), run: delivery.run(), events }).await;
}
