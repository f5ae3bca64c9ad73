//! Who may say what: SQS tells the role that sent a message, and a pipeline's roles have names that follow from its own.

use std::collections::HashMap;

use aws::resource;
use aws::{Aws, AwsError};
use pipeline_core::names::{ClusterName, Owner};
use pipeline_core::resource::{Id, Kind};

use super::report::{Key, RunReport};

/// Roles that are remembered: two for each of more pipelines than an account has room for.
const MAX_KNOWN: usize = 2000;

/// Whose a role is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    key: Key,
    part: &'static str,
    uid: String,
}

/// The roles of functions that have reported so far, by id. An id is never given twice, so what is known stays true; a
/// role that is made anew has another.
#[derive(Debug, Default)]
pub(super) struct Senders {
    roles: HashMap<String, Role>,
}

impl Senders {
    /// The UID of the pipeline whose function sent a report, under a role of this id; nothing if it is not about that pipeline, or the function
    /// could not know what it says.
    ///
    /// # Errors
    /// AWS does not show the role.
    pub(super) async fn authenticate(
        &mut self,
        aws: &Aws,
        cluster: &ClusterName,
        id: &str,
        report: &RunReport,
    ) -> Result<Option<String>, AwsError> {
        if !self.roles.contains_key(id) {
            let Some((found, role)) = look(aws, cluster, report).await? else { return Ok(None) };
            if self.roles.len() >= MAX_KNOWN {
                self.roles.clear();
            }
            self.roles.insert(found, role);
        }
        let role = self.roles.get(id).filter(|role| role.key == report.key && role.part == report.part);
        Ok(role.map(|role| role.uid.clone()))
    }
}

/// The role that must have sent a report, as AWS has it: its id, and whose it is.
async fn look(aws: &Aws, cluster: &ClusterName, report: &RunReport) -> Result<Option<(String, Role)>, AwsError> {
    let RunReport { key, part, .. } = report;
    let (namespace, name) = (key.namespace.clone(), key.name.clone());
    let owner = Owner { cluster: cluster.clone(), namespace, name, uid: String::new() };
    let seen = resource::observe(aws, &Id::new(Kind::Role, owner.part(part))).await?;
    let found = seen.and_then(|seen| Some((seen.revision?, Owner::of(&seen.tags)?)));
    Ok(found.filter(|(_, of)| *of == Owner { uid: of.uid.clone(), ..owner.clone() }).map(|(id, of)| {
        let role = Role { key: key.clone(), part, uid: of.uid };
        (id, role)
    }))
}
