//! A chunk: one stored blob, or a part of one, that holds some bytes of a file.
//!
//! A chunk may have been compressed, then encrypted, then stored. Its `size` counts the bytes of the file;
//! what is stored may be shorter (compressed) or longer (encrypted, or left over by a truncation). Chunks may
//! overlap: at each position of the file the newest one counts.

use std::{fmt, ops::Range, sync::Arc};

use crate::http::url::without_query;

/// A stored blob, or a part of one, that holds some bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where the stored bytes are.
    pub source: Source,
    /// Position in the file of its first byte.
    pub offset: u64,
    /// The number of bytes of the file that it holds: its first `size` decoded bytes. After a truncation more
    /// may be stored.
    pub size: u64,
    /// Its version. Where chunks overlap, the greatest wins. (SeaweedFS: nanoseconds since 1970.)
    pub modified: i64,
    /// MD5 of the whole decoded chunk.
    pub md5: Option<[u8; 16]>,
    /// AES-256-GCM key. The stored form is `nonce (12) || ciphertext || tag (16)`.
    pub key: Option<CipherKey>,
    /// How its bytes were compressed, before they were encrypted and stored.
    pub compression: Compression,
    /// The key stream over its decoded bytes. The digest is of the bytes under the key stream.
    pub ctr: Option<Arc<Ctr>>,
    /// The range of the stored blob, if several chunks share one blob.
    pub stored: Option<Range<u64>>,
    /// Whether it is a chunk manifest: its content is a list of chunks. `offset` and `size` are the span of
    /// these chunks. They have versions and digests of their own; `modified` and `md5` do not apply to them.
    pub is_manifest: bool,
}

impl Chunk {
    /// A chunk at the start of the file whose bytes are already in memory.
    #[must_use]
    pub fn inline(content: Arc<[u8]>) -> Self {
        let size = content.len() as u64;
        Self::plain(Source::Inline(content), 0, size)
    }

    /// Whether it can be decoded only as a whole, in memory.
    #[must_use]
    pub fn is_decoded_whole(&self) -> bool {
        self.key.is_some() || self.compression == Compression::Gzip
    }

    /// A chunk that is neither compressed nor encrypted, without a digest.
    #[must_use]
    pub fn plain(source: Source, offset: u64, size: u64) -> Self {
        Self {
            source,
            offset,
            size,
            modified: 0,
            md5: None,
            key: None,
            compression: Compression::None,
            ctr: None,
            stored: None,
            is_manifest: false,
        }
    }

    /// The position in the file after its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }
}

/// Where the stored bytes of a chunk are. `Debug` prints its `name`, because the queries of URLs may contain
/// secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A SeaweedFS file id (`3,01637037d6`); a locator finds its replicas.
    FileId(Arc<str>),
    /// The bytes themselves: they came with the metadata.
    Inline(Arc<[u8]>),
    /// Absolute URLs, one for each replica.
    Urls(Arc<[String]>),
    /// The URL at which a filer serves a whole file.
    Filer(Arc<str>),
}

impl Source {
    /// A name that is safe to show: a file id, or a URL without query.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::FileId(id) => id,
            Self::Inline(_) => "inline",
            Self::Filer(url) => without_query(url),
            Self::Urls(urls) => urls.first().map_or("", |url| without_query(url)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

/// How the bytes of a chunk were compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all. A `Content-Encoding` of the response is removed by the platform.
    #[default]
    None,
    /// gzip that the core inflates, unless the platform has removed it as a `Content-Encoding`.
    Gzip,
    /// gzip that the server inflates or labels itself (SeaweedFS: `is_compressed` without a cipher). The core
    /// does not inflate it, and does not request ranges of it, because a server may apply a range to the
    /// compressed bytes.
    ByServer,
}

/// The difference in length between a chunk under AES-256-GCM and its plaintext, in bytes: nonce and tag.
pub const GCM_OVERHEAD: u64 = 12 + 16;

/// An AES-256 key of 32 bytes. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct CipherKey([u8; 32]);

impl CipherKey {
    /// A key of exactly 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes of the key.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CipherKey(..)")
    }
}

/// An AES-256-CTR key stream, and the position in it at which a chunk begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctr {
    key: CipherKey,
    /// The initialisation vector of the block in which the chunk begins.
    iv: [u8; 16],
    /// The number of bytes of that block before the chunk.
    skip: u8,
}

impl Ctr {
    /// The key stream of a chunk that begins at `offset` of the stream with this key and vector.
    ///
    /// SeaweedFS adds the number of blocks before the chunk to the low 64 bits of the vector and loses the
    /// carry (`calculateIVWithOffset`). Inside a chunk the counter carries through all 128 bits, as in Go.
    #[must_use]
    pub fn new(key: CipherKey, iv: [u8; 16], offset: u64) -> Self {
        let iv = u128::from_be_bytes(iv);
        let low = (iv as u64).wrapping_add(offset / 16);
        let iv = iv >> 64 << 64 | u128::from(low);
        Self { key, iv: iv.to_be_bytes(), skip: (offset % 16) as u8 }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &CipherKey {
        &self.key
    }

    /// The initialisation vector of the block in which the chunk begins.
    #[must_use]
    pub fn iv(&self) -> &[u8; 16] {
        &self.iv
    }

    /// The number of bytes of that block before the chunk.
    #[must_use]
    pub fn skip(&self) -> u8 {
        self.skip
    }
}

/// The size of the largest file, in bytes: JavaScript's numbers are exact up to 2^53 - 1.
pub const MAX_FILE_BYTES: u64 = (1 << 53) - 1;
