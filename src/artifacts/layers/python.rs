//! Resolves and unpacks Python packages with uv. Accepts wheels only, so that no code of a package runs in the
//! operator.
//! <https://docs.astral.sh/uv/reference/cli/#uv-pip-install>

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use api::Architecture;
use pipeline_core::pipeline::Packages;
use url::Url;

use super::{BuildError, tree};

/// Time limit for uv.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often the operator checks whether uv has finished.
const POLL: Duration = Duration::from_millis(50);

/// Maximum number of bytes that are read of uv's output.
const MAX_SAID: u64 = 16 * 1024;

/// Maximum number of characters of uv's output in a message.
const MAX_SHOWN: usize = 800;

/// Runtimes before this minor version run on Amazon Linux 2 (glibc 2.26), the others on Amazon Linux 2023 (glibc 2.34).
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>
const FIRST_ON_2023: u32 = 12;

/// Variables that configure network access; uv gets no other variables of the operator.
const PASSED_ON: [&str; 8] =
    ["PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_PYTHON"];

/// What layers are built with.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The program uv.
    pub uv: PathBuf,
    /// The package index.
    pub index: PackageIndex,
}

/// URL of a package index, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PackageIndex(Url);

/// The text is not a valid URL of an index.
#[derive(Debug, thiserror::Error)]
#[error("it is not a valid URL of a package index; use one such as https://pypi.org/simple")]
pub struct NoPackageIndex;

impl FromStr for PackageIndex {
    type Err = NoPackageIndex;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| NoPackageIndex)?;
        if matches!(url.scheme(), "http" | "https" | "file") { Ok(Self(url)) } else { Err(NoPackageIndex) }
    }
}

impl PackageIndex {
    /// The URL with its password.
    pub(super) fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Removes the URL's user and password from a text.
    fn redact(&self, text: &str) -> String {
        let secrets = [self.0.username(), self.0.password().unwrap_or_default()];
        secrets.into_iter().filter(|it| !it.is_empty()).fold(text.to_owned(), |text, it| text.replace(it, "****"))
    }
}

impl fmt::Debug for PackageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redact(self.0.as_str()))
    }
}

/// Resolves, installs and zips packages.
pub(super) fn build(packages: &Packages, tools: &Tools, workshop: &Path, zip: &Path) -> Result<(), BuildError> {
    let unpacked = workshop.join("layer");
    let requirements = workshop.join("requirements.txt");
    // Remove leftovers of an earlier build by this process.
    let _ = fs::remove_dir_all(workshop);
    fs::create_dir_all(&unpacked).map_err(BuildError::disk(&unpacked))?;
    let lines: Vec<&str> = packages.requirements.iter().map(String::as_str).collect();
    fs::write(&requirements, lines.join("\n")).map_err(BuildError::disk(&requirements))?;
    let said = workshop.join("said");
    let output = File::create(&said).map_err(BuildError::disk(&said))?;
    let passed_on = PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let child = Command::new(&tools.uv)
        .args(["pip", "install", "--no-config", "--no-cache", "--no-progress", "--quiet"])
        .args(["--only-binary", ":all:", "--link-mode", "copy", "--no-python-downloads"])
        .args(["--python-version", &packages.version, "--python-platform", platform(packages)])
        .arg("--target")
        .arg(unpacked.join("python"))
        .arg("--requirements")
        .arg(&requirements)
        .current_dir(&unpacked)
        .env_clear()
        .envs(passed_on)
        .env("HOME", workshop)
        .env("TMPDIR", workshop)
        // Passed as a variable: other users of the machine can read arguments.
        .env("UV_DEFAULT_INDEX", tools.index.expose())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|source| BuildError::NoTool { program: tools.uv.clone(), source })?;
    if !succeeds(child)? {
        let mut text = Vec::new();
        // A failure is reported even if its output cannot be read.
        let _ = File::open(&said).and_then(|file| file.take(MAX_SAID).read_to_end(&mut text));
        return Err(BuildError::Refused(shown(&tools.index.redact(&String::from_utf8_lossy(&text)))));
    }
    tree::pack(&unpacked, zip)
}

/// The platform tag of the runtime's system, which selects wheels.
fn platform(packages: &Packages) -> &'static str {
    let minor = packages.version.strip_prefix("3.").and_then(|minor| minor.parse().ok());
    let on_2023 = minor.is_none_or(|minor: u32| minor >= FIRST_ON_2023);
    match (packages.architecture, on_2023) {
        (Architecture::Arm64, true) => "aarch64-manylinux_2_34",
        (Architecture::X8664, true) => "x86_64-manylinux_2_34",
        (Architecture::Arm64, false) => "aarch64-manylinux2014",
        (Architecture::X8664, false) => "x86_64-manylinux2014",
    }
}

/// Waits until uv exits, and kills it after the time limit.
fn succeeds(mut child: Child) -> Result<bool, BuildError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) => {
                // It may have exited in the meantime.
                let _ = child.kill();
                let _ = child.wait();
                return Err(BuildError::TimedOut(PATIENCE));
            }
            Err(_) => return Err(BuildError::BrokenOff),
        }
    }
}

/// uv's output as one line.
fn shown(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    pipeline_core::text::bounded_line(line, MAX_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_an_index_is_never_shown() {
        let index: PackageIndex = "https://reader:sesame@packages.example/simple".parse().unwrap();
        assert_eq!(format!("{index:?}"), "https://****:****@packages.example/simple");
        assert_eq!(index.redact("401 for reader with sesame"), "401 for **** with ****");
        assert!("packages.example".parse::<PackageIndex>().is_err());
    }

    #[test]
    fn what_uv_says_is_one_line_as_it_is() {
        let said =
            "error: No solution found when resolving dependencies\n  cause: Because there is no version of a==9\n\n";
        assert_eq!(
            shown(said),
            "No solution found when resolving dependencies; cause: Because there is no version of a==9"
        );
        assert!(shown(&"x".repeat(5000)).len() <= MAX_SHOWN);
    }

    #[test]
    fn wheels_are_for_the_system_of_the_runtime() {
        let packages = |version: &str, architecture| Packages {
            version: version.to_owned(),
            architecture,
            requirements: std::collections::BTreeSet::new(),
        };
        assert_eq!(platform(&packages("3.13", Architecture::Arm64)), "aarch64-manylinux_2_34");
        assert_eq!(platform(&packages("3.9", Architecture::X8664)), "x86_64-manylinux2014");
    }
}
