//! Pipelines in files, checked as the API server would.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::crd::{Admission, Broken, GROUP, ScheduledTaskPipelineSpec, admit};

/// A pipeline in a file.
#[derive(Debug)]
pub(super) struct Document {
    /// File and number of the document in it: `pipeline.yaml:2`.
    pub(super) place: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Absent where it cannot be read.
    pub(super) spec: Option<ScheduledTaskPipelineSpec>,
    /// What the API server would refuse.
    pub(super) broken: Vec<Broken>,
}

/// Where pipelines go.
#[derive(Debug)]
pub(super) enum Namespace {
    /// There, and a document that says otherwise is wrong.
    Only(String),
    /// There, unless a document says otherwise.
    Usual(String),
}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// None of the files has a pipeline.
    #[error("no ScheduledTaskPipeline in {0}")]
    NoPipeline(String),
}

/// Reads all pipelines, and says which files are no YAML.
///
/// # Errors
/// A file cannot be read, or nothing in them is a pipeline.
pub(super) fn read(paths: &[PathBuf], namespace: &Namespace) -> Result<(Vec<Document>, Vec<String>), ReadError> {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let text = read_file(path).map_err(|source| ReadError::Unreadable { path: path.clone(), source })?;
        let file = if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() };
        match serde_saphyr::from_multiple::<Value>(&text) {
            Ok(values) => {
                let pipelines = (1..).zip(values).filter(|(_, value)| is_pipeline(value));
                documents
                    .extend(pipelines.map(|(number, value)| document(format!("{file}:{number}"), &value, namespace)));
            }
            Err(error) => problems.push(format!("{file}: {error}")),
        }
    }
    if documents.is_empty() && problems.is_empty() {
        let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(ReadError::NoPipeline(files.join(", ")));
    }
    Ok((documents, problems))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read_file(path: &Path) -> io::Result<String> {
    if !is_stdin(path) {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a document is a pipeline: a file may hold the Secrets for it as well.
fn is_pipeline(document: &Value) -> bool {
    document["kind"] == "ScheduledTaskPipeline"
}

fn document(place: String, value: &Value, wanted: &Namespace) -> Document {
    let Admission { spec, broken: rules } = admit(&value["spec"]);
    let mut broken = Vec::new();
    let mut refuse = |field: &str, message: String| broken.push(Broken { field: field.to_owned(), message });
    let version = format!("{GROUP}/v1alpha1");
    if value["apiVersion"] != version.as_str() {
        refuse("apiVersion", format!("{} is not {version}", value["apiVersion"]));
    }
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        refuse("metadata.name", "it is required".to_owned());
    } else if !is_name(name) {
        refuse("metadata.name", format!("`{name}` is not of lower-case letters, digits, `-` and `.`"));
    }
    let own = value["metadata"]["namespace"].as_str();
    if let (Some(own), Namespace::Only(only)) = (own, wanted)
        && own != only
    {
        refuse("metadata.namespace", format!("`{own}` is not the `{only}` of --namespace"));
    }
    let (Namespace::Only(given) | Namespace::Usual(given)) = wanted;
    let namespace = own.unwrap_or(given).to_owned();
    broken.extend(rules);
    Document { place, namespace, name: name.to_owned(), spec, broken }
}

/// A DNS subdomain, as the API server wants names.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let edges = |edge: char| edge.is_ascii_alphanumeric();
    name.len() <= 253 && name.bytes().all(allowed) && name.starts_with(edges) && name.ends_with(edges)
}
