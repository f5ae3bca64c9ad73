//! Names and owner tags of AWS resources, all computed from (cluster, namespace, name).
//!
//! Names are known before anything exists, so policies, targets and mappings need no output of a resource that was
//! created before.

mod part;
mod tag_keys;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use api::ScheduledTaskPipeline;
use data_encoding::BASE32_NOPAD;
use kube::ResourceExt as _;
use protocol::PipelineRef;
use sha2::{Digest, Sha256};

pub use part::Part;
pub use tag_keys::TagKeys;

/// Tags of one AWS resource.
pub type Tags = BTreeMap<String, String>;

/// Keys of the tags that the operator sets.
pub mod tag {
    /// Cluster name of the operator.
    pub const CLUSTER: &str = "taskpipelines.dev/cluster";
    /// Namespace of the pipeline.
    pub const NAMESPACE: &str = "taskpipelines.dev/namespace";
    /// Name of the pipeline.
    pub const NAME: &str = "taskpipelines.dev/name";
    /// UID of the pipeline.
    pub const UID: &str = "taskpipelines.dev/uid";
    /// The object in S3 that a function's code comes from, and the SHA-256 of what Lambda fetched.
    pub const CODE: &str = "taskpipelines.dev/code";

    /// The keys that identify the owner. A resource without all of them is not the pipeline's.
    pub const OWNER: [&str; 4] = [CLUSTER, NAMESPACE, NAME, UID];
}

/// Maximum length of the readable start of a name. With the hash (10), two hyphens and the longest suffix (`layer-` and
/// 20 more) a name stays within 64 characters, the smallest limit of AWS (functions, roles, schedules).
const MAX_FRONT: usize = 64 - 10 - 2 - 26;

/// Name of a cluster, which separates the resources of several operators in one account: `[a-z0-9-]{1,32}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterName(String);

/// A text that is not a [`ClusterName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid cluster name: use 1 to 32 lower-case letters, digits and hyphens")]
pub struct ClusterNameError(String);

impl ClusterName {
    /// The default name of a cluster: `c-` and the first 8 characters of the UID of its namespace `kube-system`, which
    /// never changes.
    ///
    /// # Errors
    /// The text is not a UID.
    pub fn from_cluster_uid(uid: &str) -> Result<Self, ClusterNameError> {
        let short: String = uid.chars().take(8).collect();
        format!("c-{short}").parse()
    }

    /// Name of an SSM parameter of the pipeline whose names begin with `front`.
    pub fn parameter(&self, front: &str, part: Part<'_>) -> String {
        format!("/taskpipelines/{self}/{front}/{part}")
    }

    /// All parameters of the pipeline whose names begin with `front`, as a pattern.
    pub fn parameters(&self, front: &str) -> String {
        format!("/taskpipelines/{self}/{front}/*")
    }

    /// Key of the object in S3 through which a version of a layer gets to Lambda; `*` for either is a pattern.
    pub fn layer_object(&self, layer: &str, content: &str) -> String {
        format!("task-pipelines/{self}/{layer}/{content}.zip")
    }

    /// Name of the queue that brings the reports of the cluster's runs to the operator.
    pub fn inbox(&self) -> String {
        format!("taskpipelines-{self}-inbox")
    }
}

impl FromStr for ClusterName {
    type Err = ClusterNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ClusterNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Namespace and name of a pipeline.
pub fn pipeline_ref(pipeline: &ScheduledTaskPipeline) -> PipelineRef {
    PipelineRef { namespace: pipeline.namespace().unwrap_or_default(), name: pipeline.name_any() }
}

/// Maximum length of the name of a Kubernetes object.
pub const MAX_OBJECT_NAME: usize = 253;

/// Whether a text is a DNS label of at most `longest` characters: lower-case letters, digits, and `-` inside.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>
pub fn is_label(text: &str, longest: usize) -> bool {
    is_name(text, longest, b"-")
}

/// Whether a text is a DNS subdomain (labels joined by dots) of at most `longest` characters, as the names of most
/// Kubernetes objects and of buckets are.
pub fn is_subdomain(text: &str, longest: usize) -> bool {
    is_name(text, longest, b"-.")
}

fn is_name(text: &str, longest: usize, between: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && bytes.first().is_some_and(letter)
        && bytes.last().is_some_and(letter)
        && bytes.iter().all(|byte| letter(byte) || between.contains(byte))
}

/// The pipeline that a resource belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Cluster name of the operator.
    pub cluster: ClusterName,
    /// Namespace of the custom resource.
    pub namespace: String,
    /// Name of the custom resource.
    pub name: String,
    /// UID of the custom resource.
    pub uid: String,
}

/// The owner of an existing resource, by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The tags name this pipeline, UID included.
    Ours,
    /// The tags name an earlier pipeline of the same cluster, namespace and name.
    Predecessor {
        /// UID of that pipeline.
        uid: String,
    },
    /// The tags name another pipeline, or none.
    NotOurs {
        /// The owner in the tags, as text.
        whose: String,
    },
}

impl Owner {
    /// The tags that every resource of this pipeline has.
    pub fn tags(&self) -> Tags {
        Tags::from([
            (tag::CLUSTER.to_owned(), self.cluster.to_string()),
            (tag::NAMESPACE.to_owned(), self.namespace.clone()),
            (tag::NAME.to_owned(), self.name.clone()),
            (tag::UID.to_owned(), self.uid.clone()),
        ])
    }

    /// The owner that tags name, if they name one in full.
    pub fn of(tags: &Tags) -> Option<Self> {
        let get = |key: &str| tags.get(key).cloned();
        Some(Self {
            cluster: get(tag::CLUSTER)?.parse().ok()?,
            namespace: get(tag::NAMESPACE)?,
            name: get(tag::NAME)?,
            uid: get(tag::UID)?,
        })
    }

    /// Namespace and name of the pipeline; a later pipeline can have the same.
    pub fn pipeline(&self) -> PipelineRef {
        PipelineRef { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The owner of a resource with these tags, relative to this pipeline.
    pub fn ownership(&self, tags: &Tags) -> Ownership {
        let get = |key: &str| tags.get(key).map(String::as_str);
        match (get(tag::CLUSTER), get(tag::NAMESPACE), get(tag::NAME), get(tag::UID)) {
            (Some(cluster), Some(namespace), Some(name), Some(uid))
                if cluster == self.cluster.0 && namespace == self.namespace && name == self.name =>
            {
                if uid == self.uid {
                    Ownership::Ours
                } else {
                    Ownership::Predecessor { uid: uid.to_owned() }
                }
            }
            (Some(cluster), Some(namespace), Some(name), _) => {
                Ownership::NotOurs { whose: format!("it belongs to pipeline {namespace}/{name} of cluster {cluster}") }
            }
            _ => Ownership::NotOurs { whose: "it carries no tags of this operator".to_owned() },
        }
    }

    /// The prefix of all names of this pipeline: `<front>-<hash>`.
    pub fn prefix(&self) -> String {
        let readable: String = format!("{}-{}", self.namespace, self.name)
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
            .take(MAX_FRONT)
            .collect();
        let tuple = [self.cluster.0.as_str(), &self.namespace, &self.name].join("\0");
        let hash = BASE32_NOPAD.encode(&Sha256::digest(tuple)).to_ascii_lowercase();
        format!("{}-{}", readable.trim_end_matches('-'), &hash[..10])
    }

    /// Name of a function or role.
    pub fn part(&self, part: Part<'_>) -> String {
        format!("{}-{part}", self.prefix())
    }

    /// IAM path of the cluster's roles.
    pub(crate) fn role_path(&self) -> String {
        format!("/taskpipelines/{}/", self.cluster)
    }

    /// Name of an SSM parameter.
    pub fn parameter(&self, part: Part<'_>) -> String {
        self.cluster.parameter(&self.prefix(), part)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} of cluster {}", self.namespace, self.name, self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn owner(namespace: &str, name: &str) -> Owner {
        Owner {
            cluster: "lab".parse().unwrap(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: "uid-1".to_owned(),
        }
    }

    #[test]
    fn names_are_readable_and_stable() {
        assert_eq!(owner("team-a", "hello").part(Part::Sender), "team-a-hello-p6e4e2htmc-sender");
    }

    #[test]
    fn parts_of_the_tuple_cannot_be_shifted_into_each_other() {
        assert_ne!(owner("a-b", "c").prefix(), owner("a", "b-c").prefix());
        assert_ne!(owner("a", "b.c").prefix(), owner("a", "b-c").prefix());
    }

    #[test]
    fn ownership_is_read_from_tags() {
        let ours = owner("team-a", "hello");
        assert_eq!(ours.ownership(&ours.tags()), Ownership::Ours);
        assert_eq!(Owner::of(&ours.tags()), Some(ours.clone()));
        assert_eq!(Owner::of(&Tags::new()), None);
        let before = Owner { uid: "uid-0".to_owned(), ..ours.clone() };
        assert_eq!(ours.ownership(&before.tags()), Ownership::Predecessor { uid: "uid-0".to_owned() });
        assert_eq!(
            ours.ownership(&owner("team-b", "hello").tags()),
            Ownership::NotOurs { whose: "it belongs to pipeline team-b/hello of cluster lab".to_owned() }
        );
        assert_eq!(
            ours.ownership(&Tags::new()),
            Ownership::NotOurs { whose: "it carries no tags of this operator".to_owned() }
        );
    }

    #[test]
    fn cluster_names_have_their_alphabet() {
        for text in ["", "A", "a_b", "abcdefghijklmnopqrstuvwxyz0123456789"] {
            assert!(text.parse::<ClusterName>().is_err(), "{text} is refused");
        }
        let derived = ClusterName::from_cluster_uid("1b671a64-40d5-491e-99b0-da01ff1f3341").unwrap();
        assert_eq!(derived.to_string(), "c-1b671a64");
    }

    proptest! {
        #[test]
        fn every_name_fits_its_limit(namespace in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name in "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", part in "[a-z0-9]{20}") {
            let owner = owner(&namespace, &name);
            let allowed = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            for longest in [owner.part(Part::Layer(&part)), owner.part(Part::Undelivered), owner.prefix()] {
                prop_assert!(longest.len() <= 64, "{longest}");
                prop_assert!(allowed(&longest), "{longest}");
                prop_assert!(longest.starts_with(|character: char| character.is_ascii_alphanumeric()), "{longest}");
            }
        }
    }
}
