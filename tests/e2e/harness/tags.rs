//! The tags of a pipeline's resources, of every kind that has some.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ResourceTypeForTagging;

use super::Lab;
use super::aws::Texts;

/// Something that can be tagged, by what its service calls it.
enum Tagged {
    Queue(String),
    /// A function or a mapping, by its ARN.
    Lambda(String),
    Role(String),
    LogGroup(String),
    Parameter(String),
    ScheduleGroup(String),
}

impl Lab {
    /// The tags of all that a pipeline has and that can be tagged, by `kind name`.
    pub(crate) async fn tags(&self, pipeline: &str) -> BTreeMap<String, Texts> {
        let mut all = BTreeMap::new();
        for (name, tagged) in self.tagged(pipeline).await {
            all.insert(name, self.tags_of(&tagged).await);
        }
        all
    }

    /// Puts a tag on each of them, as somebody else would.
    pub(crate) async fn tag(&self, pipeline: &str, key: &str, value: &str) {
        for (_, tagged) in self.tagged(pipeline).await {
            self.tag_one(&tagged, key, value).await;
        }
    }

    async fn tagged(&self, pipeline: &str) -> Vec<(String, Tagged)> {
        let names = self.names(pipeline);
        let mappings = self.aws.lambda.list_event_source_mappings().function_name(&names.runner).send().await.unwrap();
        let mapping = mappings.event_source_mappings()[0].event_source_mapping_arn().unwrap().to_owned();
        let function = |name: &str| Tagged::Lambda(self.arn("lambda", &format!("function:{name}")));
        let log_group = |name: &str| Tagged::LogGroup(self.arn("logs", &format!("log-group:{name}")));
        let group = self.arn("scheduler", &format!("schedule-group/{}", names.schedule));
        let all = [
            ("EventSourceMapping", &names.runner, Tagged::Lambda(mapping)),
            ("Function", &names.runner, function(&names.runner)),
            ("Function", &names.sender, function(&names.sender)),
            ("LogGroup", &names.runner_logs, log_group(&names.runner_logs)),
            ("LogGroup", &names.sender_logs, log_group(&names.sender_logs)),
            ("Parameter", &names.parameter, Tagged::Parameter(names.parameter.clone())),
            ("Queue", &names.tasks, Tagged::Queue(names.tasks.clone())),
            ("Queue", &names.tasks_dlq, Tagged::Queue(names.tasks_dlq.clone())),
            ("Queue", &names.undelivered_dlq, Tagged::Queue(names.undelivered_dlq.clone())),
            ("Role", &names.runner, Tagged::Role(names.runner.clone())),
            ("Role", &names.scheduler, Tagged::Role(names.scheduler.clone())),
            ("Role", &names.sender, Tagged::Role(names.sender.clone())),
            ("ScheduleGroup", &names.schedule, Tagged::ScheduleGroup(group)),
        ];
        all.into_iter().map(|(kind, name, tagged)| (format!("{kind} {name}"), tagged)).collect()
    }

    async fn tags_of(&self, tagged: &Tagged) -> Texts {
        let aws = &self.aws;
        match tagged {
            Tagged::Queue(name) => aws.queue_tags(name).await,
            Tagged::Lambda(arn) => {
                let answer = aws.lambda.list_tags().resource(arn).send().await.unwrap();
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Tagged::Role(name) => {
                let tags = aws.iam.list_role_tags().role_name(name).send().await.unwrap().tags;
                tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
            }
            Tagged::LogGroup(arn) => {
                let answer = aws.logs.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Tagged::Parameter(name) => {
                let request = aws.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
                let tags = request.resource_id(name).send().await.unwrap().tag_list.unwrap_or_default();
                tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
            }
            Tagged::ScheduleGroup(arn) => {
                let answer = aws.scheduler.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
                answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
            }
        }
    }

    async fn tag_one(&self, tagged: &Tagged, key: &str, value: &str) {
        let aws = &self.aws;
        match tagged {
            Tagged::Queue(name) => {
                aws.sqs.tag_queue().queue_url(aws.queue_url(name)).tags(key, value).send().await.map(drop).unwrap();
            }
            Tagged::Lambda(arn) => {
                aws.lambda.tag_resource().resource(arn).tags(key, value).send().await.map(drop).unwrap();
            }
            Tagged::Role(name) => {
                let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
                aws.iam.tag_role().role_name(name).tags(tag).send().await.map(drop).unwrap();
            }
            Tagged::LogGroup(arn) => {
                aws.logs.tag_resource().resource_arn(arn).tags(key, value).send().await.map(drop).unwrap();
            }
            Tagged::Parameter(name) => {
                let tag = aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap();
                let request = aws.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
                request.resource_id(name).tags(tag).send().await.map(drop).unwrap();
            }
            Tagged::ScheduleGroup(arn) => {
                let tag = aws_sdk_scheduler::types::Tag::builder().key(key).value(value).build().unwrap();
                aws.scheduler.tag_resource().resource_arn(arn).tags(tag).send().await.map(drop).unwrap();
            }
        }
    }
}
