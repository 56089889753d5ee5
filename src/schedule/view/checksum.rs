//! The MD5 of a chunk, computed while its bytes pass.

use md5::{Digest, Md5};

use crate::host::Piece;

/// The MD5 of the bytes so far, beside the one that the metadata of the chunk gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Checksum {
    expected: Option<[u8; 16]>,
    md5: Md5,
}

impl Checksum {
    /// Starts at the first byte of a chunk. Without an expected value every chunk matches.
    pub(super) fn new(expected: Option<[u8; 16]>) -> Self {
        Self { expected, md5: Md5::default() }
    }

    /// Whether these pieces together have the expected MD5.
    pub(super) fn is_of<P: Piece>(expected: Option<[u8; 16]>, pieces: &[P]) -> bool {
        let mut checksum = Self::new(expected);
        pieces.iter().for_each(|piece| checksum.feed(piece));
        checksum.matches()
    }

    pub(super) fn feed(&mut self, piece: &impl Piece) {
        piece.feed(&mut self.md5);
    }

    /// Starts over.
    pub(super) fn restart(&mut self) {
        self.md5 = Md5::default();
    }

    /// Whether the bytes so far are the whole chunk.
    pub(super) fn matches(&self) -> bool {
        self.expected.is_none_or(|expected| self.md5.clone().finalize()[..] == expected)
    }
}
