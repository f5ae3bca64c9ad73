//! Forms that commands print.

use clap::ValueEnum;
use serde::Serialize;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For programs that people read.
    Yaml,
}

/// The document, in a form for programs.
pub(crate) fn document(output: Output, content: &impl Serialize) -> Result<Option<String>, Box<dyn std::error::Error>> {
    Ok(match output {
        Output::Text => None,
        Output::Json => Some(format!("{}\n", serde_json::to_string_pretty(content)?)),
        Output::Yaml => Some(serde_saphyr::to_string(content)?),
    })
}
