//! Layers: the content of each, and the layers of each function.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};

use api::{Architecture, ConfigMapRef, RequirementsFrom};
use data_encoding::BASE32_NOPAD;
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::code::s3_object;
use super::config_map::Known;
use super::refusal::{Refusals, quoted};
use super::{Context, config_map};
use crate::archive::{UNKNOWN, Zip};
use crate::arn::Arn;
use crate::code::S3Object;
use crate::configuration::is_layer_arn;
use crate::location::Target;

/// Maximum number of layers of a function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_LAYERS: usize = 5;

/// The minor versions of Python 3 that Lambda supports.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>
const PYTHON_3: RangeInclusive<u32> = 9..=14;

/// Maximum length of a pipeline's cluster, namespace and name together, so that the description of a layer version (256
/// characters) can name its owner.
pub const MAX_OWNER: usize = 165;

/// A layer of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionLayer {
    /// One that the operator publishes.
    Built(Layer),
    /// An existing one, by the ARN of its version.
    Existing(String),
}

impl FunctionLayer {
    /// The layer, if the operator publishes it.
    pub fn built(&self) -> Option<&Layer> {
        match self {
            Self::Built(layer) => Some(layer),
            Self::Existing(_) => None,
        }
    }
}

/// A layer for the functions of one processor architecture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Its name within the pipeline.
    pub name: String,
    /// Its content.
    pub content: LayerContent,
}

/// Content of a layer. The same content is the same layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerContent {
    /// Python packages of the package index.
    Python(Packages),
    /// Files of a `ConfigMap`, or the zip in it.
    Zip(Arc<Zip>),
    /// A zip in S3, which Lambda fetches when the layer is published.
    S3(S3Object),
}

/// Python packages of the package index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packages {
    /// Python version, such as `3.13`.
    pub version: String,
    /// Processor architecture of the compiled code in them.
    pub architecture: Architecture,
    /// Requirements by package name, sorted, without comments.
    pub requirements: BTreeSet<String>,
}

impl Layer {
    /// A hash that identifies the content, in 16 lower-case letters and digits.
    pub fn digest(&self) -> String {
        let text = match &self.content {
            LayerContent::Python(Packages { version, architecture, requirements }) => {
                let requirements: Vec<&str> = requirements.iter().map(String::as_str).collect();
                ["python", version, architecture.as_str(), &requirements.join("\n")].join("\0")
            }
            LayerContent::Zip(zip) => ["zip", zip.sha256()].join("\0"),
            LayerContent::S3(object) => ["s3", &object.mark()].join("\0"),
        };
        BASE32_NOPAD.encode(&Sha256::digest(text)[..10]).to_ascii_lowercase()
    }

    /// Path of the field that defines the content.
    pub fn field(&self) -> String {
        let what = match &self.content {
            LayerContent::Python(_) => "python",
            LayerContent::Zip(_) => "configMapRef",
            LayerContent::S3(_) => "s3",
        };
        format!("spec.layers[{}].{what}", self.name)
    }
}

/// The layers of a spec, which functions can name.
pub(super) struct Layers<'spec> {
    sources: BTreeMap<&'spec str, Option<Source>>,
    /// The region that existing layers must be in, if it is known.
    region: Option<String>,
}

/// Content of a layer as the spec defines it.
enum Source {
    /// Python packages: different for each architecture.
    Python { version: String, requirements: BTreeSet<String> },
    /// Content that is the same for all architectures.
    Content(LayerContent),
}

impl Source {
    fn content(&self, architecture: Architecture) -> LayerContent {
        match self {
            Self::Python { version, requirements } => LayerContent::Python(Packages {
                version: version.clone(),
                architecture,
                requirements: requirements.clone(),
            }),
            Self::Content(content) => content.clone(),
        }
    }
}

/// Validates the layers of a spec, including unused ones.
pub(super) fn resolve<'spec>(
    layers: &'spec [api::Layer],
    target: &Target,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Layers<'spec> {
    let owner = context.owner;
    let length = [&owner.cluster.to_string(), &owner.namespace, &owner.name].map(|text| text.chars().count());
    let length: usize = length.iter().sum();
    if !layers.is_empty() && length > MAX_OWNER {
        let message = format!(
            "the names of cluster, namespace and pipeline have {length} characters, and a layer can say {MAX_OWNER} of \
             them"
        );
        refusals.invalid_hint("spec.layers", message, "give the pipeline a shorter name");
    }
    Layers {
        sources: layers.iter().map(|layer| (layer.name.as_str(), source(layer, context, refusals))).collect(),
        region: target.region.clone().or_else(|| context.home.own_region.map(str::to_owned)),
    }
}

fn source(layer: &api::Layer, context: &Context<'_>, refusals: &mut Refusals) -> Option<Source> {
    let api::Layer { name, python, config_map_ref, s3 } = layer;
    let field = format!("spec.layers[{name}]");
    let choices = [("python", python.is_some()), ("configMapRef", config_map_ref.is_some()), ("s3", s3.is_some())];
    refusals.one_of(&field, "the layer", &choices);
    match (python, config_map_ref, s3) {
        (Some(python), None, None) => python_source(&format!("{field}.python"), python, context, refusals),
        (None, Some(ConfigMapRef { name }), None) => {
            let zip = config_map::layer(&format!("{field}.configMapRef"), name, context, refusals)?;
            Some(Source::Content(LayerContent::Zip(Arc::new(zip))))
        }
        (None, None, Some(object)) => {
            let object = s3_object(&format!("{field}.s3"), object, context, refusals);
            Some(Source::Content(LayerContent::S3(object)))
        }
        _ => None,
    }
}

fn python_source(
    field: &str,
    layer: &api::PythonLayer,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<Source> {
    let api::PythonLayer { version, requirements, requirements_from } = layer;
    check_version(field, version, refusals);
    let choices = [("requirements", requirements.is_some()), ("requirementsFrom", requirements_from.is_some())];
    refusals.one_of(field, "the layer", &choices);
    let requirements = match (requirements, requirements_from) {
        (Some(lines), None) => {
            read_requirements(&format!("{field}.requirements"), lines.iter().map(String::as_str), refusals)
        }
        (None, Some(RequirementsFrom { config_map_ref })) => {
            let reference = format!("{field}.requirementsFrom.configMapRef");
            match config_map::text(&reference, config_map_ref, context, refusals)? {
                Known::Unknown => BTreeSet::from([UNKNOWN.to_owned()]),
                Known::Is(text) => read_requirements(&format!("{reference}.key"), std::iter::once(text), refusals),
            }
        }
        _ => return None,
    };
    Some(Source::Python { version: version.clone(), requirements })
}

/// The Python version of a runtime.
fn python_of(runtime: &str) -> Option<&str> {
    runtime.strip_prefix("python")
}

fn check_version(field: &str, version: &str, refusals: &mut Refusals) {
    let minor = version.strip_prefix("3.").and_then(|minor| minor.parse().ok());
    if !minor.is_some_and(|minor| PYTHON_3.contains(&minor)) {
        let message = format!("Lambda has no Python {}", quoted(version));
        let hint = format!("write 3.{} to 3.{}", PYTHON_3.start(), PYTHON_3.end());
        refusals.invalid_hint(format!("{field}.version"), message, hint);
    }
}

/// Parses requirements. Accepts packages by name only: files, URLs and options of pip would let a pipeline reach what
/// the operator can.
fn read_requirements<'line>(
    field: &str,
    lines: impl Iterator<Item = &'line str>,
    refusals: &mut Refusals,
) -> BTreeSet<String> {
    let mut requirements = BTreeSet::new();
    for line in lines.flat_map(str::lines) {
        // Like pip: a `#` inside a word does not start a comment.
        let code = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        if code.is_empty() {
            continue;
        }
        if !is_requirement(&code) {
            let message = format!("{} does not name a package of the package index", quoted(line));
            refusals.invalid_hint(
                field,
                message,
                "write lines such as `humanize==4.13.0`, without options and addresses",
            );
        }
        requirements.insert(code);
    }
    if requirements.is_empty() {
        refusals.invalid_hint(field, "it names no package", "add a line such as `humanize==4.13.0`");
    }
    requirements
}

/// Whether a line is a name with optional extras, versions and an environment marker.
/// <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>
fn is_requirement(line: &str) -> bool {
    static REQUIREMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let name = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
        let extras = format!(r"(?:\[ ?{name}(?: ?, ?{name})* ?\])?");
        let version = "(?:~=|===?|!=|<=?|>=?) ?[A-Za-z0-9.*+!_-]+";
        let versions = format!(r"(?:\(? ?{version}(?: ?, ?{version})* ?\)?)?");
        let marker = r#"(?:; ?[A-Za-z0-9_.,<>=!~'"() +*-]+)?"#;
        Regex::new(&format!("^{name} ?{extras} ?{versions} ?{marker}$")).ok()
    });
    REQUIREMENT.as_ref().is_some_and(|requirement| requirement.is_match(line))
}

impl Layers<'_> {
    /// The layers of a function, in the order in which they are unpacked.
    pub(super) fn of_function(
        &self,
        field: &str,
        names: &[String],
        runtime: Option<&str>,
        architecture: Architecture,
        context: &Context<'_>,
        refusals: &mut Refusals,
    ) -> Vec<FunctionLayer> {
        let field = format!("{field}.layers");
        if names.len() > MAX_LAYERS {
            let message = format!("there are {} layers, and a function can have at most {MAX_LAYERS}", names.len());
            refusals.invalid_hint(&field, message, "merge some");
        }
        let mut found: Vec<FunctionLayer> = Vec::new();
        for (number, name) in names.iter().enumerate() {
            if names[..number].contains(name) {
                refusals.invalid_hint(&field, format!("{} occurs twice", quoted(name)), "keep one");
            }
            if name.contains(':') {
                self.check_arn(&format!("{field}[{number}]"), name, context, refusals);
                found.push(FunctionLayer::Existing(name.clone()));
                continue;
            }
            let Some(source) = self.sources.get(name.as_str()) else {
                let message = format!("there is no {} in `spec.layers`", quoted(name));
                refusals.invalid_hint(&field, message, "add it there, or remove it here");
                continue;
            };
            let Some(source) = source else { continue };
            if let (Source::Python { version, .. }, Some(python)) = (source, runtime.and_then(python_of))
                && version != python
            {
                let message =
                    format!("{} is for Python {version}, and the function runs Python {python}", quoted(name));
                refusals.invalid_hint(&field, message, "give both the same version");
            }
            found.push(FunctionLayer::Built(Layer { name: name.clone(), content: source.content(architecture) }));
        }
        found
    }

    fn check_arn(&self, field: &str, layer: &str, context: &Context<'_>, refusals: &mut Refusals) {
        if !is_layer_arn(layer) {
            let message = format!("{} is not a valid layer version ARN", quoted(layer));
            let hint = "write one like `arn:aws:lambda:eu-central-1:111122223333:layer:name:1`";
            refusals.invalid_hint(field, message, hint);
        } else if let Err(missing) = context.configuration.layer(&context.owner.namespace, layer) {
            refusals.not_allowed(field, missing);
        } else if let Some(region) =
            self.region.as_deref().filter(|region| Arn::parse(layer).is_some_and(|layer| layer.region != *region))
        {
            let message = format!("the layer is not in region `{region}`, where the function is");
            refusals.invalid_hint(field, message, "use a layer of that region");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_names_a_package_and_nothing_else() {
        for line in [
            "requests",
            "humanize==4.13.0",
            "zope.interface >= 5, < 6.0",
            "requests[security,socks]~=2.31",
            "ruamel-yaml (>=0.15,!=0.16.*)",
            "tomli>=1; python_version < \"3.11\" and platform_machine != 'arm64'",
            "torch===2.1+cpu",
            "x==1!2.0",
        ] {
            assert!(is_requirement(line), "{line}");
        }
        for line in [
            "-r other.txt",
            "-r/etc/passwd",
            "--index-url https://example.com",
            "-e .",
            "./wheel.whl",
            "/tmp/wheel-1-py3-none-any.whl",
            "wheel-1-py3-none-any.whl/..",
            "x @ https://example.com/x.whl",
            "x@file:///etc/passwd",
            "git+https://example.com/x.git",
            "x==1 --hash=sha256:00",
            "x==1 \\",
            "${SECRET}",
            "x; y @ file:///",
            "requests>=",
        ] {
            assert!(!is_requirement(line), "{line}");
        }
    }

    #[test]
    fn comments_space_and_order_make_no_other_layer() {
        let read = |lines: &[&str]| {
            let mut refusals = Refusals::default();
            let read = read_requirements("f", lines.iter().copied(), &mut refusals);
            assert!(refusals.is_empty());
            read
        };
        let plain = read(&["a==1", "b>=2"]);
        assert_eq!(read(&["# what we need", "", "b>=2  # newer", " a==1 ", "a==1\nb>=2\r\n"]), plain);
        assert_ne!(read(&["a==1", "b>=3"]), plain);
    }

    #[test]
    fn layers_of_other_content_have_other_digests() {
        let layer = |version: &str, architecture, requirement: &str| Layer {
            name: "deps".to_owned(),
            content: LayerContent::Python(Packages {
                version: version.to_owned(),
                architecture,
                requirements: BTreeSet::from([requirement.to_owned()]),
            }),
        };
        let layers = [
            layer("3.13", Architecture::Arm64, "a==1"),
            layer("3.12", Architecture::Arm64, "a==1"),
            layer("3.13", Architecture::X8664, "a==1"),
            layer("3.13", Architecture::Arm64, "a==2"),
        ];
        let digests: BTreeSet<String> = layers.iter().map(Layer::digest).collect();
        assert_eq!(digests.len(), layers.len());
        assert!(digests.iter().all(|digest| digest.len() == 16), "{digests:?}");
    }
}
