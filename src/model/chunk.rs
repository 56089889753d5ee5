//! What a stored file is made of.

use std::{fmt, ops::Range, sync::Arc};

/// A stored blob that holds some bytes of a file, perhaps compressed, perhaps encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where its stored bytes are.
    pub source: Source,
    /// Position in the file of its first byte.
    pub offset: u64,
    /// How many bytes of the file it holds: its first `size` bytes once decoded. What is
    /// stored may be longer, after a truncation.
    pub size: u64,
    /// Its version: where chunks overlap, the greatest wins (SeaweedFS: nanoseconds since 1970).
    pub modified: i64,
    /// MD5 of the whole chunk once decoded.
    pub md5: Option<[u8; 16]>,
    /// AES-256-GCM key; stored is `nonce (12) || ciphertext || tag (16)`.
    pub key: Option<CipherKey>,
    /// How its bytes were packed before they were encrypted and stored.
    pub compression: Compression,
    /// Key stream that lies over its bytes once decoded: over those that its digest is of.
    pub ctr: Option<Arc<Ctr>>,
    /// The bytes of the stored blob that are this chunk, where several share one blob.
    pub stored: Option<Range<u64>>,
    /// It is a chunk manifest: what it stores is a list of chunks, whose own versions decide what
    /// hides what. `offset` and `size` are the positions that these span, and `modified` and
    /// `md5` say nothing of them.
    pub is_manifest: bool,
}

impl Chunk {
    /// A chunk whose bytes are here already, at the start of the file.
    #[must_use]
    pub fn inline(content: Arc<[u8]>) -> Self {
        let size = content.len() as u64;
        Self::plain(Source::Inline(content), 0, size)
    }

    /// Whether its stored bytes are turned into what was written in one piece, in memory.
    #[must_use]
    pub fn is_decoded_whole(&self) -> bool {
        self.key.is_some() || self.compression == Compression::Gzip
    }

    /// A chunk that is stored as it is, and of which nothing more is known.
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

    /// Position in the file one past its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }
}

/// Where a chunk's stored bytes are to be had. Printed by its `name`: queries of URLs may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A SeaweedFS file id (`3,01637037d6`); a locator finds its replicas.
    FileId(Arc<str>),
    /// They came with the metadata.
    Inline(Arc<[u8]>),
    /// Full URLs, one a replica.
    Urls(Arc<[String]>),
    /// The URL at which a filer serves a whole file.
    Filer(Arc<str>),
}

impl Source {
    /// What may be shown of it: a file id, or a URL without query.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::FileId(id) => id,
            Self::Inline(_) => "inline",
            Self::Filer(url) => crate::http::url::without_query(url),
            Self::Urls(urls) => urls.first().map_or("", |url| crate::http::url::without_query(url)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

/// How a chunk's bytes were packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are. What an answer's `Content-Encoding` says is undone by the platform's fetch.
    #[default]
    None,
    /// gzip that is undone here, unless the platform did so already and says so.
    Gzip,
    /// gzip that servers undo or label on their own (SeaweedFS's `is_compressed` without a
    /// cipher): never inflated here, and never asked for by range, since a server may cut the
    /// packed bytes.
    ByServer,
}

/// A 32-byte AES-256 key. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CipherKey([u8; 32]);

impl CipherKey {
    /// A key of exactly 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The key itself.
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

/// An AES-256-CTR key stream, and where in it a chunk begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctr {
    key: CipherKey,
    /// The initialisation vector of the block that the chunk begins in.
    iv: [u8; 16],
    /// Bytes of that block before the chunk.
    skip: u8,
}

impl Ctr {
    /// A chunk that begins `offset` bytes into the stream of this key and vector.
    ///
    /// SeaweedFS adds the blocks before the chunk to the low half of the vector alone, so that a
    /// carry out of it is lost (`calculateIVWithOffset`); counting on inside the chunk, as Go
    /// does, carries through all 128 bits.
    #[must_use]
    pub fn new(key: CipherKey, iv: [u8; 16], offset: u64) -> Self {
        let iv = u128::from_be_bytes(iv);
        let low = (iv as u64).wrapping_add(offset / 16);
        let iv = iv >> 64 << 64 | u128::from(low);
        Self { key, iv: iv.to_be_bytes(), skip: (offset % 16) as u8 }
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &CipherKey {
        &self.key
    }

    /// The initialisation vector of the block that the chunk begins in.
    #[must_use]
    pub fn iv(&self) -> &[u8; 16] {
        &self.iv
    }

    /// Bytes of that block before the chunk.
    #[must_use]
    pub fn skip(&self) -> u8 {
        self.skip
    }
}

/// The largest file, in bytes: JavaScript counts exactly up to 2^53 - 1.
pub const MAX_FILE_BYTES: u64 = (1 << 53) - 1;
