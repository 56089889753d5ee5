//! The kernel and `aes-gcm` in one wasm module, for `benches/codec.mjs`. Integers are all that is exchanged: the
//! messages are made and kept here.
#![allow(unsafe_code)] // Exports have names that are not mangled.
#![allow(missing_docs)]

use std::cell::RefCell;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use kelp_stream_codec::gcm;

struct Message {
    key: [u8; 32],
    nonce: [u8; 12],
    /// Ciphertext and tag.
    sealed: Vec<u8>,
    bytes: Vec<u8>,
}

thread_local! {
    static MESSAGE: RefCell<Message> =
        const { RefCell::new(Message { key: [0; 32], nonce: [0; 12], sealed: vec![], bytes: vec![] }) };
}

/// xorshift64*, from a seed other than 0.
fn fill(seed: u32, bytes: &mut [u8]) {
    let mut state = u64::from(seed) << 32 | 0x9e37_79b9;
    for byte in bytes {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *byte = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
    }
}

/// Makes a message of `len` bytes. The key is that of the seed, or zero if the seed is 0.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(len: usize, key_seed: u32) {
    MESSAGE.with_borrow_mut(|message| {
        message.key = [0; 32];
        if key_seed != 0 {
            fill(key_seed, &mut message.key);
        }
        message.sealed = vec![0; len];
        fill(1, &mut message.sealed);
        let cipher = Aes256Gcm::new(&message.key.into());
        let sealed = message.sealed.as_mut_slice().into();
        let tag = cipher.encrypt_inout_detached(&message.nonce.into(), &[], sealed);
        message.sealed.extend(tag.expect("it is short enough"));
        message.bytes.clone_from(&message.sealed);
    });
}

/// Flips a bit of the tag. Bit 0 is the highest of the first byte.
#[unsafe(no_mangle)]
pub extern "C" fn flip(bit: u32) {
    MESSAGE.with_borrow_mut(|message| {
        if let Some(tag) = message.bytes.last_chunk_mut() {
            *tag = (u128::from_be_bytes(*tag) ^ 1 << (127 - bit)).to_be_bytes();
        }
    });
}

/// Makes the ciphertext anew after it was decrypted.
#[unsafe(no_mangle)]
pub extern "C" fn reset() {
    MESSAGE.with_borrow_mut(|message| message.bytes.copy_from_slice(&message.sealed));
}

/// Opens the message as the package does; returns 1 if the tag is right.
#[unsafe(no_mangle)]
pub extern "C" fn open_codec() -> u32 {
    MESSAGE.with_borrow_mut(|message| {
        u32::from(gcm::open(&message.key, &message.nonce, &mut message.bytes).is_some())
    })
}

/// Opens the message with the crate aes-gcm.
#[unsafe(no_mangle)]
pub extern "C" fn open_crate() -> u32 {
    MESSAGE.with_borrow_mut(|message| {
        let Some((bytes, tag)) = message.bytes.split_last_chunk_mut::<16>() else { return 0 };
        let cipher = Aes256Gcm::new(&message.key.into());
        let opened = cipher.decrypt_inout_detached(&message.nonce.into(), &[], bytes.into(), (&*tag).into());
        u32::from(opened.is_ok())
    })
}
