//! Whether a region has the services that pipelines are made of.

use std::fmt;

use super::{Failure, Session};

/// A service that pipelines need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Fires.
    Scheduler,
    /// Queues.
    Sqs,
    /// Functions.
    Lambda,
    /// Roles.
    Iam,
    /// Parameters.
    Ssm,
    /// Log groups.
    Logs,
    /// The index of tags.
    Tagging,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Scheduler, Self::Sqs, Self::Lambda, Self::Iam, Self::Ssm, Self::Logs, Self::Tagging];
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduler => "EventBridge Scheduler",
            Self::Sqs => "SQS",
            Self::Lambda => "Lambda",
            Self::Iam => "IAM",
            Self::Ssm => "SSM",
            Self::Logs => "CloudWatch Logs",
            Self::Tagging => "Resource Groups Tagging",
        })
    }
}

/// Asks a service for the shortest list that it has.
///
/// # Errors
/// It refuses, or does not answer.
pub async fn ask(session: &Session, service: Service) -> Result<(), Failure> {
    let config = &session.0;
    match service {
        Service::Scheduler => {
            let request = aws_sdk_scheduler::Client::new(config).list_schedule_groups().max_results(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Sqs => {
            let request = aws_sdk_sqs::Client::new(config).list_queues().max_results(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Lambda => {
            let request = aws_sdk_lambda::Client::new(config).list_functions().max_items(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Iam => {
            let request = aws_sdk_iam::Client::new(config).list_roles().max_items(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Ssm => {
            let request = aws_sdk_ssm::Client::new(config).describe_parameters().max_results(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Logs => {
            let request = aws_sdk_cloudwatchlogs::Client::new(config).describe_log_groups().limit(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
        Service::Tagging => {
            let request = aws_sdk_resourcegroupstagging::Client::new(config).get_resources().resources_per_page(1);
            request.send().await.map(drop).map_err(Failure::of)
        }
    }
}
