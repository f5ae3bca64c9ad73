//! Builds the zips of layers of packages in the background: a build takes seconds or minutes, and reconciles do not
//! wait for it.
//!
//! Zips are cached on disk by their content's hash, so that each is built once. Only versions that are about to be
//! published are built.

mod python;
mod tree;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE32_NOPAD;
use parking_lot::Mutex;
use pipeline_core::code::Artifact;
use pipeline_core::pipeline::{Layer, LayerContent, Packages, Refusal};
use pipeline_core::plan::{Goal, Plan, Verdict};
use pipeline_core::reason::Refused;
use pipeline_core::resource::{LayerVersion, MAX_ZIP_IN_CALL, NoBucket, Resource};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

pub use python::{PackageIndex, Tools};

/// Maximum number of concurrent builds: each takes some hundred megabytes of memory or disk.
const BUILDS: usize = 2;

/// How long a failed build is reported before it is tried again.
pub const RETRY: Duration = Duration::from_mins(1);

/// Maximum size of the cache in bytes; beyond it, the oldest zips are deleted.
const MAX_KEPT: u64 = 1 << 30;

/// The zips of layers: those on disk, and those being built.
#[derive(Debug)]
pub struct Layers {
    tools: Tools,
    directory: PathBuf,
    turns: Semaphore,
    known: Mutex<HashMap<PathBuf, Known>>,
}

/// The state of a zip.
#[derive(Clone, Debug)]
enum Known {
    Built(Arc<Artifact>),
    /// The build is in progress; holds the error of the last one, if that failed.
    Building(Option<Arc<BuildError>>),
    Failed(Arc<BuildError>, Instant),
}

/// The state of all zips of a plan.
#[derive(Debug)]
pub enum Build {
    /// All layers are built, and their zips are in the cache.
    Done,
    /// At least one build is in progress; the text says which.
    Building(String),
    /// At least one cannot be built.
    Failed(Vec<Refusal>),
}

/// Why a layer cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// uv cannot be run.
    #[error("the operator cannot run `{}`: {source}", program.display())]
    NoTool {
        /// The path or name that was run.
        program: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// The requirements cannot be installed.
    #[error("uv says: {0}")]
    Refused(String),
    /// uv did not finish in time.
    #[error("uv did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The layer is larger than Lambda takes.
    #[error("it has {unzipped} bytes unzipped, and Lambda takes {}", tree::MAX_UNZIPPED)]
    TooLarge {
        /// Bytes of its files.
        unzipped: u64,
    },
    /// The layer is larger than Lambda takes with a call, and there is no other way.
    #[error("it has {zipped} bytes zipped, and Lambda takes {MAX_ZIP_IN_CALL} with a call")]
    NoBucket {
        /// Bytes of its zip.
        zipped: u64,
    },
    /// The cache cannot be written.
    #[error("the operator cannot write below `{}`: {source}", path.display())]
    Disk {
        /// The directory of the cache.
        path: PathBuf,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// The files cannot be zipped.
    #[error("it cannot be zipped: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The build panicked, or was cancelled.
    #[error("the build broke off")]
    BrokenOff,
}

impl BuildError {
    const fn hint(&self) -> &'static str {
        match self {
            Self::NoTool { .. } => "install uv beside the operator, or name it with --uv",
            Self::Refused(_) => "correct the requirements, or the operator's --package-index",
            Self::TimedOut(_) => "check the operator's --package-index, and its way there",
            Self::TooLarge { .. } => "leave packages out, or spread them over several functions",
            Self::NoBucket { .. } => {
                "name a bucket in `layers.bucket` of the operator's configuration, or leave packages out"
            }
            Self::Disk { .. } => "give the operator room there, or name another place with --cache-dir",
            Self::Zip(_) | Self::BrokenOff => "it is tried again",
        }
    }

    fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Disk { path, source }
    }
}

/// The refusal of a pipeline for one of its layers.
fn refusal(version: &LayerVersion, error: &BuildError) -> Refusal {
    Refusal {
        reason: Refused::LayerFailed,
        field: version.content.field(),
        message: error.to_string(),
        hint: Some(error.hint().to_owned()),
    }
}

impl Layers {
    /// Uses a directory as the cache, which need not exist yet.
    pub fn new(tools: Tools, directory: PathBuf) -> Self {
        Self { tools, directory, turns: Semaphore::new(BUILDS), known: Mutex::default() }
    }

    /// Puts the zips into the layer versions that a plan publishes, and starts builds for those that are missing.
    pub fn fill(self: &Arc<Self>, plan: &mut Plan) -> Build {
        let mut refusals = Vec::new();
        let mut building = None;
        for step in &mut plan.steps {
            let makes = matches!(step.verdict, Verdict::Create | Verdict::TakeOver { .. } | Verdict::Replace(_));
            let (Goal::Present(desired), true) = (&mut step.goal, makes) else {
                continue;
            };
            let Resource::LayerVersion(version) = &mut desired.resource else { continue };
            let LayerContent::Python(packages) = &version.content.content else { continue };
            match self.built(&version.content, packages) {
                Known::Built(zip) => {
                    let zipped = zip.size;
                    if version.give(zip) == Err(NoBucket) {
                        refusals.push(refusal(version, &BuildError::NoBucket { zipped }));
                    }
                }
                Known::Building(None) => building = Some(format!("layer `{}` is being built", version.content.name)),
                Known::Building(Some(error)) | Known::Failed(error, _) => refusals.push(refusal(version, &error)),
            }
        }
        match building {
            _ if !refusals.is_empty() => Build::Failed(refusals),
            Some(message) => Build::Building(message),
            None => Build::Done,
        }
    }

    /// The state of a layer's zip. Starts the build if there is none, or if it is time to retry a failed one.
    fn built(self: &Arc<Self>, layer: &Layer, packages: &Packages) -> Known {
        let path = self.path(layer);
        let mut known = self.known.lock();
        let failed = match known.get(&path) {
            Some(Known::Failed(error, since)) if since.elapsed() >= RETRY => Some(Arc::clone(error)),
            Some(Known::Built(zip)) if !zip.path.exists() => None,
            Some(known) => return known.clone(),
            None => None,
        };
        let building = Known::Building(failed);
        known.insert(path.clone(), building.clone());
        tokio::spawn(Arc::clone(self).build(packages.clone(), path));
        building
    }

    async fn build(self: Arc<Self>, packages: Packages, path: PathBuf) {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let started = Instant::now();
        let (shared, place) = (Arc::clone(&self), path.clone());
        let built = tokio::task::spawn_blocking(move || shared.build_now(&packages, &place)).await;
        let seconds = started.elapsed().as_secs();
        let known = match built.unwrap_or(Err(BuildError::BrokenOff)) {
            Ok(zip) => {
                tracing::info!(zip = %path.display(), seconds, "a layer's zip is there");
                Known::Built(Arc::new(zip))
            }
            Err(error) => {
                tracing::warn!(error = %error, seconds, "a layer cannot be built");
                Known::Failed(Arc::new(error), Instant::now())
            }
        };
        self.known.lock().insert(path, known);
    }

    fn build_now(&self, packages: &Packages, path: &Path) -> Result<Artifact, BuildError> {
        if !path.exists() {
            fs::create_dir_all(&self.directory).map_err(BuildError::disk(&self.directory))?;
            // Built in a directory of this process, and renamed once it is complete.
            let workshop = path.with_extension(std::process::id().to_string());
            let zip = workshop.join("zip");
            let built = python::build(packages, &self.tools, &workshop, &zip)
                .and_then(|()| fs::rename(&zip, path).map_err(BuildError::disk(path)));
            // Leftovers do no harm.
            let _ = fs::remove_dir_all(&workshop);
            built?;
            self.prune();
        }
        tree::artifact(path).map_err(BuildError::disk(path))
    }

    /// The path includes a hash of the index: another index may have other packages of the same name.
    fn path(&self, layer: &Layer) -> PathBuf {
        let index = Sha256::digest(self.tools.index.expose());
        let index = BASE32_NOPAD.encode(&index[..5]).to_ascii_lowercase();
        self.directory.join(format!("{}-{index}.zip", layer.digest()))
    }

    /// Deletes the oldest zips beyond the cache's limit. A zip that is needed again is rebuilt.
    fn prune(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut zips: Vec<(std::time::SystemTime, u64, PathBuf)> = entries
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "zip"))
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        zips.sort_by(|a, b| b.cmp(a));
        let mut kept = 0;
        for (_, size, path) in zips {
            kept += size;
            if kept > MAX_KEPT {
                // Another process may have deleted it.
                let _ = fs::remove_file(path);
            }
        }
    }
}
