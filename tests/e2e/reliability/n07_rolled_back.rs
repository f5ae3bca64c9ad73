//! 7: out of every error that ends a pipeline's work, the last good spec leads back.

use serde_json::{Value, json};

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::{condition, specs};

#[tokio::test]
async fn n07_the_last_good_spec_leads_out_of_every_error() {
    let lab = lifecycle::world().await;
    let good = specs::message(specs::YEARLY);
    lab.apply(NAME, good.clone()).await;
    lab.ready(NAME).await;
    let fault = |service: &str, error: &str, status: u16| {
        Some(
            json!({"service": service, "write": true, "status": status, "error": error, "count": -1, "by": "operator"}),
        )
    };
    let missing = json!({"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "none", "key": "none"}}}});
    let errors: [(&str, Value, Option<Value>); 6] = [
        ("InvalidSpec", json!({"schedule": "61 9 * * *"}), None),
        ("SecretMissing", json!({"channels": [missing]}), None),
        ("Denied", json!({"queue": {"retentionSeconds": 3600}}), fault("sqs", "AccessDenied", 403)),
        ("TagsRefused", json!({"tags": {"team": "b"}}), fault("iam", "LimitExceeded", 409)),
        ("Invalid", json!({"runner": {"memoryMiB": 512}}), fault("lambda", "InvalidRequestContentException", 400)),
        ("Transient", json!({"tags": {"team": "c"}}), fault("logs", "ServiceUnavailableException", 503)),
    ];
    for (reason, edit, fault) in errors {
        if let Some(fault) = fault {
            lab.strict.fault(fault).await;
        }
        lab.apply(NAME, specs::merged(good.clone(), edit)).await;
        lab.not_ready(NAME, reason).await;
        lab.strict.clear_faults().await;
        lab.apply(NAME, good.clone()).await;
        let pipeline = lab.ready(NAME).await;
        assert!(condition(&pipeline, "Stalled").is_none() && condition(&pipeline, "Reconciling").is_none(), "{reason}");
        lab.settled(NAME).await;
        let differing = Reference::get().await.differing(&lab, Act::Create).await;
        let differing: Vec<_> = differing.into_iter().filter(|line| !line.contains("bservedGeneration")).collect();
        assert!(differing.is_empty(), "after {reason}:\n{}", differing.join("\n"));
    }
    lab.finish().await;
}
