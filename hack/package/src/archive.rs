//! The zip: one entry, and nothing in it that depends on when, where or by whom it was made.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What Lambda's custom runtimes start.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>
const ENTRY: &str = "bootstrap";

/// The one level at which the compressor does the same on every processor.
const LEVEL: i64 = 9;

/// Why a zip could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Zip(#[from] zip::result::ZipError),
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// Packs an executable for Lambda.
pub(crate) fn pack(code: &[u8]) -> Result<Vec<u8>, Error> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(ENTRY, options)?;
    zip.write_all(code)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn equal_code_gives_equal_bytes() {
        assert_eq!(pack(b"code").unwrap(), pack(b"code").unwrap());
        assert_ne!(pack(b"code").unwrap(), pack(b"other").unwrap());
    }

    #[test]
    fn the_only_entry_is_an_executable_bootstrap_without_a_date() {
        let mut archive = ZipArchive::new(Cursor::new(pack(b"code").unwrap())).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
        let mut code = Vec::new();
        entry.read_to_end(&mut code).unwrap();
        assert_eq!(code, b"code");
    }
}
