//! Keys of the tags that are a pipeline's. All other tags are neither compared nor removed.

use std::collections::BTreeSet;

use super::{Tags, tag};

/// The tag keys of a pipeline: the operator's own, and those that `spec.tags` has named since the status records them.
/// AWS does not tell who set a tag, so this record does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TagKeys(BTreeSet<String>);

impl TagKeys {
    /// The operator's own keys, and the recorded keys of the user.
    pub fn new(recorded: impl IntoIterator<Item = String>) -> Self {
        Self(recorded.into_iter().filter(|key| !is_own(key)).collect())
    }

    /// The user's keys, as the status records them.
    pub fn recorded(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }

    /// Whether a tag with this key is the pipeline's, so that it may be removed.
    pub fn contains(&self, key: &str) -> bool {
        !is_of_aws(key) && (is_own(key) || self.0.contains(key))
    }

    /// The tags among these that are the pipeline's.
    pub fn only(&self, tags: &Tags) -> Tags {
        tags.iter().filter(|(key, _)| self.contains(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// These keys, and the user's keys among `tags`.
    #[must_use]
    pub fn with(&self, tags: &Tags) -> Self {
        Self::new(self.0.iter().chain(tags.keys()).cloned())
    }
}

fn is_own(key: &str) -> bool {
    tag::OWNER.contains(&key) || key == tag::CODE
}

/// AWS refuses to change such tags, in upper and lower case.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
fn is_of_aws(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_pipelines_only_if_the_operator_set_it() {
        let keys = TagKeys::new(["team", "aws:team", "AWS:cloudformation:stack-id", tag::UID].map(str::to_owned));
        for own in ["team", tag::UID, tag::CLUSTER, tag::CODE] {
            assert!(keys.contains(own), "{own}");
        }
        for foreign in ["Team", "cost-center", "aws:team", "AWS:cloudformation:stack-id", "taskpipelines.dev/other", ""]
        {
            assert!(!keys.contains(foreign), "{foreign}");
        }
        assert!(keys.recorded().all(|key| key != tag::UID), "the operator's own need no record");
    }
}
