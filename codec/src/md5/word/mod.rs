//! What a step of MD5 computes with: one 32-bit word of each of `N` streams.

use super::BLOCK;

#[cfg(any(test, all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) mod mixed;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod wasm;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

/// Four streams, in the vectors of this processor.
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Four;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use wasm::Four;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::Four;
#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "x86_64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
pub(super) type Four = array::Array<4>;

/// One word of each of `N` streams.
pub(super) trait Word<const N: usize>: Copy {
    /// The word whose lanes these are.
    fn from_lanes(lanes: [u32; N]) -> Self;
    /// The lanes of the word.
    fn lanes(self) -> [u32; N];
    /// The 16 little-endian words of a block of each stream.
    fn load(blocks: [&[u8; BLOCK]; N]) -> [Self; 16];
    /// Constant `i` of the table, in every lane. The compiler must not see the values of `k`: V8 would build each
    /// vector from immediates, with four instructions.
    fn constant(k: &[u32; 64], i: usize) -> Self;
    /// Sum, modulo 2^32.
    fn add(self, other: Self) -> Self;
    /// Difference, modulo 2^32.
    fn sub(self, other: Self) -> Self;
    /// `self ^ other`.
    fn xor(self, other: Self) -> Self;
    /// `self & other`.
    fn and(self, other: Self) -> Self;
    /// `self & !other`.
    fn and_not(self, other: Self) -> Self;
    /// Rotation by `R` bits.
    fn rotate_left<const R: u32>(self) -> Self;
    /// Keeps the compiler from reordering a sum, which would lengthen the chain of dependent operations.
    #[inline(always)]
    fn settled(self) -> Self {
        self
    }
    /// A step of the first round: the new word from the one before, `b`, and the sum of the word to replace, the message's
    /// word and the constant.
    #[inline(always)]
    fn f<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        b.add(sum.settled().add(d.xor(b.and(c.xor(d)))).rotate_left::<R>())
    }
    /// A step of the second round. The two halves of its function have no bit in common, so they can be added. The half
    /// with `c` is known early.
    #[inline(always)]
    fn g<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        b.add(sum.add(c.and_not(d)).settled().add(b.and(d)).rotate_left::<R>())
    }
    /// A step of the third round.
    #[inline(always)]
    fn h<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        b.add(sum.settled().add(b.xor(c.xor(d))).rotate_left::<R>())
    }
    /// A step of the fourth round.
    #[inline(always)]
    fn i<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        b.add(sum.settled().sub(c.xor(d.and_not(b))).rotate_left::<R>())
    }
    /// Keeps the compiler from computing one chain after the other: the word is computed before the next one that is
    /// pinned. An engine of wasm may keep the order of the code, and then a processor would not see the second chain
    /// while it computes the first.
    #[inline(always)]
    fn pin(self) {}
}

/// A single stream, in a general register. Its constants are immediates.
impl Word<1> for u32 {
    #[inline(always)]
    fn from_lanes([lane]: [u32; 1]) -> Self {
        lane
    }
    #[inline(always)]
    fn lanes(self) -> [u32; 1] {
        [self]
    }
    #[inline(always)]
    fn load([block]: [&[u8; BLOCK]; 1]) -> [Self; 16] {
        let (words, _) = block.as_chunks::<4>();
        core::array::from_fn(|i| u32::from_le_bytes(words[i]))
    }
    #[inline(always)]
    fn constant(_: &[u32; 64], i: usize) -> Self {
        super::rounds::K[i]
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        self & !other
    }
    #[inline(always)]
    fn rotate_left<const R: u32>(self) -> Self {
        u32::rotate_left(self, R)
    }
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "there is no other way to fix the order of a sum")]
    #[inline(always)]
    fn settled(mut self) -> Self {
        // SAFETY: the template is a comment. No instruction is executed, and the register keeps its value.
        unsafe {
            core::arch::asm!("/* {0:e} */", inout(reg) self, options(pure, nomem, nostack, preserves_flags))
        };
        self
    }
    #[cfg(target_arch = "wasm32")]
    #[allow(unsafe_code, reason = "there is no other way to fix the order of operations")]
    #[inline(always)]
    fn pin(self) {
        let mut place = 0;
        // SAFETY: the place is a variable of this function. The store has an effect as far as the compiler knows.
        unsafe { (&raw mut place).write_volatile(self) };
    }
}

/// Lanes as an array in general registers, for two or three streams on x86-64 and in wasm, and for processors without a
/// kernel here. The chains are interleaved, which uses more of the processor than one chain does. Tests compile it too.
#[cfg(any(test, not(target_arch = "aarch64")))]
pub(super) mod array {
    use super::{BLOCK, Word};

    /// One word of each of `N` streams.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Array<const N: usize>([u32; N]);

    impl<const N: usize> Array<N> {
        #[inline(always)]
        fn zip(self, other: Self, f: impl Fn(u32, u32) -> u32) -> Self {
            Self(core::array::from_fn(|i| f(self.0[i], other.0[i])))
        }
    }

    impl<const N: usize> Word<N> for Array<N> {
        #[inline(always)]
        fn from_lanes(lanes: [u32; N]) -> Self {
            Self(lanes)
        }
        #[inline(always)]
        fn lanes(self) -> [u32; N] {
            self.0
        }
        #[inline(always)]
        fn load(blocks: [&[u8; BLOCK]; N]) -> [Self; 16] {
            core::array::from_fn(|i| {
                Self(core::array::from_fn(|lane| u32::from_le_bytes(blocks[lane].as_chunks::<4>().0[i])))
            })
        }
        #[inline(always)]
        fn constant(k: &[u32; 64], i: usize) -> Self {
            Self([u32::constant(k, i); N])
        }
        #[inline(always)]
        fn settled(self) -> Self {
            Self(self.0.map(Word::settled))
        }
        #[inline(always)]
        fn pin(self) {
            self.0.into_iter().for_each(Word::pin);
        }
        #[inline(always)]
        fn f<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
            Self(core::array::from_fn(|i| u32::f::<R>(sum.0[i], b.0[i], c.0[i], d.0[i])))
        }
        #[inline(always)]
        fn g<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
            Self(core::array::from_fn(|i| u32::g::<R>(sum.0[i], b.0[i], c.0[i], d.0[i])))
        }
        #[inline(always)]
        fn h<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
            Self(core::array::from_fn(|i| u32::h::<R>(sum.0[i], b.0[i], c.0[i], d.0[i])))
        }
        #[inline(always)]
        fn i<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
            Self(core::array::from_fn(|i| u32::i::<R>(sum.0[i], b.0[i], c.0[i], d.0[i])))
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            self.zip(other, u32::wrapping_add)
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            self.zip(other, u32::wrapping_sub)
        }
        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            self.zip(other, |a, b| a ^ b)
        }
        #[inline(always)]
        fn and(self, other: Self) -> Self {
            self.zip(other, |a, b| a & b)
        }
        #[inline(always)]
        fn and_not(self, other: Self) -> Self {
            self.zip(other, |a, b| a & !b)
        }
        #[inline(always)]
        fn rotate_left<const R: u32>(self) -> Self {
            Self(self.0.map(|a| a.rotate_left(R)))
        }
    }
}
