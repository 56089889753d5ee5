//! The crates that the kernels take the place of, in one wasm module: what `npm run bench:codec` measures the module
//! `codec` against. They are used as kelp-stream would use them: decrypted in place, inflated into one buffer of 64 KiB.
#![allow(unsafe_code)] // Exports have names that are not mangled.
#![allow(missing_docs)]

use std::cell::RefCell;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use flate2::{Decompress, FlushDecompress, Status};
use md5::{Digest, Md5};

#[derive(Default)]
struct State {
    key: [u8; 32],
    /// The stored bytes of a chunk, or the streams to digest, one behind the other.
    input: Vec<u8>,
    body: std::ops::Range<usize>,
    member: Option<Decompress>,
    piece: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[unsafe(no_mangle)]
pub extern "C" fn key() -> *mut u8 {
    STATE.with_borrow_mut(|state| state.key.as_mut_ptr())
}

/// Where `len` bytes are put.
#[unsafe(no_mangle)]
pub extern "C" fn input(len: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input.resize(len, 0);
        state.input.as_mut_ptr()
    })
}

/// Decrypts the input in place, `nonce || ciphertext || tag`; returns 1 if the tag is right.
#[unsafe(no_mangle)]
pub extern "C" fn open() -> u32 {
    STATE.with_borrow_mut(|state| {
        state.body = 12..state.input.len() - 16;
        let Some((nonce, rest)) = state.input.split_first_chunk_mut::<12>() else { return 0 };
        let Some((text, tag)) = rest.split_last_chunk_mut::<16>() else { return 0 };
        let cipher = Aes256Gcm::new((&state.key).into());
        let opened = cipher.decrypt_inout_detached((&*nonce).into(), &[], text.into(), (&*tag).into());
        u32::from(opened.is_ok())
    })
}

/// The next piece of a plain input, at `output`; 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn next() -> usize {
    STATE.with_borrow_mut(|state| {
        let len = state.body.len().min(256 << 10);
        state.piece.clear();
        state.body.start += len;
        len
    })
}

/// Inflates the input from its start, or what was decrypted.
#[unsafe(no_mangle)]
pub extern "C" fn inflate(decrypted: u32) {
    STATE.with_borrow_mut(|state| {
        if decrypted == 0 {
            state.body = 0..state.input.len();
        }
        state.piece.resize(64 << 10, 0);
        state.member = Some(Decompress::new_gzip(15));
    });
}

/// The next piece of a gzip, at `output`; 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn next_inflated() -> usize {
    STATE.with_borrow_mut(|state| {
        let Some(member) = &mut state.member else { return 0 };
        let before = (member.total_in(), member.total_out());
        let input = state.input.get(state.body.clone()).unwrap_or_default();
        let status = member.decompress(input, &mut state.piece, FlushDecompress::None);
        let (read, written) = (member.total_in() - before.0, member.total_out() - before.1);
        state.body.start += read as usize;
        if status.expect("it is gzip") == Status::StreamEnd {
            state.member = None;
        }
        written as usize
    })
}

/// Where the last piece is: of `next`, `len` bytes before the rest.
#[unsafe(no_mangle)]
pub extern "C" fn output(len: usize) -> *const u8 {
    STATE.with_borrow(|state| match state.piece.is_empty() {
        true => state.input.as_ptr().wrapping_add(state.body.start - len),
        false => state.piece.as_ptr(),
    })
}

/// The first word of the digests of `streams` parts of the input, added.
#[unsafe(no_mangle)]
pub extern "C" fn md5(streams: usize) -> u32 {
    STATE.with_borrow(|state| {
        let parts = state.input.chunks(state.input.len() / streams);
        let word = |part: &[u8]| Md5::digest(part).first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        parts.map(word).fold(0, u32::wrapping_add)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn crc32c() -> u32 {
    STATE.with_borrow(|state| crc32c::crc32c(&state.input))
}
