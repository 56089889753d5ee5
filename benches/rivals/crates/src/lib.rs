//! AES-256-GCM and gzip with the crates that one would take, for a page without WebCrypto. One chunk at a time: the page
//! writes the key and the stored bytes, calls `open`, then `inflate` and `next` if the chunk is compressed. Without
//! wasm-bindgen, so that a chunk is copied once in and once out.
#![allow(unsafe_code)] // Exports have names that are not mangled.

use std::{
    cell::RefCell,
    io::{Cursor, Read},
};

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use flate2::bufread::MultiGzDecoder;

/// Stored as nonce, ciphertext, tag.
const NONCE: usize = 12;

/// Output is copied out while it is in the cache.
const PIECE: usize = 64 << 10;

struct Chunk {
    key: [u8; 32],
    stored: Vec<u8>,
    /// Where the bytes to inflate begin in `stored`.
    at: usize,
    inflater: Option<MultiGzDecoder<Cursor<Vec<u8>>>>,
    piece: Vec<u8>,
}

thread_local! {
    static CHUNK: RefCell<Chunk> =
        const { RefCell::new(Chunk { key: [0; 32], stored: vec![], at: 0, inflater: None, piece: vec![] }) };
}

/// Where the page writes the key.
#[unsafe(no_mangle)]
pub extern "C" fn key() -> *mut u8 {
    CHUNK.with_borrow_mut(|chunk| chunk.key.as_mut_ptr())
}

/// Where the page writes `len` stored bytes. The memory of the last chunk is used again.
#[unsafe(no_mangle)]
pub extern "C" fn room(len: usize) -> *mut u8 {
    CHUNK.with_borrow_mut(|chunk| {
        if let Some(inflater) = chunk.inflater.take() {
            chunk.stored = inflater.into_inner().into_inner();
        }
        chunk.stored.resize(len, 0);
        chunk.at = 0;
        chunk.stored.as_mut_ptr()
    })
}

/// Decrypts in place. Returns the number of decrypted bytes, which are at `plain`; -1 if the tag is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn open() -> i32 {
    CHUNK.with_borrow_mut(|chunk| chunk.open().and_then(|len| i32::try_from(len).ok()).unwrap_or(-1))
}

/// Where the bytes are that need not be inflated.
#[unsafe(no_mangle)]
pub extern "C" fn plain() -> *const u8 {
    CHUNK.with_borrow(|chunk| chunk.stored.get(chunk.at..).unwrap_or_default().as_ptr())
}

/// Begins to inflate what the room holds, or what `open` decrypted there.
#[unsafe(no_mangle)]
pub extern "C" fn inflate() {
    CHUNK.with_borrow_mut(|chunk| {
        let mut stored = Cursor::new(std::mem::take(&mut chunk.stored));
        stored.set_position(chunk.at as u64);
        chunk.inflater = Some(MultiGzDecoder::new(stored));
        chunk.piece.resize(PIECE, 0);
    });
}

/// Inflates a piece. Returns its length; 0 at the end, -1 if the bytes are not gzip.
#[unsafe(no_mangle)]
pub extern "C" fn next() -> i32 {
    CHUNK.with_borrow_mut(|chunk| chunk.next().and_then(|len| i32::try_from(len).ok()).unwrap_or(-1))
}

/// Where the piece is.
#[unsafe(no_mangle)]
pub extern "C" fn piece() -> *const u8 {
    CHUNK.with_borrow(|chunk| chunk.piece.as_ptr())
}

impl Chunk {
    fn open(&mut self) -> Option<usize> {
        let (sealed, tag) = self.stored.split_last_chunk_mut::<16>()?;
        let (nonce, bytes) = sealed.split_first_chunk_mut::<NONCE>()?;
        let len = bytes.len();
        let cipher = Aes256Gcm::new(&self.key.into());
        cipher.decrypt_inout_detached(&(*nonce).into(), &[], bytes.into(), (&*tag).into()).ok()?;
        self.stored.truncate(NONCE + len);
        self.at = NONCE;
        Some(len)
    }

    // A piece is filled: each costs the page a copy and an object.
    fn next(&mut self) -> Option<usize> {
        let inflater = self.inflater.as_mut()?;
        let mut filled = 0;
        while let Some(free) = self.piece.get_mut(filled..).filter(|free| !free.is_empty()) {
            match inflater.read(free).ok()? {
                0 => break,
                len => filled += len,
            }
        }
        Some(filled)
    }
}
