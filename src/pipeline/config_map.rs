//! The `ConfigMaps` that a pipeline takes files from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use zip::ZipArchive;

use super::refusal::{Refusals, quoted};
use super::secret::is_object_name;
use crate::archive::{Files, Zip};
use crate::crd::ScheduledTaskPipelineSpec;

/// What the cluster answered for each `ConfigMap`.
pub type ConfigMaps = BTreeMap<String, ConfigMapLookup>;

/// What the cluster answered for one `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigMapLookup {
    /// This content.
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

/// The `ConfigMaps` to read for a spec, by name. Names that none can have are left out, and refused later.
pub fn config_map_refs(spec: &ScheduledTaskPipelineSpec) -> BTreeSet<String> {
    let of_functions = spec.functions.iter().filter_map(|function| function.code.config_map_ref.as_ref());
    let of_hops = [&spec.sender.code, &spec.runner.code].into_iter().flatten();
    let references = of_functions.chain(of_hops.filter_map(|code| code.config_map_ref.as_ref()));
    references.map(|reference| reference.name.clone()).filter(|name| is_object_name(name)).collect()
}

/// The zip of a `ConfigMap`'s files, or the one that it holds.
pub(super) fn zip(
    field: &str,
    name: &str,
    namespace: &str,
    config_maps: &ConfigMaps,
    refusals: &mut Refusals,
) -> Option<Zip> {
    let field = format!("{field}.name");
    if !is_object_name(name) {
        let message = format!("{} is no name of a ConfigMap", quoted(name));
        refusals.invalid_hint(field, message, "write lower-case letters, digits, `-` and `.`");
        return None;
    }
    let (message, hint) = match config_maps.get(name) {
        Some(ConfigMapLookup::Found { data, binary_data }) => {
            return packed(data, binary_data)
                .map_err(|problem| {
                    let message = format!("the ConfigMap {} cannot be code: {problem}", quoted(name));
                    refusals.invalid_hint(field, message, "give it files, or a zip in `binaryData` alone");
                })
                .ok();
        }
        Some(ConfigMapLookup::NotAsked) => return Some(Zip::unknown()),
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

/// Why a `ConfigMap`'s content is no code.
#[derive(Debug, thiserror::Error)]
enum NoCode {
    #[error("it is empty")]
    Empty,
    #[error("it has {0}, and other files beside it")]
    ZipAndFiles(String),
    #[error("{0} is no zip: {1}")]
    NoZip(String, zip::result::ZipError),
    #[error(transparent)]
    Archive(#[from] crate::archive::ArchiveError),
}

fn packed(data: &BTreeMap<String, String>, binary_data: &BTreeMap<String, Vec<u8>>) -> Result<Zip, NoCode> {
    let is_zip = |name: &&String| name.to_ascii_lowercase().ends_with(".zip");
    if let Some(name) = binary_data.keys().find(is_zip) {
        if data.len() + binary_data.len() > 1 {
            return Err(NoCode::ZipAndFiles(quoted(name)));
        }
        let bytes = binary_data[name].clone();
        ZipArchive::new(Cursor::new(&bytes)).map_err(|error| NoCode::NoZip(quoted(name), error))?;
        return Ok(Zip::of(bytes));
    }
    let texts = data.iter().map(|(name, text)| (name.clone(), text.as_bytes().to_vec()));
    let files: Files = texts.chain(binary_data.clone()).collect();
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
        let with_library = packed(&texts, &binary(&[("lib.so", b"\0")])).unwrap();
        let both = [("index.py", b"x".as_slice()), ("lib.so", b"\0")];
        let files: Files = both.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
        assert_eq!(with_library, Zip::pack(&files).unwrap());

        let theirs = Zip::pack(&files).unwrap().bytes().to_vec();
        let taken = packed(&BTreeMap::new(), &binary(&[("code.ZIP", &theirs)])).unwrap();
        assert_eq!(taken.bytes(), theirs);
    }

    #[test]
    fn what_is_no_code_is_told() {
        let texts = BTreeMap::from([("index.py".to_owned(), "x".to_owned())]);
        for (texts, binary, expected) in [
            (BTreeMap::new(), binary(&[]), "it is empty"),
            (texts, binary(&[("a.zip", b"")]), "it has `a.zip`, and other files beside it"),
            (BTreeMap::new(), binary(&[("a.zip", b"no zip")]), "`a.zip` is no zip: "),
        ] {
            let problem = packed(&texts, &binary).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
