//! Pipelines that parsers give up at: each says so itself, stops no other, and can be deleted.

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, Settings, eventually, specs};

/// A text of an author that no log may have.
const MARKER: &str = "for-no-log-4711";

/// Levels that are refused by name, that no list can hold, that no answer can hold, and nearly all that the API server
/// takes.
const DEPTHS: [usize; 6] = [33, 100, 122, 124, 1_000, 9_000];

/// Lists in lists, so deep.
fn lists(levels: usize) -> String {
    format!("{}\"{MARKER}\"{}", "[".repeat(levels), "]".repeat(levels))
}

/// Objects in objects, so deep; the API server lists each in `metadata.managedFields`.
fn objects(levels: usize) -> String {
    format!("{}\"{MARKER}\"{}", "{\"a\":".repeat(levels), "}".repeat(levels))
}

fn spec(input: &str) -> String {
    let task = format!(r#"{{"name": "hello", "message": {{}}, "template": "{MARKER}", "input": {input}}}"#);
    format!(r#"{{"schedule": "{}", "tasks": [{task}]}}"#, specs::YEARLY)
}

impl Lab {
    fn pipelines_path(&self) -> String {
        format!("/apis/taskpipelines.dev/v1alpha1/namespaces/{}/scheduledtaskpipelines", self.namespace)
    }

    /// Sends the API server a text, as no client of ours would write it.
    async fn send(&self, method: &str, path: &str, kind: &str, text: String) {
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        let answer = self.kube.request_text(request.body(text.into_bytes()).unwrap()).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    }

    async fn create_as_text(&self, name: &str, spec: &str) {
        let text = format!(
            r#"{{"apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {{"name": "{name}"}}, "spec": {spec}}}"#
        );
        self.send("POST", &self.pipelines_path(), "application/json", text).await;
    }

    async fn patch_as_text(&self, name: &str, patch: String) {
        let url = format!("{}/{name}", self.pipelines_path());
        self.send("PATCH", &url, "application/merge-patch+json", patch).await;
    }

    /// A pipeline as no type limits it.
    async fn raw(&self, name: &str) -> Value {
        let request = http::Request::get(format!("{}/{name}", self.pipelines_path())).body(Vec::new()).unwrap();
        let text = self.kube.request_text(request).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until a pipeline is refused in its present generation, and gives the message.
    async fn refused(&self, name: &str) -> String {
        eventually(&format!("pipeline {name} is refused"), async || {
            let pipeline = self.raw(name).await;
            let conditions = pipeline["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
            let is_present = ready["observedGeneration"] == pipeline["metadata"]["generation"];
            if is_present && ready["status"] == "False" && ready["reason"] == "InvalidSpec" {
                Ok(ready["message"].as_str().unwrap().to_owned())
            } else {
                Err(format!("{} {}", pipeline["metadata"]["generation"], pipeline["status"]))
            }
        })
        .await
    }

    fn operators_program(&self, arguments: &[&str]) -> Printed {
        let mut command = self.program(env!("CARGO_BIN_EXE_task-pipelines"));
        command.args(arguments).args(["--cluster-name", "e2e", "--pacing", "off"]);
        Printed::by(command.current_dir(env!("CARGO_MANIFEST_DIR")).env("AWS_REGION", &self.environment.region))
    }
}

/// An edit of the honest pipeline is carried out.
async fn edited(lab: &Lab, name: &str, hour: u32) {
    lab.apply(name, specs::message(&format!("0 {hour} 29 2 *"))).await;
    lab.ready(name).await;
    let schedule = lab.aws.schedule(&lab.names(name).schedule).await;
    assert_eq!(schedule.schedule_expression(), Some(&*format!("cron(0 {hour} 29 2 ? *)")), "{name}");
}

#[tokio::test]
async fn a_pipeline_that_nests_too_deep_says_so_and_stops_no_other() {
    let mut lab = Lab::new().await;
    edited(&lab, "honest", 1).await;
    let mut deep = vec!["maps".to_owned()];
    lab.create_as_text("maps", &spec(&objects(1_000))).await;
    for levels in DEPTHS {
        let name = format!("deep-{levels}");
        lab.create_as_text(&name, &spec(&lists(levels))).await;
        deep.push(name);
    }
    for name in &deep {
        let said = lab.refused(name).await;
        assert!(
            said.starts_with("spec.tasks[hello].input: it nests deeper than 32 levels; flatten it"),
            "{name}: {said}"
        );
    }
    edited(&lab, "honest", 2).await;

    let first_log = lab.log();
    lab.start(&Settings::default());
    edited(&lab, "honest", 3).await;
    edited(&lab, "new", 4).await;

    for list in [&["list"][..], &["list", "--all-namespaces"]] {
        let listed = lab.plugin(list);
        assert_eq!(listed.status, 0, "{listed:#?}");
        let state = |name: &str| {
            let rows = listed.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let mut ours = rows.filter(|row| row.first() == Some(&&*lab.namespace) && row.get(1) == Some(&name));
            ours.next().map(|row| row[2].to_owned())
        };
        assert_eq!(state("honest").as_deref(), Some("InSync"), "{listed:#?}");
        for name in &deep {
            assert_eq!(state(name).as_deref(), Some("InvalidSpec"), "{listed:#?}");
        }
    }
    lab.plugin(&["status", "honest"]).says(&["State:     InSync\n"]);
    let status = lab.plugin(&["status", "deep-1000"]);
    assert_eq!(status.status, 1, "{status:#?}");
    status.says(&["Problem:   InvalidSpec: spec.tasks[hello].input: it nests deeper than 32 levels"]);
    let planned = lab.operators_program(&["plan", &format!("{}/deep-1000", lab.namespace)]);
    assert_eq!(planned.status, 2, "{planned:#?}");
    assert!(planned.stderr.contains("/deep-1000: spec.tasks[hello].input: it nests"), "{planned:#?}");
    for (levels, words) in
        [(33, "spec.tasks[hello].input: it nests deeper than 32 levels"), (1_000, "recursion limit exceeded")]
    {
        let file = lab.file("deep", &[]);
        let text = format!(
            r#"{{"apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {{"name": "deep"}}, "spec": {}}}"#,
            spec(&lists(levels))
        );
        std::fs::write(&file, text).unwrap();
        let linted = lab.plugin(&["lint", file.to_str().unwrap()]);
        assert_eq!(linted.status, 1, "{linted:#?}");
        linted.says(&[words]);
    }
    let orphans = lab.operators_program(&["orphans"]);
    assert_eq!((orphans.status, &*orphans.stdout), (0, ""), "{orphans:#?}");

    for name in &deep {
        lab.delete(name).await;
        lab.gone(name).await;
    }
    let log = first_log + &lab.log();
    assert!(!log.contains(MARKER), "{log}");
    lab.finish().await;
}

#[tokio::test]
async fn a_pipeline_that_an_edit_made_unreadable_goes_on_as_it_was_and_can_be_deleted() {
    let mut lab = Lab::new().await;
    for name in ["deep", "odd"] {
        lab.apply(name, specs::message(specs::YEARLY)).await;
    }
    for name in ["deep", "odd"] {
        lab.ready(name).await;
    }
    lab.strict.forget_calls().await;
    let deeper =
        format!(r#"{{"spec": {{"tasks": [{{"name": "hello", "message": {{}}, "input": {}}}]}}}}"#, lists(1_000));
    lab.patch_as_text("deep", deeper).await;
    // An offset that Go's validation of formats lets through, and no parser.
    lab.patch_as_text("odd", json!({"spec": {"startTime": "2026-01-01T12:00:00+99:99"}}).to_string()).await;
    for restarted in [false, true] {
        if restarted {
            lab.start(&Settings::default());
            edited(&lab, "beside", 5).await;
        }
        for (name, words) in
            [("deep", "spec.tasks[hello].input: it nests"), ("odd", "spec.startTime: the operator cannot")]
        {
            let said = lab.refused(name).await;
            assert!(said.starts_with(words) && said.ends_with("what is on AWS goes on as it was"), "{name}: {said}");
            assert_eq!(lab.raw(name).await["status"]["resources"].as_array().unwrap().len(), 14, "{name}");
        }
        if !restarted {
            assert_eq!(lab.strict.writes().await, Vec::<String>::new());
        }
    }
    let events = lab.events("odd").await;
    assert!(events.iter().any(|event| event.starts_with("InvalidSpec: spec.startTime: ")), "{events:?}");

    let listed = lab.plugin(&["list"]);
    assert_eq!(listed.status, 0, "{listed:#?}");
    listed.says(&[" beside ", " InvalidSpec  cannot be read "]);
    assert!(listed.stderr.contains("/odd: spec.startTime: this version cannot read it: "), "{listed:#?}");
    let status = lab.plugin(&["status", "odd"]);
    assert_eq!(status.status, 1, "{status:#?}");
    status
        .says(&["Problem:   InvalidSpec: spec.startTime: ", "Schedule:  spec.startTime: this version cannot read it"]);
    assert_eq!(lab.plugin(&["next", "odd"]).status, 2);

    for name in ["deep", "odd"] {
        lab.send("DELETE", &format!("{}/{name}", lab.pipelines_path()), "application/json", String::new()).await;
    }
    for name in ["deep", "odd"] {
        eventually(&format!("pipeline {name} is gone"), async || {
            let request = http::Request::get(format!("{}/{name}", lab.pipelines_path())).body(Vec::new()).unwrap();
            match lab.kube.request_text(request).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                found => Err(format!("{found:?}")),
            }
        })
        .await;
    }
    let log = lab.log();
    assert!(log.contains("a pipeline cannot be read") && !log.contains(MARKER), "{log}");
    lab.finish().await;
}
