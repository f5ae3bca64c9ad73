//! The build: cargo with flags that keep this machine's folders out of the code.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>
const FLAG_SEPARATOR: &str = "\x1f";

/// A processor that Lambda offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// The one of this machine.
    pub(crate) fn host() -> Result<Self, Error> {
        match env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Arm64),
            other => Err(Error::Host(other)),
        }
    }

    /// As Lambda's API spells it.
    pub(crate) fn lambda_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    fn triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The usual cross linker, which Debian's package `gcc-…` of the same name brings.
    fn cross_linker(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    fn linker_variable(self) -> &'static str {
        match self {
            Self::X86_64 => "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            Self::Arm64 => "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
        }
    }

    fn is_native(self) -> bool {
        env::consts::OS == "linux" && Self::host().is_ok_and(|host| host == self)
    }
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("Lambda has no `{0}` processors: choose one with `--arch`")]
    Host(&'static str),
    #[error(
        "no linker for {triple}: install `{linker}` (on Debian: apt-get install gcc-{package}) or name yours in `{variable}`"
    )]
    NoLinker { triple: &'static str, linker: &'static str, package: String, variable: &'static str },
    #[error("no standard library for {0}: install it with `rustup target add {0}`")]
    NoStandardLibrary(&'static str),
    #[error("`{command}` could not be started")]
    Start { command: String, source: io::Error },
    #[error("`{command}` failed; its own message stands above")]
    Failed { command: String },
    #[error("cannot list `{path}`")]
    List { path: PathBuf, source: io::Error },
}

/// Where the sources are and where the build goes.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
}

impl Workspace {
    /// The workspace that this program belongs to.
    pub(crate) fn locate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("/")).to_owned();
        // A folder of its own: other flags in the same one would rebuild everything each time.
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| root.join(dir))
            .join("function-build");
        let cargo_home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
            .unwrap_or_else(|| root.join(".cargo"));
        Self { root, target, cargo_home }
    }

    /// Folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Builds packages; returns the folder of their executables.
    pub(crate) fn build(&self, architecture: Architecture, packages: &[&str]) -> Result<PathBuf, Error> {
        let triple = architecture.triple();
        let linker = linker(architecture)?;
        require_standard_library(triple)?;
        // First, because the flags name the folders that the sources are unpacked into.
        run(self.cargo().args(["fetch", "--quiet", "--locked", "--target", triple]))?;
        let mut build = self.cargo();
        build.args(["build", "--locked", "--profile", "function", "--target", triple, "--target-dir"]);
        build.arg(&self.target);
        for package in packages {
            build.args(["--package", package]);
        }
        if let Some(linker) = linker {
            build.env(architecture.linker_variable(), linker);
        }
        build.env("CARGO_ENCODED_RUSTFLAGS", remaps(&self.root, &self.target, &self.registries()?));
        run(&mut build)?;
        Ok(self.target.join(triple).join("function"))
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// The folders of unpacked crates, whose names depend on the registry that they came from.
    fn registries(&self) -> Result<Vec<PathBuf>, Error> {
        let path = self.cargo_home.join("registry/src");
        let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        match entries {
            Ok(entries) => Ok(entries.into_iter().map(|entry| entry.path()).collect()),
            Err(source) => Err(Error::List { path, source }),
        }
    }
}

/// Compiler flags that give folders of this machine names that are the same everywhere. The last match counts, so the
/// target folder comes after the workspace that it may lie in.
fn remaps(root: &Path, target: &Path, registries: &[PathBuf]) -> String {
    let folders = [(root, "/task-pipelines"), (target, "/target")]
        .into_iter()
        .chain(registries.iter().map(|registry| (registry.as_path(), "/registry")));
    folders
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
        .collect::<Vec<_>>()
        .join(FLAG_SEPARATOR)
}

/// The linker to name to cargo; none where its own choice is right.
fn linker(architecture: Architecture) -> Result<Option<&'static str>, Error> {
    let variable = architecture.linker_variable();
    if architecture.is_native() || env::var_os(variable).is_some() {
        return Ok(None);
    }
    let linker = architecture.cross_linker();
    let is_there = env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(linker).is_file());
    if is_there {
        return Ok(Some(linker));
    }
    let package = linker.trim_end_matches("-gcc").replace('_', "-");
    Err(Error::NoLinker { triple: architecture.triple(), linker, package, variable })
}

fn require_standard_library(triple: &'static str) -> Result<(), Error> {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--print", "target-libdir", "--target", triple]);
    let output = command.output().map_err(|source| Error::Start { command: describe(&command), source })?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if Path::new(folder.trim()).is_dir() { Ok(()) } else { Err(Error::NoStandardLibrary(triple)) }
}

fn run(command: &mut Command) -> Result<(), Error> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::Failed { command: describe(command) }),
        Err(source) => Err(Error::Start { command: describe(command), source }),
    }
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_the_target_folder_after_the_workspace_around_it() {
        let flags = remaps(Path::new("/a"), Path::new("/a/target"), &["/home/b/registry/src/c".into()]);
        assert_eq!(
            flags.split(FLAG_SEPARATOR).collect::<Vec<_>>(),
            [
                "--remap-path-prefix=/a=/task-pipelines",
                "--remap-path-prefix=/a/target=/target",
                "--remap-path-prefix=/home/b/registry/src/c=/registry"
            ]
        );
    }

    #[test]
    fn a_missing_cross_linker_is_named_with_its_remedy() {
        let error = Error::NoLinker {
            triple: Architecture::Arm64.triple(),
            linker: Architecture::Arm64.cross_linker(),
            package: "aarch64-linux-gnu".into(),
            variable: Architecture::Arm64.linker_variable(),
        };
        assert_eq!(
            error.to_string(),
            "no linker for aarch64-unknown-linux-gnu: install `aarch64-linux-gnu-gcc` (on Debian: apt-get install \
             gcc-aarch64-linux-gnu) or name yours in `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER`"
        );
    }
}
