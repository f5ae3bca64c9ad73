//! The pipeline that a reconcile works on, with its previous status.

use api::{ScheduledTaskPipeline, annotation};
use aws::{Aws, Caller, Urgency};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use pipeline_core::location::Target;
use pipeline_core::names::{ClusterName, Owner};

use super::commands;
use super::context::PlanContext;
use super::error::ReconcileError;
use super::previous::PreviousState;

/// The pipeline that a reconcile works on.
pub(super) struct Subject {
    /// The custom resource as last read or written, without its status.
    pub(super) pipeline: ScheduledTaskPipeline,
    pub(super) owner: Owner,
    pub(super) previous: PreviousState,
}

impl Subject {
    pub(super) fn new(mut pipeline: ScheduledTaskPipeline, cluster: &ClusterName) -> Self {
        let status = pipeline.status.take().unwrap_or_default();
        let owner = Owner {
            cluster: cluster.clone(),
            namespace: pipeline.namespace().unwrap_or_default(),
            name: pipeline.name_any(),
            uid: pipeline.uid().unwrap_or_default(),
        };
        Self { pipeline, owner, previous: PreviousState::of(&status) }
    }

    pub(super) fn generation(&self) -> i64 {
        self.pipeline.metadata.generation.unwrap_or_default()
    }

    /// Since when the pipeline is being deleted; `None` if it is not.
    pub(super) fn deleted(&self) -> Option<Timestamp> {
        self.pipeline.metadata.deletion_timestamp.as_ref().map(|time| time.0)
    }
}

/// AWS clients for the pipeline's account and region, which are fixed once anything was created.
pub(super) async fn aws(context: &PlanContext, subject: &Subject, target: &Target) -> Result<Aws, ReconcileError> {
    let aws = context.accounts.get(target).await?;
    if let Some(account) = subject.previous.home(None).account.filter(|account| *account != aws.location.account) {
        return Err(ReconcileError::OtherAccount {
            account: account.to_owned(),
            credentials: target.role.as_ref().map_or("the operator", |role| role.arn.as_str()).to_owned(),
            other: aws.location.account.clone(),
        });
    }
    let caller = Caller { name: subject.owner.uid.as_str().into(), urgency: urgency(subject) };
    Ok(aws.on_behalf_of(caller))
}

/// How urgent the AWS calls of this reconcile are.
fn urgency(subject: &Subject) -> Urgency {
    let Subject { pipeline, previous, .. } = subject;
    let status = previous.status();
    let edited = status.observed_generation.is_some() && status.observed_generation != pipeline.metadata.generation;
    let reconcile_now = commands::of(pipeline, annotation::RECONCILE_NOW);
    let asked = reconcile_now.is_some() && reconcile_now != status.last_reconcile_now
        || commands::new_run_now(pipeline, status).is_some();
    let ready = |condition: &Condition| condition.type_ == "Ready" && condition.status == "True";
    if edited || asked || subject.deleted().is_some() {
        Urgency::Edit
    } else if status.conditions.iter().any(ready) {
        Urgency::Resync
    } else {
        Urgency::Unready
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Checks the urgency of a pipeline of generation 2 with this metadata and status.
    fn check(metadata: &Value, status: &Value, expected: Urgency) {
        let mut pipeline = json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": metadata, "spec": {"schedule": "@daily", "tasks": [{"name": "a", "message": {}}]},
            "status": status,
        });
        pipeline["metadata"]["generation"] = 2.into();
        let parsed: ScheduledTaskPipeline = serde_json::from_value(pipeline.clone()).unwrap();
        assert_eq!(urgency(&Subject::new(parsed, &"lab".parse().unwrap())), expected, "{pipeline:?}");
    }

    #[test]
    fn what_somebody_waits_for_is_urgent() {
        let ready = |observed: i64, ready: &str| {
            let condition = json!({
                "type": "Ready", "status": ready, "reason": "Any", "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z",
            });
            json!({"observedGeneration": observed, "lastReconcileNow": "one", "conditions": [condition]})
        };
        check(&json!({}), &Value::Null, Urgency::Unready);
        check(&json!({}), &json!({}), Urgency::Unready);
        check(&json!({}), &ready(2, "Unknown"), Urgency::Unready);
        check(&json!({}), &ready(2, "True"), Urgency::Resync);
        check(&json!({}), &ready(1, "True"), Urgency::Edit);
        check(&json!({"deletionTimestamp": "2026-03-01T12:00:00Z"}), &ready(2, "True"), Urgency::Edit);
        let command = |token: &str| json!({"annotations": {annotation::RECONCILE_NOW: token}});
        check(&command("one"), &ready(2, "True"), Urgency::Resync);
        check(&command("two"), &ready(2, "True"), Urgency::Edit);
    }
}
