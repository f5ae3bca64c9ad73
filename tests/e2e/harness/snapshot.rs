//! Everything that AWS and the API server show, as lines that can be compared.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ResourceTypeForTagging;
use serde_json::{Value, json};

use super::{Aws, Lab};

/// Lines of `path: value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeSet<(String, String)>);

/// What is not the resource's but the answer's: its id, and a link to the code that is good for minutes.
const OF_THE_ANSWER: [&str; 2] = ["_request_id", "location"];

impl Snapshot {
    /// Adds what the SDK shows of something: all its fields, also those that nobody here thought of.
    fn add(&mut self, front: &str, shown: &impl fmt::Debug) {
        let mut path = vec![front.to_owned()];
        for line in format!("{shown:#?}").lines().map(str::trim) {
            let (key, value) = match (line.starts_with('"'), line.split_once("\": "), line.split_once(": ")) {
                (true, Some((key, value)), _) | (false, _, Some((key, value))) => (key.trim_start_matches('"'), value),
                _ => ("", line),
            };
            if value.ends_with(['{', '(', '[']) {
                path.push(key.to_owned());
            } else if value.starts_with(['}', ')', ']']) {
                path.pop();
            } else if value != "None," && !path.iter().any(|part| OF_THE_ANSWER.contains(&part.as_str())) {
                self.0.insert((format!("{}/{key}", path.join("/")), value.trim_end_matches(',').to_owned()));
            }
        }
    }

    /// Adds what JSON says.
    fn add_json(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add_json(&format!("{path}/{key}"), value);
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    self.add_json(&format!("{path}/{at}"), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.0.insert((path.to_owned(), value.to_string()));
            }
        }
    }

    /// The same with other texts in place of some: what is one run's own.
    fn replaced(self, texts: &[(String, &str)]) -> Self {
        let replace = |text: String| texts.iter().fold(text, |text, (from, to)| text.replace(from, to));
        Self(self.0.into_iter().map(|(path, value)| (replace(path), replace(value))).collect())
    }

    /// The paths at which two differ.
    pub(crate) fn differing(&self, other: &Self) -> BTreeSet<String> {
        self.0.symmetric_difference(&other.0).map(|(path, _)| path.clone()).collect()
    }

    /// The lines that only one of the two has.
    pub(crate) fn difference(&self, other: &Self) -> Vec<String> {
        self.compare(other, &BTreeSet::new())
    }

    /// The same, but for those at some paths.
    pub(crate) fn compare(&self, other: &Self, but: &BTreeSet<String>) -> Vec<String> {
        let only = |sign: &'static str, these: &Self, those: &Self| -> Vec<String> {
            let lines = these.0.difference(&those.0).filter(|(path, _)| !but.contains(path));
            lines.map(|(path, value)| format!("{sign} {path}: {value}")).collect()
        };
        [only("-", self, other), only("+", other, self)].concat()
    }

    /// The lines whose path begins so.
    pub(crate) fn below(&self, front: &str) -> Self {
        Self(self.0.iter().filter(|(path, _)| path.starts_with(front)).cloned().collect())
    }
}

impl Lab {
    /// Everything there is in the account and of a pipeline, with this world's own names taken out.
    pub(crate) async fn snapshot(&self, pipeline: &str) -> Snapshot {
        let mut all = self.aws.snapshot().await;
        let mut texts = Vec::new();
        if let Some(pipeline) = self.find(pipeline).await {
            texts.push((pipeline.metadata.uid.clone().unwrap(), "UID"));
            let finalizers = &pipeline.metadata.finalizers;
            let mut status = json!(pipeline.status);
            // When the schedule was last made or changed is a life's own, as are the times in conditions.
            if let Some(schedule) = status["schedule"].as_object_mut() {
                schedule.remove("since");
            }
            all.add_json("Pipeline", &json!({"spec": pipeline.spec, "status": status, "finalizers": finalizers}));
        }
        texts.push((self.names(pipeline).schedule, "FRONT"));
        texts.push((self.account.clone(), "ACCOUNT"));
        texts.extend(self.gate.iter().map(|gate| (gate.aws.clone(), "AWS")));
        texts.push((self.environment.aws.clone(), "AWS"));
        all.replaced(&texts)
    }
}

impl Aws {
    async fn snapshot(&self) -> Snapshot {
        let mut all = Snapshot::default();
        self.add_schedules(&mut all).await;
        self.add_functions(&mut all).await;
        self.add_queues(&mut all).await;
        self.add_roles(&mut all).await;
        self.add_log_groups(&mut all).await;
        self.add_parameters(&mut all).await;
        all
    }

    async fn add_schedules(&self, all: &mut Snapshot) {
        for group in self.scheduler.list_schedule_groups().send().await.unwrap().schedule_groups {
            let (name, arn) = (group.name.clone().unwrap(), group.arn.clone().unwrap());
            all.add(&format!("ScheduleGroup {name}"), &group);
            let tags = self.scheduler.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
            all.add(&format!("ScheduleGroup {name}/tags"), &sorted(tags.tags.unwrap_or_default()));
        }
        for schedule in self.scheduler.list_schedules().send().await.unwrap().schedules {
            let (group, name) = (schedule.group_name.unwrap(), schedule.name.unwrap());
            let shown = self.scheduler.get_schedule().group_name(&group).name(&name).send().await.unwrap();
            all.add(&format!("Schedule {group}/{name}"), &shown);
        }
    }

    async fn add_functions(&self, all: &mut Snapshot) {
        for function in self.lambda.list_functions().send().await.unwrap().functions.unwrap_or_default() {
            let name = function.function_name.unwrap();
            let front = format!("Function {name}");
            let shown = self.lambda.get_function().function_name(&name).send().await.unwrap();
            let environment = shown.configuration().and_then(|shown| shown.environment()?.variables()).cloned();
            // The SDK does not print these.
            all.add_json(&format!("{front}/environment"), &json!(environment));
            all.add(&front, &shown);
            // A function without asynchronous settings has none to show.
            if let Ok(shown) = self.lambda.get_function_event_invoke_config().function_name(&name).send().await {
                all.add(&format!("{front}/asynchronous"), &shown);
            }
        }
        let mappings = self.lambda.list_event_source_mappings().send().await.unwrap();
        for mapping in mappings.event_source_mappings.unwrap_or_default() {
            let function = mapping.function_arn().unwrap().rsplit(':').next().unwrap().to_owned();
            let front = format!("EventSourceMapping {function}");
            let tags = self.lambda.list_tags().resource(mapping.event_source_mapping_arn().unwrap()).send().await;
            all.add(&front, &mapping);
            all.add(&format!("{front}/tags"), &tags.unwrap());
            // Two would differ in nothing but what is masked.
            all.add_json(&format!("{front}/id"), &json!(mapping.uuid));
        }
    }

    async fn add_queues(&self, all: &mut Snapshot) {
        for url in self.sqs.list_queues().send().await.unwrap().queue_urls.unwrap_or_default() {
            let front = format!("Queue {}", url.rsplit('/').next().unwrap());
            let request = self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
            all.add(&front, &request.send().await.unwrap());
            all.add(&front, &self.sqs.list_queue_tags().queue_url(&url).send().await.unwrap());
        }
    }

    async fn add_roles(&self, all: &mut Snapshot) {
        for role in self.iam.list_roles().send().await.unwrap().roles {
            let name = role.role_name;
            let front = format!("Role {name}");
            all.add(&front, &self.iam.get_role().role_name(&name).send().await.unwrap());
            let tags = self.iam.list_role_tags().role_name(&name).send().await.unwrap().tags;
            all.add(&format!("{front}/tags"), &sorted(tags));
            all.add(&front, &self.iam.list_attached_role_policies().role_name(&name).send().await.unwrap());
            for policy in self.iam.list_role_policies().role_name(&name).send().await.unwrap().policy_names {
                let request = self.iam.get_role_policy().role_name(&name).policy_name(&policy);
                all.add(&format!("{front}/{policy}"), &request.send().await.unwrap());
            }
        }
    }

    async fn add_log_groups(&self, all: &mut Snapshot) {
        for group in self.logs.describe_log_groups().send().await.unwrap().log_groups.unwrap_or_default() {
            let front = format!("LogGroup {}", group.log_group_name().unwrap());
            let arn = group.arn().unwrap().trim_end_matches(":*");
            let tags = self.logs.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
            all.add(&front, &group);
            all.add(&format!("{front}/tags"), &tags);
        }
    }

    async fn add_parameters(&self, all: &mut Snapshot) {
        for parameter in self.ssm.describe_parameters().send().await.unwrap().parameters.unwrap_or_default() {
            let name = parameter.name().unwrap();
            let front = format!("Parameter {name}");
            all.add(&front, &parameter);
            // The SDK does not print it.
            all.add_json(&format!("{front}/value"), &json!(self.parameter(name).await));
            let request = self.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
            let tags = request.resource_id(name).send().await.unwrap().tag_list.unwrap_or_default();
            all.add(&format!("{front}/tags"), &sorted(tags));
        }
    }
}

/// Tags that come as a list, as text in an order of our own: which is which must not depend on where it stands.
fn sorted(tags: Vec<impl fmt::Debug>) -> BTreeSet<String> {
    tags.into_iter().map(|tag| format!("{tag:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_deep_inside_is_a_line_of_its_own() {
        let tags = aws_sdk_iam::types::Tag::builder().key("team").value("data").build().unwrap();
        let role = aws_sdk_iam::types::Role::builder().role_name("a").path("/").tags(tags);
        let mut all = Snapshot::default();
        all.add(
            "Role a",
            &role.role_id("AROA").arn("arn").create_date(aws_sdk_iam::primitives::DateTime::from_secs(1)).build(),
        );
        let lines: Vec<String> = all.difference(&Snapshot::default());
        assert!(lines.iter().any(|line| line.contains("role_name") && line.ends_with(r#": "a""#)), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("tags") && line.ends_with(r#": "data""#)), "{lines:#?}");
    }
}
