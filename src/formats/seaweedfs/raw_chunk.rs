//! A chunk while its fields are being read, from JSON or from protobuf.
//!
//! [`RawChunk`] collects the fields of a `FileChunk` in any order. [`RawChunk::finish`] checks them together
//! and makes an [`EntryChunk`].

use std::sync::Arc;

use super::{error::Reason, file_id, sse_kind::SseKind};
use crate::{
    http::base64,
    model::chunk::{Chunk, CipherKey, Compression, Source},
};

/// A chunk of an entry or of a chunk manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChunk {
    /// The chunk.
    pub chunk: Chunk,
    /// The S3 encryption of its bytes. It lies below [`Chunk::key`]: it was applied first.
    pub sse: Option<Sse>,
}

/// Server-side encryption of the S3 gateway: AES-256-CTR (docs/seaweedfs-format.md, S3 encryption).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sse {
    /// Who holds the key.
    pub kind: SseKind,
    /// A JSON text with the initialisation vector and the position in the part; empty if none is stored.
    pub metadata: Box<[u8]>,
}

/// The fields of a `FileChunk` that have been read so far (docs/seaweedfs-format.md, Chunks).
#[derive(Default)]
pub(super) struct RawChunk {
    file_id: Option<Arc<str>>,
    /// Volume, key and cookie.
    pub(super) fid: Option<(u32, u64, u32)>,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) modified: i64,
    md5: Option<[u8; 16]>,
    key: Option<CipherKey>,
    pub(super) is_compressed: bool,
    pub(super) is_manifest: bool,
    pub(super) sse_type: u32,
    pub(super) sse_metadata: Vec<u8>,
}

impl RawChunk {
    /// Sets the file id; an empty text counts as absent.
    pub(super) fn set_file_id(&mut self, text: &str) -> Result<(), Reason> {
        if !text.is_empty() && !file_id::is_file_id(text) {
            return Err(Reason::Not("a file id"));
        }
        self.file_id = Some(text).filter(|text| !text.is_empty()).map(Arc::from);
        Ok(())
    }

    /// Sets the cipher key; no bytes count as no key.
    pub(super) fn set_key(&mut self, key: &[u8]) -> Result<(), Reason> {
        self.key = CipherKey::new(key);
        if self.key.is_none() && !key.is_empty() {
            return Err(Reason::Not("a key of 32 bytes"));
        }
        Ok(())
    }

    /// Sets the digest. Old writers store other things than an MD5 in `e_tag`; like the filer, this ignores
    /// them.
    pub(super) fn set_e_tag(&mut self, text: &str) {
        self.md5 = base64::decode(text).and_then(|md5| md5.try_into().ok());
    }

    /// Checks the fields once all of them have been read.
    pub(super) fn finish(self) -> Result<EntryChunk, Reason> {
        let id = match (self.file_id, self.fid) {
            (Some(id), _) => id,
            (None, Some((volume, key, cookie))) => {
                file_id::text(volume, key, cookie).ok_or(Reason::Not("a chunk with a file id"))?.into()
            }
            (None, None) => return Err(Reason::Not("a chunk with a file id")),
        };
        // Positions are signed 64-bit integers in SeaweedFS.
        if self.offset.checked_add(self.size).is_none_or(|end| end > i64::MAX.cast_unsigned()) {
            return Err(Reason::Overflow);
        }
        if self.is_manifest && self.size == 0 {
            return Err(Reason::Not("a chunk manifest that spans bytes"));
        }
        let compression = match (self.is_compressed, &self.key) {
            (false, _) => Compression::None,
            (true, Some(_)) => Compression::Gzip,
            (true, None) => Compression::ByServer,
        };
        let kind = SseKind::from_number(self.sse_type);
        Ok(EntryChunk {
            chunk: Chunk {
                source: Source::FileId(id),
                offset: self.offset,
                size: self.size,
                modified: self.modified,
                md5: self.md5,
                key: self.key,
                compression,
                ctr: None,
                stored: None,
                is_manifest: self.is_manifest,
            },
            sse: kind.map(|kind| Sse { kind, metadata: self.sse_metadata.into() }),
        })
    }
}
