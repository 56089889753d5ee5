//! The kernels: which vectors compress how many streams on this processor.

use super::{BLOCK, rounds::blocks};

/// The blocks of one stream.
type Blocks<'a> = &'a [[u8; BLOCK]];

/// The most lanes of any kernel.
pub(super) const WIDEST: usize = 8;

/// A single stream.
#[inline(never)]
pub(super) fn one(state: &mut [u32; 4], data: Blocks) {
    let mut states = [*state];
    blocks::<1, u32>(&mut states, [data]);
    [*state] = states;
}

/// Three streams, in general registers. There an operation takes one cycle and a rotation is one instruction, so the
/// chains are shorter than those of vectors, and three of them fit in the time of one: 1.4x of [`eight`] with three
/// streams on Zen 5.
#[cfg(any(target_arch = "x86_64", target_arch = "wasm32"))]
#[inline(never)]
pub(super) fn three(states: &mut [[u32; 4]; 3], data: [Blocks; 3]) {
    blocks::<3, super::word::array::Array<3>>(states, data);
}

/// Seven streams: four in a vector, three in general registers. In Chromium on Zen 5 they take 0.75 of the time of the four
/// alone, so a byte costs 0.43 of it (`npm run bench:codec`).
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(never)]
pub(super) fn seven(states: &mut [[u32; 4]; 7], data: [Blocks; 7]) {
    blocks::<7, super::word::mixed::Seven>(states, data);
}

/// Four streams.
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
#[inline(never)]
pub(super) fn four(states: &mut [[u32; 4]; 4], data: [Blocks; 4]) {
    blocks::<4, super::word::Four>(states, data);
}

/// Eight streams: with AVX2 or AVX-512VL together, else four after four.
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
#[inline(never)]
pub(super) fn eight(states: &mut [[u32; 4]; 8], data: [Blocks; 8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = x86::widest() {
        return kernel(states, data);
    }
    let (states, _) = states.as_chunks_mut::<4>();
    let (data, _) = data.as_chunks::<4>();
    for (states, data) in states.iter_mut().zip(data) {
        four(states, *data);
    }
}

/// How many streams are compressed together: eight with AVX2, where [`eight`] takes less time than [`four`] twice.
pub(super) fn lanes() -> usize {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return 7;
    #[cfg(target_arch = "x86_64")]
    if x86::avx2().is_some() {
        return 8;
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return 4;
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "a function that uses AVX2 is called only where the processor has it")]
pub(super) mod x86 {
    use super::{super::word::x86::Eight, Blocks, blocks};

    /// A kernel that this processor can run.
    pub(in super::super) type Kernel = fn(&mut [[u32; 4]; 8], [Blocks; 8]);

    /// The fastest kernel of eight lanes.
    pub(super) fn widest() -> Option<Kernel> {
        avx512().or_else(avx2)
    }

    /// The kernel with AVX2.
    pub(in super::super) fn avx2() -> Option<Kernel> {
        let kernel: Kernel = |states, data| {
            // SAFETY: this closure is returned only where AVX2 was detected.
            unsafe { eight_avx2(states, data) }
        };
        std::arch::is_x86_feature_detected!("avx2").then_some(kernel)
    }

    /// The kernel with AVX-512VL, in which a rotation and a function of three words are one instruction each.
    pub(in super::super) fn avx512() -> Option<Kernel> {
        let kernel: Kernel = |states, data| {
            // SAFETY: this closure is returned only where the three features were detected.
            unsafe { eight_avx512(states, data) }
        };
        let found = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl");
        found.then_some(kernel)
    }

    #[target_feature(enable = "avx2")]
    fn eight_avx2(states: &mut [[u32; 4]; 8], data: [Blocks; 8]) {
        blocks::<8, Eight>(states, data);
    }

    #[target_feature(enable = "avx2,avx512f,avx512vl")]
    fn eight_avx512(states: &mut [[u32; 4]; 8], data: [Blocks; 8]) {
        blocks::<8, Eight>(states, data);
    }
}
