//! Operator and API server away: pipelines go on, and what they did is caught up with.

use api::RunResult;
use jiff::{Timestamp, ToSpan as _, Unit};
use serde_json::json;

use crate::harness::{Lab, Settings, specs};

/// Firings while nobody watches.
const FIRINGS: i64 = 10;

#[tokio::test]
async fn n23_with_operator_and_api_server_away_everything_fires_and_is_in_the_status_afterwards() {
    let mut lab = Lab::gated().await;
    lab.start(&Settings::default());
    let first = (Timestamp::now() + 60.seconds()).round(Unit::Second).unwrap();
    let name = |number: i64| format!("away-{number}");
    for number in 0..FIRINGS {
        let due = first + number.seconds();
        let task = json!({"name": "hello", "message": {}, "template": name(number), "notify": ["team"]});
        lab.apply(&name(number), specs::one_task(&format!("at({})", due.strftime("%Y-%m-%dT%H:%M:%S")), task)).await;
    }
    for number in 0..FIRINGS {
        lab.ready(&name(number)).await;
    }
    // In the middle of the firings, which are a second apart.
    let before = lab.chat.await_received("slack", "team", 2).await;
    assert!(before.len() < usize::try_from(FIRINGS).unwrap(), "some are still to come");
    lab.gate().behave(|behaviour| behaviour.down = true);
    lab.kill();

    let received = lab.chat.await_received("slack", "team", usize::try_from(FIRINGS).unwrap()).await;
    let mut texts: Vec<&str> = received.iter().map(crate::harness::Received::text).collect();
    texts.sort_unstable();
    let mut expected: Vec<String> = (0..FIRINGS).map(name).collect();
    expected.sort_unstable();
    assert_eq!(texts, expected);

    // An operator that comes back before the API server does.
    lab.start(&Settings::default());
    lab.gate().behave(|behaviour| behaviour.down = false);
    for number in 0..FIRINGS {
        let status = lab.ended(&name(number), RunResult::Succeeded).await;
        assert_eq!(status.runs.len(), 1, "{:?}", status.runs);
    }
    assert_eq!(lab.chat.received("slack", "team").await.len(), expected.len(), "each once");
    lab.finish().await;
}
