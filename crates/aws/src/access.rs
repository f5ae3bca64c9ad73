//! A safety net in the SDK's clients: read-only commands cannot send a write.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Whether anything may be changed on AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything that the identity is allowed to do.
    ReadWrite,
    /// Reads alone: what could change something is refused before it is sent.
    ReadOnly,
}

impl Access {
    fn allows(self, operation: &str) -> bool {
        match self {
            Self::ReadWrite => true,
            Self::ReadOnly => ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb)),
        }
    }
}

/// A call that was not made.
#[derive(Debug, thiserror::Error)]
#[error("{operation} is refused: this command changes nothing on AWS")]
struct Refused {
    operation: String,
}

/// Intercepts every call of a client, and decides by the SDK's name of the operation.
#[dyn_dispatch_hint]
impl Intercept for Access {
    fn name(&self) -> &'static str {
        "Access"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        if self.allows(operation) { Ok(()) } else { Err(Refused { operation: operation.to_owned() }.into()) }
    }
}
