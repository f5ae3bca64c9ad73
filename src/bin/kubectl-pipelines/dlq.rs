//! `kubectl pipelines dlq`: dead letters.

use std::error::Error;
use std::io;

use aws::own::Session;
use aws::own::dead_letters::{Queues, Report};
use clap::Subcommand;
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;
use pipeline_core::dead_letters::DeadLetter;
use pipeline_core::error_chain::chain;
use pipeline_core::text::{counted, one_line, printable, printable_json};
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::text::{age, short, shortened, table};
use crate::{complete, print};

/// Characters of an id that tables show: enough to name a message by.
const SHORT_ID: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the dead letters of a pipeline.
    List(OfPipeline),
    /// Show dead letters in full, and why they are here.
    Show {
        /// Name of the pipeline.
        #[arg(add = ArgValueCompleter::new(complete::pipelines))]
        name: String,
        /// IDs that `list` shows, or their beginnings [default: all].
        ids: Vec<String>,
    },
    /// Send dead letters on their way again: tasks and deliveries to the queue, firings to the sender.
    #[command(override_usage = "kubectl pipelines dlq redrive [OPTIONS] <NAME> <IDS...|--all>")]
    Redrive {
        /// Name of the pipeline.
        #[arg(add = ArgValueCompleter::new(complete::pipelines))]
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Delete dead letters for good, after asking.
    #[command(override_usage = "kubectl pipelines dlq purge [OPTIONS] <NAME> <IDS...|--all>")]
    Purge {
        /// Name of the pipeline.
        #[arg(add = ArgValueCompleter::new(complete::pipelines))]
        name: String,
        #[command(flatten)]
        which: Which,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// IDs that `list` shows, or their beginnings.
    ids: Vec<String>,
    /// Take all dead letters of the pipeline.
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    match arguments.command {
        Command::List(OfPipeline { name, output }) => {
            let letters = queues(&name, place).await?.list().await?;
            output::list(output, &letters, &format!("no dead letters of {name}"), lines)?;
            Ok(ExitStatus::Success)
        }
        Command::Show { name, ids } => {
            let letters = queues(&name, place).await?.list().await?;
            let wanted = if ids.is_empty() { letters } else { named(letters, &ids)? };
            print(&wanted.iter().map(in_full).collect::<Vec<_>>().join("\n"))?;
            Ok(ExitStatus::Success)
        }
        Command::Redrive { name, which } => {
            let queues = queues(&name, place).await?;
            let ids = which.ids(&queues).await?;
            report("sent again", &queues.redrive(|id| ids.iter().any(|wanted| wanted == id)).await?, ids.len())
        }
        Command::Purge { name, which, yes } => {
            let queues = queues(&name, place).await?;
            let ids = which.ids(&queues).await?;
            if !yes && !is_confirmed(&name, ids.len())? {
                return Ok(ExitStatus::Failure);
            }
            report("deleted", &queues.purge(|id| ids.iter().any(|wanted| wanted == id)).await?, ids.len())
        }
    }
}

async fn queues(name: &str, place: Place) -> Result<Queues, Box<dyn Error>> {
    let status = place.connect().await?.get(name).await?.status.unwrap_or_default();
    Ok(Queues::of(&status, &Session::in_region(status.region.as_deref()).await).await?)
}

impl Which {
    /// The full ids: what arrives later is not touched.
    async fn ids(&self, queues: &Queues) -> Result<Vec<String>, Box<dyn Error>> {
        let letters = queues.list().await?;
        let letters = if self.all { letters } else { named(letters, &self.ids)? };
        Ok(letters.into_iter().map(|letter| letter.id).collect())
    }
}

fn is_confirmed(name: &str, count: usize) -> io::Result<bool> {
    terminal::ask(&format!("Permanently delete {} of {name}? [y/N] ", counted(count, "dead letter")))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Those that ids or their beginnings name.
fn named(letters: Vec<DeadLetter>, ids: &[String]) -> Result<Vec<DeadLetter>, String> {
    for id in ids {
        match letters.iter().filter(|letter| letter.id.starts_with(id.as_str())).count() {
            0 => return Err(format!("no dead letter has an id that begins with `{id}`: `dlq list` shows them")),
            1 => {}
            several => return Err(format!("{several} dead letters have ids that begin with `{id}`: write more of it")),
        }
    }
    let is_wanted = |letter: &DeadLetter| ids.iter().any(|id| letter.id.starts_with(id.as_str()));
    Ok(letters.into_iter().filter(is_wanted).collect())
}

pub(crate) fn lines(letters: &[DeadLetter], now: Timestamp) -> String {
    let row = |letter: &DeadLetter| {
        let DeadLetter { id, queue, what, run, sent, why, body: _ } = letter;
        let age = sent.map_or_else(String::new, |sent| age(sent, now));
        let run = run.clone().unwrap_or_default();
        [short(id, SHORT_ID).to_owned(), queue.as_str().to_owned(), what.clone(), run, age, shortened(why)]
    };
    table(["ID", "QUEUE", "WHAT", "RUN", "AGE", "WHY"], letters.iter().map(row).collect())
}

pub(crate) fn in_full(letter: &DeadLetter) -> String {
    let DeadLetter { id, queue, what, run, sent, why, body } = letter;
    let (id, what, why, body) = (printable(id), printable(what), one_line(why), format!("{body:#}"));
    let run = run.as_deref().map(|run| format!("Run:   {}\n", printable(run))).unwrap_or_default();
    let sent = sent.map(|sent| format!("Sent:  {sent}\n")).unwrap_or_default();
    format!(
        "ID:    {id}\nQueue: {}\nWhat:  {what}\n{run}{sent}Why:   {why}\n{}\n",
        queue.as_str(),
        printable_json(&body)
    )
}

fn report(verb: &str, report: &Report, wanted: usize) -> Result<ExitStatus, Box<dyn Error>> {
    for letter in &report.done {
        print(&format!("{} {verb}: {}\n", short(&letter.id, SHORT_ID), printable(&letter.what)))?;
    }
    for (letter, error) in &report.failed {
        let (id, what) = (short(&letter.id, SHORT_ID), printable(&letter.what));
        terminal::note(&format!("{id} was left in the queue: {what}: {}", one_line(&chain(error))))?;
    }
    let missing = wanted.saturating_sub(report.done.len() + report.failed.len());
    if missing > 0 {
        terminal::note(&format!(
            "{} could not be received, as another client has them; list them again in a minute",
            counted(missing, "dead letter")
        ))?;
    }
    Ok(ExitStatus::of_check(report.failed.is_empty() && missing == 0))
}

#[cfg(test)]
mod tests {
    use pipeline_core::dead_letters::Origin;
    use serde_json::Value;

    use super::*;

    fn letter(id: &str, why: &str) -> DeadLetter {
        DeadLetter {
            id: id.to_owned(),
            queue: Origin::Tasks,
            what: "delivery hello to team".to_owned(),
            run: Some("k5wq".to_owned()),
            sent: Some("2026-01-01T09:00:00Z".parse().unwrap()),
            why: why.to_owned(),
            body: Value::Null,
        }
    }

    #[test]
    fn dead_letters_are_listed_a_line_each() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let long = format!("{}\n\u{1b}[31m", "x".repeat(100));
        let table = lines(&[letter("12345678-abcd", "HTTP 404 Not Found"), letter("9", &long)], now);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = table.lines().map(words).collect();
        assert_eq!(lines[0], "ID QUEUE WHAT RUN AGE WHY");
        assert_eq!(lines[1], "12345678 tasks delivery hello to team k5wq 3h HTTP 404 Not Found");
        assert!(table.ends_with(&format!("{}…\n", "x".repeat(79))) && !table.contains('\u{1b}'), "{table}");
    }

    #[test]
    fn ids_are_named_by_their_beginnings() {
        let letters = || vec![letter("aa1", ""), letter("aa2", ""), letter("b", "")];
        let ids = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
            named(letters(), &ids).map(|found| found.into_iter().map(|letter| letter.id).collect::<Vec<_>>())
        };
        assert_eq!(ids(&["aa2", "b"]).unwrap(), ["aa2", "b"]);
        assert!(ids(&["aa"]).unwrap_err().starts_with("2 dead letters have ids that begin with `aa`"));
        assert!(ids(&["c"]).unwrap_err().starts_with("no dead letter has an id that begins with `c`"));
    }
}
