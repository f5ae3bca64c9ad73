//! Where on AWS a pipeline lives, and the ARNs of what is there.

use crate::partition::Partition;

/// Where on AWS a pipeline is to live, before AWS was asked which account that is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Region; absent: the operator's own.
    pub region: Option<String>,
    /// Role to assume; absent: the operator's own identity.
    pub role: Option<AssumedRole>,
}

/// A role that the operator assumes, most often of another account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssumedRole {
    /// ARN of the role, `arn:aws:iam::ACCOUNT:role/NAME`.
    pub arn: String,
    /// External id that its trust policy asks for.
    pub external_id: Option<String>,
}

/// Where on AWS a pipeline lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Partition.
    pub partition: Partition,
    /// 12-digit account id.
    pub account: String,
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// URL of another endpoint than AWS's own, if one is set.
    pub endpoint: Option<String>,
}

impl Location {
    /// ARN of something in this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// ARN of a Lambda function.
    pub fn function_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{name}"))
    }

    /// ARN of a Lambda layer, without a version.
    pub fn layer_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("layer:{name}"))
    }

    /// ARN of an SQS queue.
    pub fn queue_arn(&self, name: &str) -> String {
        self.arn("sqs", name)
    }

    /// URL of an SQS queue, as `GetQueueUrl` gives it.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
    pub fn queue_url(&self, name: &str) -> String {
        if let Some(endpoint) = &self.endpoint {
            return format!("{}/{}/{name}", endpoint.trim_end_matches('/'), self.account);
        }
        format!("https://sqs.{}.{}/{}/{name}", self.region, self.partition.dns_suffix(), self.account)
    }

    /// ARN of a role; IAM is global, so it names no region.
    pub fn role_arn(&self, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:role{path}{name}", self.partition, self.account)
    }

    /// ARN of a log group, without the `:*` that IAM policies put behind it.
    pub fn log_group_arn(&self, name: &str) -> String {
        self.arn("logs", &format!("log-group:{name}"))
    }

    /// ARN of an SSM parameter, whose name begins with `/`.
    pub fn parameter_arn(&self, name: &str) -> String {
        self.arn("ssm", &format!("parameter{name}"))
    }

    /// ARN of a schedule group.
    pub fn schedule_group_arn(&self, name: &str) -> String {
        self.arn("scheduler", &format!("schedule-group/{name}"))
    }

    /// ARN of a schedule.
    pub fn schedule_arn(&self, group: &str, name: &str) -> String {
        self.arn("scheduler", &format!("schedule/{group}/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_queue_urls_are_those_of_the_partition() {
        for (region, role, queue, url) in [
            (
                "eu-central-1",
                "arn:aws:iam::111122223333:role/p/r",
                "arn:aws:sqs:eu-central-1:111122223333:q",
                "https://sqs.eu-central-1.amazonaws.com/111122223333/q",
            ),
            (
                "cn-north-1",
                "arn:aws-cn:iam::111122223333:role/p/r",
                "arn:aws-cn:sqs:cn-north-1:111122223333:q",
                "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q",
            ),
            (
                "us-gov-west-1",
                "arn:aws-us-gov:iam::111122223333:role/p/r",
                "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:q",
                "https://sqs.us-gov-west-1.amazonaws.com/111122223333/q",
            ),
            (
                "eusc-de-east-1",
                "arn:aws-eusc:iam::111122223333:role/p/r",
                "arn:aws-eusc:sqs:eusc-de-east-1:111122223333:q",
                "https://sqs.eusc-de-east-1.amazonaws.eu/111122223333/q",
            ),
        ] {
            let location = Location {
                partition: Partition::of_region(region),
                account: "111122223333".to_owned(),
                region: region.to_owned(),
                endpoint: None,
            };
            assert_eq!(location.role_arn("/p/", "r"), role);
            assert_eq!(location.queue_arn("q"), queue);
            assert_eq!(location.queue_url("q"), url);
        }
    }
}
