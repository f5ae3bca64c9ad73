//! Builds the sender and the runner and packs each as a zip that Lambda takes, the same bytes wherever it is built.

mod archive;
mod build;
mod elf;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{error, fs};

use clap::{Parser, ValueEnum};
use sha2::{Digest, Sha256};

use build::{Architecture, Workspace};

/// A built-in function.
struct Function {
    /// Name of its binary.
    name: &'static str,
    /// Name of its package.
    package: &'static str,
    /// Largest zip, in bytes: Lambda reads all of it at a cold start.
    limit: usize,
}

const FUNCTIONS: [Function; 2] = [
    Function { name: "sender", package: "task-pipelines-sender", limit: 3_000_000 },
    Function { name: "runner", package: "task-pipelines-runner", limit: 4_500_000 },
];

/// Builds the built-in functions and packs them as reproducible zips
#[derive(Parser)]
struct Args {
    /// What processor to build for
    #[arg(long, value_enum, default_value_t = Choice::Host)]
    arch: Choice,
    /// Folder of the zips [default: target/functions in the workspace]
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// This machine's
    Host,
    #[value(name = "x86_64")]
    X86_64,
    Arm64,
    /// Both
    All,
}

/// Why there is no zip.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Build(#[from] build::Error),
    #[error("`{path}` won't run on Lambda")]
    Binary { path: PathBuf, source: elf::Error },
    #[error("cannot read or write `{path}`")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot pack `{name}`")]
    Pack { name: &'static str, source: archive::Error },
    #[error("`{path}` would have {size} bytes, more than its limit: {limit}")]
    Size { path: PathBuf, size: usize, limit: usize },
    #[error("cannot print what was built")]
    Print(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let workspace = Workspace::locate();
    let out = args.out.clone().unwrap_or_else(|| workspace.root().join("target/functions"));
    fs::create_dir_all(&out).map_err(|source| Error::File { path: out.clone(), source })?;
    let architectures = match args.arch {
        Choice::Host => vec![Architecture::host()?],
        Choice::X86_64 => vec![Architecture::X86_64],
        Choice::Arm64 => vec![Architecture::Arm64],
        Choice::All => vec![Architecture::X86_64, Architecture::Arm64],
    };
    for architecture in architectures {
        let binaries = workspace.build(architecture, &FUNCTIONS.each_ref().map(|function| function.package))?;
        for function in &FUNCTIONS {
            let path = out.join(format!("{}-{}.zip", function.name, architecture.lambda_name()));
            package(function, &binaries.join(function.name), &path)?;
        }
    }
    Ok(())
}

fn package(function: &Function, binary: &Path, zip: &Path) -> Result<(), Error> {
    let code = fs::read(binary).map_err(|source| Error::File { path: binary.to_owned(), source })?;
    elf::check(&code).map_err(|source| Error::Binary { path: binary.to_owned(), source })?;
    let packed = archive::pack(&code).map_err(|source| Error::Pack { name: function.name, source })?;
    if packed.len() > function.limit {
        return Err(Error::Size { path: zip.to_owned(), size: packed.len(), limit: function.limit });
    }
    replace(zip, &packed).map_err(|source| Error::File { path: zip.to_owned(), source })?;
    writeln!(io::stdout(), "{}  {} bytes  sha256 {:x}", zip.display(), packed.len(), HexDigest::of(&packed))?;
    Ok(())
}

/// Writes beside the file and renames, since a running operator may have the old one mapped into memory.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("zip.new");
    fs::write(&beside, bytes)?;
    fs::rename(beside, path)
}

struct HexDigest(Vec<u8>);

impl HexDigest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).to_vec())
    }
}

impl std::fmt::LowerHex for HexDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn chain(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_above_its_limit_is_refused_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("sender-x86_64.zip");
        fs::write(&zip, "old").unwrap();
        let function = Function { name: "sender", package: "task-pipelines-sender", limit: 10 };
        let error = package(&function, &std::env::current_exe().unwrap(), &zip).unwrap_err();
        assert!(matches!(error, Error::Size { limit: 10, .. } | Error::Binary { .. }), "{error}");
        assert_eq!(fs::read(&zip).unwrap(), b"old");
    }

    #[test]
    fn replacing_leaves_nothing_beside_the_zip() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("sender-x86_64.zip");
        for content in ["first", "second"] {
            replace(&zip, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&zip).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
