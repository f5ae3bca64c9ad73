//! What a pipeline's resources are called on AWS.

use std::collections::BTreeSet;

use pipeline_core::names::Owner;

use super::operator::CLUSTER;

/// Name of the inbox of every test's operator.
pub(crate) const INBOX: &str = "taskpipelines-e2e-inbox";

/// Resources, and the inbox that stays as long as a pipeline does.
pub(crate) fn and_inbox(resources: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    resources.into_iter().chain([format!("Queue {INBOX}")]).collect()
}

/// The AWS names of one pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Schedule group and schedule.
    pub(crate) schedule: String,
    pub(crate) sender: String,
    pub(crate) runner: String,
    /// Role of the schedule.
    pub(crate) scheduler: String,
    pub(crate) tasks: String,
    pub(crate) tasks_dlq: String,
    pub(crate) undelivered_dlq: String,
    pub(crate) parameter: String,
    pub(crate) sender_logs: String,
    pub(crate) runner_logs: String,
}

impl Names {
    pub(crate) fn new(namespace: &str, pipeline: &str) -> Self {
        let owner = Owner {
            cluster: CLUSTER.parse().unwrap(),
            namespace: namespace.to_owned(),
            name: pipeline.to_owned(),
            uid: String::new(),
        };
        let front = owner.prefix();
        Self {
            sender: format!("{front}-sender"),
            runner: format!("{front}-runner"),
            scheduler: format!("{front}-scheduler"),
            tasks: format!("{front}-tasks"),
            tasks_dlq: format!("{front}-tasks-dlq"),
            undelivered_dlq: format!("{front}-undelivered-dlq"),
            parameter: format!("/taskpipelines/{CLUSTER}/{front}/channels"),
            sender_logs: format!("/aws/lambda/{front}-sender"),
            runner_logs: format!("/aws/lambda/{front}-runner"),
            schedule: front,
        }
    }

    /// The names where `concurrencyPolicy` is `Queue`.
    pub(crate) fn fifo(self) -> Self {
        Self { tasks: format!("{}.fifo", self.tasks), tasks_dlq: format!("{}.fifo", self.tasks_dlq), ..self }
    }

    /// A function that tasks call, and its role.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{}-fn-{name}", self.schedule)
    }

    /// The parameter with a secret of such a function.
    pub(crate) fn secret(&self, function: &str, secret: &str) -> String {
        format!("/taskpipelines/{CLUSTER}/{}/fn-{function}-{secret}", self.schedule)
    }

    /// All resources of a pipeline that uses secrets, as `kind name`.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        let rows = [
            ("EventSourceMapping", &self.runner),
            ("Function", &self.runner),
            ("Function", &self.sender),
            ("LogGroup", &self.runner_logs),
            ("LogGroup", &self.sender_logs),
            ("Parameter", &self.parameter),
            ("Queue", &self.tasks),
            ("Queue", &self.tasks_dlq),
            ("Queue", &self.undelivered_dlq),
            ("Role", &self.runner),
            ("Role", &self.scheduler),
            ("Role", &self.sender),
            ("Schedule", &self.schedule),
            ("ScheduleGroup", &self.schedule),
        ];
        rows.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect()
    }

    /// The same, and the inbox that the first pipeline of an account brings along.
    pub(crate) fn all_and_inbox(&self) -> BTreeSet<String> {
        and_inbox(self.all())
    }
}
