//! The parts of a pipeline, by what their names on AWS end in.

use std::fmt;

/// What a name on AWS stands for: the pipeline's prefix, and the part's ending behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'name> {
    /// The schedule and its group, which have the prefix alone.
    Schedule,
    /// The role that EventBridge Scheduler assumes.
    Scheduler,
    /// The function that a firing invokes, its role and log group.
    Sender,
    /// The queue of tasks and deliveries.
    Tasks,
    /// Its dead-letter queue.
    TasksDeadLetters,
    /// The queue of firings that never became tasks.
    Undelivered,
    /// The function that runs tasks, its role and log group.
    Runner,
    /// The parameter with the channels' and tasks' secrets.
    Channels,
    /// A function that tasks call, its role and log group.
    Function(&'name str),
    /// The parameter with a secret of such a function.
    Secret {
        /// Name of the function.
        function: &'name str,
        /// Name of the secret.
        secret: &'name str,
    },
    /// A layer that is built from requirements.
    Layer(&'name str),
}

/// What the names of all queues with first-in-first-out order end in.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const FIFO: &str = ".fifo";

impl<'name> Part<'name> {
    /// The part that a name is of, by what stands behind the pipeline's prefix and a hyphen. A [`Part::Secret`] cannot be
    /// told from a [`Part::Function`] of that longer name: the kind of resource says which it is.
    pub fn parse(ending: &'name str) -> Option<Self> {
        let fixed = [
            Self::Schedule,
            Self::Scheduler,
            Self::Sender,
            Self::Tasks,
            Self::TasksDeadLetters,
            Self::Undelivered,
            Self::Runner,
            Self::Channels,
        ];
        let ending = ending.trim_end_matches(FIFO);
        let function = || ending.strip_prefix("fn-").map(Self::Function);
        let layer = || ending.strip_prefix("layer-").map(Self::Layer);
        fixed.into_iter().find(|part| part.to_string() == ending).or_else(function).or_else(layer)
    }

    /// Whether a name ends in this part's ending, whichever pipeline's it is.
    pub fn is_end_of(self, name: &str) -> bool {
        let front = name.trim_end_matches(FIFO).strip_suffix(&self.to_string());
        front.is_some_and(|front| front.ends_with('-'))
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule => Ok(()),
            Self::Scheduler => f.write_str("scheduler"),
            Self::Sender => f.write_str("sender"),
            Self::Tasks => f.write_str("tasks"),
            Self::TasksDeadLetters => f.write_str("tasks-dlq"),
            // Not `.fifo` even where the tasks' queue is: Scheduler and Lambda cannot send to a FIFO queue.
            Self::Undelivered => f.write_str("undelivered-dlq"),
            Self::Runner => f.write_str("runner"),
            Self::Channels => f.write_str("channels"),
            Self::Function(name) => write!(f, "fn-{name}"),
            Self::Secret { function, secret } => write!(f, "fn-{function}-{secret}"),
            Self::Layer(name) => write!(f, "layer-{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_from_its_own_ending() {
        for part in [
            Part::Schedule,
            Part::Scheduler,
            Part::Sender,
            Part::Tasks,
            Part::TasksDeadLetters,
            Part::Undelivered,
            Part::Runner,
            Part::Channels,
            Part::Function("report"),
            Part::Layer("deps"),
        ] {
            assert_eq!(Part::parse(&part.to_string()), Some(part));
        }
        assert_eq!(Part::parse("tasks-dlq.fifo"), Some(Part::TasksDeadLetters));
        assert_eq!(Part::parse("something"), None);
        let secret = Part::Secret { function: "a", secret: "key" };
        assert_eq!(Part::parse(&secret.to_string()), Some(Part::Function("a-key")));
    }

    #[test]
    fn the_ending_alone_tells_the_queues_apart() {
        assert!(Part::Tasks.is_end_of("team-hello-abc-tasks.fifo"));
        assert!(Part::TasksDeadLetters.is_end_of("team-hello-abc-tasks-dlq"));
        assert!(!Part::Tasks.is_end_of("team-hello-abc-tasks-dlq"));
        assert!(!Part::Tasks.is_end_of("multitasks"));
    }
}
