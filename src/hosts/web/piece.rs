//! A piece on the web: a handle on a `Uint8Array`, whose bytes stay outside wasm memory.

use std::future::Future;

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;

use super::digest::{self, Mark, WebDigest};
use crate::{
    host::{Checksum, DecodeError, Digest, Piece},
    model::chunk::Ctr,
};

/// Bytes in an array of JavaScript.
#[derive(Clone, Debug)]
pub struct WebPiece {
    array: Uint8Array,
    len: usize,
    /// Whether no one else has the array, so that it may be transferred to a worker.
    is_own: bool,
    /// The place in a digest that it must have passed before it leaves.
    mark: Option<Mark>,
}

impl WebPiece {
    /// A piece of this length.
    pub(super) fn new(array: Uint8Array, len: usize, is_own: bool) -> Self {
        Self { array, len, is_own, mark: None }
    }

    /// A piece whose array no one else has.
    #[must_use]
    pub fn own(array: Uint8Array) -> Self {
        Self { is_own: true, ..array.into() }
    }

    /// Whether no one else has the array.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// The array itself, for a platform that decodes it. A reader gets that of [`WebPiece::leave`].
    #[must_use]
    pub fn into_array(self) -> Uint8Array {
        self.array
    }

    /// The array for a reader, or a promise of it. The reader may change or detach it: what a digest needs of it was read before.
    #[must_use]
    pub fn leave(self) -> JsValue {
        match &self.mark {
            Some(mark) => mark.leave(&self.array),
            None => self.array.into(),
        }
    }

    /// The array.
    #[must_use]
    pub fn array(&self) -> &Uint8Array {
        &self.array
    }

    /// A copy without the key stream `ctr`; `at` is the position of the first byte in the chunk.
    #[must_use]
    pub fn without_key_stream(&self, ctr: &Ctr, at: u64) -> Self {
        Self::own(digest::without_key_stream(&self.array, ctr, at))
    }
}

impl From<Uint8Array> for WebPiece {
    fn from(array: Uint8Array) -> Self {
        let len = array.length() as usize;
        Self { array, len, is_own: false, mark: None }
    }
}

impl Piece for WebPiece {
    type Digest = WebDigest;

    fn len(&self) -> usize {
        self.len
    }

    fn split_to(&mut self, at: usize) -> Self {
        let array = self.array.subarray(0, at as u32);
        let mark = self.mark.as_ref().map(|mark| mark.before(self.len - at));
        self.array = self.array.subarray(at as u32, self.len as u32);
        self.len -= at;
        Self { array, len: at, is_own: self.is_own, mark }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        (at < self.len).then(|| self.array.get_index(at as u32))
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + self.len, 0);
        self.array.copy_to(bytes.get_mut(start..).unwrap_or_default());
    }

    fn copy(&self, start: usize, end: usize) -> Self {
        Self::new(self.array.slice(start as u32, end as u32), end - start, true)
    }

    fn compact(self) -> Self {
        let is_compact = self.array.buffer().byte_length() as usize == self.len;
        if is_compact { self } else { self.copy(0, self.len) }
    }
}

impl Digest<WebPiece> for WebDigest {
    fn update(&mut self, piece: &mut WebPiece) {
        piece.mark = self.register(&piece.array);
    }

    fn value(&mut self) -> impl Future<Output = Result<Checksum, DecodeError>> {
        self.current()
    }
}
