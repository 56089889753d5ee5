//! Which prefixes of a partial file are what was written: lengths with their SHA-256, in `FILE.part.tag`.
//!
//! The tag begins with a text that identifies the source. A line for each checkpoint follows. The last line moves on with the
//! file and is overwritten in place; about two hundred others stay, so that damage costs only what follows it.
//!
//! The lines are written after the bytes, and neither is synced. After a crash the digests say which bytes are there.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use crate::private_file;

/// Checkpoints that stay are this many bytes apart, or farther in a long file.
const LEAST_APART: u64 = 64 << 10;
const MOST_LINES: u64 = 200;

/// How often the last line is written.
const EVERY: Duration = Duration::from_millis(100);

/// A tag that is longer is not ours.
const LONGEST: u64 = 1 << 20;

/// The checkpoints of a file that is written.
pub(crate) struct Checkpoints {
    tag: File,
    head: String,
    digest: Sha256,
    len: u64,
    apart: u64,
    /// Where the last line begins in the tag, and the length of its predecessor.
    line_at: u64,
    kept: u64,
    written: Instant,
}

impl Checkpoints {
    /// Opens the tag of a file of at most `total` bytes, and returns how many bytes of `part` it vouches for. `head`: the
    /// text that identifies the source; `None`: it has none, and nothing is vouched for.
    pub(crate) fn open(
        path: &Path,
        head: Option<&str>,
        part: &mut File,
        total: u64,
    ) -> io::Result<(Self, u64)> {
        let tag = private_file::open(path)?;
        let mut known = String::new();
        if tag.metadata()?.len() <= LONGEST && (&tag).take(LONGEST).read_to_string(&mut known).is_err() {
            known.clear();
        }
        let lines = head.and_then(|head| known.strip_prefix(head)).unwrap_or_default();
        let mut checkpoints = Self {
            tag,
            head: head.unwrap_or_default().to_owned(),
            digest: Sha256::new(),
            len: 0,
            apart: (total / MOST_LINES).max(LEAST_APART),
            line_at: 0,
            kept: 0,
            written: Instant::now(),
        };
        part.rewind()?;
        let proved = proved(lines, part, total)?;
        checkpoints.restart()?;
        Ok((checkpoints, proved))
    }

    /// Begins again after this many bytes of the file: what follows is dropped.
    pub(crate) fn cut(&mut self, part: &mut File, len: u64) -> io::Result<()> {
        self.restart()?;
        part.rewind()?;
        each_piece(part.take(len), |piece| self.add(piece))?;
        self.write_line()
    }

    /// Counts bytes that were written to the file.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.len += bytes.len() as u64;
        let stays = self.len - self.kept >= self.apart;
        if stays || self.written.elapsed() >= EVERY {
            self.write_line()?;
        }
        if stays {
            self.kept = self.len;
            self.line_at = self.tag.stream_position()?;
        }
        Ok(())
    }

    /// Writes the last line.
    pub(crate) fn write_line(&mut self) -> io::Result<()> {
        self.written = Instant::now();
        self.tag.seek(SeekFrom::Start(self.line_at))?;
        self.tag.write_all(line(self.len, self.digest.clone()).as_bytes())
    }

    fn restart(&mut self) -> io::Result<()> {
        (self.digest, self.len, self.kept) = (Sha256::new(), 0, 0);
        self.tag.set_len(0)?;
        self.tag.rewind()?;
        self.tag.write_all(self.head.as_bytes())?;
        self.line_at = self.head.len() as u64;
        Ok(())
    }
}

/// The same width for every length, so that a line covers the one that it replaces.
fn line(len: u64, digest: Sha256) -> String {
    let mut line = format!("{len:020} ");
    for byte in digest.finalize() {
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    line
}

/// The longest prefix of a file whose digest is in the lines. A line that does not fit ends it, since the next ones cannot.
fn proved(lines: &str, part: &mut File, total: u64) -> io::Result<u64> {
    let (mut digest, mut proved) = (Sha256::new(), 0);
    for known in lines.lines() {
        let Some(len) = known.get(..20).and_then(|len| len.parse::<u64>().ok()) else { break };
        if len <= proved || len > total {
            break;
        }
        each_piece(part.take(len - proved), |piece| {
            digest.update(piece);
            Ok(())
        })?;
        if line(len, digest.clone()).trim_end() != known {
            break;
        }
        proved = len;
    }
    Ok(proved)
}

fn each_piece(mut from: impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
