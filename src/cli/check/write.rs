//! `task-pipelines check --aws --write`: one suspended pipeline under a name of its own, made, fired once and deleted, and
//! what is seen of AWS meanwhile.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws::own::Session;
use aws::own::logs::Logs;
use aws::{Access, Aws, AwsRequests};
use futures::join;
use jiff::Timestamp;
use pipeline_core::location::Target;
use pipeline_core::names::{ClusterName, Owner};
use pipeline_core::secret_text::SecretText;
use pipeline_core::text::{bounded_line, counted, printable};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::risks;
use super::scratch::{self, Expected, Found, Scratch};
use crate::cli::arguments::CheckSettings;
use crate::cli::exit_status::ExitStatus;
use crate::cli::{print, setup, terminal};
use crate::kubernetes::preflight::{Finding, are_well, lines};

/// Lines of a log that are shown of a run that came to nothing.
const LOG_LINES: usize = 5;

/// Bytes of each.
const MAX_LINE: usize = 300;

/// The signals that end a program.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Of a terminal that was closed.
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Makes the pipeline, looks, and deletes it, whatever came of it.
///
/// # Errors
/// Nothing was made: others live here, the URL is not valid, or AWS does not answer.
pub(super) async fn write(
    settings: &CheckSettings,
    cluster: ClusterName,
    webhook: &SecretText,
) -> Result<ExitStatus, Box<dyn Error>> {
    let installation = &settings.run.installation;
    let requests = AwsRequests::keeping_refusals();
    let accounts = setup::counted_accounts(installation, Access::ReadWrite, requests.clone()).await;
    let aws = Aws::clone(&*accounts.get(&Target::default()).await?);
    let earlier = alone(&aws, &cluster).await?;
    let configuration = installation.configuration()?;
    let (shared, _) = setup::installation(installation, &configuration)?;
    let scratch = Scratch::new(aws, cluster, webhook, &shared, &configuration).await?;
    let mut signals = Signals::new()?;
    let tested = {
        let tests = Box::pin(tests(&scratch, &earlier));
        tokio::select! {
            biased;
            () = signals.next() => None,
            tested = tests => Some(tested),
        }
    };
    let what = if tested.is_some() {
        "deleting the pipeline"
    } else {
        "interrupted: deleting the pipeline; again to leave it"
    };
    note(what);
    let left = tokio::select! {
        biased;
        // A terminal that is closed, or a supervisor, may send its signal twice: only a person leaves it on purpose.
        _ = signals.interrupt.recv() => vec!["it was interrupted".to_owned()],
        left = Box::pin(scratch.remove()) => left,
    };
    let is_whole = tested.is_some();
    let mut findings = tested.unwrap_or_default();
    if is_whole {
        findings.extend(risks::of_refusals(&requests.refusals()));
        findings.extend(risks::left_out());
    }
    if left.is_empty() {
        findings.push(Finding::of("deletion", Ok("nothing of the check is left on AWS".to_owned())));
    } else {
        findings.push(Finding::of("deletion", Err(still_there(&scratch.owner, &left))));
    }
    print(&lines(&findings))?;
    Ok(if is_whole && left.is_empty() { ExitStatus::of_check(are_well(&findings)) } else { ExitStatus::Error })
}

fn still_there(owner: &Owner, left: &[String]) -> String {
    let Owner { cluster, namespace, name, .. } = owner;
    format!(
        "{namespace}/{name} of cluster {cluster} is not deleted in full ({}); check again with --write, which begins by \
         deleting it",
        left.join(" | ")
    )
}

/// What earlier checks left here, if nobody else's pipelines live here: their operator would read this one's reports.
async fn alone(aws: &Aws, cluster: &ClusterName) -> Result<Vec<Owner>, String> {
    let Found { checks, others } = scratch::find(aws, cluster).await?;
    match others.first() {
        None => Ok(checks),
        Some(Owner { namespace, name, .. }) => Err(format!(
            "pipelines of cluster {cluster} live in this account and region, such as {namespace}/{name}, and its operator \
             reads the reports of runs that a check needs; nothing was made: check with another --cluster-name"
        )),
    }
}

/// All that needs something on AWS, each step with what was found.
async fn tests(scratch: &Scratch, earlier: &[Owner]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for owner in earlier {
        note(&format!("deleting what an earlier check left: {}", owner.name));
        let left = scratch::remove(&scratch.aws, owner).await;
        let what = format!("what an earlier check left, {}, is deleted", owner.name);
        let left = if left.is_empty() { Ok(what) } else { Err(still_there(owner, &left)) };
        findings.push(Finding::of("earlier check", left));
    }
    note(&format!(
        "making pipeline {}/{}, suspended; this takes a minute or two",
        scratch.owner.namespace, scratch.owner.name
    ));
    let made = match scratch.make_inbox().await {
        Ok(()) => scratch.make().await,
        Err(why) => Err(why),
    };
    let is_made = made.is_ok();
    findings.push(Finding::of(
        "pipeline",
        made.map(|rounds| {
            format!(
                "{} resources were made, and AWS shows all as they should be after {}",
                scratch.resources.len(),
                counted(rounds, "round")
            )
        }),
    ));
    if !is_made {
        return findings;
    }
    note("firing it once, and looking at what AWS shows of it");
    let fired = Timestamp::now();
    let (reported, seen) = join!(scratch.fire("once", Expected::Delivery), risks::of_what_is_made(scratch));
    let (first, is_lost) = (risks::of_first_task(&reported), reported.is_err());
    let told =
        |after: Duration| format!("the webhook took the result, reported {} s after the firing", after.as_secs());
    findings.push(Finding::of("delivery", reported.map(told)));
    if is_lost {
        findings.extend(logged(scratch, fired).await);
    }
    findings.push(first);
    findings.extend(seen);
    note("making a role and the parameter anew, and firing once more, without a delivery");
    findings.extend(risks::of_what_is_made_anew(scratch).await);
    findings
}

/// The last lines of the functions' logs, which are deleted with them: they hold no secrets.
async fn logged(scratch: &Scratch, since: Timestamp) -> Vec<Finding> {
    let logs = Logs::of(&Session::in_region(None).await);
    let mut findings = Vec::new();
    for group in scratch.log_groups() {
        let lines = match logs.events(&group.name, since, None).await {
            Ok(events) => {
                let last = &events[events.len().saturating_sub(LOG_LINES)..];
                last.iter().map(|event| bounded_line(&event.message, MAX_LINE)).collect::<Vec<_>>().join(" | ")
            }
            Err(failure) => failure.answer(),
        };
        findings.push(Finding::not_known("log", format!("{} ends: {lines}", group.name)));
    }
    findings
}

/// Says what takes its time. A closed stderr keeps nobody from the deletion.
fn note(text: &str) {
    let _ = terminal::note(&printable(text));
}
