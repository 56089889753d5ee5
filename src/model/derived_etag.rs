//! Entity tags made from digests and from lists of chunks.

use md5::{Digest, Md5};

use crate::model::chunk::{Chunk, Source};

/// What follows the digest of a tag that was derived from a list of chunks. The filer's own
/// composed tags end in a number.
const DERIVED: &str = "-chunks";

/// The tag of a digest, quoted; `suffix` tells apart what was digested.
pub(crate) fn of_digest(digest: &[u8], suffix: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied();
    let mut tag = String::from("\"");
    tag.extend(digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten());
    tag.push_str(suffix);
    tag.push('"');
    tag
}

/// The filer's tag of a file in several chunks: the digest of their digests, and their number.
pub(crate) fn of_digests(digests: &[&[u8; 16]]) -> String {
    let mut all = Md5::new();
    for digest in digests {
        all.update(digest);
    }
    of_digest(&all.finalize(), &format!("-{}", digests.len()))
}

/// A tag from a list of chunks: it changes with every id, place, size, version and inline byte.
/// Keys are not digested.
pub(crate) struct Derived(Md5);

impl Derived {
    pub(crate) fn new(size: u64) -> Self {
        Self(Md5::new()).number(size)
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Digests the length too, so that what follows cannot be taken for a part of it.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut next = self.number(bytes.len() as u64);
        next.0.update(bytes);
        next
    }

    pub(crate) fn chunk(self, chunk: &Chunk) -> Self {
        let mut next = match &chunk.source {
            Source::FileId(id) => self.number(0).bytes(id.as_bytes()),
            Source::Inline(content) => self.number(1).bytes(content),
            Source::Urls(urls) => {
                let next = self.number(2).number(urls.len() as u64);
                urls.iter().fold(next, |next, url| next.bytes(url.as_bytes()))
            }
            Source::Filer(url) => self.number(3).bytes(url.as_bytes()),
        };
        let stored = chunk.stored.clone().unwrap_or(0..u64::MAX);
        for number in [chunk.offset, chunk.size, chunk.modified.cast_unsigned(), stored.start, stored.end] {
            next = next.number(number);
        }
        next.bytes(chunk.md5.as_ref().map_or(&[], |md5| md5))
    }

    pub(crate) fn finish(self) -> String {
        of_digest(&self.0.finalize(), DERIVED)
    }
}
