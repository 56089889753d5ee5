//! A file that is being written, and goes on where it broke off.
//!
//! Bytes go to `FILE.part`; `FILE.part.tag` says of which version of what they are. Only when all is
//! there it becomes `FILE`.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// So much of what is there is read again and compared, whatever the metadata can tell of it: what a crash
/// left behind need not be what was written.
const COMPARED: u64 = 256 << 10;

/// The partial file, open and ours alone.
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    tag_path: PathBuf,
    target: PathBuf,
    /// How many bytes of it may be right.
    pub(crate) len: u64,
}

impl Partial {
    /// Opens what is there of `target`. What is not of this version is thrown away; `None`: nothing tells
    /// the version, so nothing that is there can be continued.
    pub(crate) fn open(target: &Path, tag: Option<&str>, most: u64) -> io::Result<Self> {
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
                return Err(io::Error::other("another process writes the same file"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let known = fs::read_to_string(&tag_path).ok();
        let is_same = tag.is_some() && known.as_deref() == tag;
        let len = if is_same { file.metadata()?.len() } else { 0 };
        let mut partial = Self { file, path, tag_path, target: target.to_owned(), len };
        if len > most || len == 0 {
            partial.cut(0)?;
        }
        fs::write(&partial.tag_path, tag.unwrap_or_default())?;
        Ok(partial)
    }

    /// The last bytes of what is there.
    pub(crate) fn tail(&mut self) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(self.len.saturating_sub(COMPARED)))?;
        self.file.read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// What is there, from its beginning.
    pub(crate) fn copy(&mut self) -> io::Result<impl Read> {
        self.file.rewind()?;
        Ok((&self.file).take(self.len))
    }

    /// Throws away what is there beyond so many bytes; what is written next follows them.
    pub(crate) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        self.file.set_len(len)?;
        self.file.seek(SeekFrom::Start(len))?;
        Ok(())
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// All is there.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        fs::remove_file(&self.tag_path)
    }
}
