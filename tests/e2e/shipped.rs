//! What comes with the operator: its CRD, its examples, and what it says where the CRD is missing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Lab, Settings, eventually};

#[test]
fn the_crd_in_the_repository_is_the_one_that_the_operator_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_task-pipelines")).arg("crd").output().unwrap();
    let stored =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/crds/taskpipelines.dev_scheduledtaskpipelines.yaml"));
    assert!(
        String::from_utf8(printed.stdout).unwrap() == stored.unwrap(),
        "the API types changed: run `make generate`"
    );
}

#[tokio::test]
async fn every_example_works_as_it_stands() {
    let lab = Lab::new().await;
    lab.secret("status-check", json!({"authorization": "Bearer a", "webhook-token": "b"})).await;
    let mut examples = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let example: Value = serde_saphyr::from_str(&text).unwrap();
        let name = example["metadata"]["name"].as_str().unwrap().to_owned();
        lab.apply(&name, example["spec"].clone()).await;
        examples.push(name);
    }
    assert!(examples.len() >= 7, "{examples:?}");
    for name in examples {
        lab.ready(&name).await;
    }
}

#[tokio::test]
async fn an_operator_without_the_crd_says_how_to_install_it_and_waits() {
    let mut lab = Lab::without_operator().await;
    // Below a path that the API server does not know, it knows no resource either.
    let kubeconfig = fs::read_to_string(&lab.environment.kubeconfig).unwrap();
    let mut kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["server"] = json!(format!("{}/nowhere", cluster["server"].as_str().unwrap()));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-kubeconfig.json", lab.account));
    fs::write(&path, kubeconfig.to_string()).unwrap();
    lab.environment.kubeconfig = path.to_str().unwrap().to_owned();
    lab.start(&Settings::default());
    eventually("the operator says so", async || {
        let log = lab.log();
        let said = "install it with `kubectl apply --server-side -f crds/`";
        if log.matches(said).count() >= 2 { Ok(()) } else { Err(log) }
    })
    .await;
}

#[test]
fn a_reader_that_has_heard_enough_is_no_error() {
    let command = Command::new(env!("CARGO_BIN_EXE_task-pipelines"))
        .arg("crd")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut program = command.unwrap();
    drop(program.stdout.take());
    let ended = program.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}
