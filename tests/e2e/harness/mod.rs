//! A world of its own for each test: a namespace, an AWS account, an operator, and places in the chat.

pub(crate) mod aws;
mod chat;
mod environment;
pub(crate) mod gate;
mod identity;
pub(crate) mod kstatus;
mod names;
mod operator;
pub(crate) mod oracles;
mod pipelines;
mod program;
mod snapshot;
pub(crate) mod specs;
mod strict;
mod tags;
mod wait;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

pub(crate) use aws::Aws;
pub(crate) use chat::{BOT_TOKEN, Chat, Received};
pub(crate) use environment::Environment;
pub(crate) use gate::Gate;
pub(crate) use names::{INBOX, Names, and_inbox};
pub(crate) use operator::{Operator, Settings};
pub(crate) use pipelines::{condition, rows};
pub(crate) use program::Printed;
pub(crate) use snapshot::Snapshot;
pub(crate) use strict::{Call, Strict};
pub(crate) use wait::eventually;

/// The world of one test.
pub(crate) struct Lab {
    pub(crate) account: String,
    pub(crate) namespace: String,
    pub(crate) environment: Environment,
    pub(crate) kube: Client,
    pub(crate) aws: Aws,
    pub(crate) strict: Strict,
    pub(crate) chat: Chat,
    pub(crate) operator: Option<Operator>,
    /// What the operator talks through, in a world that has one.
    pub(crate) gate: Option<Gate>,
    /// Logs of the operators that were.
    logs: Vec<PathBuf>,
    /// Whether only one operator at a time ever wrote.
    alone: bool,
}

impl Lab {
    /// A world with an operator, and the Secret `chat` that the specs here use.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// The same, with an operator that differs.
    pub(crate) async fn with(settings: Settings) -> Self {
        let mut lab = Self::without_operator().await;
        if settings.configuration.is_some() {
            lab.permit(&settings).await;
        }
        lab.start(&settings);
        lab
    }

    /// A world in which nobody works yet.
    pub(crate) async fn without_operator() -> Self {
        let environment = Environment::new();
        let account = unused_account();
        let mut lab = Self {
            namespace: format!("e2e-{account}"),
            kube: client(environment.kubeconfig.clone()).await,
            aws: Aws::new(&environment, &account).await,
            strict: Strict::new(&environment.aws, &account),
            chat: Chat::new(&environment.chat, &account),
            operator: None,
            gate: None,
            logs: Vec::new(),
            alone: true,
            account,
            environment,
        };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": lab.namespace}});
        let api: Api<Namespace> = Api::all(lab.kube.clone());
        api.patch(&lab.namespace, &user(), &Patch::Apply(namespace)).await.unwrap();
        let url = |service, name| lab.chat.url(service, name);
        let (slack, discord, teams) = (url("slack", "team"), url("discord", "ops"), url("teams", "office"));
        let secret = json!({"slack": slack, "discord": discord, "teams": teams, "telegram": chat::BOT_TOKEN});
        lab.secret("chat", secret).await;
        lab.permit(&Settings::default()).await;
        lab
    }

    /// The same, with a gate between the operator to come and all that it talks to.
    pub(crate) async fn gated() -> Self {
        let mut lab = Self::without_operator().await;
        lab.gate = Some(Gate::new(&lab.environment, &lab.account).await);
        lab
    }

    /// The gate of a world that has one.
    pub(crate) fn gate(&self) -> &Gate {
        self.gate.as_ref().unwrap()
    }

    /// Lets an operator do on AWS what it prints for these settings, and no more.
    pub(crate) async fn permit(&mut self, settings: &Settings) {
        if self.environment.operator.is_none() {
            self.environment.operator = Some(identity::create(&self.aws).await);
        }
        identity::permit(&self.aws, &self.environment, &self.account, settings).await;
        self.strict.forget_calls().await;
    }

    /// The boundary that the operator prints for these settings.
    pub(crate) fn printed_boundary(&self, settings: &Settings) -> String {
        identity::printed(&self.environment, &self.account, settings, &["--boundary"])
    }

    /// Starts an operator; one that runs is killed.
    pub(crate) fn start(&mut self, settings: &Settings) {
        self.kill();
        self.operator = Some(self.spawn(settings));
    }

    /// Starts an operator beside the one there is, or will be.
    pub(crate) fn start_another(&mut self, settings: &Settings) -> Operator {
        self.alone = false;
        self.spawn(settings)
    }

    fn spawn(&mut self, settings: &Settings) -> Operator {
        let mut environment = self.environment.clone();
        if let Some(gate) = &self.gate {
            environment.kubeconfig = gate.kubeconfig.to_string_lossy().into_owned();
            environment.aws.clone_from(&gate.aws);
        }
        let operator = Operator::start(&environment, &self.account, &self.namespace, settings);
        self.logs.push(operator.log_file().to_owned());
        operator
    }

    /// Ends the operator as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.operator = None;
    }

    /// What the operator has logged so far.
    pub(crate) fn log(&self) -> String {
        self.operator.as_ref().map(Operator::log).unwrap_or_default()
    }

    /// Another account, or another region.
    pub(crate) async fn elsewhere(&self, account: &str, region: &str) -> Aws {
        let environment = Environment { region: region.to_owned(), ..self.environment.clone() };
        Aws::new(&environment, account).await
    }

    /// The AWS names of a pipeline.
    pub(crate) fn names(&self, pipeline: &str) -> Names {
        Names::new(&self.namespace, pipeline)
    }

    /// ARN of something in this account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.environment.region, self.account)
    }

    /// Makes a Secret, or gives it these keys.
    pub(crate) async fn secret(&self, name: &str, values: Value) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), &self.namespace);
        api.patch(name, &user(), &Patch::Apply(secret)).await.unwrap();
    }

    /// Makes a `ConfigMap`, or gives it this content in place of its own.
    pub(crate) async fn config_map(&self, name: &str, content: Value) {
        let mut config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        config_map.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        let api: Api<ConfigMap> = Api::namespaced(self.kube.clone(), &self.namespace);
        api.patch(name, &user(), &Patch::Apply(config_map)).await.unwrap();
    }

    pub(crate) async fn delete_secret(&self, name: &str) {
        let api: Api<Secret> = Api::namespaced(self.kube.clone(), &self.namespace);
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// What kubectl prints; a failure fails the test.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.environment.kubectl)
            .args(["--namespace", &self.namespace, "--cache-dir", concat!(env!("CARGO_TARGET_TMPDIR"), "/kubectl")])
            .args(arguments)
            .env("KUBECONFIG", &self.environment.kubeconfig)
            .output()
            .unwrap();
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A client of the API server behind a kubeconfig.
async fn client(kubeconfig: String) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    // As the operator reads: a test may leave pipelines that no parser takes.
    task_pipelines::kubernetes::client::client(config).unwrap()
}

/// Server-side apply, as `kubectl apply --server-side` does it.
fn user() -> PatchParams {
    PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..PatchParams::apply("user").force() }
}

/// An account id that no other test has had, in this run or an earlier one against the same AWS.
pub(crate) fn unused_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 1_000_000_000;
    let account = 100_000_000_000 + seconds * 100 + NEXT.fetch_add(1, Ordering::Relaxed);
    account.to_string()
}
