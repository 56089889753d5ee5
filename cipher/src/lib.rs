//! The ciphers of [kelp-stream](https://docs.rs/kelp-stream), built on those of RustCrypto.
//!
//! They are a crate of their own for speed. Generic code is compiled by the crate that uses it, at that
//! crate's optimisation level. kelp-stream is optimised for size in a browser, which made its ciphers six
//! times slower. This crate is optimised for speed, and its functions are not inlined into kelp-stream.

/// The implementation of AES-GCM. Tests encrypt with it.
pub use aes_gcm;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut, aes::Aes256};
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};

/// The length of an AES-GCM tag.
const TAG: usize = 16;

/// Decrypts `ciphertext || tag (16)` with AES-256-GCM in place, without associated data (NIST SP 800-38D),
/// and returns the plaintext.
///
/// `None` if there are fewer bytes than a tag, or if the tag does not match. Then nothing is decrypted.
#[inline(never)]
#[must_use]
pub fn gcm<'a>(key: &[u8; 32], nonce: &[u8; 12], ciphertext_and_tag: &'a mut [u8]) -> Option<&'a [u8]> {
    let text_len = ciphertext_and_tag.len().checked_sub(TAG)?;
    let (text, tag) = ciphertext_and_tag.split_at_mut_checked(text_len)?;
    let tag: &[u8; TAG] = (&*tag).try_into().ok()?;
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), &[], (&mut *text).into(), tag.into()).ok()?;
    Some(text)
}

/// Decrypts bytes with AES-256-CTR in place (NIST SP 800-38A, section 6.5). `at` is the position of the first
/// byte in the key stream.
#[inline(never)]
pub fn ctr(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    let mut stream = Ctr128BE::<Aes256>::new(key.into(), iv.into());
    stream.seek(at);
    stream.apply_keystream(bytes);
}
