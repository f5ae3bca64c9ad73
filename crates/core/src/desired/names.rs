//! What a pipeline's resources are called.

use crate::names::{ClusterName, Owner, Part};

/// The names of one pipeline.
pub(super) struct Names {
    pub(super) cluster: ClusterName,
    pub(super) front: String,
    pub(super) sender: String,
    pub(super) runner: String,
    pub(super) scheduler: String,
    pub(super) schedule: String,
    pub(super) tasks: String,
    pub(super) tasks_dlq: String,
    pub(super) undelivered_dlq: String,
    pub(super) parameter: String,
    pub(super) inbox: String,
}

impl Names {
    pub(super) fn of(owner: &Owner, fifo: bool) -> Self {
        Self::new(&owner.prefix(), &owner.cluster, fifo)
    }

    /// The names that begin with `front`, or with anything where that is `*`.
    pub(super) fn new(front: &str, cluster: &ClusterName, fifo: bool) -> Self {
        let suffix = if fifo { ".fifo" } else { "" };
        let name = |part: Part<'_>| format!("{front}-{part}");
        Self {
            cluster: cluster.clone(),
            front: front.to_owned(),
            sender: name(Part::Sender),
            runner: name(Part::Runner),
            scheduler: name(Part::Scheduler),
            schedule: front.to_owned(),
            tasks: name(Part::Tasks) + suffix,
            tasks_dlq: name(Part::TasksDeadLetters) + suffix,
            undelivered_dlq: name(Part::Undelivered),
            parameter: cluster.parameter(front, Part::Channels),
            inbox: cluster.inbox(),
        }
    }

    /// A function that tasks call, and its role.
    pub(super) fn function(&self, name: &str) -> String {
        format!("{}-{}", self.front, Part::Function(name))
    }

    /// The parameter that holds a secret of such a function.
    pub(super) fn secret(&self, function: &str, secret: &str) -> String {
        self.cluster.parameter(&self.front, Part::Secret { function, secret })
    }
}
