//! 11: the cluster is lost and rebuilt, and its pipelines are applied again: with other UIDs, on what they left.

use std::collections::BTreeSet;

use serde_json::json;

use super::lifecycle::{self, Act, NAME};
use crate::harness::gate::Write;
use crate::harness::{Settings, condition, eventually};

#[tokio::test]
async fn n11_a_rebuilt_cluster_takes_its_own_back_and_changes_nothing_but_the_uid() {
    let mut lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let before = lab.snapshot(NAME).await;
    let old = lab.get(NAME).await.metadata.uid.unwrap();

    lab.kill();
    lab.delete(NAME).await;
    lab.patch(NAME, json!({"metadata": {"finalizers": []}})).await;
    lab.gone(NAME).await;
    lab.strict.forget_calls().await;
    lab.start(&Settings::default());
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;

    let counts = lab.counts(NAME).await;
    let made: Vec<_> =
        counts.iter().filter(|(_, count)| **count > 0).filter(|(write, _)| !write.starts_with("CreateQueue")).collect();
    assert!(made.is_empty(), "made or deleted again: {made:?}");
    // The new pipeline's own times, that of the schedule, whose description holds the UID, and the hash of all that is
    // wanted, of which the UID is part.
    let differing = before.differing(&lab.snapshot(NAME).await);
    let own = |path: &&String| {
        path.contains("TransitionTime") || path.contains("inSyncWith") || path.to_lowercase().contains("modifi")
    };
    let other: BTreeSet<_> = differing.iter().filter(|path| !own(path)).collect();
    assert!(other.is_empty(), "changed beside the UID: {other:?}");
    let events = lab.told(NAME, "TakenOver", 1).await;
    assert!(events.iter().any(|event| event.contains(&old)), "{events:?}");
    lab.finish().await;
}

#[tokio::test]
async fn n11_two_clusters_of_one_name_end_in_a_conflict_that_names_both() {
    let lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let ours = lab.get(NAME).await.metadata.uid.unwrap();
    let (names, theirs) = (lab.names(NAME), "the-other-clusters-uid");
    // As the other one does it: the tag alone, on all that can be tagged.
    for queue in [&names.tasks, &names.tasks_dlq, &names.undelivered_dlq] {
        let request = lab.aws.sqs.tag_queue().queue_url(lab.aws.queue_url(queue));
        request.tags("taskpipelines.dev/uid", theirs).send().await.unwrap();
    }
    let written = lab.gate().writes();
    Act::Update.begin(&lab).await;
    let message = lab.not_ready(NAME, "Conflict").await;
    assert!(message.contains(theirs) && message.contains(&ours), "both are named: {message}");
    assert!(condition(&lab.get(NAME).await, "Stalled").is_some());
    eventually("the conflict is told", async || {
        let events = lab.events(NAME).await;
        if events.iter().any(|event| event.starts_with("Conflict: ")) { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
    let journal = lab.gate().journal().split_off(written);
    let on_aws: Vec<_> = journal.iter().filter(|write| matches!(write, Write::Aws(_))).collect();
    assert!(on_aws.is_empty(), "no tug of war: {on_aws:?}");

    for queue in [&names.tasks, &names.tasks_dlq, &names.undelivered_dlq] {
        let request = lab.aws.sqs.tag_queue().queue_url(lab.aws.queue_url(queue));
        request.tags("taskpipelines.dev/uid", &ours).send().await.unwrap();
    }
    lab.patch(NAME, json!({"metadata": {"annotations": {"taskpipelines.dev/reconcile-now": "settled"}}})).await;
    lab.ready(NAME).await;
    lab.finish().await;
}
