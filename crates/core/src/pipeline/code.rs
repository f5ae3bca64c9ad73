//! Code that the user supplies.

use std::sync::Arc;

use api::ConfigMapRef;

use super::refusal::{Refusals, quoted};
use super::{Context, config_map};
use crate::archive::{Files, Zip};
use crate::code::{Code, Entry, S3Object};
use crate::names::is_subdomain;
use crate::partition::Partition;

/// Maximum length of inline code, in characters.
pub(super) const MAX_INLINE: usize = 262_144;

/// The fields of a spec that describe a function's code.
pub(super) struct Given<'a> {
    /// Path of the function in the spec.
    pub(super) field: &'a str,
    pub(super) code: &'a api::Code,
    pub(super) runtime: Option<&'a str>,
    pub(super) handler: Option<&'a str>,
}

impl Given<'_> {
    /// Checks the code, and how it is started.
    pub(super) fn resolve(&self, context: &Context<'_>, refusals: &mut Refusals) -> Option<Code> {
        let api::Code { inline, config_map_ref, s3, image } = self.code;
        let field = format!("{}.code", self.field);
        let choices = [
            ("inline", inline.is_some()),
            ("configMapRef", config_map_ref.is_some()),
            ("s3", s3.is_some()),
            ("image", image.is_some()),
        ];
        refusals.one_of(&field, "the code", &choices);
        match (inline, config_map_ref, s3, image) {
            (Some(source), None, None, None) => self.inline(&format!("{field}.inline"), source, refusals),
            (None, Some(ConfigMapRef { name }), None, None) => {
                let field = format!("{field}.configMapRef");
                let zip = config_map::code(&field, name, context, refusals);
                let entry = self.entry(refusals);
                Some(Code::Zip { zip: Arc::new(zip?), entry: entry? })
            }
            (None, None, Some(object), None) => self.s3(&format!("{field}.s3"), object, context, refusals),
            (None, None, None, Some(uri)) => Some(self.image(&format!("{field}.image"), uri, context, refusals)),
            _ => None,
        }
    }

    fn inline(&self, field: &str, source: &str, refusals: &mut Refusals) -> Option<Code> {
        let length = source.chars().count();
        if length > MAX_INLINE {
            let message = format!("the code has {length} characters, and inline code can have at most {MAX_INLINE}");
            refusals.invalid_hint(field, message, "put it into a ConfigMap or into S3");
        }
        let entry = self.entry(refusals)?;
        let Some(file) = inline_file(&entry.runtime) else {
            let message = format!(
                "inline code does not work with the runtime {}, only with `python…` and `nodejs…`",
                quoted(&entry.runtime)
            );
            refusals.invalid_hint(field, message, "put its files into a ConfigMap, S3 or an image");
            return None;
        };
        if !entry.handler.starts_with("index.") {
            let message =
                format!("{} is not in `{file}`, the file that the code is written to", quoted(&entry.handler));
            refusals.invalid_hint(format!("{}.handler", self.field), message, "write one like `index.handler`");
        }
        let files = Files::from([(file.to_owned(), source.as_bytes().to_vec())]);
        match Zip::pack(&files) {
            Ok(zip) => Some(Code::Zip { zip: Arc::new(zip), entry }),
            Err(error) => {
                refusals.invalid(field, format!("it cannot be zipped: {error}"));
                None
            }
        }
    }

    fn s3(&self, field: &str, object: &api::S3Object, context: &Context<'_>, refusals: &mut Refusals) -> Option<Code> {
        let entry = self.entry(refusals);
        let object = s3_object(field, object, context, refusals);
        Some(Code::S3 { object, entry: entry? })
    }

    fn image(&self, field: &str, uri: &str, context: &Context<'_>, refusals: &mut Refusals) -> Code {
        for (name, value) in [("runtime", self.runtime), ("handler", self.handler)] {
            if value.is_some() {
                let message = format!("an image has its own {name}");
                refusals.invalid_hint(format!("{}.{name}", self.field), message, "remove it");
            }
        }
        if !is_image(uri) {
            let message = format!("{} is not a valid ECR image URI", quoted(uri));
            let hint = "write one like `111122223333.dkr.ecr.eu-central-1.amazonaws.com/reports@sha256:…`";
            refusals.invalid_hint(field, message, hint);
        } else if let Err(missing) = context.configuration.image(&context.owner.namespace, uri) {
            refusals.not_allowed(field, missing);
        }
        Code::Image(uri.to_owned())
    }

    /// How the code of a zip is started.
    fn entry(&self, refusals: &mut Refusals) -> Option<Entry> {
        let mut required = |name: &str, value: Option<&str>, example: &str| {
            if value.is_none() {
                let message = format!("there is no {name}, which code in a zip needs");
                refusals.invalid_hint(format!("{}.{name}", self.field), message, format!("add one, like `{example}`"));
            }
            value.map(str::to_owned)
        };
        let runtime = required("runtime", self.runtime, "python3.13");
        let handler = required("handler", self.handler, "index.handler");
        let (runtime, handler) = (runtime?, handler?);
        if !is_runtime(&runtime) {
            let message = format!("{} is not a valid Lambda runtime", quoted(&runtime));
            let hint = "write one like `python3.13`, `nodejs22.x` or `provided.al2023`";
            refusals.invalid_hint(format!("{}.runtime", self.field), message, hint);
            return None;
        }
        if handler.is_empty() || handler.contains(char::is_whitespace) {
            let message = format!("{} is not a valid handler", quoted(&handler));
            refusals.invalid_hint(format!("{}.handler", self.field), message, "write one like `index.handler`");
        }
        Some(Entry { runtime, handler })
    }
}

/// Validates an object in S3, and that the namespace may take code from it.
pub(super) fn s3_object(
    field: &str,
    object: &api::S3Object,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> S3Object {
    let api::S3Object { bucket, key, version } = object;
    let partition = context.partition().unwrap_or(Partition::Aws);
    if !is_bucket(bucket) {
        let message = format!("{} is not a valid bucket name", quoted(bucket));
        refusals.invalid_hint(format!("{field}.bucket"), message, "write lower-case letters, digits, `-` and `.`");
    } else if key.is_empty() || key.chars().any(char::is_control) {
        let message = format!("{} is not a valid object key", quoted(key));
        refusals.invalid_hint(format!("{field}.key"), message, "write one like `reports/1.4.2.zip`");
    } else if let Err(missing) = context.configuration.s3(&context.owner.namespace, partition, bucket, key) {
        refusals.not_allowed(field, missing);
    }
    S3Object { bucket: bucket.clone(), key: key.clone(), version: version.clone() }
}

/// The file that source text becomes; `None` if the runtime takes no source.
fn inline_file(runtime: &str) -> Option<&'static str> {
    if runtime.starts_with("python") {
        Some("index.py")
    } else if runtime.starts_with("nodejs") {
        Some("index.mjs")
    } else {
        None
    }
}

/// Whether a text has the form of a Lambda runtime: a known family and any version, since new versions come.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>
fn is_runtime(text: &str) -> bool {
    let families = ["python", "nodejs", "java", "dotnet", "ruby", "go", "provided."];
    let version = families.iter().find_map(|family| text.strip_prefix(family));
    version.is_some_and(|version| {
        version.contains(|character: char| character.is_ascii_digit())
            && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(text: &str) -> bool {
    text.len() >= 3 && is_subdomain(text, 63)
}

/// Whether a text is the URI of an image in ECR with a tag or a digest; Lambda accepts no other.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
fn is_image(text: &str) -> bool {
    let Some((registry, image)) = text.split_once('/') else { return false };
    let named = image.contains([':', '@']);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    registry.contains(".dkr.ecr.") && named && image.bytes().all(allowed) && !image.split('/').any(|part| part == "..")
}
