//! A zip on its way to Lambda, which wants it as Base64 inside JSON.
//!
//! The SDK would hold it five times over while it writes the request, which makes the operator's peak of memory. So the
//! SDK writes a few bytes in its place, and a file becomes Base64 piece by piece, in what then is the request's body.

use std::fs::File;
use std::io::{self, Read as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_lambda::Config;
use aws_sdk_lambda::client::customize::CustomizableOperation;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use data_encoding::BASE64;
use parking_lot::Mutex;
use pipeline_core::archive::Zip;
use pipeline_core::code::{Artifact, Code};
use pipeline_core::resource::Function;
use sha2::{Digest as _, Sha256};
use tokio::sync::AcquireError;
use tokio::task;

use crate::Aws;
use crate::uploads::{Turn, Uploads, timeouts};

/// A zip as Base64, and the turn of one that was read from disk.
pub(in crate::resource) struct Upload {
    /// Empty once it is part of the request.
    encoded: Mutex<String>,
    _turn: Option<Turn>,
}

/// Why there is nothing to upload.
#[derive(Debug, thiserror::Error)]
pub(in crate::resource) enum NoZip {
    /// Nobody gives turns any more.
    #[error("the operator is stopping")]
    Stopping(#[from] AcquireError),
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another zip would be deployed, found to differ from what is wanted, and deployed again.
    #[error("{} has changed since the operator started: restart it", path.display())]
    Changed { path: PathBuf },
}

impl Upload {
    /// A zip that is in memory.
    pub(in crate::resource) fn of(zip: &Arc<Zip>) -> Self {
        let mut encoded = room_for(zip.bytes().len());
        BASE64.encode_append(zip.bytes(), &mut encoded);
        Self { encoded: Mutex::new(encoded), _turn: None }
    }

    /// A zip on disk, when it is the turn of what has this ARN.
    pub(in crate::resource) async fn read(artifact: &Artifact, uploads: &Uploads, to: &str) -> Result<Self, NoZip> {
        let turn = uploads.turn(to).await?;
        let path = artifact.path.clone();
        let read = task::spawn_blocking(move || encode(&path)).await.unwrap_or_else(|ended| Err(ended.into()));
        let path = || artifact.path.clone();
        let (encoded, sha256) = read.map_err(|source| NoZip::Unreadable { path: path(), source })?;
        if sha256 != artifact.sha256 {
            return Err(NoZip::Changed { path: path() });
        }
        Ok(Self { encoded: Mutex::new(encoded), _turn: Some(turn) })
    }

    /// What there is to upload of a function's code; nothing where Lambda fetches it.
    pub(super) async fn of_code(aws: &Aws, function: &Function) -> Result<Option<Self>, NoZip> {
        match &function.code {
            Code::Builtin(artifact) => {
                let to = aws.location.function_arn(&function.name);
                Self::read(artifact, aws.uploads(), &to).await.map(Some)
            }
            Code::Zip { zip, .. } => Ok(Some(Self::of(zip))),
            Code::S3 { .. } | Code::Image(_) => Ok(None),
        }
    }

    /// A request with what there is to upload in place of the placeholder, and with the time that takes.
    pub(in crate::resource) fn fill_in<T, E, B>(
        upload: Option<Self>,
        request: CustomizableOperation<T, E, B>,
    ) -> CustomizableOperation<T, E, B> {
        let timeouts = timeouts(upload.as_ref().map_or(0, Self::size));
        let request = request.config_override(Config::builder().timeout_config(timeouts));
        match upload {
            Some(upload) => request.mutate_request(upload.fill()),
            None => request,
        }
    }

    /// Bytes of it as Base64.
    fn size(&self) -> u64 {
        self.encoded.lock().len() as u64
    }

    /// What to give to the SDK in place of the zip.
    pub(in crate::resource) fn placeholder() -> Blob {
        Blob::new(PLACEHOLDER)
    }

    /// Puts the zip into a request that the SDK has written, before it is signed. Keeps the turn for as long as the
    /// request is.
    fn fill(self) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
        move |request| {
            // All of it, or the closure would be given the text alone.
            let upload = &self;
            let Some(body) = request.body().bytes() else { return };
            let mut encoded = upload.encoded.lock();
            // Lambda refuses the placeholder as no zip, so that nothing else is ever deployed.
            let Some(body) = with_zip(body, &mut encoded) else { return };
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body);
        }
    }
}

/// No zip.
const PLACEHOLDER: &[u8] = b"zip";

/// Bytes of a file that are read at a time: each but the last is as it is in Base64, without padding.
const PIECE: usize = 3 * 16 * 1024;

/// Bytes that the rest of a request takes, environment and tags included.
const REST: usize = 16 * 1024;

fn room_for(zip: usize) -> String {
    String::with_capacity(BASE64.encode_len(zip) + REST)
}

/// A file as Base64, and its SHA-256 as Lambda writes it.
fn encode(path: &Path) -> io::Result<(String, String)> {
    let mut file = File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let (mut encoded, mut sha256) = (room_for(size), Sha256::new());
    let mut piece = Vec::with_capacity(PIECE);
    while file.by_ref().take(PIECE as u64).read_to_end(&mut piece)? > 0 {
        sha256.update(&piece);
        BASE64.encode_append(&piece, &mut encoded);
        piece.clear();
    }
    Ok((encoded, BASE64.encode(&sha256.finalize())))
}

/// The body with the zip in place of the placeholder, made of the zip's own text, if it still has it. A quote inside a
/// value is escaped, so only the field matches.
fn with_zip(body: &[u8], zip: &mut String) -> Option<String> {
    if zip.is_empty() {
        return None;
    }
    let field = "\"ZipFile\":\"";
    let placeholder = BASE64.encode(PLACEHOLDER);
    let body = str::from_utf8(body).ok()?;
    let (before, after) = body.split_once(&format!("{field}{placeholder}\""))?;
    let mut whole = mem::take(zip);
    whole.insert_str(0, &format!("{before}{field}"));
    whole.push('"');
    whole.push_str(after);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn the_zip_takes_the_place_of_the_placeholder_and_of_nothing_else() {
        let hostile = r#"x","ZipFile":"emlw"#;
        let body =
            json!({ "Environment": { "Variables": { "A": hostile } }, "Code": { "ZipFile": "emlw" }, "Role": "r" });
        let zip = [0, 255, 7, 8];
        let whole = with_zip(body.to_string().as_bytes(), &mut BASE64.encode(&zip)).unwrap();
        let whole: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole["Code"]["ZipFile"], BASE64.encode(&zip));
        assert_eq!((&whole["Environment"]["Variables"]["A"], &whole["Role"]), (&json!(hostile), &json!("r")));
    }

    #[test]
    fn a_file_of_many_pieces_is_the_same_base64_and_its_body_takes_no_more_room() {
        let path = std::env::temp_dir().join(format!("pieces-{}.zip", std::process::id()));
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        std::fs::write(&path, &bytes).unwrap();
        let (mut encoded, sha256) = encode(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(encoded == BASE64.encode(&bytes));
        assert_eq!(sha256, Zip::of(bytes).sha256());
        let room = encoded.capacity();
        let body = json!({ "ZipFile": "emlw", "Z": 1 }).to_string();
        let whole = with_zip(body.as_bytes(), &mut encoded).unwrap();
        assert_eq!((whole.capacity(), encoded.len()), (room, 0));
    }

    /// A file of a test's own.
    fn artifact(name: &str) -> Artifact {
        let path = std::env::temp_dir().join(format!("{name}-{}.zip", std::process::id()));
        std::fs::write(&path, b"abc").unwrap();
        let sha256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned();
        Artifact { path, size: 3, sha256 }
    }

    #[tokio::test]
    async fn a_zip_that_changed_on_disk_is_not_deployed() {
        let artifact = artifact("changed");
        let uploads = Uploads::new(1);
        let encoded = |upload: Upload| upload.encoded.into_inner();
        let as_it_was = Upload::read(&artifact, &uploads, "a").await.map(encoded);
        std::fs::write(&artifact.path, b"abd").unwrap();
        let changed = Upload::read(&artifact, &uploads, "a").await.map(encoded);
        std::fs::remove_file(&artifact.path).unwrap();
        assert_eq!(as_it_was.unwrap(), "YWJj");
        assert!(changed.unwrap_err().to_string().ends_with("has changed since the operator started: restart it"));
    }

    #[tokio::test]
    async fn a_zip_counts_for_as_long_as_its_request_has_it() {
        let artifact = artifact("counted");
        let uploads = Uploads::new(1);
        let filling = Upload::read(&artifact, &uploads, "a").await.unwrap().fill();
        std::fs::remove_file(&artifact.path).unwrap();
        let another = async || timeout(Duration::from_millis(50), uploads.turn("b")).await.is_ok();
        assert!(!another().await);
        drop(filling);
        assert!(another().await);
    }

    #[test]
    fn a_request_without_the_placeholder_is_left_alone() {
        assert_eq!(with_zip(br#"{"ZipFile":"other"}"#, &mut "AQ==".to_owned()), None);
    }
}
