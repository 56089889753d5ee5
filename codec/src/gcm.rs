//! AES-256-GCM (NIST SP 800-38D).

use crate::implementation;

/// Decrypts `ciphertext || tag (16)` in place, without associated data, and returns the plaintext.
///
/// `None` if there are fewer bytes than a tag, or if the tag does not match. Then nothing is decrypted.
#[inline(never)]
#[must_use]
pub fn open<'a>(key: &[u8; 32], nonce: &[u8; 12], ciphertext_and_tag: &'a mut [u8]) -> Option<&'a [u8]> {
    let (text, tag) = ciphertext_and_tag.split_last_chunk_mut()?;
    implementation::open(key, nonce, text, tag).then_some(text)
}
