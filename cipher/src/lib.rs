//! The ciphers of [kelp-stream](https://docs.rs/kelp-stream), over those of RustCrypto.
//!
//! Generic code is built by the crate that uses it, with that crate's optimisation. kelp-stream is built for size in a
//! browser, and its ciphers were six times slower for it; here they are not.

/// What they are built on: tests encrypt with it.
pub use aes_gcm;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut, aes::Aes256};
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};

/// Decrypts AES-256-GCM in place, without associated data (NIST SP 800-38D); says whether the tag fits. Where it
/// does not, nothing is deciphered.
#[inline(never)]
#[must_use]
pub fn gcm(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8], tag: &[u8; 16]) -> bool {
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), &[], text.into(), tag.into()).is_ok()
}

/// Deciphers AES-256-CTR in place (NIST SP 800-38A, 6.5), the first byte of which is byte `at` of the key stream.
#[inline(never)]
pub fn ctr(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    let mut stream = Ctr128BE::<Aes256>::new(key.into(), iv.into());
    stream.seek(at);
    stream.apply_keystream(bytes);
}
