//! Where `-o` leads: what exists there decides how it is written.
//!
//! A regular file, or a name without one, is replaced when all bytes are there ([`Partial`](crate::partial::Partial)). A
//! device, a FIFO or a socket cannot be replaced: it is opened and written to. Links are followed first, so that a link stays
//! one. A folder is refused before anything is requested.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::failure::at;

/// How the output is written.
#[derive(Debug, PartialEq)]
pub(crate) enum Destination {
    /// A path whose file is replaced, or created. It is no link.
    File(PathBuf),
    /// A path that is opened and written to.
    Special(PathBuf),
}

/// The most links that are followed, as on Linux.
const MOST_LINKS: usize = 40;

impl Destination {
    /// Looks at a path.
    ///
    /// # Errors
    ///
    /// Folders, links in a circle, and paths that cannot be looked at.
    pub(crate) fn find(path: &Path) -> io::Result<Self> {
        let failed = at(path);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
            // The files of open descriptors have no other path.
            Ok(found) if !found.is_file() || path.starts_with("/dev") || path.starts_with("/proc") => {
                Ok(Self::Special(path.to_owned()))
            }
            Ok(_) => fs::canonicalize(path).map(Self::File).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                end_of_links(path).map(Self::File).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Opens what is written to as it is.
    pub(crate) fn open_special(path: &Path) -> io::Result<File> {
        File::options().write(true).open(path).map_err(at(path))
    }
}

/// The path where a link leads that leads nowhere yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.file_name().is_none() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}
