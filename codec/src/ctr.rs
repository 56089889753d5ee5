//! AES-256-CTR (NIST SP 800-38A, 6.5), from any position of the key stream.

use crate::implementation;

/// Decrypts in place. The first of `bytes` is byte `at` of the key stream.
#[inline(never)]
pub fn apply(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    implementation::apply(key, iv, at, bytes);
}
