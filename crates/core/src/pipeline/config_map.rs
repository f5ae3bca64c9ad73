//! The `ConfigMaps` that a pipeline reads files from.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Cursor;
use std::path::Path;

use api::{ConfigMapKeyRef, ScheduledTaskPipelineSpec};
use zip::ZipArchive;

use super::Context;
use super::refusal::{Refusals, quoted};
use super::secret::is_object_name;
use crate::archive::{Files, Zip};

/// What the cluster answered for each `ConfigMap`.
pub type ConfigMaps = BTreeMap<String, ConfigMapLookup>;

/// What the cluster answered for one `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapLookup {
    /// The content of the `ConfigMap`.
    Found {
        /// Texts by key.
        data: BTreeMap<String, String>,
        /// Other content by key.
        binary_data: BTreeMap<String, Vec<u8>>,
    },
    /// There is no such `ConfigMap`.
    NotFound,
    /// The operator may not read it; what the API server said.
    Denied(String),
    /// There is no cluster to ask.
    NotAsked,
}

/// Names of the `ConfigMaps` to read for a spec. Invalid names are left out here, and refused later.
pub fn config_map_refs(spec: &ScheduledTaskPipelineSpec) -> BTreeSet<String> {
    let of_functions = spec.functions.iter().map(|function| &function.code);
    let codes = of_functions.chain([&spec.sender.hop.code, &spec.runner.hop.code].into_iter().flatten());
    let of_codes = codes.filter_map(|code| code.config_map_ref.as_ref()).map(|reference| &reference.name);
    let of_layers = spec.layers.iter().filter_map(|layer| {
        let files = layer.config_map_ref.as_ref().map(|reference| &reference.name);
        let python = layer.python.as_ref().and_then(|python| python.requirements_from.as_ref());
        files.or(python.map(|requirements| &requirements.config_map_ref.name))
    });
    of_codes.chain(of_layers).filter(|name| is_object_name(name)).cloned().collect()
}

/// The code in a `ConfigMap`: its files, or the zip that it holds.
pub(super) fn code(field: &str, name: &str, context: &Context<'_>, refusals: &mut Refusals) -> Option<Zip> {
    packed_as("code", str::to_owned, field, name, context, refusals)
}

/// The layer in a `ConfigMap`: its files, at the paths that the runtimes search, or the zip that it holds.
pub(super) fn layer(field: &str, name: &str, context: &Context<'_>, refusals: &mut Refusals) -> Option<Zip> {
    packed_as("a layer", path_in_layer, field, name, context, refusals)
}

/// The text that a `ConfigMap` has under a key.
pub(super) fn text<'a>(
    field: &str,
    reference: &ConfigMapKeyRef,
    context: &Context<'a>,
    refusals: &mut Refusals,
) -> Option<Known<&'a str>> {
    let ConfigMapKeyRef { name, key } = reference;
    let Known::Is((data, _)) = found(field, name, context, refusals)? else { return Some(Known::Unknown) };
    let text = data.get(key);
    if text.is_none() {
        let message = format!("the ConfigMap {} has no key {}", quoted(name), quoted(key));
        let namespace = &context.owner.namespace;
        let hint = format!("add it: `kubectl --namespace {namespace} edit configmap {name}`, under `data`");
        refusals.config_map(format!("{field}.key"), message, hint);
    }
    text.map(|text| Known::Is(text.as_str()))
}

fn packed_as(
    what: &str,
    path: fn(&str) -> String,
    field: &str,
    name: &str,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<Zip> {
    let Known::Is((data, binary_data)) = found(field, name, context, refusals)? else {
        return Some(Zip::unknown());
    };
    packed(data, binary_data, path)
        .map_err(|problem| {
            let message = format!("the ConfigMap {} cannot be {what}: {problem}", quoted(name));
            refusals.invalid_hint(format!("{field}.name"), message, "give it files, or a zip in `binaryData` alone");
        })
        .ok()
}

/// The path in a layer at which Lambda's runtimes find a file. Keys of a `ConfigMap` have no folders.
/// <https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html>
fn path_in_layer(name: &str) -> String {
    match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("py") => format!("python/{name}"),
        Some("js" | "cjs" | "mjs") => format!("nodejs/node_modules/{name}"),
        _ => name.to_owned(),
    }
}

/// What is known of a `ConfigMap`.
pub(super) enum Known<T> {
    /// The content, or what was made of it.
    Is(T),
    /// There is no cluster to ask.
    Unknown,
}

/// Texts and other content by key.
type Content<'a> = (&'a BTreeMap<String, String>, &'a BTreeMap<String, Vec<u8>>);

fn found<'a>(field: &str, name: &str, context: &Context<'a>, refusals: &mut Refusals) -> Option<Known<Content<'a>>> {
    let field = format!("{field}.name");
    let namespace = &context.owner.namespace;
    if !is_object_name(name) {
        let message = format!("{} is not a valid ConfigMap name", quoted(name));
        refusals.invalid_hint(field, message, "write lower-case letters, digits, `-` and `.`");
        return None;
    }
    let (message, hint) = match context.config_maps.get(name) {
        Some(ConfigMapLookup::Found { data, binary_data }) => return Some(Known::Is((data, binary_data))),
        Some(ConfigMapLookup::NotAsked) => return Some(Known::Unknown),
        Some(ConfigMapLookup::NotFound) | None => (
            format!("there is no ConfigMap {} in namespace `{namespace}`", quoted(name)),
            format!("create it: `kubectl --namespace {namespace} create configmap {name} --from-file=…`"),
        ),
        Some(ConfigMapLookup::Denied(answer)) => (
            format!("the operator may not read the ConfigMap {}: {answer}", quoted(name)),
            format!("let the operator's ServiceAccount `get` ConfigMaps in namespace `{namespace}`"),
        ),
    };
    refusals.config_map(field, message, hint);
    None
}

/// Why a `ConfigMap`'s content is not code.
#[derive(Debug, thiserror::Error)]
enum NoCode {
    #[error("it is empty")]
    Empty,
    #[error("it has {0}, and other files beside it")]
    ZipAndFiles(String),
    #[error("{0} is not a valid zip: {1}")]
    NoZip(String, zip::result::ZipError),
    #[error(transparent)]
    Archive(#[from] crate::archive::ArchiveError),
}

fn packed(
    data: &BTreeMap<String, String>,
    binary_data: &BTreeMap<String, Vec<u8>>,
    path: fn(&str) -> String,
) -> Result<Zip, NoCode> {
    let is_zip = |name: &&String| name.to_ascii_lowercase().ends_with(".zip");
    if let Some(name) = binary_data.keys().find(is_zip) {
        if data.len() + binary_data.len() > 1 {
            return Err(NoCode::ZipAndFiles(quoted(name)));
        }
        let bytes = binary_data[name].clone();
        ZipArchive::new(Cursor::new(&bytes)).map_err(|error| NoCode::NoZip(quoted(name), error))?;
        return Ok(Zip::of(bytes));
    }
    let texts = data.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec()));
    let others = binary_data.iter().map(|(name, bytes)| (path(name), bytes.clone()));
    let files: Files = texts.chain(others).collect();
    if files.is_empty() { Err(NoCode::Empty) } else { Ok(Zip::pack(&files)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(entries: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
        entries.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    }

    #[test]
    fn files_are_packed_and_a_zip_is_taken_as_it_is() {
        let texts = BTreeMap::from([("index.py".to_owned(), "x".to_owned())]);
        let with_library = packed(&texts, &binary(&[("lib.so", b"\0")]), str::to_owned).unwrap();
        let both = [("index.py", b"x".as_slice()), ("lib.so", b"\0")];
        let files: Files = both.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
        assert_eq!(with_library, Zip::pack(&files).unwrap());

        let theirs = Zip::pack(&files).unwrap().bytes().to_vec();
        let taken = packed(&BTreeMap::new(), &binary(&[("code.ZIP", &theirs)]), path_in_layer).unwrap();
        assert_eq!(taken.bytes(), theirs);
    }

    #[test]
    fn files_of_a_layer_are_where_the_language_looks() {
        for (name, expected) in [
            ("greeting.py", "python/greeting.py"),
            ("greeting.mjs", "nodejs/node_modules/greeting.mjs"),
            ("cities.json", "cities.json"),
        ] {
            assert_eq!(path_in_layer(name), expected);
        }
    }

    #[test]
    fn what_is_no_code_is_told() {
        let texts = BTreeMap::from([("index.py".to_owned(), "x".to_owned())]);
        for (texts, binary, expected) in [
            (BTreeMap::new(), binary(&[]), "it is empty"),
            (texts, binary(&[("a.zip", b"")]), "it has `a.zip`, and other files beside it"),
            (BTreeMap::new(), binary(&[("a.zip", b"no zip")]), "`a.zip` is not a valid zip: "),
        ] {
            let problem = packed(&texts, &binary, str::to_owned).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
