//! What a pipeline does when it fires, independent of time and place.

use api::ScheduledTaskPipelineSpec;

use super::refusal::{Refusal, Refusals};
use super::secret::{self, SecretValues};
use super::{channel, task};

/// Tasks and channels of a firing, and the secrets that they refer to.
#[derive(Debug)]
pub struct Work {
    /// The tasks to run.
    pub tasks: Vec<protocol::Task>,
    /// The channels for their results.
    pub channels: Vec<protocol::Channel>,
    /// The values of its secrets.
    pub secrets: protocol::Secrets,
}

/// Resolves tasks, channels and secrets of a spec in this namespace.
///
/// # Errors
/// All mistakes in its tasks, channels and secrets, at least one.
pub fn work(spec: &ScheduledTaskPipelineSpec, namespace: &str, values: &SecretValues) -> Result<Work, Vec<Refusal>> {
    let mut refusals = Refusals::default();
    let channels = channel::resolve(&spec.channels, &mut refusals);
    let tasks = task::resolve(&spec.tasks, &spec.channels, None, &mut refusals);
    let parameter = secret::parameter(&secret::uses(spec), namespace, values, &mut refusals);
    if !refusals.is_empty() {
        return Err(refusals.into_vec());
    }
    let secrets = parameter.and_then(|json| serde_json::from_str(json.expose()).ok()).unwrap_or_default();
    Ok(Work { tasks, channels, secrets })
}
