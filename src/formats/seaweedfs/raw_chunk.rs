//! A chunk of which not all fields have been read, whatever they are written in.

use std::sync::Arc;

use base64ct::{Base64, Encoding};

use super::{
    entry::{EntryChunk, Reason, Sse, SseKind},
    file_id,
};
use crate::model::chunk::{Chunk, CipherKey, Compression, Source};

/// The fields of a `FileChunk` (`seaweedfs-read-path.md`, 2) as far as they are known.
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
    /// An empty text is none.
    pub(super) fn set_file_id(&mut self, text: &str) -> Result<(), Reason> {
        if !text.is_empty() && !file_id::is_file_id(text) {
            return Err(Reason::Not("a file id"));
        }
        self.file_id = Some(text).filter(|text| !text.is_empty()).map(Arc::from);
        Ok(())
    }

    /// No bytes are no key.
    pub(super) fn set_key(&mut self, key: &[u8]) -> Result<(), Reason> {
        self.key = CipherKey::new(key);
        if self.key.is_none() && !key.is_empty() {
            return Err(Reason::Not("a key of 32 bytes"));
        }
        Ok(())
    }

    /// Old writers put other things than an MD5 here; the filer takes them for none.
    pub(super) fn set_e_tag(&mut self, text: &str) {
        self.md5 = Base64::decode_vec(text).ok().and_then(|md5| md5.try_into().ok());
    }

    /// All fields have been read.
    pub(super) fn finish(self) -> Result<EntryChunk, Reason> {
        let id = match (self.file_id, self.fid) {
            (Some(id), _) => id,
            (None, Some((volume, key, cookie))) => {
                file_id::text(volume, key, cookie).ok_or(Reason::Not("a chunk with a file id"))?.into()
            }
            (None, None) => return Err(Reason::Not("a chunk with a file id")),
        };
        // Positions are 64 bits with a sign in SeaweedFS.
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
        let kind = match self.sse_type {
            0 => None,
            1 => Some(SseKind::C),
            2 => Some(SseKind::Kms),
            3 => Some(SseKind::S3),
            _ => Some(SseKind::Unknown),
        };
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
