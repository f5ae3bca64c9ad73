//! Versions of Lambda layers.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>
//!
//! A version never changes and has a number of AWS's making, so it goes by its layer and its content.

use std::sync::Arc;

use super::{Field, FieldName, Fields, Id, Kind};
use crate::code::Artifact;
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
    pub zip: Option<Arc<Artifact>>,
    /// The four tags of its owner, for the description.
    pub owner_tags: Tags,
}

impl LayerVersion {
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
