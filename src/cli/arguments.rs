//! The command line of `task-pipelines`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};
use pipeline_core::partition::Partition;
use pipeline_core::secret_text::SecretText;

use crate::cli::settings::{InstallationSettings, RunSettings};
use crate::runtime::log::LogFormat;

/// Cron tasks on AWS from one Kubernetes resource.
#[derive(Debug, Parser)]
#[command(name = "task-pipelines", version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What is logged to stderr, and in which form.
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
    /// It changes nothing, unless --write is given. Exit status: 0 all is there, 1 something is missing, with what to do about
    /// it; with --write also 2: it was interrupted, or not all could be deleted.
    Check(Box<CheckSettings>),
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
    /// kubectl talks to. Exit status: 0 nothing is left, 1 something is, 2 an error, or not all could be deleted.
    Orphans(OrphansSettings),
    /// Print the JSON schema of the configuration, for editors.
    ConfigurationSchema,
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

/// What to check.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckSettings {
    /// Those of the operator.
    #[command(flatten)]
    pub run: RunSettings,

    /// Check the AWS account and more of it: its services, how full it is, and each action of the operator's policy. No
    /// cluster is needed where --cluster-name is set.
    #[arg(long)]
    pub aws: bool,

    /// ARN of the user or role whose rights are asked about [default: whose the AWS credentials are].
    #[arg(long, value_name = "ARN", requires = "aws")]
    pub principal: Option<String>,

    /// Make a suspended pipeline on AWS, fire it once, look at what AWS shows, and delete it, whatever comes of it.
    #[arg(long, requires = "aws", requires = "webhook")]
    pub write: bool,

    /// URL that gets the result of that one run, by POST, as a channel `webhook` does. It is never shown.
    #[arg(long, value_name = "URL", env = "TASK_PIPELINES_CHECK_WEBHOOK", hide_env_values = true)]
    pub webhook: Option<SecretText>,
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

    /// Partition, such as `aws`, `aws-cn`, `aws-us-gov` or `aws-eusc` [default: by account or region].
    #[arg(long)]
    pub partition: Option<Partition>,
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

    /// Settings that change what is made on AWS: set them as for the operator, or the plan differs.
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
    /// Name of the pipeline.
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
    /// Text for people.
    Text,
    /// For programs: a list.
    Json,
}

/// Whether a text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Where somebody reads along.
    Auto,
    /// Always, also into a pipe or a file.
    Always,
    /// Never, also on a terminal.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_check_that_writes_needs_a_webhook() {
        let parsed = |arguments: &[&str]| Arguments::try_parse_from([&["task-pipelines", "check"], arguments].concat());
        let refused = parsed(&["--aws", "--write"]).unwrap_err().to_string();
        assert!(refused.contains("required arguments were not provided") && refused.contains("--webhook"), "{refused}");
        assert!(parsed(&["--write", "--webhook", "https://example.com"]).is_err());
        let settings = parsed(&["--aws", "--write", "--webhook", "https://example.com/canary"]).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
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
