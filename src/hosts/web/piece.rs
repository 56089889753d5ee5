//! A piece on the web: a handle on a `Uint8Array`, whose bytes stay outside wasm memory.

use std::cell::RefCell;

use js_sys::Uint8Array;
use md5::{Digest, Md5};

use crate::host::Piece;

/// Bytes that JavaScript holds.
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

    /// Copies through a small window of wasm memory that stays warm: fresh memory costs far more
    /// than the copy. `look` is told where each window begins.
    fn windows(&self, mut look: impl FnMut(&mut [u8], usize)) {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(WINDOW, 0);
            let mut at = 0;
            while at < self.len {
                let end = (at + WINDOW).min(self.len);
                if let Some(window) = scratch.get_mut(..end - at) {
                    self.array.subarray(at as u32, end as u32).copy_to(window);
                    look(window, at);
                }
                at = end;
            }
        });
    }
}

impl From<Uint8Array> for WebPiece {
    fn from(array: Uint8Array) -> Self {
        let len = array.length() as usize;
        Self { array, len }
    }
}

impl Piece for WebPiece {
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

    fn feed(&self, digest: &mut Md5) {
        self.windows(|window, _| digest.update(window));
    }

    fn changed(&self, change: &mut dyn FnMut(&mut [u8])) -> Self {
        let array = Uint8Array::new_with_length(self.len as u32);
        self.windows(|window, at| {
            change(window);
            let end = at + window.len();
            array.subarray(at as u32, end as u32).copy_from(window);
        });
        Self { array, len: self.len }
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + self.len, 0);
        self.array.copy_to(bytes.get_mut(start..).unwrap_or_default());
    }
}

const WINDOW: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
