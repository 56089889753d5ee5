//! Entity tags that are derived from digests and from lists of chunks.
//!
//! A file needs a strong entity tag, so that a client can resume a download. If the metadata has none, it is
//! derived: from the digests of the chunks as the filer does it, or from the list of chunks.

use md5::{Digest, Md5};

use crate::{
    http::hex,
    model::chunk::{Chunk, Source},
};

/// The suffix of a tag that is derived from a list of chunks. The tags that the filer composes end in a
/// number.
const LIST_SUFFIX: &str = "-chunks";

/// The quoted tag of a digest. `suffix` shows what was digested.
pub(crate) fn of_digest(digest: &[u8], suffix: &str) -> String {
    let mut tag = String::from("\"");
    tag.extend(digest.iter().flat_map(|byte| hex::lower(*byte)));
    tag.push_str(suffix);
    tag.push('"');
    tag
}

/// The tag that the filer composes for several chunks: the digest of their digests, and their number.
pub(crate) fn of_digests(digests: &[&[u8; 16]]) -> String {
    let mut all = Md5::new();
    for digest in digests {
        all.update(digest);
    }
    of_digest(&all.finalize(), &format!("-{}", digests.len()))
}

/// The digest of a list of chunks. It changes with every source, position, size, version and inline byte.
/// Keys are not digested.
pub(crate) struct ListDigest(Md5);

impl ListDigest {
    pub(crate) fn new(size: u64) -> Self {
        Self(Md5::new()).number(size)
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Digests the length before the bytes, so that two lists with other boundaries have different digests.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut digest = self.number(bytes.len() as u64);
        digest.0.update(bytes);
        digest
    }

    pub(crate) fn chunk(self, chunk: &Chunk) -> Self {
        let mut digest = match &chunk.source {
            Source::FileId(id) => self.number(0).bytes(id.as_bytes()),
            Source::Inline(content) => self.number(1).bytes(content),
            Source::Urls(urls) => {
                let digest = self.number(2).number(urls.len() as u64);
                urls.iter().fold(digest, |digest, url| digest.bytes(url.as_bytes()))
            }
            Source::Filer(url) => self.number(3).bytes(url.as_bytes()),
        };
        let stored = chunk.stored.clone().unwrap_or(0..u64::MAX);
        for number in [chunk.offset, chunk.size, chunk.modified.cast_unsigned(), stored.start, stored.end] {
            digest = digest.number(number);
        }
        digest.bytes(chunk.md5.as_ref().map_or(&[], |md5| md5))
    }

    pub(crate) fn finish(self) -> String {
        of_digest(&self.0.finalize(), LIST_SUFFIX)
    }
}
