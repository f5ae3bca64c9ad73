//! Versions of Lambda layers.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>
//!
//! A version never changes and has a number of AWS's making, so it goes by its layer and its content.

use std::sync::Arc;

use super::{Field, FieldName, Fields, Id, Kind};
use crate::code::{Artifact, S3Object};
use crate::names::Tags;
use crate::pipeline::{Layer, LayerContent, Packages};

/// What stands between a layer's name and its content in the name of a version.
const SEPARATOR: char = ':';

/// A wanted version of a layer.
#[derive(Clone, Debug)]
pub struct LayerVersion {
    /// Name of the layer on AWS, at most 64 characters.
    pub layer: String,
    /// What it is made of.
    pub content: Layer,
    /// The zip of packages, once it was built: only one that is to be published is.
    pub zip: Option<LayerZip>,
    /// The object through which a zip goes that is too large for a call, where the configuration names a bucket.
    pub object: Option<S3Object>,
    /// The four tags of its owner, for the description.
    pub owner_tags: Tags,
}

/// How a zip of packages gets to Lambda.
#[derive(Clone, Debug)]
pub enum LayerZip {
    /// With the call that publishes the version.
    InCall(Arc<Artifact>),
    /// Through an object in S3, which is there for as long as Lambda takes to fetch it.
    InBucket {
        /// The zip.
        zip: Arc<Artifact>,
        /// Where to put it.
        object: S3Object,
    },
}

/// The most bytes of a zip that Lambda takes with a call.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_ZIP_IN_CALL: u64 = 50 * 1024 * 1024;

/// A zip is too large for a call, and there is no bucket for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBucket;

impl LayerVersion {
    /// Gives it the zip that was built.
    ///
    /// # Errors
    /// The zip is too large for a call, and the configuration names no bucket.
    pub fn give(&mut self, zip: Arc<Artifact>) -> Result<(), NoBucket> {
        self.zip = Some(match &self.object {
            _ if zip.size <= MAX_ZIP_IN_CALL => LayerZip::InCall(zip),
            Some(object) => LayerZip::InBucket { zip, object: object.clone() },
            None => return Err(NoBucket),
        });
        Ok(())
    }

    /// Which version it is: that with this content.
    pub fn id(&self) -> Id {
        Self::id_of(&self.layer, &self.content.digest())
    }

    /// The version of a layer that has this content.
    pub fn id_of(layer: &str, content: &str) -> Id {
        Id::new(Kind::LayerVersion, format!("{layer}{SEPARATOR}{content}"))
    }

    /// The layer and the content that the name of a version tells.
    pub fn parts(name: &str) -> (&str, &str) {
        name.split_once(SEPARATOR).unwrap_or((name, ""))
    }

    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        match &self.content.content {
            LayerContent::Python(Packages { version, architecture, requirements: _ }) => Fields::from([
                (FieldName::CompatibleRuntime, Field::plain(format!("python{version}"))),
                (FieldName::CompatibleArchitecture, Field::plain(architecture.as_str())),
            ]),
            LayerContent::Zip(_) | LayerContent::S3(_) => Fields::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::code::S3Object;
    use crate::names::Tags;
    use crate::pipeline::LayerContent;

    fn version(object: Option<&S3Object>) -> LayerVersion {
        let stored = S3Object { bucket: "any".to_owned(), key: "any".to_owned(), version: None };
        LayerVersion {
            layer: "a-layer-deps".to_owned(),
            content: Layer { name: "deps".to_owned(), content: LayerContent::S3(stored) },
            zip: None,
            object: object.cloned(),
            owner_tags: Tags::new(),
        }
    }

    #[test]
    fn only_a_zip_that_is_too_large_for_a_call_takes_the_bucket() {
        let zip = |size| Arc::new(Artifact { path: PathBuf::from("zip"), size, sha256: String::new() });
        let object = S3Object { bucket: "layers".to_owned(), key: "key".to_owned(), version: None };
        for object in [None, Some(&object)] {
            let mut small = version(object);
            assert_eq!(small.give(zip(MAX_ZIP_IN_CALL)), Ok(()));
            assert!(matches!(small.zip, Some(LayerZip::InCall(_))), "{:?}", small.zip);
        }
        let mut large = version(Some(&object));
        assert_eq!(large.give(zip(MAX_ZIP_IN_CALL + 1)), Ok(()));
        assert!(matches!(&large.zip, Some(LayerZip::InBucket { object: at, .. }) if *at == object), "{:?}", large.zip);
        let mut refused = version(None);
        assert_eq!(refused.give(zip(MAX_ZIP_IN_CALL + 1)), Err(NoBucket));
        assert!(refused.zip.is_none());
    }
}
