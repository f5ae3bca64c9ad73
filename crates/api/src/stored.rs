//! Pipelines as the API server hands them out. It takes what this version cannot read: specs of a later definition, and
//! times that Go's parser takes and no other. One of them stops no other, says what is wrong, and can be deleted.

use std::borrow::Cow;
use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::{Aws, DeletionPolicy, Mode, PipelineStatus, Queue, ScheduledTaskPipeline, ScheduledTaskPipelineSpec};

/// A pipeline as it is stored. Reading one never fails, so a list is read object by object.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The pipeline. Where its spec cannot be read, that holds what a deletion goes by, and defaults.
    pub pipeline: ScheduledTaskPipeline,
    /// What cannot be read, if anything.
    pub unreadable: Option<Unreadable>,
}

/// Something in a pipeline that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: this version cannot read it: {message}")]
pub struct Unreadable {
    /// Path of the field, with the names of list items in place of their numbers.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What can be done with the pipeline all the same.
    pub allows: Allows,
}

/// What can be done with a pipeline that cannot be read in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allows {
    /// To say so in its status, and to delete it.
    Deletion,
    /// To say so in its status: how it is to be deleted cannot be read either.
    Refusal,
    /// Nothing: what its status lists on AWS would be overwritten.
    Nothing,
}

static NOTHING: Value = Value::Null;

/// What a deletion goes by.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfDeletion {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    deletion_policy: DeletionPolicy,
    #[serde(default)]
    aws: Option<Aws>,
    #[serde(default)]
    queue: QueueOfDeletion,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueOfDeletion {
    #[serde(default)]
    delete_with_messages: bool,
}

impl OfDeletion {
    fn spec(self) -> ScheduledTaskPipelineSpec {
        let Self { mode, deletion_policy, aws, queue: QueueOfDeletion { delete_with_messages } } = self;
        let queue = Queue { delete_with_messages, ..Queue::default() };
        ScheduledTaskPipelineSpec { queue, deletion_policy, mode, aws, ..ScheduledTaskPipelineSpec::default() }
    }
}

impl Stored {
    fn read(mut object: Value) -> Self {
        // Who writes a pipeline can write these too, as deep as its spec; nothing here goes by them.
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        match ScheduledTaskPipeline::deserialize(&object) {
            Ok(pipeline) => Self { pipeline, unreadable: None },
            Err(error) => Self::read_in_part(&object, &error),
        }
    }

    fn read_in_part(object: &Value, error: &serde_json::Error) -> Self {
        let [metadata, spec, status] = ["metadata", "spec", "status"].map(|part| object.get(part).unwrap_or(&NOTHING));
        let read_metadata = ObjectMeta::deserialize(metadata);
        let read_status = Option::<PipelineStatus>::deserialize(status);
        let of_deletion = OfDeletion::deserialize(spec);
        let allows = match (&read_metadata, &read_status, &of_deletion) {
            (Ok(_), Ok(_), Ok(_)) => Allows::Deletion,
            (Ok(_), Ok(_), Err(_)) => Allows::Refusal,
            (Err(_), _, _) | (_, Err(_), _) => Allows::Nothing,
        };
        let (field, message) = problem::<ScheduledTaskPipelineSpec>("spec", spec)
            .or_else(|| problem::<Option<PipelineStatus>>("status", status))
            .unwrap_or_else(|| ("metadata".to_owned(), error.to_string()));
        let spec = of_deletion.map(OfDeletion::spec).unwrap_or_default();
        let mut pipeline = ScheduledTaskPipeline::new("", spec);
        pipeline.metadata = read_metadata.unwrap_or_else(|_| names(metadata));
        pipeline.status = read_status.unwrap_or_default();
        Self { pipeline, unreadable: Some(Unreadable { field, message, allows }) }
    }

    /// The pipeline, if all of it can be read.
    ///
    /// # Errors
    /// What of the spec cannot be read.
    pub fn whole(self) -> Result<ScheduledTaskPipeline, Unreadable> {
        match self.unreadable {
            None => Ok(self.pipeline),
            Some(unreadable) => Err(unreadable),
        }
    }
}

/// The first field of a part that cannot be read, and why.
fn problem<T: DeserializeOwned>(part: &str, value: &Value) -> Option<(String, String)> {
    let error = serde_path_to_error::deserialize::<_, T>(value).err()?;
    Some((path(part, error.path(), value), error.inner().to_string()))
}

fn path(part: &str, path: &Path, value: &Value) -> String {
    let (mut text, mut at) = (part.to_owned(), Some(value));
    for segment in path {
        // Nothing to be done about a string that cannot be written to.
        let _ = match segment {
            Segment::Seq { index } => {
                at = at.and_then(|list| list.get(index));
                match at.and_then(|item| item.get("name")?.as_str()) {
                    Some(name) => write!(text, "[{name}]"),
                    None => write!(text, "[{index}]"),
                }
            }
            Segment::Map { key } => {
                at = at.and_then(|map| map.get(key));
                write!(text, ".{key}")
            }
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
    }
    text
}

/// What tells an object from others, of metadata that cannot be read.
fn names(metadata: &Value) -> ObjectMeta {
    let text = |name: &str| metadata.get(name)?.as_str().map(str::to_owned);
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(Value::deserialize(deserializer)?))
    }
}

/// What was read of it: without its spec where that is not all.
impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = json!(self.pipeline);
        if let (Some(_), Some(object)) = (&self.unreadable, object.as_object_mut()) {
            object.remove("spec");
        }
        object.serialize(serializer)
    }
}

impl Resource for Stored {
    type DynamicType = <ScheduledTaskPipeline as Resource>::DynamicType;
    type Scope = <ScheduledTaskPipeline as Resource>::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        ScheduledTaskPipeline::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        ScheduledTaskPipeline::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        ScheduledTaskPipeline::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        ScheduledTaskPipeline::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.pipeline.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.pipeline.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt as _;

    use super::*;

    /// A pipeline, with these in place of its own.
    fn stored(metadata: Value, spec: Value, status: Value) -> Stored {
        let mut object = json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {"name": "hello", "namespace": "team", "uid": "u"},
            "spec": {"schedule": "@daily", "tasks": [{"name": "a", "message": {}}]},
            "status": {"account": "111122223333", "resources": [{"kind": "Queue", "name": "q", "arn": "", "state": "Ready"}]},
        });
        for (part, change) in [("metadata", metadata), ("spec", spec), ("status", status)] {
            object[part].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        }
        let text = object.to_string();
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn check(stored: &Stored, field: &str, allows: Allows) {
        let unreadable = stored.unreadable.as_ref().unwrap();
        assert_eq!((unreadable.field.as_str(), unreadable.allows), (field, allows), "{unreadable}");
        let pipeline = &stored.pipeline;
        assert_eq!((pipeline.name_any().as_str(), pipeline.uid().as_deref()), ("hello", Some("u")));
    }

    #[test]
    fn what_can_be_read_is_read_and_managed_fields_do_not_count() {
        let odd = json!({"managedFields": [{"manager": "m", "time": "10000-01-01T00:00:00Z", "fieldsV1": 7}]});
        let stored = stored(odd, json!({"suspend": true}), json!({}));
        assert_eq!(stored.unreadable, None);
        assert!(stored.pipeline.spec.suspend && stored.pipeline.metadata.managed_fields.is_none());
        assert_eq!(json!(stored)["spec"]["suspend"], true);
    }

    #[test]
    fn a_spec_that_cannot_be_read_leaves_what_a_deletion_needs() {
        let nothing = || json!({});
        let time = "2026-01-01T12:00:00+99:99";
        let spec = json!({"startTime": time, "deletionPolicy": "Retain", "queue": {"deleteWithMessages": true}});
        let of_time = stored(nothing(), spec, nothing());
        check(&of_time, "spec.startTime", Allows::Deletion);
        assert_eq!(of_time.pipeline.spec.deletion_policy, DeletionPolicy::Retain);
        assert!(of_time.pipeline.spec.queue.delete_with_messages);
        assert_eq!(of_time.pipeline.status.as_ref().unwrap().resources.len(), 1);
        let shown = json!(of_time);
        assert!(shown.get("spec").is_none() && shown["status"]["account"] == "111122223333", "{shown}");

        let method = json!({"tasks": [{"name": "b", "http": {"url": "https://example.com", "method": "BREW"}}]});
        check(&stored(nothing(), method, nothing()), "spec.tasks[b].http.method", Allows::Deletion);
        check(
            &stored(nothing(), json!({"schedule": ["from", "the", "future"]}), nothing()),
            "spec.schedule",
            Allows::Deletion,
        );
    }

    #[test]
    fn what_might_do_harm_is_not_allowed() {
        let nothing = || json!({});
        check(
            &stored(nothing(), json!({"deletionPolicy": "Archive"}), nothing()),
            "spec.deletionPolicy",
            Allows::Refusal,
        );
        check(&stored(nothing(), nothing(), json!({"resources": 7})), "status.resources", Allows::Nothing);
        check(&stored(json!({"annotations": 7}), nothing(), nothing()), "metadata", Allows::Nothing);
    }

    #[test]
    fn no_object_fails_the_list_that_it_stands_in() {
        for text in
            ["{}", "7", "[]", r#"{"metadata": 7}"#, r#"{"metadata": {"name": "a"}, "spec": null, "status": []}"#]
        {
            let stored: Stored = serde_json::from_str(text).unwrap();
            assert!(stored.unreadable.is_some(), "{text}");
        }
    }
}
