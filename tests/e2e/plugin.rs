//! `kubectl pipelines`: show, fire, suspend and resume pipelines.

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, condition, eventually, specs};

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

#[tokio::test]
async fn everything_on_aws_is_shown_hop_by_hop_with_what_it_logged() {
    let lab = Lab::new().await;
    lab.apply("hello", specs::message(specs::AT_ONCE)).await;
    lab.ready("hello").await;
    let tree = lab.plugin(&["tree", "hello"]);
    assert_eq!((tree.status, &*tree.stderr), (0, ""), "{tree:#?}");
    tree.says(&[
        &format!("{}/hello: InSync in account ", lab.namespace),
        "├── schedule\n",
        "├── sender\n",
        "├── queue\n",
        "└── runner\n",
        "arn:aws:lambda:",
        ".console.aws.amazon.com/lambda/home?region=",
    ]);
    let resources: Value = serde_json::from_str(&lab.plugin(&["tree", "hello", "-o", "json"]).stdout).unwrap();
    let listed = lab.get("hello").await.status.unwrap().resources.len();
    assert_eq!(resources.as_array().unwrap().len(), listed);
    assert!(resources.as_array().unwrap().iter().all(|it| it["console"].is_string()), "{resources:#}");

    lab.chat.await_received("slack", "team", 1).await;
    eventually("the run has ended", async || {
        let runs: Value = serde_json::from_str(&lab.plugin(&["runs", "hello", "-o", "json"]).stdout).unwrap();
        if runs[0]["result"] == "Succeeded" { Ok(()) } else { Err(runs.to_string()) }
    })
    .await;
    let runs: Value = serde_json::from_str(&lab.plugin(&["runs", "hello", "-o", "json"]).stdout).unwrap();
    let id = runs[0]["runId"].as_str().unwrap();
    eventually("both functions' logs are there", async || {
        let logs = lab.plugin(&["logs", "hello", "--run", id]);
        let of = |whose: &str, what: &str| {
            logs.stdout.lines().any(|line| line.contains(&format!(" {whose}")) && line.contains(what))
        };
        let told = of("sender", "run started") && of("runner", "task succeeded") && of("runner", "delivered");
        if told && logs.stdout.lines().all(|line| line.contains(id)) { Ok(()) } else { Err(format!("{logs:#?}")) }
    })
    .await;
    let none = lab.plugin(&["logs", "hello", "--run", "nothing"]);
    let why = "error: the status has no run whose id begins with `nothing`: `runs` shows the last 10\n";
    assert_eq!((none.status, &*none.stdout, &*none.stderr), (2, "", why));
    lab.finish().await;
}

#[tokio::test]
async fn what_is_pending_is_told_as_the_status_says_it() {
    let lab = Lab::new().await;
    lab.apply("hello", specs::merged(specs::message(specs::YEARLY), json!({"mode": "Observe"}))).await;
    lab.ready("hello").await;
    let plan = lab.plugin(&["plan", "hello"]);
    assert_eq!((plan.status, &*plan.stderr), (1, ""), "{plan:#?}");
    plan.says(&["Will be done:\n", "+ create", "Plan: ", " to create."]);
    assert!(!lab.plugin(&["plan", "hello", "-o", "json"]).json().as_array().unwrap().is_empty());
    lab.apply("managed", specs::message(specs::YEARLY)).await;
    lab.ready("managed").await;
    let nothing = lab.plugin(&["plan", "managed"]);
    assert_eq!((nothing.status, &*nothing.stdout), (0, "Nothing is pending; managed is InSync.\n"), "{nothing:#?}");
    lab.finish().await;
}

#[tokio::test]
async fn the_cluster_and_the_account_are_checked() {
    let lab = Lab::new().await;
    // A new definition's fields are shown a moment later.
    let check = || {
        let plugin = env!("CARGO_BIN_EXE_kubectl-pipelines");
        let check = ["--namespace", &lab.namespace, "check", "--lease", "nobody"];
        Printed::by(lab.program(plugin).args(check).env("AWS_REGION", &lab.environment.region))
    };
    eventually("the API server shows the definition", async || {
        let check = check();
        if check.stdout.contains("FAIL definition") { Err(format!("{check:#?}")) } else { Ok(()) }
    })
    .await;
    let check = check();
    assert_eq!(check.status, 1, "{check:#?}");
    check.says(&[
        "ok   API server: it answers, version v1.",
        "ok   definition: the API server knows ScheduledTaskPipeline with all fields of this version\n",
        "FAIL operator: there is no Lease `nobody` in any namespace, so no operator has led yet; install it with helm",
        "ok   permissions: all ",
        "ok   your AWS credentials: arn:aws:",
        " schedule groups are used",
    ]);
    let operator = Printed::by(
        lab.program(env!("CARGO_BIN_EXE_task-pipelines"))
            .args(["check", "--cluster-name", "e2e", "--pacing", "off", "--uv", &lab.environment.uv])
            // Where uv finds a Python.
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("AWS_REGION", &lab.environment.region),
    );
    assert_eq!(operator.status, 0, "{operator:#?}");
    operator.says(&[
        "ok   functions: sender-",
        "ok   uv: uv ",
        "ok   AWS permissions: the reads of its policy are granted",
    ]);
    let lost = Printed::by(
        lab.program(env!("CARGO_BIN_EXE_task-pipelines"))
            .args(["check", "--uv", "/nowhere/uv", "--functions-dir", "/nowhere"])
            .env("KUBECONFIG", "/nowhere")
            .env("AWS_REGION", &lab.environment.region),
    );
    assert_eq!(lost.status, 1, "{lost:#?}");
    lost.says(&[
        "FAIL functions: no zips of the built-in functions in /nowhere",
        "FAIL uv: /nowhere/uv does not run",
        "FAIL API server: ",
    ]);
    lab.finish().await;
}

#[tokio::test]
async fn files_are_linted_with_nothing_in_reach() {
    let lab = Lab::new().await;
    let document = |name: &str, spec: Value| {
        json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {"name": name, "namespace": "team"}, "spec": spec,
        })
    };
    let lint = |file: &std::path::Path, more: &[&str]| {
        Printed::by(
            lab.program(env!("CARGO_BIN_EXE_kubectl-pipelines"))
                .arg("lint")
                .arg(file)
                .args(more)
                .env("KUBECONFIG", "/nowhere")
                .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        )
    };
    let good = lab.file("good", &[document("good", specs::message(specs::YEARLY))]);
    let fine = lint(&good, &[]);
    assert_eq!((fine.status, &*fine.stdout, &*fine.stderr), (0, "", "nothing would be refused\n"));
    let elsewhere = specs::merged(specs::message("0 25 * * *"), json!({"aws": {"region": "ap-south-2"}}));
    let mut lost = specs::message(specs::YEARLY);
    lost["tasks"][0]["notify"] = json!(["nobody"]);
    let bad = lab.file("bad", &[document("a", elsewhere), document("b", lost)]);
    let refused = lint(&bad, &[]);
    assert_eq!((refused.status, &*refused.stderr), (1, ""), "{refused:#?}");
    let name = bad.display();
    refused.says(&[
        &format!("{name}:1: spec.schedule: `25` is not valid in the hour field of `0 25 * * *`"),
        &format!("{name}:1: spec.aws.region: "),
        &format!("{name}:2: spec.tasks["),
    ]);
    let found = lint(&bad, &["-o", "json"]).json();
    assert!(found.as_array().unwrap().iter().all(|one| one["place"].is_string() && one["problem"].is_string()));
    let none = lint(std::path::Path::new("/nowhere/a.yaml"), &[]);
    assert_eq!((none.status, &*none.stdout), (2, ""));
    lab.finish().await;
}

#[tokio::test]
async fn the_shell_completes_commands_and_names_of_pipelines() {
    let lab = Lab::new().await;
    lab.apply("hello", specs::message(specs::YEARLY)).await;
    lab.ready("hello").await;
    let name = std::env::temp_dir().join(format!("complete-{}", lab.namespace));
    std::fs::create_dir(&name).unwrap();
    let program = name.join("kubectl_complete-pipelines");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-pipelines"), &program).unwrap();
    let complete = |words: &[&str]| Printed::by(lab.program(program.to_str().unwrap()).args(words)).stdout;
    let commands = complete(&["st"]);
    assert!(commands.starts_with("status\tShow one pipeline on one screen"), "{commands}");
    assert!(commands.ends_with("\n:4\n"), "{commands}");
    assert!(complete(&["dlq", ""]).contains("redrive\t"));
    assert_eq!(complete(&["--namespace", &lab.namespace, "status", "he"]), "hello\n:4\n");
    std::fs::remove_dir_all(&name).unwrap();
    lab.finish().await;
}

#[tokio::test]
async fn a_list_goes_on_as_pipelines_change() {
    let lab = Lab::new().await;
    lab.apply("first", specs::message(specs::YEARLY)).await;
    lab.ready("first").await;
    let path = std::env::temp_dir().join(format!("watch-{}", lab.namespace));
    let mut plugin = lab.program(env!("CARGO_BIN_EXE_kubectl-pipelines"));
    plugin.args(["--namespace", &lab.namespace, "list", "--watch"]).stdout(std::fs::File::create(&path).unwrap());
    let mut watching = plugin.spawn().unwrap();
    let shows = async |name: &str| {
        eventually(&format!("the list shows {name}"), async || {
            let shown = std::fs::read_to_string(&path).unwrap();
            let ready = lines(&shown).iter().any(|line| line.contains(&format!(" {name} InSync ")));
            if ready { Ok(()) } else { Err(shown) }
        })
        .await;
    };
    shows("first").await;
    lab.apply("second", specs::message(specs::YEARLY)).await;
    shows("second").await;
    watching.kill().unwrap();
    watching.wait().unwrap();
    std::fs::remove_file(&path).unwrap();
    lab.finish().await;
}
