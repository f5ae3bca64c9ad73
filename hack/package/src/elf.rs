//! Whether an executable runs on Amazon Linux 2023.

use std::fmt;
use std::str::FromStr;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;

/// Version of the C library on Amazon Linux 2023.
/// <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
const NEWEST: Glibc = Glibc { major: 2, minor: 34 };

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    major: u32,
    minor: u32,
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Glibc {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut number = || parts.next().unwrap_or("0").parse();
        Ok(Self { major: number()?, minor: number()? })
    }
}

/// Why it doesn't run there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it is not a readable 64-bit ELF file")]
    Elf(#[from] object::read::Error),
    #[error("it needs glibc {needed}, and Amazon Linux 2023 has {NEWEST}: build it on a system that has no newer one")]
    TooNew { needed: Glibc },
}

/// Refuses an executable that needs a newer C library than Amazon Linux 2023 has.
pub(crate) fn check(code: &[u8]) -> Result<(), Error> {
    match needed(code)? {
        Some(needed) if needed > NEWEST => Err(Error::TooNew { needed }),
        Some(_) | None => Ok(()),
    }
}

/// The newest version that one of the executable's symbols asks for.
fn needed(code: &[u8]) -> Result<Option<Glibc>, object::read::Error> {
    let header = FileHeader64::<Endianness>::parse(code)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, code)?;
    let Some((libraries, strings)) = sections.gnu_verneed(endian, code)? else {
        return Ok(None);
    };
    let strings = sections.strings(endian, code, strings)?;
    let mut newest = None;
    for library in libraries {
        let (_, versions) = library?;
        for version in versions {
            newest = newest.max(glibc(version?.name(endian, strings)?));
        }
    }
    Ok(newest)
}

/// The version in a symbol version's name, such as `GLIBC_2.34`; none in `GCC_3.0` or `GLIBC_PRIVATE`.
fn glibc(name: &[u8]) -> Option<Glibc> {
    str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text: &str| glibc(text.as_bytes()).unwrap();
        assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
        assert!(version("GLIBC_2.2.5") < version("GLIBC_2.17"));
        assert_eq!(version("GLIBC_2.34"), NEWEST);
        assert_eq!(glibc(b"GCC_3.0"), None);
        assert_eq!(glibc(b"GLIBC_PRIVATE"), None);
    }

    #[test]
    fn what_a_linked_program_needs_is_found() {
        let itself = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needed = needed(&itself).unwrap().expect("a Rust program uses the C library");
        assert!(needed >= Glibc { major: 2, minor: 2 }, "{needed}");
    }

    #[test]
    fn a_newer_need_is_refused_by_name() {
        let itself = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let newer = raise_needs(itself);
        assert_eq!(
            check(&newer).unwrap_err().to_string(),
            "it needs glibc 9.99, and Amazon Linux 2023 has 2.34: build it on a system that has no newer one"
        );
    }

    /// Renames each `GLIBC_2.xx` of the file to a version that doesn't exist yet.
    fn raise_needs(mut code: Vec<u8>) -> Vec<u8> {
        const PREFIX: &[u8] = b"GLIBC_2.";
        for at in 0..code.len().saturating_sub(PREFIX.len() + 3) {
            if code[at..].starts_with(PREFIX)
                && code[at + 8..at + 10].iter().all(u8::is_ascii_digit)
                && code[at + 10] == 0
            {
                code[at + 6..at + 10].copy_from_slice(b"9.99");
            }
        }
        code
    }

    #[test]
    fn what_is_no_executable_is_refused() {
        assert!(matches!(check(b"#!/bin/sh"), Err(Error::Elf(_))));
    }
}
