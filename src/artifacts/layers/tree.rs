//! Zips a directory reproducibly: the same packages give the same bytes, on every machine.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use pipeline_core::code::Artifact;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::BuildError;

/// Lambda's limit for a function's code and all its layers, unzipped, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_UNZIPPED: u64 = 250 * 1024 * 1024;

/// The only compression level with the same output on every processor.
const LEVEL: i64 = 9;

/// Files that describe the installer or this machine.
const OF_THE_INSTALLER: [&str; 5] = ["INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"];

/// Zips all files below a directory.
pub(super) fn pack(directory: &Path, zip: &Path) -> Result<(), BuildError> {
    let mut files = Vec::new();
    collect(directory, &mut files).map_err(BuildError::disk(directory))?;
    files.sort();
    check(files.iter().map(|file| file.size).sum())?;
    let output = File::create(zip).map_err(BuildError::disk(zip))?;
    let mut writer = ZipWriter::new(BufWriter::new(output));
    for file in &files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(if file.executable { 0o755 } else { 0o644 });
        let name = file.path.strip_prefix(directory).unwrap_or(&file.path);
        writer.start_file(name.to_string_lossy(), options)?;
        let mut content = File::open(&file.path).map_err(BuildError::disk(&file.path))?;
        io::copy(&mut content, &mut writer).map_err(BuildError::disk(zip))?;
    }
    writer.finish()?.into_inner().map_err(|error| BuildError::disk(zip)(error.into_error()))?;
    Ok(())
}

const fn check(unzipped: u64) -> Result<(), BuildError> {
    if unzipped > MAX_UNZIPPED { Err(BuildError::TooLarge { unzipped }) } else { Ok(()) }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    path: PathBuf,
    executable: bool,
    size: u64,
}

/// Collects the files of a directory, except those that depend on the machine: the installer's notes and lock, byte
/// code, and scripts, whose first line names this machine's Python. Links are left out: they could lead anywhere.
fn collect(directory: &Path, files: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, kind, name) = (entry.path(), entry.file_type()?, entry.file_name());
        let name = name.to_string_lossy();
        let of_the_installer = if kind.is_dir() {
            name == "__pycache__" || (name == "bin" && directory.ends_with("python"))
        } else {
            let is_info = directory.extension().is_some_and(|extension| extension == "dist-info");
            name == ".lock" || (is_info && OF_THE_INSTALLER.contains(&name.as_ref()))
        };
        if of_the_installer {
            continue;
        }
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() {
            let metadata = entry.metadata()?;
            files.push(Entry { path, executable: metadata.permissions().mode() & 0o100 != 0, size: metadata.len() });
        }
    }
    Ok(())
}

/// A zip with its size and its hash.
pub(super) fn artifact(path: &Path) -> io::Result<Artifact> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(Artifact { path: path.to_owned(), size, sha256: BASE64.encode(&hash.finalize()) }),
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new directory for one test.
    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("layers-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn write(root: &Path, path: &str, content: &str, mode: u32) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_same_packages_give_the_same_bytes_and_nothing_of_this_machine() {
        let root = directory("same");
        let zips = ["one", "two"].map(|name| {
            let tree = root.join(name);
            let (pip, mode) = if name == "one" { ("uv", 0o644) } else { ("pip", 0o664) };
            write(&tree, "python/a-1.dist-info/INSTALLER", pip, mode);
            write(&tree, "python/a-1.dist-info/METADATA", "Name: a", mode);
            write(&tree, "python/a/__init__.py", "A = 1", mode);
            write(&tree, "python/a/native.so", "elf", 0o755);
            write(&tree, "python/a/__pycache__/a.pyc", name, mode);
            write(&tree, "python/bin/a", &format!("#!/{name}/python"), 0o755);
            write(&tree, "python/.lock", "", mode);
            std::os::unix::fs::symlink("/etc/passwd", tree.join("python/a/link")).unwrap();
            let zip = root.join(format!("{name}.zip"));
            pack(&tree, &zip).unwrap();
            zip
        });
        assert_eq!(fs::read(&zips[0]).unwrap(), fs::read(&zips[1]).unwrap());
        let mut archive = zip::ZipArchive::new(File::open(&zips[0]).unwrap()).unwrap();
        let entries: Vec<(String, Option<u32>)> = (0..archive.len())
            .map(|index| {
                let entry = archive.by_index(index).unwrap();
                (entry.name().unwrap().to_string(), entry.unix_mode().map(|mode| mode & 0o777))
            })
            .collect();
        fs::remove_dir_all(&root).unwrap();
        let expected =
            [("python/a/__init__.py", 0o644), ("python/a/native.so", 0o755), ("python/a-1.dist-info/METADATA", 0o644)];
        assert_eq!(entries, expected.map(|(name, mode)| (name.to_owned(), Some(mode))));
    }

    #[test]
    fn what_lambda_would_not_take_is_told_with_its_size() {
        let error = check(MAX_UNZIPPED + 1).unwrap_err();
        assert_eq!(error.to_string(), "it has 262144001 bytes unzipped, and Lambda takes 262144000");
        assert!(check(MAX_UNZIPPED).is_ok());
    }
}
