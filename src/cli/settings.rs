//! The operator's settings: each has a default, a flag and an environment variable. `docs/configuration.md` lists them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use pipeline_core::configuration::{Configuration, InvalidConfiguration};
use pipeline_core::names::ClusterName;

use crate::artifacts::layers::PackageIndex;
use crate::drift::observed_cache::Periods;

/// Settings that change what is made on AWS, shared by the operator and the commands.
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

    /// File that says what pipelines may reach beyond their own resources, by namespace; read when the operator starts
    /// [default: nothing].
    #[arg(long, env = "TASK_PIPELINES_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// ARN of a permissions boundary that every role carries.
    #[arg(long, env = "TASK_PIPELINES_PERMISSIONS_BOUNDARY")]
    pub permissions_boundary: Option<String>,

    /// Uploads of function code at the same time: each holds its zip as Base64 in memory.
    #[arg(long, env = "TASK_PIPELINES_UPLOADS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub uploads: u16,

    /// How layers are built.
    #[command(flatten)]
    pub layers: LayerSettings,

    /// Whether calls to AWS are kept within its rate limits.
    #[arg(long, env = "TASK_PIPELINES_PACING", value_enum, default_value_t = Pacing::Default)]
    pub pacing: Pacing,
}

/// How calls to AWS are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pacing {
    /// About two thirds of AWS's documented rates, so that others in the account keep their share; less while AWS asks
    /// for fewer calls.
    Default,
    /// Not at all, until AWS asks for fewer calls: then as by default, until it has long not done so.
    Off,
}

impl From<Pacing> for aws::Pacing {
    fn from(pacing: Pacing) -> Self {
        match pacing {
            Pacing::Default => Self::Default,
            Pacing::Off => Self::Off,
        }
    }
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
    /// Settings that change what is made on AWS.
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

    /// Seconds between two reconciles of an unchanged pipeline and its Secrets, give or take a tenth. AWS is read only if the
    /// last sweep is too old.
    #[arg(long, env = "TASK_PIPELINES_RESYNC_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub resync_seconds: u32,

    /// Seconds after which a missing Secret is looked for again, at most.
    #[arg(long, env = "TASK_PIPELINES_SECRET_RETRY_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub secret_retry_seconds: u32,

    /// Pipelines of one AWS account reconciled at the same time.
    #[arg(long, env = "TASK_PIPELINES_CONCURRENCY", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// Name of the Lease that decides which of several operators works, in the namespace that the operator runs in
    /// [default: none, this one always works].
    #[arg(long, env = "TASK_PIPELINES_LEASE")]
    pub lease: Option<String>,

    /// Address and port to answer the kubelet's probes on, at `/livez` and `/readyz`, such as `0.0.0.0:8081`
    /// [default: none].
    #[arg(long, env = "TASK_PIPELINES_PROBES_ADDRESS")]
    pub probes_address: Option<SocketAddr>,

    /// Address and port to serve Prometheus metrics on, at `/metrics`, such as `0.0.0.0:8080` [default: none].
    #[arg(long, env = "TASK_PIPELINES_METRICS_ADDRESS")]
    pub metrics_address: Option<SocketAddr>,
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
        /// Path of the file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// What it says cannot be meant so.
    #[error("--config {}", path.display())]
    Parse {
        /// Path of the file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidConfiguration,
    },
}

impl RunSettings {
    /// Time between two reconciles of an unchanged pipeline.
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
