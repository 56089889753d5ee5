//! The ciphers of RustCrypto. Natively they use the processor's AES instructions.

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut, aes::Aes256};
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};

pub(crate) fn open(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8], tag: &[u8; 16]) -> bool {
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), &[], bytes.into(), tag.into()).is_ok()
}

pub(crate) fn apply(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    let mut stream = Ctr128BE::<Aes256>::new(key.into(), iv.into());
    stream.seek(at);
    stream.apply_keystream(bytes);
}
