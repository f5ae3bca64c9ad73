//! AWS, as somebody with a console sees it.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::environment::Environment;

/// Tags, environment variables, attributes.
pub(crate) type Texts = BTreeMap<String, String>;

/// Clients of one account.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    pub(crate) scheduler: aws_sdk_scheduler::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    endpoint: String,
    region: String,
    account: String,
}

impl Aws {
    pub(crate) async fn new(environment: &Environment, account: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(environment.region.clone()))
            .endpoint_url(&environment.aws)
            .credentials_provider(Credentials::new(account, "local", None, None, "test"))
            .load()
            .await;
        Self {
            scheduler: aws_sdk_scheduler::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            endpoint: environment.aws.clone(),
            region: environment.region.clone(),
            account: account.to_owned(),
        }
    }

    /// The variables of a session of a role of this account, with tags that it hands on to each role that it assumes.
    pub(crate) async fn session(&self, role: &str, tags: &[(&str, &str)]) -> [(&'static str, String); 3] {
        // Without a client: one more would take minutes to build.
        let credential = format!("{}/20260101/{}/sts/aws4_request", self.account, self.region);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={}", "0".repeat(64));
        let arn = format!("arn:aws:iam::{}:role/{role}", self.account);
        let mut query = vec![
            ("Action".to_owned(), "AssumeRole".to_owned()),
            ("Version".to_owned(), "2011-06-15".to_owned()),
            ("RoleArn".to_owned(), arn),
            ("RoleSessionName".to_owned(), "operator".to_owned()),
        ];
        for (number, (key, value)) in tags.iter().enumerate() {
            query.push((format!("Tags.member.{}.Key", number + 1), (*key).to_owned()));
            query.push((format!("Tags.member.{}.Value", number + 1), (*value).to_owned()));
            query.push((format!("TransitiveTagKeys.member.{}", number + 1), (*key).to_owned()));
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query: Vec<String> =
            query.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        let request = reqwest::Client::new().get(format!("{}/?{}", self.endpoint, query.join("&")));
        let answer = request.header("authorization", authorization).send().await.unwrap().text().await.unwrap();
        let part = |name: &str| {
            let rest = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {answer}")).1;
            rest.split_once('<').unwrap().0.to_owned()
        };
        [
            ("AWS_ACCESS_KEY_ID", part("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", part("SecretAccessKey")),
            ("AWS_SESSION_TOKEN", part("SessionToken")),
        ]
    }

    /// Makes a bucket in S3 in the region of the functions: Lambda takes no other.
    pub(crate) async fn make_bucket(&self, bucket: &str) {
        let here = BucketLocationConstraint::from(self.region.as_str());
        let here = CreateBucketConfiguration::builder().location_constraint(here).build();
        self.s3.create_bucket().bucket(bucket).create_bucket_configuration(here).send().await.unwrap();
    }

    /// Puts an object into a bucket.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str, content: Vec<u8>) {
        self.s3.put_object().bucket(bucket).key(key).body(content.into()).send().await.unwrap();
    }

    /// The keys of what a bucket holds.
    pub(crate) async fn objects(&self, bucket: &str) -> Vec<String> {
        let answer = self.s3.list_objects_v2().bucket(bucket).send().await.unwrap();
        answer.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
    }

    /// Everything in the account of the kinds that pipelines are made of, but what each account has from the start.
    pub(crate) async fn everything(&self) -> BTreeSet<String> {
        macro_rules! all {
            ($list:expr) => {
                $list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap()
            };
        }
        let groups = all!(self.scheduler.list_schedule_groups());
        let schedules = all!(self.scheduler.list_schedules());
        let functions = all!(self.lambda.list_functions());
        let layers = all!(self.lambda.list_layers());
        let mappings = all!(self.lambda.list_event_source_mappings());
        // SQS leaves the token out where no page size is asked for.
        let queues = all!(self.sqs.list_queues().max_results(1000));
        let roles = all!(self.iam.list_roles());
        let log_groups = all!(self.logs.describe_log_groups());
        let parameters = self.ssm.describe_parameters().into_paginator().send().collect::<Result<Vec<_>, _>>().await;
        let parameters: Vec<_> =
            parameters.unwrap().into_iter().flat_map(|page| page.parameters.unwrap_or_default()).collect();
        let mut found = BTreeSet::new();
        let mut add = |kind: &str, name: Option<&str>| found.insert(format!("{kind} {}", name.unwrap_or_default()));
        for group in groups.iter().filter(|group| group.name() != Some("default")) {
            add("ScheduleGroup", group.name());
        }
        for schedule in &schedules {
            add("Schedule", schedule.name());
        }
        for function in &functions {
            add("Function", function.function_name());
        }
        for layer in &layers {
            add("Layer", layer.layer_name());
        }
        for mapping in &mappings {
            add("EventSourceMapping", mapping.function_arn().and_then(|arn| arn.rsplit(':').next()));
        }
        for queue in &queues {
            add("Queue", queue.rsplit('/').next());
        }
        for role in roles.iter().filter(|role| !role.role_name().starts_with("AWSServiceRole")) {
            add("Role", Some(role.role_name()));
        }
        for group in &log_groups {
            add("LogGroup", group.log_group_name());
        }
        for parameter in &parameters {
            add("Parameter", parameter.name());
        }
        found
    }

    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.endpoint, self.account)
    }

    pub(crate) async fn queue(&self, name: &str) -> Texts {
        let request = self.sqs.get_queue_attributes().queue_url(self.queue_url(name));
        let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
        let attributes = answer.attributes.unwrap_or_default();
        attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect()
    }

    pub(crate) async fn queue_tags(&self, name: &str) -> Texts {
        let answer = self.sqs.list_queue_tags().queue_url(self.queue_url(name)).send().await.unwrap();
        answer.tags.unwrap_or_default().into_iter().collect()
    }

    /// Messages that wait in a queue, and those that somebody has.
    pub(crate) async fn messages(&self, name: &str) -> u32 {
        let queue = self.queue(name).await;
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            .iter()
            .filter_map(|key| queue.get(*key)?.parse::<u32>().ok())
            .sum()
    }

    /// Takes up to 10 messages from a queue, for a short while.
    pub(crate) async fn receive(&self, name: &str) -> Vec<Message> {
        let request = self.sqs.receive_message().queue_url(self.queue_url(name)).max_number_of_messages(10);
        let request = request.visibility_timeout(1).message_attribute_names("All");
        let answer = request.message_system_attribute_names(MessageSystemAttributeName::All).send().await.unwrap();
        answer.messages.unwrap_or_default()
    }

    /// Puts a message on a standard queue.
    pub(crate) async fn send(&self, name: &str, body: &str) {
        self.sqs.send_message().queue_url(self.queue_url(name)).message_body(body).send().await.unwrap();
    }

    /// Takes all messages out of a queue, also those that somebody has.
    pub(crate) async fn purge(&self, name: &str) {
        self.sqs.purge_queue().queue_url(self.queue_url(name)).send().await.unwrap();
    }

    pub(crate) async fn delete_queue(&self, name: &str) {
        self.sqs.delete_queue().queue_url(self.queue_url(name)).send().await.unwrap();
    }

    /// What a parameter holds.
    pub(crate) async fn parameter(&self, name: &str) -> String {
        let answer = self.ssm.get_parameter().name(name).with_decryption(true).send().await.unwrap();
        answer.parameter.unwrap().value.unwrap()
    }

    /// A role's only policy and its trust, as JSON.
    pub(crate) async fn role(&self, name: &str) -> (Value, Value) {
        let role = self.iam.get_role().role_name(name).send().await.unwrap().role.unwrap();
        let names = self.iam.list_role_policies().role_name(name).send().await.unwrap().policy_names;
        assert_eq!(names.len(), 1, "inline policies of role {name}");
        let attached = self.iam.list_attached_role_policies().role_name(name).send().await.unwrap();
        assert!(attached.attached_policies().is_empty(), "attached policies of role {name}");
        let answer = self.iam.get_role_policy().role_name(name).policy_name(&names[0]).send().await.unwrap();
        (decoded(answer.policy_document()), decoded(role.assume_role_policy_document().unwrap()))
    }

    pub(crate) async fn schedule(&self, name: &str) -> aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput {
        self.scheduler.get_schedule().group_name(name).name(name).send().await.unwrap()
    }

    pub(crate) async fn function(&self, name: &str) -> aws_sdk_lambda::types::FunctionConfiguration {
        self.lambda.get_function().function_name(name).send().await.unwrap().configuration.unwrap()
    }
}

/// IAM hands documents out percent-encoded.
fn decoded(document: &str) -> Value {
    serde_json::from_str(&percent_decode_str(document).decode_utf8_lossy()).unwrap()
}

/// Every (action, resource) that a policy allows.
pub(crate) fn allowed(policy: &Value) -> BTreeSet<(String, String)> {
    let list = |value: &Value| -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
            single => vec![single.as_str().unwrap().to_owned()],
        }
    };
    let statements = policy["Statement"].as_array().unwrap();
    let mut pairs = BTreeSet::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow");
        // The condition says what may be decrypted; the resource is any key.
        let decrypts = statement["Action"] == serde_json::json!(["kms:Decrypt"]);
        assert!(decrypts || statement.get("Condition").is_none(), "{statement}");
        assert!(statement.get("NotAction").is_none(), "{statement}");
        for action in list(&statement["Action"]) {
            pairs.extend(list(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    pairs
}
