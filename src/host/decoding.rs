//! The parameters of decoding a chunk, and its errors.

use crate::{error::Cause, model::chunk::CipherKey};

/// How to decode the stored bytes of a chunk: decrypt, then inflate, then check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeParams {
    /// The key of AES-256-GCM, if the chunk is encrypted.
    pub key: Option<CipherKey>,
    /// Whether the chunk is compressed.
    pub gzip: bool,
    /// The number of decoded bytes to return, from the first one. The rest is decoded too, to verify that the
    /// chunk is complete, and is dropped.
    pub output_len: u64,
    /// The limit on the decoded length. A longer result is an error.
    pub max_output: u64,
    /// The MD5 that all decoded bytes must have, those beyond `output_len` included.
    pub md5: Option<[u8; 16]>,
}

/// Why stored bytes cannot be decoded. The message describes one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The authentication tag does not match: another key, or other bytes.
    #[error(
        "decryption failed: the authentication tag does not match, so the key is wrong or the stored bytes were changed"
    )]
    Tag,
    /// There are fewer bytes than a nonce and a tag.
    #[error("decryption failed: the stored bytes are shorter than a nonce and a tag")]
    Truncated,
    /// The bytes are not gzip, are truncated, or have a wrong check value.
    #[error("inflating failed: the bytes are not gzip, or are truncated or damaged")]
    Gzip,
    /// The decoded length exceeds [`DecodeParams::max_output`], or the gzip has too many members.
    #[error(
        "inflating failed: the result is far longer than the chunk's size, or of more than 65536 members"
    )]
    TooLong,
    /// The decoded bytes do not have the MD5 of [`DecodeParams::md5`].
    #[error("its MD5 is not the one in the metadata")]
    Md5,
    /// The host has no decoder: what it needs for that cannot be had.
    #[error(transparent)]
    Unavailable(#[from] PrepareError),
    /// The decoder stopped, and the stored bytes are lost: they must be fetched again. Neither the bytes nor
    /// the server are to blame.
    #[error("the decoder stopped before the chunk was decoded")]
    Interrupted,
}

/// The host cannot decode or digest: what it needs for that cannot be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the codec, which decrypts, inflates and digests, cannot be loaded")]
pub struct PrepareError {
    /// The exception of the platform.
    pub cause: Option<Cause>,
}
