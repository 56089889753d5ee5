//! MD5 (RFC 1321) of one stream, or of several streams in lockstep.
//!
//! SeaweedFS stores an MD5 with each plain chunk. MD5 is one chain of dependent operations: a processor computes a
//! single stream at a fraction of the operations it could do. [`update_all`] advances several digests together, one
//! block of each at a time, in the lanes of vectors: four lanes with SSE2 and with NEON, eight with AVX2 and
//! AVX-512VL. In wasm with `simd128` there are seven: four in a vector and three in general registers. Each digest stays
//! an [`Md5`] of its own and can be updated alone at any time.
//!
//! MD5 detects accidents, not attacks: collisions are easy to make.

// Every index below is a constant, a lane, or bounded by the length of a block.
#![allow(clippy::indexing_slicing)]

mod kernel;
mod rounds;
mod word;

use rounds::START;

/// The bytes that are compressed at a time.
const BLOCK: usize = 64;

/// A digest in progress.
#[derive(Clone, Debug)]
pub struct Md5 {
    state: [u32; 4],
    /// The bytes that were taken.
    len: u64,
    /// The last `len % 64` of them: a block that is not full.
    tail: [u8; BLOCK],
}

impl Default for Md5 {
    fn default() -> Self {
        Self { state: START, len: 0, tail: [0; BLOCK] }
    }
}

/// The digest of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(bytes);
    md5.finalize()
}

impl Md5 {
    /// The digest of no bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, of this stream alone.
    pub fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = self.fill(bytes).as_chunks::<BLOCK>();
        kernel::one(&mut self.state, blocks);
        self.len += (blocks.len() * BLOCK) as u64;
        self.keep(rest);
    }

    /// The digest of all bytes that were taken.
    #[must_use]
    pub fn finalize(mut self) -> [u8; 16] {
        let bits = self.len.wrapping_mul(8).to_le_bytes();
        // 1 to 64 bytes, a one bit and zeros, after which 8 bytes of a block are free.
        let padding_len = BLOCK - (self.waiting() + 8) % BLOCK;
        let mut padding = [0; BLOCK];
        padding[0] = 0x80;
        self.update(&padding[..padding_len]);
        self.update(&bits);
        let mut digest = [0; 16];
        digest.copy_from_slice(self.state.map(u32::to_le_bytes).as_flattened());
        digest
    }

    /// The length of the block that is not full.
    fn waiting(&self) -> usize {
        (self.len % BLOCK as u64) as usize
    }

    /// Fills the block that was begun. Returns the bytes that did not fit.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let at = self.waiting();
        if at == 0 {
            return bytes;
        }
        let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - at));
        self.keep(now);
        if self.waiting() == 0 {
            kernel::one(&mut self.state, &[self.tail]);
        }
        rest
    }

    /// Adds bytes to the block that is not full. They fit.
    fn keep(&mut self, bytes: &[u8]) {
        let at = self.waiting();
        self.tail[at..at + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u64;
    }
}

/// Updates each digest with the bytes beside it, as [`Md5::update`] does, [`lanes`] digests at a time. Afterwards the
/// slices are empty.
///
/// Lanes are given to the streams in order. A stream that ends frees its lane for the next stream, and the last one
/// continues alone. So streams of about the same length gain most. Nothing is allocated.
pub fn update_all(work: &mut [(&mut Md5, &[u8])]) {
    // Afterwards each stream is at the start of a block.
    for (md5, bytes) in work.iter_mut() {
        *bytes = md5.fill(bytes);
    }
    let widest = lanes();
    // `busy[..live]`: the streams that have a lane. `next`: the first that had none yet.
    let mut busy = [0; kernel::WIDEST];
    let (mut live, mut next) = (0, 0);
    loop {
        while live < widest && next < work.len() {
            if work[next].1.len() >= BLOCK {
                busy[live] = next;
                live += 1;
            }
            next += 1;
        }
        let streams = &busy[..live];
        match live {
            0 => break,
            1 => step::<1>(work, streams, |[state], [data]| kernel::one(state, data)),
            #[cfg(any(target_arch = "x86_64", target_arch = "wasm32"))]
            2 | 3 => step::<3>(work, streams, kernel::three),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            _ => step::<7>(work, streams, kernel::seven),
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            _ if widest == 4 => step::<4>(work, streams, kernel::four),
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            _ => step::<8>(work, streams, kernel::eight),
        }
        let mut kept = 0;
        for lane in 0..live {
            if work[busy[lane]].1.len() >= BLOCK {
                busy[kept] = busy[lane];
                kept += 1;
            }
        }
        live = kept;
    }
    for (md5, bytes) in work.iter_mut() {
        md5.keep(bytes);
        *bytes = &[];
    }
}

/// The number of streams that [`update_all`] advances together: 8 with AVX2, where eight take little longer than two;
/// 7 in wasm with `simd128`, where seven take little longer than two; else 4.
#[must_use]
pub fn lanes() -> usize {
    kernel::lanes()
}

/// Advances each stream in `busy` by as many blocks as the shortest of them has.
#[inline]
fn step<const N: usize>(
    work: &mut [(&mut Md5, &[u8])],
    busy: &[usize],
    kernel: impl Fn(&mut [[u32; 4]; N], [&[[u8; BLOCK]]; N]),
) {
    let count = busy.iter().map(|at| work[*at].1.len() / BLOCK).min().unwrap_or(0);
    // A lane without a stream computes what the first lane does. Its result is dropped.
    let stream = |lane: usize| busy[if lane < busy.len() { lane } else { 0 }];
    let data = core::array::from_fn(|lane| &work[stream(lane)].1.as_chunks::<BLOCK>().0[..count]);
    let mut states: [[u32; 4]; N] = core::array::from_fn(|lane| work[stream(lane)].0.state);
    kernel(&mut states, data);
    for (state, at) in states.iter().zip(busy) {
        let (md5, bytes) = &mut work[*at];
        md5.state = *state;
        md5.len += (count * BLOCK) as u64;
        *bytes = &bytes[count * BLOCK..];
    }
}

#[cfg(test)]
mod tests;
