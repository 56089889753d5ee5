//! Four lanes with NEON.
//!
//! SAFETY of each block below: every aarch64 has the instructions of NEON.
#![allow(unsafe_code, reason = "intrinsics are unsafe functions, although every aarch64 has NEON")]

use core::arch::aarch64::*;

use super::{super::BLOCK, Word};

/// One word of each of four streams.
#[derive(Clone, Copy)]
pub(in super::super) struct Four(uint32x4_t);

/// Quarter `at` of a block, which the compiler loads with one instruction.
#[inline(always)]
fn quarter(block: &[u8; BLOCK], at: usize) -> uint32x4_t {
    let (words, _) = block.as_chunks::<4>();
    Four::from_lanes(core::array::from_fn(|i| u32::from_le_bytes(words[at * 4 + i]))).0
}

/// The lower halves of both.
#[inline(always)]
fn lower(a: uint32x4_t, b: uint32x4_t) -> Four {
    Four(unsafe { vreinterpretq_u32_u64(vzip1q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b))) })
}

/// The upper halves of both.
#[inline(always)]
fn upper(a: uint32x4_t, b: uint32x4_t) -> Four {
    Four(unsafe { vreinterpretq_u32_u64(vzip2q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b))) })
}

impl Word<4> for Four {
    #[inline(always)]
    fn from_lanes(lanes: [u32; 4]) -> Self {
        // SAFETY: both types are plain bits of the same size.
        Self(unsafe { core::mem::transmute::<[u32; 4], uint32x4_t>(lanes) })
    }
    #[inline(always)]
    fn lanes(self) -> [u32; 4] {
        // SAFETY: both types are plain bits of the same size.
        unsafe { core::mem::transmute::<uint32x4_t, [u32; 4]>(self.0) }
    }
    #[inline(always)]
    fn load(blocks: [&[u8; BLOCK]; 4]) -> [Self; 16] {
        let mut words = [Self::from_lanes([0; 4]); 16];
        for at in 0..4 {
            let [a, b, c, d] = blocks.map(|block| quarter(block, at));
            let (ab, cd) = unsafe { (vzip1q_u32(a, b), vzip1q_u32(c, d)) };
            let (ab2, cd2) = unsafe { (vzip2q_u32(a, b), vzip2q_u32(c, d)) };
            words[at * 4] = lower(ab, cd);
            words[at * 4 + 1] = upper(ab, cd);
            words[at * 4 + 2] = lower(ab2, cd2);
            words[at * 4 + 3] = upper(ab2, cd2);
        }
        words
    }
    #[inline(always)]
    fn constant(k: &[u32; 64], i: usize) -> Self {
        Self(unsafe { vdupq_n_u32(k[i]) })
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { vaddq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(unsafe { vsubq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(unsafe { veorq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(unsafe { vandq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        Self(unsafe { vbicq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn rotate_left<const R: u32>(self) -> Self {
        macro_rules! rotated {
            ($($left:literal)*) => {
                match R {
                    // SAFETY: see above.
                    $($left => unsafe {
                        vorrq_u32(vshlq_n_u32::<$left>(self.0), vshrq_n_u32::<{ 32 - $left }>(self.0))
                    },)*
                    _ => unreachable!("MD5 has no such rotation"),
                }
            };
        }
        Self(rotated!(4 5 6 7 9 10 11 12 14 15 16 17 20 21 22 23))
    }
}
