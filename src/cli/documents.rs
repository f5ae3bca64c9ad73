//! Pipelines in files, checked as the API server would, and the Secrets beside them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use api::{GROUP, ScheduledTaskPipelineSpec, SecretKeyRef};
use data_encoding::BASE64;
use pipeline_core::admission::{Admission, Broken, admit};
use pipeline_core::names::{MAX_OBJECT_NAME, is_subdomain};
use pipeline_core::secret_text::SecretText;
use serde::Serialize;
use serde_json::Value;

/// What files hold.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The pipelines of all files, in their order.
    pub(super) documents: Vec<Document>,
    /// The texts in Secrets, by namespace and key.
    pub(super) secrets: BTreeMap<(String, SecretKeyRef), SecretText>,
    /// Which files are not YAML, and why.
    pub(super) problems: Vec<Finding>,
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// File, and the number of the document in it where it can be read: `pipeline.yaml:2`.
    pub place: String,
    /// What is wrong, with its field, and what to do.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

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

impl Namespace {
    /// That of a flag, or else the usual one.
    pub(super) async fn of(given: Option<String>) -> Self {
        match given {
            Some(namespace) => Self::Only(namespace),
            None => Self::Usual(super::usual_namespace().await),
        }
    }
}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// What the operating system answered.
        #[source]
        source: io::Error,
    },
    /// None of the files has a pipeline.
    #[error("no ScheduledTaskPipeline in {0}")]
    NoPipeline(String),
}

/// Reads all pipelines and Secrets, and says which files are not YAML.
///
/// # Errors
/// A file cannot be read, or nothing in them is a pipeline.
pub(super) fn read(paths: &[PathBuf], namespace: &Namespace) -> Result<Files, ReadError> {
    let mut files = Files::default();
    for path in paths {
        let text = read_file(path).map_err(|source| ReadError::Unreadable { path: path.clone(), source })?;
        let file = if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() };
        match serde_saphyr::from_multiple::<Value>(&text) {
            Ok(values) => {
                for (number, value) in (1..).zip(values) {
                    match value["kind"].as_str() {
                        Some("ScheduledTaskPipeline") => {
                            files.documents.push(document(format!("{file}:{number}"), &value, namespace));
                        }
                        Some("Secret") => files.secrets.extend(secrets(&value, namespace)),
                        Some(_) | None => {}
                    }
                }
            }
            Err(error) => files.problems.push(Finding { place: file, problem: error.to_string() }),
        }
    }
    if files.documents.is_empty() && files.problems.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(ReadError::NoPipeline(paths.join(", ")));
    }
    Ok(files)
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

/// The texts of a Secret; where a key is in both, that of `stringData` counts.
fn secrets(value: &Value, namespace: &Namespace) -> impl Iterator<Item = ((String, SecretKeyRef), SecretText)> {
    let (Namespace::Only(given) | Namespace::Usual(given)) = namespace;
    let namespace = value["metadata"]["namespace"].as_str().unwrap_or(given).to_owned();
    let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let texts = |field: &str, read: fn(&str) -> Option<String>| -> Vec<(String, String)> {
        let entries = value[field].as_object().into_iter().flatten();
        entries.filter_map(|(key, text)| Some((key.clone(), read(text.as_str()?)?))).collect()
    };
    let encoded = texts("data", |text| String::from_utf8(BASE64.decode(text.as_bytes()).ok()?).ok());
    let plain = texts("stringData", |text| Some(text.to_owned()));
    encoded
        .into_iter()
        .chain(plain)
        .map(move |(key, text)| ((namespace.clone(), SecretKeyRef { name: name.clone(), key }), SecretText::new(text)))
}

fn document(place: String, value: &Value, namespace: &Namespace) -> Document {
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
    } else if !is_subdomain(name, MAX_OBJECT_NAME) {
        refuse("metadata.name", format!("`{name}` is not of lower-case letters, digits, `-` and `.`"));
    }
    let own = value["metadata"]["namespace"].as_str();
    if let (Some(own), Namespace::Only(only)) = (own, namespace)
        && own != only
    {
        refuse("metadata.namespace", format!("`{own}` is not the `{only}` of --namespace"));
    }
    let (Namespace::Only(given) | Namespace::Usual(given)) = namespace;
    let namespace = own.unwrap_or(given).to_owned();
    broken.extend(rules);
    Document { place, namespace, name: name.to_owned(), spec, broken }
}
