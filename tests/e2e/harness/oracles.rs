//! What every test of the reliability suite is judged by, beside what it is about.
//!
//! (a) AWS and the pipeline end as without faults; (b) nothing is made or deleted more often; (c) what has converged is
//! not written to again; (d) the operator neither panics nor logs an error; (e) nothing of another owner is written to.
//! [`Lab::finish`] adds that nothing is left behind, and that every status kept to the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use serde_json::json;

use super::strict::Call;
use super::{Gate, Lab, Settings, eventually, kstatus};

/// How often each resource was made and deleted, by operation and name.
pub(crate) type Counts = BTreeMap<String, usize>;

/// Front of the names of what is another's.
const FOREIGN: &str = "another-owners";

/// What a call makes or deletes; nothing if it does neither, or was refused.
fn makes_or_deletes(call: &Call) -> Option<String> {
    let counts = ["Create", "Delete"].iter().any(|verb| call.operation.starts_with(verb));
    // AWS makes up the name of a mapping.
    let name = if call.operation.ends_with("EventSourceMapping") { "" } else { &call.resource };
    (counts && call.status < 300 && call.status > 0).then(|| format!("{} {name}", call.operation))
}

fn counts(calls: &[Call]) -> Counts {
    let mut counts = Counts::new();
    let mut queues = BTreeSet::new();
    for call in calls {
        let Some(write) = makes_or_deletes(call) else { continue };
        // CreateQueue answers success for a queue that is there, and makes nothing.
        let counts_as = match call.operation.as_str() {
            "CreateQueue" => usize::from(queues.insert(&call.resource)),
            "DeleteQueue" => {
                queues.remove(&call.resource);
                1
            }
            _ => 1,
        };
        *counts.entry(write).or_default() += counts_as;
    }
    counts
}

impl Lab {
    /// Oracle (b)'s numbers since calls were last forgotten, with this world's own names taken out.
    pub(crate) async fn counts(&self, pipeline: &str) -> Counts {
        let front = self.names(pipeline).schedule;
        let counts = counts(&self.strict.calls().await);
        counts.into_iter().map(|(write, count)| (write.replace(&front, "FRONT"), count)).collect()
    }

    /// Oracle (c): three reconciles of a pipeline that has converged write nothing at all.
    pub(crate) async fn settled(&self, pipeline: &str) {
        // The last words about what was done may still be on their way when the status is written.
        self.resync(pipeline).await;
        let before = self.gate().writes();
        self.resyncs(pipeline, 3).await;
        let written: Vec<String> = self.gate().journal().split_off(before).iter().map(ToString::to_string).collect();
        assert!(written.is_empty(), "three reconciles of a pipeline that has converged wrote {written:?}");
    }

    /// Oracle (d): what operators logged that none may.
    pub(crate) fn accidents(&self) -> Vec<String> {
        let logs = self.logs.iter().map(|log| fs::read_to_string(log).unwrap());
        // The client says so of each request that a connection is cut under; what the operator makes of it is not an error.
        let cut = |line: &str| line.contains(r#""target":"kube_client::client::builder""#);
        let bad = |line: &&str| line.contains("panicked") || line.contains(r#""level":"ERROR""#) && !cut(line);
        logs.flat_map(|log| log.lines().filter(bad).map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Puts another owner's resources beside those of a pipeline, for oracle (e): (a) compares them too.
    pub(crate) async fn plant(&self, pipeline: &str) {
        let name = format!("{FOREIGN}-{}", self.names(pipeline).schedule);
        let aws = &self.aws;
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
        }]});
        let role = aws.iam.create_role().role_name(FOREIGN).assume_role_policy_document(trust.to_string());
        let role = role.send().await.unwrap().role.unwrap().arn;
        aws.sqs.create_queue().queue_name(FOREIGN).tags("team", "billing").send().await.unwrap();
        let group = format!("/aws/lambda/{name}");
        aws.logs.create_log_group().log_group_name(group).send().await.unwrap();
        let parameter = aws.ssm.put_parameter().name(format!("/taskpipelines/{name}")).value("theirs");
        parameter.r#type("String".into()).send().await.unwrap();
        aws.scheduler.create_schedule_group().name(FOREIGN).send().await.unwrap();
        let queue = self.arn("sqs", FOREIGN);
        let target = Target::builder().arn(queue).role_arn(role).build().unwrap();
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
        let schedule = aws.scheduler.create_schedule().group_name(FOREIGN).name(FOREIGN).target(target);
        eventually("the role can be assumed", async || {
            let request =
                schedule.clone().flexible_time_window(window.clone()).schedule_expression(super::specs::LEAP_DAY);
            request.send().await.map(drop).map_err(|error| format!("{error:?}"))
        })
        .await;
    }

    /// Ends a test: everything the operator made goes, and nothing may be left, logged or said that must not.
    pub(crate) async fn finish(self) {
        self.finish_leaving(&[]).await;
    }

    /// The same, where something must be left, as `kind name`.
    pub(crate) async fn finish_leaving(mut self, left: &[String]) {
        for name in self.all().await {
            self.delete(&name).await;
        }
        if self.operator.is_none() {
            self.start(&Settings::default());
        }
        for name in self.all().await {
            self.gone(&name).await;
        }
        let everything = self.aws.everything().await.into_iter().filter(|what| !what.contains(FOREIGN));
        assert_eq!(everything.collect::<Vec<_>>(), left, "left on AWS in the end");
        let accidents = self.accidents();
        assert!(accidents.is_empty(), "an operator logged:\n{}", accidents.join("\n"));
        // Of two operators that write at the same time, each overwrites the other's times.
        let journal = self.gate.as_ref().filter(|_| self.alone).map(Gate::journal).unwrap_or_default();
        let breaches = kstatus::breaches(&journal);
        assert!(breaches.is_empty(), "statuses that break the contract:\n{}", breaches.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_a_test_leaves_behind_fails_it() {
        let lab = Lab::without_operator().await;
        lab.aws.sqs.create_queue().queue_name("left-over").send().await.unwrap();
        let finished = AssertUnwindSafe(lab.finish()).catch_unwind().await;
        let message = finished.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("Queue left-over"), "{message}");
    }
}
