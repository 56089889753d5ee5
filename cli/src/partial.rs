//! An output file that can be continued after an interruption.
//!
//! Bytes are written to `FILE.part`. `FILE.part.tag` identifies the file, its version and the range. When all bytes are
//! written, `FILE.part` is renamed to `FILE`.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// This many bytes at the end are read again from the source and compared, even if the MD5s match: after a crash a file
/// may have other bytes than were written.
const COMPARED: u64 = 256 << 10;

/// The partial file, open and locked.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    tag_path: PathBuf,
    target: PathBuf,
    /// How many of its bytes can be kept.
    pub(crate) len: u64,
}

impl Partial {
    /// Opens the partial file of `target`. If its tag is another one, or `tag` is `None`, its bytes are dropped.
    pub(crate) fn open(target: &Path, tag: Option<&str>, max: u64) -> io::Result<Self> {
        let beside = |suffix: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (path, tag_path) = (beside(".part"), beside(".part.tag"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file =
            file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process is writing this file"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let known = fs::read_to_string(&tag_path).ok();
        let is_same = tag.is_some() && known.as_deref() == tag;
        let len = if is_same { file.metadata()?.len() } else { 0 };
        let mut partial = Self { file, path, tag_path, target: target.to_owned(), len };
        if len > max || len == 0 {
            partial.cut(0)?;
        }
        fs::write(&partial.tag_path, tag.unwrap_or_default())?;
        Ok(partial)
    }

    /// Its last bytes.
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
        self.file.seek(SeekFrom::Start(len))?;
        Ok(())
    }

    /// What is written is appended to it.
    pub(crate) fn writer(&mut self) -> &mut impl Write {
        &mut self.file
    }

    /// Renames it to its target: all bytes are written.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        fs::remove_file(&self.tag_path)
    }
}
