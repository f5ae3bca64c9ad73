//! The code of Lambda functions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::Architecture;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

use crate::archive::Zip;

/// A function's code, and how Lambda starts it.
#[derive(Clone, Debug)]
pub enum Code {
    /// A built-in function.
    Builtin(Arc<Artifact>),
    /// A zip that the operator has in memory.
    Zip {
        /// The zip, as it is uploaded.
        zip: Arc<Zip>,
        /// How Lambda starts it.
        entry: Entry,
    },
    /// A zip in S3, which Lambda fetches.
    S3 {
        /// Bucket, key and version of the zip.
        object: S3Object,
        /// How Lambda starts it.
        entry: Entry,
    },
    /// A container image's URI.
    Image(String),
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3Object {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// Version of the object; `None`: the latest at the time of the deployment.
    pub version: Option<String>,
}

/// How Lambda starts the code of a zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Lambda runtime, such as `python3.13`.
    pub runtime: String,
    /// Entry point, such as `index.handler`.
    pub handler: String,
}

/// A zip on disk. It is read for each upload.
#[derive(Debug)]
pub struct Artifact {
    /// Path of the zip.
    pub path: PathBuf,
    /// Bytes of it.
    pub size: u64,
    /// SHA-256 in Base64, as Lambda reports it.
    pub sha256: String,
}

/// The zips of the built-in functions.
pub type Artifacts = BTreeMap<(Builtin, Architecture), Arc<Artifact>>;

/// One of the two built-in functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Builtin {
    /// Turns a firing into messages.
    Sender,
    /// Runs tasks and delivers results.
    Runner,
}

impl Builtin {
    /// Its name, as part of names on AWS and of zips.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Runner => "runner",
        }
    }
}

impl Code {
    /// How Lambda starts it; `None` for an image, which defines this itself.
    pub fn entry(&self) -> Option<Entry> {
        match self {
            // Amazon Linux 2023 and nothing else. It starts the zip's `bootstrap` whatever the handler; the API asks for
            // one all the same.
            Self::Builtin(_) => Some(Entry { runtime: "provided.al2023".to_owned(), handler: "bootstrap".to_owned() }),
            Self::Zip { entry, .. } | Self::S3 { entry, .. } => Some(entry.clone()),
            Self::Image(_) => None,
        }
    }
}

/// Maximum length of the readable part of an object's mark.
const MAX_READABLE: usize = 120;

impl S3Object {
    /// A text that identifies the object and its version, in characters that are allowed in a tag, without spaces.
    pub fn mark(&self) -> String {
        let Self { bucket, key, version } = self;
        let version = version.as_deref().unwrap_or_default();
        let hash = BASE32_NOPAD.encode(&Sha256::digest([bucket, key, version].join("\0"))).to_ascii_lowercase();
        let plain = |character: char| character.is_ascii_alphanumeric() || "+-=._:/@".contains(character);
        let readable = format!("{bucket}/{key}@{version}");
        let readable = readable.chars().map(|character| if plain(character) { character } else { '_' });
        format!("{}:{}", readable.take(MAX_READABLE).collect::<String>(), &hash[..10])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_marks_that_fit_a_tag_and_differ() {
        let object = |key: &str, version: Option<&str>| S3Object {
            bucket: "reports".to_owned(),
            key: key.to_owned(),
            version: version.map(str::to_owned),
        };
        let mark = object("a b/ü.zip", Some("3f8")).mark();
        assert!(mark.starts_with("reports/a_b/_.zip@3f8:") && mark.is_ascii(), "{mark}");
        let marks = [object("a b", None), object("a_b", None), object("a_b", Some("1")), object("a_b@1", None)];
        let distinct: std::collections::BTreeSet<String> = marks.iter().map(S3Object::mark).collect();
        assert_eq!(distinct.len(), marks.len(), "{distinct:?}");
        assert!(object(&"k".repeat(1024), None).mark().len() < 140);
    }
}
