//! Whether bytes that somebody kept are those of a file, as far as its metadata can tell.

use std::io::{self, Read};

use md5::{Digest, Md5};

use super::file::File;
use crate::{
    model::chunk::Chunk,
    schedule::plan::{Step, View},
};

impl File {
    /// How many bytes of a copy, which begins at position `start` of the file, may be right: it ends where a
    /// chunk begins whose MD5 is another, at the end of the copy, or at that of the file. Nothing is
    /// fetched: bytes of which no digest is known, and those of a chunk that the copy breaks off in, are
    /// taken as they are. A chunk that was cut short has the MD5 of more than the file uses, and counts as
    /// another.
    ///
    /// # Errors
    ///
    /// Those of the copy.
    pub fn matching_prefix(&self, start: u64, mut copy: impl Read) -> io::Result<u64> {
        let plan = self.0.plan(start..u64::MAX);
        let mut agreed = 0;
        for step in plan.steps() {
            let (len, md5) = match step {
                Step::View(view) => (view.len(), digest_of(view, plan.chunk(view))),
                Step::Gap(range) | Step::Unread(range) => (range.end - range.start, None),
            };
            let mut digest = Md5::new();
            let there = feed(&mut digest, &mut copy.by_ref().take(len))?;
            if there < len {
                return Ok(agreed + there);
            }
            if md5.is_some_and(|md5| digest.finalize()[..] != md5) {
                return Ok(agreed);
            }
            agreed += len;
        }
        Ok(agreed)
    }
}

/// The digest of the bytes of a view, if it is one of them: not of the chunk's other bytes too, nor of what
/// lies under a key stream.
fn digest_of(view: &View, chunk: &Chunk) -> Option<[u8; 16]> {
    chunk.md5.filter(|_| view.is_whole(chunk) && chunk.ctr.is_none())
}

fn feed(digest: &mut Md5, from: &mut impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut len = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(len),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(buffer.get(..count).unwrap_or_default());
        len += count as u64;
    }
}
