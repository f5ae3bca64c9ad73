//! Verifies senders: SQS reports the role that sent a message, and the names of a pipeline's roles follow from the
//! pipeline.

use std::collections::HashMap;

use aws::{Aws, AwsError, resource};
use pipeline_core::names::{ClusterName, Owner, Part};
use pipeline_core::resource::{Id, Kind};
use protocol::PipelineRef;

use super::report::{RunReport, Unverified};

/// Cache size: two roles for each of more pipelines than fit into an account.
const MAX_KNOWN: usize = 2000;

/// The pipeline and function that a role belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    pipeline: PipelineRef,
    part: Part<'static>,
    uid: String,
}

/// Roles that have sent reports, by their unique id. AWS never reuses an id, so entries stay valid; a role that is
/// created again has a new id.
#[derive(Debug, Default)]
pub(super) struct Senders {
    roles: HashMap<String, Role>,
}

impl Senders {
    /// Accepts a report if the role with this id, which sent it, is that of the expected function and pipeline.
    ///
    /// # Errors
    /// AWS does not show the role.
    pub(super) async fn authenticate(
        &mut self,
        aws: &Aws,
        cluster: &ClusterName,
        id: &str,
        report: Unverified,
    ) -> Result<Option<RunReport>, AwsError> {
        if !self.roles.contains_key(id) {
            let Some((found, role)) = observe_sender(aws, cluster, &report).await? else { return Ok(None) };
            if self.roles.len() >= MAX_KNOWN {
                self.roles.clear();
            }
            self.roles.insert(found, role);
        }
        let role = self.roles.get(id).filter(|role| role.pipeline == report.pipeline && role.part == report.part);
        let uid = role.map(|role| role.uid.clone());
        Ok(uid.map(|uid| report.sent_by(uid)))
    }
}

/// Reads the role that must have sent a report: its id, and the pipeline that its tags name.
async fn observe_sender(
    aws: &Aws,
    cluster: &ClusterName,
    report: &Unverified,
) -> Result<Option<(String, Role)>, AwsError> {
    let Unverified { pipeline, part, .. } = report;
    let PipelineRef { namespace, name } = pipeline.clone();
    let owner = Owner { cluster: cluster.clone(), namespace, name, uid: String::new() };
    let seen = resource::observe(aws, &Id::new(Kind::Role, owner.part(*part)), None).await?;
    let found = seen.and_then(|seen| Some((seen.unique_id?, Owner::of(&seen.tags)?)));
    Ok(found.filter(|(_, of)| *of == Owner { uid: of.uid.clone(), ..owner.clone() }).map(|(id, of)| {
        let role = Role { pipeline: pipeline.clone(), part: *part, uid: of.uid };
        (id, role)
    }))
}
