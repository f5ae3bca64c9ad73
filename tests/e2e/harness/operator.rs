//! An operator of a test's own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::environment::Environment;

/// How a test's operator differs from others.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) resync_seconds: u32,
    pub(crate) secret_retry_seconds: u32,
    pub(crate) sweep_seconds: u32,
    /// Another endpoint than the emulator's.
    pub(crate) aws: Option<String>,
    /// What pipelines may reach beyond their own resources, as YAML; absent: nothing.
    pub(crate) configuration: Option<String>,
    /// Further variables.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Settings {
    /// A file of its own with the configuration, if there is one.
    pub(super) fn configuration_file(&self) -> Option<PathBuf> {
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let yaml = self.configuration.as_ref()?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("configurations");
        fs::create_dir_all(&folder).unwrap();
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}.yaml", std::process::id()));
        fs::write(&path, yaml).unwrap();
        Some(path)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            resync_seconds: 300,
            secret_retry_seconds: 15,
            sweep_seconds: 300,
            aws: None,
            configuration: None,
            variables: Vec::new(),
        }
    }
}

/// A running operator: killed when dropped, and its log printed when the test fails.
#[derive(Debug)]
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
}

/// Cluster name of every test's operator; namespaces and accounts keep them apart.
pub(crate) const CLUSTER: &str = "e2e";

impl Operator {
    pub(crate) fn start(environment: &Environment, account: &str, namespace: &str, settings: &Settings) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operators");
        fs::create_dir_all(&folder).unwrap();
        let log = folder.join(format!("{account}-{}.log", STARTED.fetch_add(1, Ordering::Relaxed)));
        let child = Command::new(env!("CARGO_BIN_EXE_task-pipelines"))
            .args(["run", "--pacing", "off", "--cluster-name", CLUSTER, "--watch-namespace", namespace])
            .args(["--resync-seconds", &settings.resync_seconds.to_string()])
            .args(["--sweep-seconds", &settings.sweep_seconds.to_string()])
            .args(["--secret-retry-seconds", &settings.secret_retry_seconds.to_string()])
            .args(["--log", "info,task_pipelines=trace", "--log-format", "json"])
            .args(settings.configuration_file().iter().flat_map(|path| [Path::new("--config"), path]))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("KUBECONFIG", &environment.kubeconfig)
            .env("AWS_ENDPOINT_URL", settings.aws.as_ref().unwrap_or(&environment.aws))
            .env("AWS_REGION", &environment.region)
            .env("AWS_ACCESS_KEY_ID", environment.operator.as_ref().map_or(account, |key| &key.id))
            .env("AWS_SECRET_ACCESS_KEY", environment.operator.as_ref().map_or("local", |key| &key.secret))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("TASK_PIPELINES_UV", &environment.uv)
            .env("TASK_PIPELINES_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
            // What uv needs to find a Python, and its way to the package index.
            .envs(env::vars().filter(|(name, _)| name == "PATH" || name == "SSL_CERT_FILE" || name.ends_with("_PROXY")))
            .envs(settings.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Sends it a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Where it logs to.
    pub(crate) fn log_file(&self) -> &Path {
        &self.log
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            show(&self.log);
        }
    }
}

#[expect(clippy::print_stderr, reason = "what a failed test shows")]
fn show(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.len().saturating_sub(60);
    eprintln!("The operator's log, {}, ends:\n{}", log.display(), lines[tail..].join("\n"));
}
