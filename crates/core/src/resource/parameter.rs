//! SSM parameters that hold secrets.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use super::{Field, FieldName, Fields};
use crate::names::Tags;
use crate::secret_text::SecretText;

/// A wanted parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name, a path that begins with `/`.
    pub name: String,
    /// The secret, encrypted with the account's key for SSM.
    pub value: SecretText,
    /// Tags.
    pub tags: Tags,
}

impl Parameter {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        Fields::from([
            (FieldName::Type, Field::plain("SecureString")),
            (FieldName::Value, Field::Secret(self.value.clone())),
        ])
    }
}
