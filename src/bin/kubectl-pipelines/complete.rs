//! Completion of the plugin's command line. kubectl asks a program `kubectl_complete-pipelines` in the search path, which
//! is this one under that name: <https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use clap::CommandFactory as _;
use clap_complete::engine::{CompletionCandidate, complete};
use kube::ResourceExt;
use tokio::time::timeout;

use crate::cluster::Place;
use crate::{Arguments, print, runtime};

/// The name under which kubectl asks.
const NAME: &str = "kubectl_complete-pipelines";

/// What cobra reads at the end: that files are not completions.
/// <https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective>
const NO_FILES: &str = ":4\n";

/// How long somebody waits who has pressed the tab key.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the unfinished command looks for pipelines.
static PLACE: OnceLock<Place> = OnceLock::new();

/// Whether the program was called by that name.
pub(crate) fn is_asked(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(OsStr::new(NAME))
}

/// Prints what may come in place of the last word.
pub(crate) fn answer(words: impl Iterator<Item = OsString>) -> std::io::Result<()> {
    let words: Vec<OsString> = [OsString::from("kubectl-pipelines")].into_iter().chain(words).collect();
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // The engine hands completers the word alone. Set once: one question a process.
    let _ = PLACE.set(Place::of_words(&texts));
    let last = words.len() - 1;
    let candidates = complete(&mut Arguments::command(), words, last, None)?;
    let lines = candidates.iter().map(|candidate| {
        let help = candidate.get_help().map(|help| format!("\t{help}")).unwrap_or_default();
        format!("{}{help}\n", candidate.get_value().to_string_lossy())
    });
    print(&(lines.collect::<String>() + NO_FILES))
}

/// Names of pipelines that begin so.
pub(crate) fn pipelines(begin: &OsStr) -> Vec<CompletionCandidate> {
    let names = async {
        let pipelines = PLACE.get()?.clone().connect().await.ok()?.list().await.ok()?;
        Some(pipelines.iter().map(ResourceExt::name_any).collect::<Vec<_>>())
    };
    let names =
        runtime().ok().and_then(|runtime| runtime.block_on(async { timeout(PATIENCE, names).await.ok() }).flatten());
    let begin = begin.to_string_lossy();
    names.into_iter().flatten().filter(|name| name.starts_with(&*begin)).map(CompletionCandidate::new).collect()
}
