//! Programs that a person runs by hand: the operator's commands, and the plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Lab;

/// What a program printed, and its exit status.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Printed {
    /// Runs a program without a terminal, to its end.
    pub(crate) fn by(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), status: output.status.code().unwrap() }
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stdout.contains(word), "no {word:?} in {self:#?}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl Lab {
    /// A program with this world's cluster and account, and nothing else of the environment's.
    pub(crate) fn program(&self, path: &str) -> Command {
        let mut command = Command::new(path);
        command
            .env_clear()
            .env("KUBECONFIG", &self.environment.kubeconfig)
            .env("AWS_ENDPOINT_URL", &self.environment.aws)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs the kubectl plugin in this world's namespace.
    pub(crate) fn plugin(&self, arguments: &[&str]) -> Printed {
        let plugin = env!("CARGO_BIN_EXE_kubectl-pipelines");
        Printed::by(self.program(plugin).args(["--namespace", &self.namespace]).args(arguments))
    }

    /// Writes a file of resources for a program to read.
    pub(crate) fn file(&self, name: &str, documents: &[Value]) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("files");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}-{name}.yaml", self.account));
        // JSON is YAML.
        let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
        fs::write(&path, texts.join("\n---\n")).unwrap();
        path
    }
}
