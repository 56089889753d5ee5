//! The ciphers of RustCrypto. Natively they use the processor's instructions for AES and for carry-less multiplication.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::AeadInOut,
    aes::{
        Aes256,
        cipher::{BlockCipherEncrypt, BlockSizeUser},
    },
};
use ctr::{
    Ctr32BE, Ctr128BE,
    cipher::{InnerIvInit, KeyIvInit, StreamCipher, StreamCipherSeek, array::Array},
};
use ghash::{GHash, universal_hash::UniversalHash};
use zeroize::{Zeroize, Zeroizing};

pub(crate) fn open(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8], tag: &[u8; 16]) -> bool {
    let cipher = Aes256Gcm::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), &[], bytes.into(), tag.into()).is_ok()
}

pub(crate) fn apply(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    let mut stream = Ctr128BE::<Aes256>::new(key.into(), iv.into());
    stream.seek(at);
    stream.apply_keystream(bytes);
}

/// A block of AES.
type Block = Array<u8, <Aes256 as BlockSizeUser>::BlockSize>;

/// GCM in pieces. The crate `aes-gcm` opens complete messages alone, so this is made of its parts.
pub(crate) struct Gcm {
    hash: GHash,
    stream: Ctr,
    /// The key stream that is added to the hash to make the tag.
    mask: Zeroizing<u128>,
    /// The last `len % 16` bytes.
    tail: [u8; 16],
    len: u64,
}

/// The key stream of one message.
pub(crate) struct Ctr(Ctr32BE<Aes256>);

impl Gcm {
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; 12]) -> Self {
        let aes = Aes256::new(key.into());
        let mut h = Block::default();
        aes.encrypt_block(&mut h);
        let counter = |n: u8| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *nonce;
            Block::from([a, b, c, d, e, f, g, h, i, j, k, l, 0, 0, 0, n])
        };
        // Block 1 of the key stream masks the tag; the message begins with block 2.
        let mut mask = counter(1);
        aes.encrypt_block(&mut mask);
        let stream = Ctr(Ctr32BE::from_core(ctr::CtrCore::inner_iv_init(aes, &counter(2))));
        let hash = GHash::new(&h);
        h.zeroize();
        Self { hash, stream, mask: u128::from_be_bytes(mask.into()).into(), tail: [0; 16], len: 0 }
    }

    pub(crate) fn absorb(&mut self, mut ciphertext: &[u8]) {
        let waiting = (self.len % 16) as usize;
        self.len += ciphertext.len() as u64;
        if waiting > 0 {
            let free = self.tail.get_mut(waiting..).unwrap_or_default();
            let Some((first, rest)) = ciphertext.split_at_checked(free.len()) else {
                free.iter_mut().zip(ciphertext).for_each(|(to, from)| *to = *from);
                return;
            };
            free.copy_from_slice(first);
            self.hash.update(&[self.tail.into()]);
            ciphertext = rest;
        }
        let (blocks, rest) = Block::slice_as_chunks(ciphertext);
        self.hash.update(blocks);
        self.tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    }

    pub(crate) fn finish(mut self, tag: &[u8; 16]) -> Option<Ctr> {
        let waiting = (self.len % 16) as usize;
        self.hash.update_padded(self.tail.get(..waiting).unwrap_or_default());
        self.hash.update(&[u128::from(self.len * 8).to_be_bytes().into()]);
        let hash = u128::from_be_bytes(self.hash.finalize().into());
        let difference = hash ^ *self.mask ^ u128::from_be_bytes(*tag);
        // All bits are joined before anything is decided, so a tag that is right in part takes no longer.
        let joined = core::hint::black_box((difference >> 64) as u64 | difference as u64);
        (joined == 0).then_some(self.stream)
    }
}

impl Ctr {
    pub(crate) fn apply(&mut self, at: u128, bytes: &mut [u8]) {
        self.0.seek(at);
        self.0.apply_keystream(bytes);
    }
}
