//! Bytes as a platform holds them.

use md5::Md5;

/// Bytes that the core measures and cuts; it copies them only to decipher them.
pub trait Piece: Sized {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts off the first `at` bytes and returns them; `at` is at most `len`.
    #[must_use]
    fn split_to(&mut self, at: usize) -> Self;

    /// The byte at this place, if it is inside.
    fn byte(&self, at: usize) -> Option<u8>;

    /// Copies them to the end of others.
    fn append_to(&self, bytes: &mut Vec<u8>);

    /// Feeds a digest.
    fn feed(&self, digest: &mut Md5);

    /// A copy whose bytes `change` has gone over, in order, some at a time. Never in place: a
    /// user's `fetch` may hand out bytes that are not ours.
    #[must_use]
    fn changed(&self, change: &mut dyn FnMut(&mut [u8])) -> Self;
}

/// All bytes of some pieces, in one.
pub(crate) fn joined<P: Piece>(pieces: &[P]) -> Vec<u8> {
    let mut all = Vec::with_capacity(pieces.iter().map(Piece::len).sum());
    pieces.iter().for_each(|piece| piece.append_to(&mut all));
    all
}

/// The piece of every host that is not a browser.
impl Piece for bytes::Bytes {
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

    fn feed(&self, digest: &mut Md5) {
        md5::Digest::update(digest, self);
    }

    fn changed(&self, change: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut bytes = self.to_vec();
        change(&mut bytes);
        bytes.into()
    }
}
