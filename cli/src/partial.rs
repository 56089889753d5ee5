//! An output file that can be continued after an interruption.
//!
//! Bytes are written to `FILE.part`, which only this user can read. `FILE.part.tag` identifies the file, its version and the
//! range, and has digests of what was written ([`Checkpoints`]). When all bytes are written, `FILE.part` gets the permissions
//! of `FILE` and is renamed to it.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{checkpoints::Checkpoints, private_file};

/// This many bytes at the end are read again from the source and compared, even if the MD5s match: after a crash a file
/// may have other bytes than were written.
const COMPARED: u64 = 256 << 10;

/// Bytes of a name in the file systems of Linux, macOS and Windows, at least.
const LONGEST_NAME: usize = 255;

/// The partial file, open and locked.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    tag_path: PathBuf,
    target: PathBuf,
    checkpoints: Checkpoints,
    /// How many of its bytes can be kept.
    pub(crate) len: u64,
}

impl Partial {
    /// Opens the partial file of `target`. Kept are the bytes that its tag vouches for, if that is of the same source:
    /// `tag` identifies it. Without one nothing is kept.
    ///
    /// # Errors
    ///
    /// Those of the file system; another process that writes the file; and a partial file that is another user's, a link, or
    /// has another name.
    pub(crate) fn open(target: &Path, tag: Option<&str>, max: u64) -> io::Result<Self> {
        let (path, tag_path) = (beside(target, ".part"), beside(target, ".part.tag"));
        let mut file = private_file::open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process is writing this file"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (checkpoints, len) = Checkpoints::open(&tag_path, tag, &mut file, max)?;
        let mut partial = Self { file, path, tag_path, target: target.to_owned(), checkpoints, len };
        if len == 0 {
            partial.cut(0)?;
        }
        Ok(partial)
    }

    /// Its last bytes. It must have been cut before.
    pub(crate) fn tail(&mut self) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(self.len.saturating_sub(COMPARED)))?;
        self.file.read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// Its bytes from the beginning.
    pub(crate) fn copy(&mut self) -> io::Result<impl Read> {
        self.file.rewind()?;
        Ok((&self.file).take(self.len))
    }

    /// Cuts it to this length; the next write appends to it.
    pub(crate) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        self.file.set_len(len)?;
        self.checkpoints.cut(&mut self.file, len)?;
        self.file.seek(SeekFrom::Start(len))?;
        Ok(())
    }

    /// What is written is appended to it, and has to be counted with [`wrote`](Self::wrote).
    pub(crate) fn writer(&mut self) -> &mut impl Write {
        &mut self.file
    }

    /// Counts what was written.
    pub(crate) fn wrote(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        pieces.iter().try_for_each(|piece| self.checkpoints.add(piece))
    }

    /// Counts everything that was written, so that all of it can be kept.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        self.checkpoints.write_line()
    }

    /// Renames it to its target: all bytes are written.
    pub(crate) fn finish(self) -> io::Result<()> {
        private_file::publish(&self.file, &self.target)?;
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        fs::remove_file(&self.tag_path)
    }
}

/// The path of a file beside another one. Instead of a name that would be too long it has a digest of it.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default();
    let mut beside = OsString::new();
    if name.len() + suffix.len() <= LONGEST_NAME {
        beside.push(name);
    } else {
        let mut short = String::from(".kelp-");
        for byte in Sha256::digest(name.as_encoded_bytes()).iter().take(8) {
            let _ = write!(short, "{byte:02x}");
        }
        beside.push(short);
    }
    beside.push(suffix);
    target.with_file_name(beside)
}
