//! Changes tags, in the same way for all kinds. A policy of the organization may protect keys or values: refused tags are
//! reported by key, and all others are changed.

use std::fmt;

use jiff::Timestamp;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Observed, Resource};

use super::by_tag::awaited;
use super::changed::with_cluster;
use super::{Progress, TagChanges, function, log_group, parameter, queue, role, schedule_group};
use crate::{Aws, AwsError};

/// A tag that AWS refuses to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRefusal {
    /// Its key.
    pub key: String,
    /// What was to be done.
    pub change: TagChange,
    /// What AWS answered.
    pub error: AwsError,
}

/// What is done to a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// It is set to the value that the spec gives it.
    Set,
    /// It is removed: the spec names it no more.
    Remove,
}

impl fmt::Display for TagRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, change, error } = self;
        let change = match change {
            TagChange::Set => "set",
            TagChange::Remove => "removed",
        };
        write!(f, "tag `{key}` cannot be {change}: {error}")
    }
}

impl TagRefusal {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        let Self { key, change, error } = self;
        let otherwise = match change {
            TagChange::Set => format!("or change or remove tag `{key}` in spec.tags"),
            TagChange::Remove => format!("or put tag `{key}` back into spec.tags"),
        };
        format!("{}, {otherwise}", error.remedy())
    }
}

/// Whether an error may concern single tags. All other classes are transient, or affect every call.
const fn is_refusal(class: ErrorClass) -> bool {
    match class {
        ErrorClass::Denied | ErrorClass::Conflict | ErrorClass::Invalid | ErrorClass::Quota | ErrorClass::Throttled => {
            true
        }
        ErrorClass::Waiting | ErrorClass::Transient | ErrorClass::Credentials => false,
    }
}

/// Removes and sets the user's tags, after all else is done.
pub(super) async fn change(
    aws: &Aws,
    resource: &Resource,
    observed: &Observed,
    tags: TagChanges,
) -> Result<Progress, AwsError> {
    let TagChanges { owner: _, remove: gone, set } = tags;
    let mut refusals = Vec::new();
    // Removed first: a resource has at most 50 tags, and IAM treats keys that differ only in case as one.
    let remove = |keys: Vec<String>| async move {
        let removed = remove(aws, resource, observed, keys).await;
        removed.map_err(|error| awaited(error, observed, Timestamp::now()))
    };
    for (key, error) in one_by_one(gone, remove).await? {
        refusals.push(TagRefusal { key, change: TagChange::Remove, error });
    }
    let set: Vec<(String, String)> = set.into_iter().collect();
    let put_all = |tags: Vec<(String, String)>| async move {
        let tags = tags.into_iter().collect();
        put(aws, resource, observed, &tags).await
    };
    for ((key, _), error) in one_by_one(set, put_all).await? {
        refusals.push(TagRefusal { key, change: TagChange::Set, error });
    }
    Ok(if refusals.is_empty() { Progress::Done } else { Progress::TagsRefused(refusals) })
}

pub(super) async fn put(aws: &Aws, resource: &Resource, observed: &Observed, tags: &Tags) -> Result<(), AwsError> {
    if tags.is_empty() {
        return Ok(());
    }
    let tags = &with_cluster(tags, resource.tags());
    match resource {
        Resource::LogGroup(_) => log_group::put_tags(aws, &observed.arn, tags).await,
        Resource::Queue(it) => queue::put_tags(aws, &it.name, tags).await,
        Resource::Parameter(it) => parameter::put_tags(aws, &it.name, tags).await,
        Resource::Role(it) => role::put_tags(aws, &it.name, tags).await,
        Resource::ScheduleGroup(_) => schedule_group::put_tags(aws, &observed.arn, tags).await,
        Resource::Function(_) | Resource::EventSourceMapping(_) => function::put_tags(aws, &observed.arn, tags).await,
        // They cannot be tagged; their descriptions name the owner.
        Resource::LayerVersion(_) | Resource::Schedule(_) => Ok(()),
    }
}

async fn remove(aws: &Aws, resource: &Resource, observed: &Observed, keys: Vec<String>) -> Result<(), AwsError> {
    match resource {
        Resource::LogGroup(_) => log_group::remove_tags(aws, &observed.arn, keys).await,
        Resource::Queue(it) => queue::remove_tags(aws, &it.name, keys).await,
        Resource::Parameter(it) => parameter::remove_tags(aws, &it.name, keys).await,
        Resource::Role(it) => role::remove_tags(aws, &it.name, keys).await,
        Resource::ScheduleGroup(_) => schedule_group::remove_tags(aws, &observed.arn, keys).await,
        Resource::Function(_) | Resource::EventSourceMapping(_) => {
            function::remove_tags(aws, &observed.arn, keys).await
        }
        Resource::LayerVersion(_) | Resource::Schedule(_) => Ok(()),
    }
}

/// Changes all tags in one call or, if AWS refuses that, each in its own, since one protected key fails the whole call.
/// Returns the refused ones.
///
/// # Errors
/// An error that is not about single tags.
async fn one_by_one<T: Clone, F: Future<Output = Result<(), AwsError>>>(
    all: Vec<T>,
    change: impl Fn(Vec<T>) -> F,
) -> Result<Vec<(T, AwsError)>, AwsError> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    match change(all.clone()).await {
        Ok(()) => return Ok(Vec::new()),
        Err(error) if !is_refusal(error.class) => return Err(error),
        Err(error) if all.len() == 1 => return Ok(all.into_iter().map(|one| (one, error.clone())).collect()),
        Err(_) => {}
    }
    let mut refused = Vec::new();
    for one in all {
        match change(vec![one.clone()]).await {
            Ok(()) => {}
            Err(error) if is_refusal(error.class) => refused.push((one, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future;

    use futures::executor::block_on;

    use super::*;
    use crate::Operation;

    fn error(class: ErrorClass) -> AwsError {
        AwsError { operation: Operation::UntagQueue, class, code: "AccessDenied".to_owned(), message: "no".to_owned() }
    }

    /// What comes of changing `a`, `b` and `c` where some are refused, and the calls that it takes.
    fn changed(refused: &[&str], class: ErrorClass) -> (Result<Vec<String>, ErrorClass>, Vec<String>) {
        let calls = RefCell::new(Vec::new());
        let change = |keys: Vec<String>| {
            calls.borrow_mut().push(keys.concat());
            let meets = keys.iter().any(|key| refused.contains(&key.as_str()));
            future::ready(if meets { Err(error(class)) } else { Ok(()) })
        };
        let all = ["a", "b", "c"].map(str::to_owned).into();
        let result = block_on(one_by_one(all, change));
        let result = result.map(|refused| refused.into_iter().map(|(key, _)| key).collect()).map_err(|it| it.class);
        (result, calls.into_inner())
    }

    #[test]
    fn a_key_that_is_refused_holds_up_no_other() {
        let all = ["abc"].map(str::to_owned);
        assert_eq!(changed(&[], ErrorClass::Denied), (Ok(Vec::new()), all.to_vec()));
        let each = ["abc", "a", "b", "c"].map(str::to_owned);
        for class in [ErrorClass::Denied, ErrorClass::Invalid, ErrorClass::Quota] {
            assert_eq!(changed(&["b"], class), (Ok(vec!["b".to_owned()]), each.to_vec()), "{class}");
        }
        assert_eq!(changed(&["a"], ErrorClass::Transient), (Err(ErrorClass::Transient), all.to_vec()));
    }

    #[test]
    fn a_refusal_names_the_key_and_what_to_do() {
        let refusal =
            TagRefusal { key: "team".to_owned(), change: TagChange::Remove, error: error(ErrorClass::Denied) };
        assert_eq!(refusal.to_string(), "tag `team` cannot be removed: sqs:UntagQueue: AccessDenied: no");
        assert!(refusal.remedy().ends_with(", or put tag `team` back into spec.tags"), "{}", refusal.remedy());
    }
}
