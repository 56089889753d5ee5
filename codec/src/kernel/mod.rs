//! AES-256-GCM and AES-256-CTR for wasm with `simd128`.
//!
//! wasm has neither an AES instruction nor a carry-less multiplication. Its vectors have 16 bytes, bitwise operations
//! and `i8x16.swizzle`, which looks up 16 indices in a table of 16 bytes. That is enough for both halves of GCM in
//! constant time: [`aes`] is bit-sliced, eight blocks at a time, and [`ghash`] multiplies 16 blocks at a time with
//! tables of half bytes.
//!
//! A message is opened in two steps. [`Gcm::absorb`] takes the ciphertext, in pieces of any length, and only hashes
//! it. [`Gcm::finish`] compares the tag and, if it is right, returns the key stream, a [`Ctr`]. So plaintext cannot
//! exist before the tag has been checked.
//!
//! Constant time: no branch and no address depends on a key, on plaintext or on the hash. Only lengths do. Round keys,
//! powers of the hash key and its tables are cleared when they are dropped. They live on the heap, so that moving their
//! owner leaves no copy on the stack; what the compiler spills to the stack meanwhile is not cleared.

// Every index below is a constant, a loop variable within the bounds of an array, or masked to them.
#![allow(clippy::indexing_slicing)]

mod aes;
mod ghash;
mod sbox;
mod vector;

use alloc::boxed::Box;

use aes::{Aes256, GROUP, Run};
use ghash::Ghash;
use vector::Vector;
use zeroize::Zeroizing;

/// Checks the tag of one message, then decrypts it.
pub(crate) struct Gcm {
    stream: Ctr,
    hash: Box<Ghash>,
    /// The key stream that is added to the hash to make the tag.
    mask: Zeroizing<u128>,
}

impl Gcm {
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; 12]) -> Self {
        let aes = Aes256::new(key);
        let encrypted = |counter, at: usize| {
            let blocks = Zeroizing::new(aes.eight_blocks(counter));
            u128::from_be_bytes(blocks.as_chunks::<16>().0[at])
        };
        let h = encrypted(0, 0);
        let mut block = [0; 16];
        block[..12].copy_from_slice(nonce);
        let zero = u128::from_be_bytes(block);
        // Block 1 of the key stream masks the tag; the message begins with block 2.
        let mask = encrypted(zero, 1).into();
        let stream = Ctr { aes, start: zero | 2, counter_bits: u128::from(u32::MAX), run: Run::new() };
        Self { stream, hash: Box::new(Ghash::new(h)), mask }
    }

    /// Hashes the next piece of the ciphertext, of any length.
    pub(crate) fn absorb(&mut self, ciphertext: &[u8]) {
        self.hash.update(ciphertext);
    }

    /// The key stream of the message, if `tag` is that of everything that was absorbed.
    pub(crate) fn finish(mut self, tag: &[u8; 16]) -> Option<Ctr> {
        let difference = self.hash.finish() ^ *self.mask ^ u128::from_be_bytes(*tag);
        // All bits are joined before anything is decided, so a tag that is right in part takes no longer.
        let joined = core::hint::black_box((difference >> 64) as u64 | difference as u64);
        (joined == 0).then_some(self.stream)
    }
}

/// The key stream of AES-256-CTR, or of one message of GCM.
pub(crate) struct Ctr {
    aes: Aes256,
    /// The counter block of the first byte.
    start: u128,
    /// Which bits of it are the counter: all of them, in GCM the last 32.
    counter_bits: u128,
    run: Run,
}

/// How many bytes of key stream are made at a time: eight blocks.
const BATCH: usize = 128;

/// From this many bytes on, a [`Run`] is worth its beginning.
const LONG: usize = 8 << 10;

impl Ctr {
    pub(crate) fn new(key: &[u8; 32], iv: &[u8; 16]) -> Self {
        Self {
            aes: Aes256::new(key),
            start: u128::from_be_bytes(*iv),
            counter_bits: u128::MAX,
            run: Run::new(),
        }
    }

    /// Decrypts in place. The first of `bytes` is byte `at` of the key stream.
    #[inline(never)]
    pub(crate) fn apply(&mut self, at: u128, mut bytes: &mut [u8]) {
        // The counters of a batch differ in the lowest three bits alone, so the first batch may begin before `start`.
        let before = (at % BATCH as u128) as usize + (self.start & 7) as usize * 16;
        let mut batch = at / BATCH as u128 + (before / BATCH) as u128;
        let skip = before % BATCH;
        if skip > 0 {
            let (first, rest) = bytes.split_at_mut(bytes.len().min(BATCH - skip));
            self.apply_part(batch, skip, first);
            (bytes, batch) = (rest, batch + 1);
        }
        let is_long = bytes.len() >= LONG;
        let (batches, rest) = bytes.as_chunks_mut::<BATCH>();
        let mut states = [[Vector::zero(); 8]; GROUP];
        for group in batches.chunks_mut(GROUP) {
            let states = &mut states[..group.len()];
            for state in &mut *states {
                let counter = self.counter(batch);
                *state = if is_long { self.run.planes(&self.aes, counter) } else { self.aes.start(counter) };
                batch += 1;
            }
            if !is_long {
                self.aes.rounds(states, 1..3);
            }
            self.aes.finish(states, group);
        }
        if !rest.is_empty() {
            self.apply_part(batch, 0, rest);
        }
    }

    /// The counter block of a batch's first block.
    #[inline(always)]
    fn counter(&self, batch: u128) -> u128 {
        let counter = (self.start & !7).wrapping_add(batch.wrapping_mul(8));
        counter & self.counter_bits | self.start & !self.counter_bits
    }

    /// Decrypts less than a batch, from its byte `skip` on.
    #[inline(never)]
    fn apply_part(&self, batch: u128, skip: usize, bytes: &mut [u8]) {
        let stream = self.aes.eight_blocks(self.counter(batch));
        for (byte, stream) in bytes.iter_mut().zip(&stream[skip..]) {
            *byte ^= stream;
        }
    }
}

pub(crate) fn open(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8], tag: &[u8; 16]) -> bool {
    let mut gcm = Gcm::new(key, nonce);
    gcm.absorb(bytes);
    let Some(mut stream) = gcm.finish(tag) else { return false };
    stream.apply(0, bytes);
    true
}

pub(crate) fn apply(key: &[u8; 32], iv: &[u8; 16], at: u128, bytes: &mut [u8]) {
    Ctr::new(key, iv).apply(at, bytes);
}
