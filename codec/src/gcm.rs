//! AES-256-GCM (NIST SP 800-38D), of messages that are complete and of messages that arrive in pieces.

use crate::implementation;

/// Decrypts `ciphertext || tag (16)` in place, without associated data, and returns the plaintext.
///
/// `None` if there are fewer bytes than a tag, or if the tag does not match. Then nothing is decrypted.
#[inline(never)]
#[must_use]
pub fn open<'a>(key: &[u8; 32], nonce: &[u8; 12], ciphertext_and_tag: &'a mut [u8]) -> Option<&'a mut [u8]> {
    let (text, tag) = ciphertext_and_tag.split_last_chunk_mut()?;
    implementation::open(key, nonce, text, tag).then_some(text)
}

/// Opens one message in two steps: [`Opener::absorb`] takes the ciphertext as it arrives and only hashes it, and
/// [`Opener::verify`] returns the key stream if the tag is right. So plaintext cannot exist before the tag was checked,
/// and little work is left when the last piece has arrived.
pub struct Opener(implementation::Gcm);

impl Opener {
    /// An opener of a message without associated data.
    #[must_use]
    pub fn new(key: &[u8; 32], nonce: &[u8; 12]) -> Self {
        Self(implementation::Gcm::new(key, nonce))
    }

    /// Takes the next piece of the ciphertext, of any length.
    pub fn absorb(&mut self, ciphertext: &[u8]) {
        self.0.absorb(ciphertext);
    }

    /// The key stream of the message, if `tag` is the tag of all bytes that were absorbed.
    #[must_use]
    pub fn verify(self, tag: &[u8; 16]) -> Option<KeyStream> {
        self.0.finish(tag).map(KeyStream)
    }
}

/// The key stream of a message whose tag was right.
pub struct KeyStream(implementation::Ctr);

impl KeyStream {
    /// Decrypts in place. The first of `bytes` is byte `at` of the message.
    pub fn apply(&mut self, at: u64, bytes: &mut [u8]) {
        self.0.apply(u128::from(at), bytes);
    }
}

impl core::fmt::Debug for Opener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opener(..)")
    }
}

impl core::fmt::Debug for KeyStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeyStream(..)")
    }
}
