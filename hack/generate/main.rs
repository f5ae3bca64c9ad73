//! Writes what is generated from the Rust types: `crds/`, and the tables that pages of `docs/` take from the code. With
//! `--check` it writes nothing, and fails with the names of the files that are not what the types say.
//!
//! An example, so that no program that is shipped has it and the workspace's ordinary build makes it.

mod conditions;
mod configuration;
mod metrics;
mod page;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use page::Page;

const CRD: &str = "crds/taskpipelines.dev_scheduledtaskpipelines.yaml";

/// Writes what is generated from the Rust types.
#[derive(Parser)]
struct Arguments {
    /// Write nothing, and fail where a file is not what the types say.
    #[arg(long)]
    check: bool,
}

/// A generated file: its path from the root of the repository, and what the types say it is.
struct Generated {
    path: &'static str,
    text: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(stale) if stale.is_empty() => ExitCode::SUCCESS,
        Ok(stale) => {
            fail(&format!("not what the Rust types say: {}; run `make generate` and commit it", stale.join(", ")))
        }
        Err(error) => fail(&error.to_string()),
    }
}

/// Writes the files, or returns those that are stale.
fn run(arguments: &Arguments) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut stale = Vec::new();
    for Generated { path, text } in generated(root)? {
        let file = root.join(path);
        if fs::read_to_string(&file).is_ok_and(|present| present == text) {
            continue;
        }
        if arguments.check {
            stale.push(path);
        } else {
            fs::write(&file, text).map_err(|error| format!("{path}: {error}"))?;
        }
    }
    Ok(stale)
}

fn generated(root: &Path) -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut all = vec![Generated { path: CRD, text: api::crd_yaml()? }];
    for page in [conditions::page(), configuration::page()?, metrics::page()?] {
        all.push(filled(root, &page)?);
    }
    Ok(all)
}

fn filled(root: &Path, page: &Page) -> Result<Generated, Box<dyn Error>> {
    let path = page.path;
    let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
    Ok(Generated { path, text: page.filled(&text)? })
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do about a closed stderr.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}
