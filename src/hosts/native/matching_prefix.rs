//! Compares a local copy with the digests of a file, so that a copy that was cut off can be continued.

use std::io::{self, Read};

use kelp_stream_codec::md5::Md5;

use super::file::File;
use crate::{
    model::chunk::Chunk,
    schedule::plan::{Step, View},
};

impl File {
    /// How many bytes of a copy may be kept. The copy begins at position `start` of the file.
    ///
    /// Each chunk whose MD5 is known is compared, and the count stops where the first one differs, or at the end of
    /// the copy or of the file. Sends no request. Bytes without a known MD5 count as equal, and so does the part of a
    /// chunk at the end of the copy. A chunk of which the file uses only the beginning counts as different, because
    /// its MD5 is that of all its bytes.
    ///
    /// # Errors
    ///
    /// Those of reading the copy.
    pub fn matching_prefix(&self, start: u64, mut copy: impl Read) -> io::Result<u64> {
        let plan = self.0.plan(start..u64::MAX);
        let mut matching = 0;
        for step in plan.steps() {
            let (len, md5) = match step {
                Step::View(view) => (view.len(), digest_of(view, plan.chunk(view))),
                Step::Gap(range) | Step::Unread(range) => (range.end - range.start, None),
            };
            let mut digest = Md5::new();
            let len_read = feed(&mut digest, &mut copy.by_ref().take(len))?;
            if len_read < len {
                return Ok(matching + len_read);
            }
            if md5.is_some_and(|md5| digest.finalize() != md5) {
                return Ok(matching);
            }
            matching += len;
        }
        Ok(matching)
    }
}

/// The MD5 of a view's bytes, if it is known: the view must be the whole chunk, and the digest not one of bytes that
/// are encrypted with a key stream.
fn digest_of(view: &View, chunk: &Chunk) -> Option<[u8; 16]> {
    chunk.md5.filter(|_| view.is_whole(chunk) && chunk.ctr.is_none())
}

/// Feeds all bytes of a source to the digest; returns how many.
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
