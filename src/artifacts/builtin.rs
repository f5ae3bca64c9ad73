//! The zips of the built-in functions on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use api::Architecture;
use data_encoding::BASE64;
use pipeline_core::code::{Artifact, Artifacts, Builtin};
use sha2::{Digest, Sha256};

/// Why the built-in functions cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum FunctionsError {
    /// None of the directories has a zip.
    #[error(
        "no zips of the built-in functions in {places}; build them with `cargo run -p package-functions`, or name their directory with --functions-dir"
    )]
    None {
        /// The directories that were searched.
        places: String,
    },
    /// A zip cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Path of the zip.
        path: PathBuf,
        /// What the operating system answered.
        #[source]
        source: io::Error,
    },
}

/// Finds the zips in the given directory, or else in the default ones.
///
/// # Errors
/// There are none, or one cannot be read.
pub fn find(directory: Option<&Path>) -> Result<Artifacts, FunctionsError> {
    let places = directory.map_or_else(usual_places, |directory| vec![directory.to_owned()]);
    for place in &places {
        let found = read_all(place)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let places = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(FunctionsError::None { places })
}

fn usual_places() -> Vec<PathBuf> {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join("functions")));
    beside.into_iter().chain([PathBuf::from("target/functions")]).collect()
}

fn read_all(place: &Path) -> Result<Artifacts, FunctionsError> {
    let mut found = Artifacts::new();
    for builtin in [Builtin::Sender, Builtin::Runner] {
        for architecture in [Architecture::Arm64, Architecture::X8664] {
            let path = place.join(format!("{}-{}.zip", builtin.as_str(), architecture.as_str()));
            let mut file = match fs::File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(FunctionsError::Read { path, source }),
            };
            let mut hash = HashWriter(Sha256::new());
            let size =
                io::copy(&mut file, &mut hash).map_err(|source| FunctionsError::Read { path: path.clone(), source })?;
            let sha256 = BASE64.encode(&hash.0.finalize());
            found.insert((builtin, architecture), Arc::new(Artifact { path, size, sha256 }));
        }
    }
    Ok(found)
}

/// A writer that hashes its input, so that a zip need not be in memory.
struct HashWriter(Sha256);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The architecture of the operator's own process, the default for its functions.
pub const fn own_architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_named_with_the_remedy() {
        let error = find(Some(Path::new("no/such/place"))).expect_err("nothing there").to_string();
        assert!(error.starts_with("no zips of the built-in functions in no/such/place; build them with"), "{error}");
    }

    #[test]
    fn a_hash_is_what_lambda_reports() {
        let place = env::temp_dir().join(format!("functions-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("sender-arm64.zip"), b"abc").unwrap();
        let found = find(Some(&place)).unwrap();
        fs::remove_dir_all(&place).unwrap();
        let hash = &found[&(Builtin::Sender, Architecture::Arm64)].sha256;
        assert_eq!(hash, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(found.len(), 1);
    }
}
