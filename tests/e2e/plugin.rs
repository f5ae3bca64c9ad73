//! `kubectl pipelines`: pipelines looked at, fired, suspended and resumed.

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, condition, eventually, specs};

impl Lab {
    fn plugin(&self, arguments: &[&str]) -> Printed {
        let plugin = env!("CARGO_BIN_EXE_kubectl-pipelines");
        Printed::by(self.program(plugin).args(["--namespace", &self.namespace]).args(arguments))
    }
}

/// The words of each line.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn a_pipeline_is_listed_fired_by_hand_and_its_runs_are_told() {
    let lab = Lab::new().await;
    lab.apply("hello", specs::message(specs::AT_ONCE)).await;
    lab.ready("hello").await;
    lab.chat.await_received("slack", "team", 1).await;
    eventually("the run is told", async || {
        let runs = lab.plugin(&["runs", "hello"]);
        let lines = lines(&runs.stdout);
        let told = lines.get(1).is_some_and(|line| line.contains(" ago Schedule Succeeded 1/1 "));
        if told && lines[0] == "RUN DUE BY RESULT TASKS TOOK WHAT" { Ok(()) } else { Err(format!("{runs:#?}")) }
    })
    .await;

    let run = lab.plugin(&["run", "hello", "--wait"]);
    assert_eq!((run.status, &*run.stderr), (0, ""), "{run:#?}");
    assert!(lines(&run.stdout)[1].contains(" Manual Succeeded 1/1 "), "{run:#?}");
    assert_eq!(lab.chat.await_received("slack", "team", 2).await[1].text(), "Hello");
    let runs: Value = serde_json::from_str(&lab.plugin(&["runs", "hello", "-o", "json"]).stdout).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 2, "{runs}");

    let listed = lab.plugin(&["list"]);
    let rows = lines(&listed.stdout);
    assert_eq!(rows[0], "NAMESPACE NAME STATE SCHEDULE NEXT LAST DEAD LETTERS");
    let begin = format!("{} hello InSync {} in ", lab.namespace, specs::AT_ONCE);
    assert!(rows[1].starts_with(&begin) && rows[1].contains(" Succeeded "), "{listed:#?}");
    let everywhere = lab.plugin(&["list", "--all-namespaces"]);
    assert!(lines(&everywhere.stdout).iter().any(|row| row.starts_with(&begin)), "{everywhere:#?}");
    lab.finish().await;
}

#[tokio::test]
async fn one_screen_says_how_a_pipeline_is_and_what_to_do() {
    let lab = Lab::new().await;
    lab.apply("hello", specs::message(specs::YEARLY)).await;
    lab.ready("hello").await;
    let status = lab.plugin(&["status", "hello"]);
    assert_eq!((status.status, &*status.stderr), (0, ""), "{status:#?}");
    status.says(&["State:     InSync\n", ", all ready\n", "Next: ", "0 dead letters\n"]);
    let next = lab.plugin(&["next", "hello", "--count", "2"]);
    assert_eq!((next.status, lines(&next.stdout).len()), (0, 3), "{next:#?}");

    let suspended = lab.plugin(&["suspend", "hello", "gone", "--reason", "holidays"]);
    assert_eq!((suspended.status, &*suspended.stdout), (2, "hello suspended\n"), "the other is suspended all the same");
    let none = format!("error: there is no pipeline `gone` in namespace `{}`\n", lab.namespace);
    assert_eq!(suspended.stderr, none);
    lab.until("hello", "is suspended", |pipeline| {
        condition(pipeline, "Ready").is_some_and(|ready| ready.reason == "Suspended")
    })
    .await;
    lab.plugin(&["status", "hello"]).says(&["State:     Suspended\n", "Suspended: holidays\n"]);
    assert_eq!(lab.plugin(&["resume", "hello"]).stdout, "hello resumed\n");
    lab.ready("hello").await;
    assert!(!lab.plugin(&["status", "hello"]).stdout.contains("Suspended"));

    let secret =
        json!({"channels": [{"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "no", "key": "k"}}}}]});
    lab.apply("broken", specs::merged(specs::message(specs::YEARLY), secret)).await;
    lab.not_ready("broken", "SecretMissing").await;
    let broken = lab.plugin(&["status", "broken"]);
    assert_eq!(broken.status, 1, "{broken:#?}");
    broken.says(&["Problem:   SecretMissing: spec.channels[team].slack.webhookUrl", "create secret generic no"]);
    lab.finish().await;
}
