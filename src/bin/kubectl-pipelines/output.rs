//! Forms that commands print.

use std::error::Error;

use clap::ValueEnum;
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;
use pipeline_core::text::printable_lines;
use serde::Serialize;
use task_pipelines::cli::terminal;

use crate::{complete, print};

/// A pipeline, and the form in which something of it is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct OfPipeline {
    /// Name of the pipeline.
    #[arg(add = ArgValueCompleter::new(complete::pipelines))]
    pub(crate) name: String,

    /// Form of what is printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
    /// YAML for programs and people.
    Yaml,
}

/// The document, in a form for programs.
pub(crate) fn document(output: Output, content: &impl Serialize) -> Result<Option<String>, Box<dyn Error>> {
    Ok(match output {
        Output::Text => None,
        Output::Json => Some(terminal::json(content)?),
        Output::Yaml => Some(yaml(content)?),
    })
}

/// YAML has the escapes of JSON in its flow style alone, so that is what a content with hidden characters gets.
fn yaml(content: &impl Serialize) -> Result<String, Box<dyn Error>> {
    let yaml = serde_saphyr::to_string(content)?;
    Ok(if printable_lines(&yaml) == yaml { yaml } else { terminal::json(content)? })
}

/// Prints what there is, or says that there is nothing.
pub(crate) fn list<T: Serialize>(
    output: Output,
    items: &[T],
    none: &str,
    lines: impl FnOnce(&[T], Timestamp) -> String,
) -> Result<(), Box<dyn Error>> {
    match document(output, &items)? {
        Some(document) => print(&document)?,
        None if items.is_empty() => terminal::note(none)?,
        None => print(&lines(items, Timestamp::now()))?,
    }
    Ok(())
}
