//! Digests of the bytes of a chunk: which ones there are, and how a host computes them.

use std::{fmt, future::Future};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::decoding::DecodeError;

/// The algorithm of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5 (RFC 1321). SeaweedFS stores it with a chunk.
    Md5,
    /// CRC-32C (RFC 3720, appendix B.4). SeaweedFS's volume servers send it as the `ETag` of what they store.
    Crc32c,
}

/// A digest of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The 16 bytes of MD5.
    Md5([u8; 16]),
    /// The 32 bits of CRC-32C.
    Crc32c(u32),
}

impl Checksum {
    /// The algorithm that computes it.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Md5(_) => Algorithm::Md5,
            Self::Crc32c(_) => Algorithm::Crc32c,
        }
    }
}

/// A digest in progress, over the pieces `P` of one chunk in their order.
///
/// The core registers each piece before it hands the piece on, and asks for the value at the end of a body. In
/// between a host is free: it may compute at once, on another thread, or several digests together.
pub trait Digest<P>: fmt::Debug {
    /// Appends a piece. The host need not compute now, but has to before the bytes of the piece can change or
    /// leave to the reader. It may mark the piece for that.
    fn update(&mut self, piece: &mut P);

    /// The digest of all pieces so far. More pieces may follow, because it is not always known where a body ends.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Interrupted`] and [`DecodeError::Unavailable`]. After an error the digest is of no use.
    fn value(&mut self) -> impl Future<Output = Result<Checksum, DecodeError>>;
}

/// The digest of a chunk whose pieces are [`Bytes`], for every host outside JavaScript.
pub struct BytesDigest(Box<dyn DigestBytes>);

/// What a host puts into a [`BytesDigest`].
pub trait DigestBytes: Send + Sync {
    /// As [`Digest::update`].
    fn update(&mut self, piece: &Bytes);

    /// As [`Digest::value`].
    fn value(&mut self) -> BoxFuture<'_, Result<Checksum, DecodeError>>;
}

impl BytesDigest {
    /// The digest that a host computes in this way.
    #[must_use]
    pub fn new(digest: impl DigestBytes + 'static) -> Self {
        Self(Box::new(digest))
    }
}

impl Digest<Bytes> for BytesDigest {
    fn update(&mut self, piece: &mut Bytes) {
        self.0.update(piece);
    }

    fn value(&mut self) -> impl Future<Output = Result<Checksum, DecodeError>> {
        self.0.value()
    }
}

impl fmt::Debug for BytesDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesDigest").finish_non_exhaustive()
    }
}
