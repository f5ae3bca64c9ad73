//! What a pipeline does when it fires, apart from where and when.

use api::ScheduledTaskPipelineSpec;

use super::refusal::{Refusal, Refusals};
use super::secret::{self, SecretValues};
use super::{channel, task};

/// What a firing carries, and the secrets that it refers to.
#[derive(Debug)]
pub struct Work {
    /// What to run.
    pub tasks: Vec<protocol::Task>,
    /// Where results can go.
    pub channels: Vec<protocol::Channel>,
    /// The values of its secrets.
    pub secrets: protocol::Secrets,
}

/// The work of a spec, for a pipeline of this namespace.
///
/// # Errors
/// All that is wrong with its tasks, channels and secrets; never empty.
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
