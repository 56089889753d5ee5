//! A piece on the web: a handle on a `Uint8Array`, whose bytes stay outside wasm memory.

use std::cell::RefCell;

use crate::{
    decode::{self, DirectDigest},
    host::{Checksum, DecodeError, Digest, Piece},
    model::chunk::Ctr,
};
use js_sys::Uint8Array;

/// Bytes in an array of JavaScript.
#[derive(Clone, Debug)]
pub struct WebPiece {
    array: Uint8Array,
    len: usize,
}

impl WebPiece {
    /// The array itself.
    #[must_use]
    pub fn into_array(self) -> Uint8Array {
        self.array
    }

    /// The array.
    #[must_use]
    pub fn array(&self) -> &Uint8Array {
        &self.array
    }

    /// A copy without the key stream `ctr`; `start` is the position of the first byte in the chunk.
    #[must_use]
    pub fn without_key_stream(&self, ctr: &Ctr, start: u64) -> Self {
        let array = Uint8Array::new_with_length(self.len as u32);
        self.visit_parts(|part, at| {
            decode::apply(ctr, start + at as u64, part);
            let end = at + part.len();
            array.subarray(at as u32, end as u32).copy_from(part);
        });
        Self { array, len: self.len }
    }

    /// Copies the bytes to wasm memory and calls `visit` with each part and its position. The memory is small and used
    /// again: new memory costs far more than the copy.
    fn visit_parts(&self, mut visit: impl FnMut(&mut [u8], usize)) {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(PART, 0);
            let mut at = 0;
            while at < self.len {
                let end = (at + PART).min(self.len);
                if let Some(part) = scratch.get_mut(..end - at) {
                    self.array.subarray(at as u32, end as u32).copy_to(part);
                    visit(part, at);
                }
                at = end;
            }
        });
    }
}

/// A digest of pieces, computed in wasm as they arrive.
#[derive(Debug)]
pub struct WebDigest(DirectDigest);

impl From<DirectDigest> for WebDigest {
    fn from(hasher: DirectDigest) -> Self {
        Self(hasher)
    }
}

impl Digest<WebPiece> for WebDigest {
    fn update(&mut self, piece: &mut WebPiece) {
        piece.visit_parts(|part, _| self.0.update(part));
    }

    async fn value(&mut self) -> Result<Checksum, DecodeError> {
        Ok(self.0.value())
    }
}

impl From<Uint8Array> for WebPiece {
    fn from(array: Uint8Array) -> Self {
        let len = array.length() as usize;
        Self { array, len }
    }
}

impl Piece for WebPiece {
    type Digest = WebDigest;

    fn len(&self) -> usize {
        self.len
    }

    fn split_to(&mut self, at: usize) -> Self {
        let start = Self { array: self.array.subarray(0, at as u32), len: at };
        self.array = self.array.subarray(at as u32, self.len as u32);
        self.len -= at;
        start
    }

    fn byte(&self, at: usize) -> Option<u8> {
        (at < self.len).then(|| self.array.get_index(at as u32))
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + self.len, 0);
        self.array.copy_to(bytes.get_mut(start..).unwrap_or_default());
    }
}

const PART: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
