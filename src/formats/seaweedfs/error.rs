//! Why an entry or a chunk manifest cannot be read, and the limits of both formats.
//!
//! Both formats come from outside and may be damaged or hostile. An error names the field that is wrong and
//! never quotes its value, because the value may be a key.

use super::sse_kind::SseKind;
use crate::{
    error::{Error, Kind},
    model::chunk::MAX_FILE_BYTES,
};

/// The longest JSON text of an entry, in bytes. The filer moves every 10 000 chunks into a chunk manifest, so
/// a real entry has a few megabytes at most.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// The longest list of chunks: more than fit into [`MAX_TEXT_BYTES`] with every field that the filer writes.
pub const MAX_CHUNKS: usize = 1 << 20;

/// The largest number of extended attributes. S3 metadata and xattrs are dozens at most.
pub const MAX_EXTENDED: usize = 4096;

/// Why an entry or a chunk manifest cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The text is longer than [`MAX_TEXT_BYTES`].
    #[error("the filer's entry is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("the file is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// The text is not exactly one JSON value. A byte order mark is not JSON.
    #[error("the filer's entry is not valid JSON at line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A field has a wrong value.
    #[error("invalid SeaweedFS metadata: {field} {reason}")]
    Field {
        /// Its path, for example `chunks[3].size`.
        field: String,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The content of a chunk manifest is not a protobuf message.
    #[error("the chunk manifest is not a FileChunkManifest message")]
    ManifestMalformed,
    /// A chunk manifest lists no chunks.
    #[error("the chunk manifest lists no chunks")]
    ManifestEmpty,
    /// The chunks of a chunk manifest do not cover its span, for example because the list was cut short.
    #[error("the chunks of the chunk manifest do not cover its span")]
    ManifestShort,
    /// The file is understood, but it cannot be read.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A key is not the key of the object, or the stored parameters were changed.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It does not exist.
    #[error("is missing")]
    Missing,
    /// It has another type or another form.
    #[error("is not {0}")]
    Not(&'static str),
    /// It is below zero.
    #[error("is negative")]
    Negative,
    /// It has more than [`MAX_CHUNKS`] or [`MAX_EXTENDED`] elements.
    #[error("has more elements than are allowed")]
    TooMany,
    /// Its offset plus its size exceeds 2^63 - 1.
    #[error("ends beyond position 2^63 - 1")]
    Overflow,
}

/// A file that is understood but cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A directory.
    #[error("the path is a directory, which has no content")]
    Directory,
    /// A symbolic link; the filer does not follow it either.
    #[error("the path is a symbolic link, which the filer does not follow")]
    Symlink,
    /// Its bytes are in a remote storage only.
    #[error("the file is in a remote storage only: open it by the URL of its filer")]
    Remote,
    /// S3 encryption, and no key for it.
    #[error("the object is encrypted with {}", .0.requirement())]
    Sse(SseKind),
}

/// Why a key does not open an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongKey {
    /// The MD5 of the customer's key differs from the stored one.
    #[error("sse.customerKey is not the key that the object was encrypted with")]
    Customer,
    /// The data key cannot be decrypted: another key-encryption key, or a changed data key.
    #[error("sse.kek does not decrypt the object's data key")]
    Kek,
    /// The data key can be decrypted, but it was made for another initialisation vector.
    #[error("the key commitment of the object does not match its data key and initialisation vector")]
    Commitment,
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        let kind = match error {
            EntryError::TooLong
            | EntryError::TooLarge
            | EntryError::Field { reason: Reason::TooMany, .. } => Kind::Limit,
            EntryError::Syntax { .. }
            | EntryError::Field { .. }
            | EntryError::ManifestMalformed
            | EntryError::ManifestEmpty
            | EntryError::ManifestShort => Kind::Manifest,
            EntryError::Unsupported(_) => Kind::Unsupported,
            EntryError::WrongKey(_) => Kind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}
