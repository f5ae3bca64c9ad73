//! IAM roles with one inline policy. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use serde_json::Value;

use super::{Field, FieldName, Fields};
use crate::iam::Document;
use crate::names::Tags;

/// A wanted role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Name, at most 64 characters.
    pub name: String,
    /// Path, `/…/`; cannot be changed later.
    pub path: String,
    /// Who may assume it.
    pub trust: Value,
    /// What it may do.
    pub policy: Value,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Tags.
    pub tags: Tags,
}

impl Role {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            (FieldName::Path, Field::plain(self.path.as_str())),
            (FieldName::Trust, Field::Policy(Document::new(self.trust.clone()))),
            (FieldName::Policy, Field::Policy(Document::new(self.policy.clone()))),
        ]);
        if let Some(boundary) = &self.boundary {
            fields.insert(FieldName::PermissionsBoundary, Field::plain(boundary.as_str()));
        }
        fields
    }
}
