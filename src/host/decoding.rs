//! How a chunk is decoded, and how that fails.

use crate::model::chunk::CipherKey;

/// How to decode a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeParams {
    /// Decrypt with AES-256-GCM first.
    pub key: Option<CipherKey>,
    /// Then inflate.
    pub gzip: bool,
    /// How many decoded bytes are wanted, from the first; what follows is decoded, to prove that
    /// the chunk is whole, and dropped.
    pub output_len: u64,
    /// More decoded bytes than this are refused.
    pub max_output: u64,
}

/// Stored bytes that do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The authentication tag does not fit: another key, or other bytes.
    #[error("its authentication tag does not fit")]
    Tag,
    /// Fewer bytes than a nonce and a tag.
    #[error("it is too short to be encrypted")]
    Truncated,
    /// Not gzip, or gzip that breaks off, or whose check value is wrong.
    #[error("it is not whole gzip")]
    Gzip,
    /// It inflates to more than is accepted.
    #[error("it inflates beyond what is accepted")]
    TooLong,
}
