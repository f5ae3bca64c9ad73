//! 6 and 8: chains of random edits, some of them wrong, under faults; in the end only the last spec counts.

use serde_json::{Value, json};

use super::lifecycle::{self, NAME};
use super::trials::{self, Dice};
use crate::harness::{Lab, condition, eventually, specs};

/// A spec made by throwing dice for each field; one in five is wrong somewhere.
fn spec(dice: &mut Dice) -> Value {
    let names = ["a", "task-with-a-long-name", "b2", "nothing", "z"];
    let count = 1 + dice.below(names.len());
    let texts = ["Hello", "Grüße {{ task.name }} 🎉", "<b>&\"'</b>\n\ttab", "{{ result | default('none') }}"];
    let tasks: Vec<Value> = names[..count]
        .iter()
        .map(|name| match dice.below(3) {
            0 => json!({"name": name, "message": {}}),
            1 => json!({"name": name, "message": {}, "notify": ["team"], "template": dice.pick(&texts)}),
            _ => json!({"name": name, "http": {"url": "https://example.com/ä?b=1"}, "timeoutSeconds": 1 + dice.below(60)}),
        })
        .collect();
    let schedules = ["0 9 29 2 *", "30 8 1 1 1-5", "@yearly", "cron(0 0 1 1 ? *)", "15 2 28 3 *"];
    let zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"];
    let mut spec = json!({
        "schedule": dice.pick(&schedules), "timeZone": dice.pick(&zones), "tasks": tasks, "suspend": dice.below(4) == 0,
        "channels": if dice.below(2) == 0 { json!([specs::slack()]) } else { json!([specs::slack(), specs::discord()]) },
    });
    for optional in [
        json!({"flexibleWindowMinutes": 1 + dice.below(1440)}),
        json!({"endTime": "2099-01-01T00:00:00Z"}),
        json!({"tags": {"team": "data", "ö": "ü"}}),
        json!({"sender": {"memoryMiB": 128 + dice.below(512), "environment": {"AA": "1"}}}),
        json!({"runner": {"memoryMiB": 128 + dice.below(512), "maxConcurrency": 2 + dice.below(9)}}),
        json!({"runner": {"batchSize": 1 + dice.below(5), "logRetentionDays": 7}}),
        json!({"queue": {"maxReceiveCount": 1 + dice.below(100), "retentionSeconds": 60 + dice.below(1000)}}),
        json!({"invocation": {"maxAttempts": dice.below(186), "maxAgeSeconds": 60 + dice.below(1000)}}),
    ] {
        if dice.below(2) == 0 {
            spec = specs::merged(spec, optional);
        }
    }
    let wrong = [
        json!({"schedule": "61 * * * *"}),
        json!({"timeZone": "Mars/Olympus"}),
        json!({"channels": [{"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "no", "key": "no"}}}}]}),
    ];
    if dice.below(5) == 0 { specs::merged(spec, dice.pick(&wrong).clone()) } else { spec }
}

/// Waits until the operator has come to an end with a pipeline: whether it is as wanted.
async fn at_an_end(lab: &Lab) -> bool {
    eventually("the operator has come to an end", async || {
        let pipeline = lab.get(NAME).await;
        match (condition(&pipeline, "Ready").map(|ready| &*ready.status), condition(&pipeline, "Stalled")) {
            (Some("True"), _) => Ok(true),
            (_, Some(_)) => Ok(false),
            _ => Err(format!("{:?}", pipeline.status)),
        }
    })
    .await
}

#[tokio::test]
async fn n06_a_chain_of_edits_ends_where_its_last_spec_alone_would_have() {
    trials::seeded("n06", async |seed| {
        let mut dice = Dice::new(seed);
        let chain = lifecycle::world().await;
        let steps = if trials::soak() { 100 } else { 8 };
        for step in 0..steps {
            let faults = json!({
                "by": "operator", "count": 20, "probability": 0.3, "seed": seed + step, "status": 500, "error": "InternalFailure",
            });
            chain.strict.fault(faults).await;
            chain.apply(NAME, spec(&mut dice)).await;
            // Sometimes the next edit does not wait for this one.
            if dice.below(3) > 0 {
                at_an_end(&chain).await;
            }
        }
        chain.strict.clear_faults().await;
        let last = loop {
            let last = spec(&mut dice);
            chain.apply(NAME, last.clone()).await;
            if at_an_end(&chain).await {
                break last;
            }
        };
        chain.settled(NAME).await;

        let fresh = lifecycle::world().await;
        fresh.apply(NAME, last.clone()).await;
        fresh.ready(NAME).await;
        fresh.settled(NAME).await;
        let masked = super::lifecycle::Reference::get().await.masked();
        let differing = chain.snapshot(NAME).await.compare(&fresh.snapshot(NAME).await, masked);
        // How often the spec and the parameter changed on the way is all that may tell the chain from its end.
        let counts = ["bservedGeneration", "//version"];
        let differing: Vec<_> =
            differing.into_iter().filter(|line| !counts.iter().any(|count| line.contains(count))).collect();
        assert!(differing.is_empty(), "the chain (-) beside its last spec alone (+), {last}:\n{}", differing.join("\n"));
        chain.finish().await;
        fresh.finish().await;
    })
    .await;
}
