//! The operator's settings: each has a default, a flag and an environment variable.

use std::convert::Infallible;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::aws::Pacing;
use crate::configuration::{Configuration, InvalidConfiguration};
use crate::identity::ClusterName;
use crate::layers::PackageIndex;
use crate::memory::Periods;

/// Cron tasks on AWS from one Kubernetes resource.
#[derive(Debug, Parser)]
#[command(name = "task-pipelines", version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// The log.
    #[command(flatten)]
    pub log: LogSettings,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    ///
    /// It finds the API server as kubectl does (`KUBECONFIG`, or the Pod's service account), and AWS as the AWS CLI does
    /// (`AWS_REGION`, keys, profile, web identity; `AWS_ENDPOINT_URL` for another endpoint).
    Run(RunSettings),
    /// Show what would be done on AWS, and change nothing.
    ///
    /// Of files no cluster is asked: values of Secrets are not compared then. Of a pipeline in the cluster it is what the
    /// operator would do now. Exit status: 0 nothing to do, 1 changes, 2 an error, a refused spec or a conflict.
    Plan(PlanSettings),
    /// Run a file's tasks here and now, and show what its channels would get: with neither AWS nor a cluster.
    ///
    /// Each task of kind `message` or `http` gets one attempt, with the code that runs it on AWS; functions run there
    /// alone. Exit status: 0 all went well, 1 a task or a delivery failed, 2 an error or a refused spec.
    Try(TrySettings),
    /// Check that the operator has all it needs: functions, configuration, API server, definition, permissions, AWS.
    ///
    /// It changes nothing. Exit status: 0 all is there, 1 something is missing, with what to do about it.
    Check(Box<RunSettings>),
    /// Print the `CustomResourceDefinition` as YAML.
    Crd,
    /// Print the IAM policy that the operator needs, for its settings.
    ///
    /// Account and region are those of the AWS credentials, if there are any, where the flags name none. For the role of
    /// another account that a configuration names, print it with that account, and without the configuration.
    IamPolicy(IamPolicySettings),
    /// List what pipelines that are gone left on AWS, and delete it if that is asked for.
    ///
    /// It looks for what carries this cluster's tags and has no pipeline of that namespace and name in the cluster that
    /// kubectl talks to. Exit code 0: nothing is left; 1: something is; 2: that could not be found out, or not all went.
    Orphans(OrphansSettings),
    /// Print the JSON schema of the configuration, for editors.
    ConfigurationSchema,
}

/// What decides how pipelines look on AWS, whichever command looks at them.
#[derive(Clone, Debug, clap::Args)]
pub struct InstallationSettings {
    /// Name that tells this cluster's resources on AWS from another's: lower-case letters, digits and `-`, at most 32.
    /// Set it to survive a rebuild of the cluster [default: c- and the first 8 characters of the UID of namespace
    /// kube-system].
    #[arg(long, env = "TASK_PIPELINES_CLUSTER_NAME")]
    pub cluster_name: Option<ClusterName>,

    /// Directory of the built-in functions' zips [default: `functions` beside the program, or `target/functions` below
    /// the current directory].
    #[arg(long, env = "TASK_PIPELINES_FUNCTIONS_DIR")]
    pub functions_dir: Option<PathBuf>,

    /// File that says what pipelines may reach beyond their own resources, by namespace [default: nothing]. It is read
    /// when the operator starts.
    #[arg(long, env = "TASK_PIPELINES_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// ARN of a permissions boundary that every role carries.
    #[arg(long, env = "TASK_PIPELINES_PERMISSIONS_BOUNDARY")]
    pub permissions_boundary: Option<String>,

    /// Uploads of function code at the same time: each holds some three times its zip in memory.
    #[arg(long, env = "TASK_PIPELINES_UPLOADS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub uploads: u16,

    /// How layers are built.
    #[command(flatten)]
    pub layers: LayerSettings,

    /// Whether calls to AWS are kept within its rate limits.
    #[arg(long, env = "TASK_PIPELINES_PACING", value_enum, default_value_t = Pacing::Default)]
    pub pacing: Pacing,
}

/// How layers are built.
#[derive(Clone, Debug, clap::Args)]
pub struct LayerSettings {
    /// URL of the index that Python packages come from. It may hold a user and a password, which are never shown.
    #[arg(
        long,
        env = "TASK_PIPELINES_PACKAGE_INDEX",
        hide_env_values = true,
        default_value = "https://pypi.org/simple"
    )]
    pub package_index: PackageIndex,

    /// The program uv, which resolves and unpacks Python packages; it needs a Python of any version.
    #[arg(long, env = "TASK_PIPELINES_UV", default_value = "uv")]
    pub uv: PathBuf,

    /// Directory that keeps the zips of layers, at most a gigabyte or so [default: `task-pipelines` in the directory for
    /// temporary files].
    #[arg(long, env = "TASK_PIPELINES_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// Settings of a running operator.
#[derive(Clone, Debug, clap::Args)]
pub struct RunSettings {
    /// What decides how pipelines look on AWS.
    #[command(flatten)]
    pub installation: InstallationSettings,

    /// Namespace to watch [default: all].
    #[arg(long, env = "TASK_PIPELINES_WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,

    /// Seconds between two sweeps for what others changed on AWS, give or take a tenth.
    #[arg(long, env = "TASK_PIPELINES_SWEEP_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub sweep_seconds: u32,

    /// Seconds between two full reads of a pipeline of which the sweeps show nothing new, give or take a tenth.
    #[arg(long, env = "TASK_PIPELINES_FULL_READ_SECONDS", default_value_t = 21_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub full_read_seconds: u32,

    /// Seconds between two looks at an unchanged pipeline and its Secrets in the cluster, give or take a tenth. AWS is
    /// asked only where no sweep stands for it.
    #[arg(long, env = "TASK_PIPELINES_RESYNC_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub resync_seconds: u32,

    /// Seconds after which a missing Secret is looked for again, at most.
    #[arg(long, env = "TASK_PIPELINES_SECRET_RETRY_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub secret_retry_seconds: u32,

    /// Pipelines of one AWS account worked on at the same time.
    #[arg(long, env = "TASK_PIPELINES_CONCURRENCY", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Name of the Lease that decides which of several operators works, in the namespace that the operator runs in
    /// [default: none, this one always works].
    #[arg(long, env = "TASK_PIPELINES_LEASE")]
    pub lease: Option<String>,

    /// Address and port to serve on, such as `0.0.0.0:8080`: Prometheus metrics at `/metrics`, the kubelet's probes at
    /// `/livez` and `/readyz` [default: none].
    #[arg(long, env = "TASK_PIPELINES_METRICS_ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
}

/// Which orphans, and what to do about them.
#[derive(Clone, Debug, clap::Args)]
pub struct OrphansSettings {
    /// Those of the operator.
    #[command(flatten)]
    pub installation: InstallationSettings,

    /// Region to search; may be repeated [default: that of the AWS credentials].
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,

    /// Role to assume, of another account.
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,

    /// External id that the role's trust policy asks for.
    #[arg(long, requires = "role_arn")]
    pub external_id: Option<String>,

    /// Form of the list.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Delete what is listed, after asking.
    #[arg(long)]
    pub delete: bool,

    /// Do not ask.
    #[arg(long, requires = "delete")]
    pub yes: bool,
}

/// Whose IAM policy to print.
#[derive(Clone, Debug, clap::Args)]
pub struct IamPolicySettings {
    /// Those of the operator.
    #[command(flatten)]
    pub installation: InstallationSettings,

    /// Print the least that the permissions boundary must allow, in place of the operator's own policy.
    #[arg(long)]
    pub boundary: bool,

    /// Account that pipelines live in, 12 digits [default: that of the AWS credentials, else any].
    #[arg(long)]
    pub account: Option<String>,

    /// Region that pipelines live in; may be repeated [default: `AWS_REGION` and those of the configuration, else any].
    #[arg(long = "region")]
    pub regions: Vec<String>,

    /// Partition: `aws`, `aws-cn` or `aws-us-gov` [default: by account or region].
    #[arg(long)]
    pub partition: Option<String>,
}

/// Settings of a plan.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanSettings {
    /// A pipeline in the cluster: NAMESPACE/NAME, or a name in the usual namespace.
    #[arg(value_name = "NAMESPACE/NAME", required_unless_present = "filename", conflicts_with = "filename")]
    pub pipeline: Option<PipelineName>,

    /// A file of pipelines, of several documents perhaps; `-` for stdin.
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,

    /// Namespace of pipelines that name none [default: the kubeconfig's, else default].
    #[arg(short, long)]
    pub namespace: Option<String>,

    /// How plans are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Whether the text is coloured: auto is on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,

    /// What decides how pipelines look on AWS: as the operator has it, or the plan is another's.
    #[command(flatten)]
    pub installation: InstallationSettings,
}

/// Settings of a trial.
#[derive(Clone, Debug, clap::Args)]
pub struct TrySettings {
    /// A file of pipelines, and of the Secrets that they need perhaps; `-` for stdin; may be repeated.
    #[arg(short, long, value_name = "FILE", required = true)]
    pub filename: Vec<PathBuf>,

    /// Name of a task to run; may be repeated [default: all].
    #[arg(long = "task", value_name = "NAME")]
    pub tasks: Vec<String>,

    /// Namespace of pipelines that name none [default: the kubeconfig's, else default].
    #[arg(short, long)]
    pub namespace: Option<String>,

    /// Post to the channels, whose Secrets have to be among the files.
    #[arg(long)]
    pub post: bool,
}

/// A pipeline in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineName {
    /// Its namespace, if one is named.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl FromStr for PipelineName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('/') {
            Some((namespace, name)) => Self { namespace: Some(namespace.to_owned()), name: name.to_owned() },
            None => Self { namespace: None, name: text.to_owned() },
        })
    }
}

/// How what a command found is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For reading.
    Text,
    /// For programs: a list.
    Json,
}

/// Whether a text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Where somebody reads along.
    Auto,
    /// Anywhere.
    Always,
    /// Nowhere.
    Never,
}

/// The log, which goes to stderr.
#[derive(Clone, Debug, clap::Args)]
pub struct LogSettings {
    /// Form of the log [default: text on a terminal, else json].
    #[arg(long, global = true, env = "TASK_PIPELINES_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// What to log: a level, or directives such as `info,task_pipelines=debug` [default: info for run, else warn].
    #[arg(long, global = true, env = "TASK_PIPELINES_LOG")]
    pub log: Option<String>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading.
    Text,
}

impl LogFormat {
    /// Text where somebody reads along.
    pub fn or_by_terminal(format: Option<Self>) -> Self {
        format.unwrap_or_else(|| if std::io::stderr().is_terminal() { Self::Text } else { Self::Json })
    }
}

impl InstallationSettings {
    /// What the configuration's file says.
    ///
    /// # Errors
    /// It cannot be read, or has mistakes: all of them.
    pub fn configuration(&self) -> Result<Configuration, ConfigurationError> {
        read_configuration(self.config.as_deref())
    }
}

/// What a configuration's file says; without one, that nothing is allowed.
///
/// # Errors
/// It cannot be read, or has mistakes: all of them.
pub fn read_configuration(path: Option<&Path>) -> Result<Configuration, ConfigurationError> {
    let Some(path) = path else { return Ok(Configuration::default()) };
    let text = fs::read_to_string(path);
    let text = text.map_err(|source| ConfigurationError::Read { path: path.to_owned(), source })?;
    Configuration::parse(&text).map_err(|source| ConfigurationError::Parse { path: path.to_owned(), source })
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("--config {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What it says cannot be meant so.
    #[error("--config {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidConfiguration,
    },
}

impl Arguments {
    /// What to log. A command that prints something is read by a person: only what they may have to act on.
    pub fn log_filter(&self) -> &str {
        let usual = match self.command {
            Command::Run(_) => "info",
            Command::Plan(_)
            | Command::Orphans(_)
            | Command::Check(_)
            | Command::Crd
            | Command::IamPolicy(_)
            | Command::ConfigurationSchema
            | Command::Try(_) => "warn",
        };
        self.log.log.as_deref().unwrap_or(usual)
    }
}

impl RunSettings {
    /// Time between two looks at an unchanged pipeline.
    pub fn resync(&self) -> Duration {
        Duration::from_secs(self.resync_seconds.into())
    }

    /// How long what is known of AWS counts.
    pub fn periods(&self) -> Periods {
        Periods {
            sweep: Duration::from_secs(self.sweep_seconds.into()),
            full_read: Duration::from_secs(self.full_read_seconds.into()),
        }
    }

    /// Time after which a missing Secret is looked for again.
    pub fn secret_retry(&self) -> Duration {
        Duration::from_secs(self.secret_retry_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_setting_has_a_flag_an_environment_variable_and_help() {
        let command = Arguments::command();
        let run = command.find_subcommand("run").expect("run");
        for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
            assert!(argument.get_long().is_some(), "{} has a flag", argument.get_id());
            let variable = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(variable.starts_with("TASK_PIPELINES_"), "{} has a variable", argument.get_id());
            assert!(argument.get_help().is_some(), "{} has help", argument.get_id());
        }
    }
}
