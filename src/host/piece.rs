//! A piece: bytes in the form that a platform holds them.

use super::digest::{BytesDigest, Digest};

/// Bytes that the core measures and splits, and never looks into. A host decodes, decrypts and digests them.
pub trait Piece: Sized {
    /// A digest over such pieces.
    type Digest: Digest<Self>;

    /// The number of bytes.
    fn len(&self) -> usize;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Splits off the first `at` bytes and returns them. `at` is at most `len`.
    #[must_use]
    fn split_to(&mut self, at: usize) -> Self;

    /// The byte at this index; `None` beyond the end.
    fn byte(&self, at: usize) -> Option<u8>;

    /// Appends the bytes to a vector.
    fn append_to(&self, bytes: &mut Vec<u8>);

    /// A copy of the bytes from `start` to `end`, in memory of their own. `end` is at most `len`.
    #[must_use]
    fn copy(&self, start: usize, end: usize) -> Self;

    /// The same bytes, in memory that has no others.
    #[must_use]
    fn compact(self) -> Self;
}

/// Concatenates pieces.
pub(crate) fn joined<P: Piece>(pieces: &[P]) -> Vec<u8> {
    let mut all = Vec::with_capacity(pieces.iter().map(Piece::len).sum());
    pieces.iter().for_each(|piece| piece.append_to(&mut all));
    all
}

/// The piece of every host outside JavaScript.
impl Piece for bytes::Bytes {
    type Digest = BytesDigest;

    fn len(&self) -> usize {
        bytes::Bytes::len(self)
    }

    fn split_to(&mut self, at: usize) -> Self {
        bytes::Bytes::split_to(self, at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn copy(&self, start: usize, end: usize) -> Self {
        Self::copy_from_slice(self.get(start..end).unwrap_or_default())
    }

    fn compact(self) -> Self {
        self.copy(0, Self::len(&self))
    }
}
