//! 17: one pipeline as large as can be, among small ones.

use serde_json::json;

use crate::harness::{Lab, Settings, rows, specs};

#[tokio::test]
async fn n17_the_largest_pipeline_holds_up_no_other_and_keeps_its_status_small() {
    let mut lab = Lab::gated().await;
    lab.start(&Settings::default());
    let task = |number: usize| json!({"name": format!("task-{number}"), "message": {}, "template": "x".repeat(1500)});
    let tasks: Vec<_> = (0..100).map(task).collect();
    lab.apply("huge", json!({"schedule": specs::YEARLY, "tasks": tasks})).await;
    let explosive = json!({"name": "boom", "message": {}, "notify": ["team"], "template": "{{ 'x' * 999999999 }}"});
    lab.apply("explosive", specs::one_task(specs::YEARLY, explosive)).await;
    for name in ["one", "two", "three"] {
        lab.apply(name, specs::message(specs::YEARLY)).await;
    }
    for name in ["one", "two", "three", "huge"] {
        let pipeline = lab.ready(name).await;
        assert!(!rows(&pipeline).is_empty());
    }
    lab.finish().await;
}
