//! The kernels for wasm SIMD, compiled for any target: fuzzing compares them with the crates that are used there. This is
//! not a part of the interface.

use alloc::vec::Vec;

use crate::{
    crc,
    gzip::{self, Error, Progress},
    kernel,
};

/// As [`crate::gcm::open`], of ciphertext and tag apart.
pub fn open(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8], tag: &[u8; 16]) -> bool {
    kernel::open(key, nonce, bytes, tag)
}

/// As [`crate::gcm::Opener`] and [`crate::gcm::KeyStream`], in pieces of the lengths that `next_len` returns.
pub fn open_in_pieces(
    key: &[u8; 32],
    nonce: &[u8; 12],
    bytes: &mut [u8],
    tag: &[u8; 16],
    mut next_len: impl FnMut() -> usize,
) -> bool {
    let mut gcm = kernel::Gcm::new(key, nonce);
    let mut rest = &*bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(next_len().clamp(1, rest.len()));
        gcm.absorb(piece);
        rest = after;
    }
    let Some(mut stream) = gcm.finish(tag) else { return false };
    let (mut at, mut rest) = (0, bytes);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_mut(next_len().clamp(1, rest.len()));
        stream.apply(at, piece);
        at += piece.len() as u128;
        rest = after;
    }
    true
}

/// As [`crate::ctr::apply`].
pub fn ctr(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    kernel::apply(key, iv, at, bytes);
}

/// As [`gzip::Inflater`], where `step` further bytes are ready whenever more are needed.
///
/// # Errors
///
/// As [`gzip::Inflater::next`].
pub fn inflate(stored: &[u8], max_output: u64, step: usize) -> Result<Vec<u8>, Error> {
    let mut inflater = gzip::kernel::Inflater::new(0);
    inflater.restart(max_output);
    let (mut ready, mut plain) = (0, Vec::new());
    loop {
        match inflater.next(stored, ready)? {
            Progress::Piece(piece) => plain.extend_from_slice(piece),
            Progress::NeedsMore => ready += step.max(1),
            Progress::End => return Ok(plain),
        }
    }
}

/// As [`crc::crc32`] and [`crc::crc32c`].
#[must_use]
pub fn crcs(crc: u32, bytes: &[u8]) -> [u32; 2] {
    [crc::kernel::Crc32::continued(crc, bytes), crc::kernel::Crc32c::continued(crc, bytes)]
}
