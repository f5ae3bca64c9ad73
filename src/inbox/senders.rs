//! Who may say what: SQS tells the role that sent a message, and a pipeline's roles have names that follow from its own.

use std::collections::HashMap;

use aws::{Aws, AwsError, resource};
use pipeline_core::names::{ClusterName, Owner, Part};
use pipeline_core::resource::{Id, Kind};
use protocol::PipelineRef;

use super::report::{RunReport, Unverified};

/// Roles that are remembered: two for each of more pipelines than an account has room for.
const MAX_KNOWN: usize = 2000;

/// Whose a role is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    pipeline: PipelineRef,
    part: Part<'static>,
    uid: String,
}

/// The roles of functions that have reported so far, by id. An id is never given twice, so what is known stays true; a
/// role that is made anew has another.
#[derive(Debug, Default)]
pub(super) struct Senders {
    roles: HashMap<String, Role>,
}

impl Senders {
    /// The report, if the role of this id, which sent it, is that of the function and pipeline that it must come from.
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

/// The role that must have sent a report, as AWS has it: its id, and whose it is.
async fn observe_sender(
    aws: &Aws,
    cluster: &ClusterName,
    report: &Unverified,
) -> Result<Option<(String, Role)>, AwsError> {
    let Unverified { pipeline, part, .. } = report;
    let PipelineRef { namespace, name } = pipeline.clone();
    let owner = Owner { cluster: cluster.clone(), namespace, name, uid: String::new() };
    let seen = resource::observe(aws, &Id::new(Kind::Role, owner.part(*part))).await?;
    let found = seen.and_then(|seen| Some((seen.unique_id?, Owner::of(&seen.tags)?)));
    Ok(found.filter(|(_, of)| *of == Owner { uid: of.uid.clone(), ..owner.clone() }).map(|(id, of)| {
        let role = Role { pipeline: pipeline.clone(), part: *part, uid: of.uid };
        (id, role)
    }))
}
