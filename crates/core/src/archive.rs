//! Reproducible zips: the same files give the same bytes, on every machine and with every version of the compressor.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Cursor, Write as _};

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Files by their path within a zip.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A zip in memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zip {
    bytes: Vec<u8>,
    sha256: String,
}

/// Why files cannot be zipped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// A name or a size is beyond the format.
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    /// Writing into memory failed.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// Placeholder for the hash of a zip whose content only the cluster has. Never sent to AWS.
pub const UNKNOWN: &str = "(known after apply)";

impl Zip {
    /// A zip with unknown content: it can be planned, but never deployed.
    pub(crate) fn unknown() -> Self {
        Self { bytes: Vec::new(), sha256: UNKNOWN.to_owned() }
    }

    /// A zip that was made elsewhere.
    pub fn of(bytes: Vec<u8>) -> Self {
        let sha256 = BASE64.encode(&Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }

    /// Packs files, readable and executable for all.
    ///
    /// # Errors
    /// A file's name is longer than the format allows.
    pub(crate) fn pack(files: &Files) -> Result<Self, ArchiveError> {
        // Stored without compression: another version of the compressor would write other bytes, and Lambda would get
        // the same code again.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o755);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in files {
            zip.start_file(path.as_str(), options)?;
            zip.write_all(content)?;
        }
        Ok(Self::of(zip.finish()?.into_inner()))
    }

    /// The bytes of the zip.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 in Base64, as Lambda reports it.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl fmt::Debug for Zip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zip({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;

    fn files(code: &str) -> Files {
        Files::from([("index.py".to_owned(), code.into()), ("a/b.py".to_owned(), b"b".to_vec())])
    }

    #[test]
    fn equal_files_give_the_bytes_that_they_always_gave() {
        let zip = Zip::pack(&files("code")).unwrap();
        assert_eq!(zip, Zip::pack(&files("code")).unwrap());
        assert_ne!(zip, Zip::pack(&files("other")).unwrap());
        assert_eq!(
            zip.sha256(),
            "BEx84kj/Fl/S+VOoWcHFKLQNDo3+BK9idWgVGZ8OqOA=",
            "a new version would deploy every function again"
        );
    }

    #[test]
    fn files_keep_their_content_and_can_be_read_and_run() {
        let zip = Zip::pack(&files("code")).unwrap();
        let mut archive = ZipArchive::new(Cursor::new(zip.bytes())).unwrap();
        let mut content = String::new();
        archive.by_name("index.py").unwrap().read_to_string(&mut content).unwrap();
        assert_eq!((archive.len(), content.as_str()), (2, "code"));
        assert_eq!(archive.by_name("a/b.py").unwrap().unix_mode().map(|mode| mode & 0o777), Some(0o755));
    }
}
