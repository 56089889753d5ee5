//! Four lanes in the vectors of wasm's `simd128`.

use core::arch::wasm32::*;

use super::{super::BLOCK, Word};

/// One word of each of four streams.
#[derive(Clone, Copy)]
pub(in super::super) struct Four(v128);

/// Quarter `at` of a block, which the compiler loads with one instruction.
#[inline(always)]
fn quarter(block: &[u8; BLOCK], at: usize) -> v128 {
    let (halves, _) = block.as_chunks::<8>();
    u64x2(u64::from_le_bytes(halves[at * 2]), u64::from_le_bytes(halves[at * 2 + 1]))
}

impl Word<4> for Four {
    #[inline(always)]
    fn from_lanes([a, b, c, d]: [u32; 4]) -> Self {
        Self(u32x4(a, b, c, d))
    }
    #[inline(always)]
    fn lanes(self) -> [u32; 4] {
        [
            u32x4_extract_lane::<0>(self.0),
            u32x4_extract_lane::<1>(self.0),
            u32x4_extract_lane::<2>(self.0),
            u32x4_extract_lane::<3>(self.0),
        ]
    }
    #[inline(always)]
    fn load(blocks: [&[u8; BLOCK]; 4]) -> [Self; 16] {
        let mut words = [Self(u32x4_splat(0)); 16];
        for at in 0..4 {
            let [a, b, c, d] = blocks.map(|block| quarter(block, at));
            let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
            let (ab2, cd2) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
            words[at * 4] = Self(i64x2_shuffle::<0, 2>(ab, cd));
            words[at * 4 + 1] = Self(i64x2_shuffle::<1, 3>(ab, cd));
            words[at * 4 + 2] = Self(i64x2_shuffle::<0, 2>(ab2, cd2));
            words[at * 4 + 3] = Self(i64x2_shuffle::<1, 3>(ab2, cd2));
        }
        words
    }
    #[inline(always)]
    fn constant(k: &[u32; 64], i: usize) -> Self {
        Self(u32x4_splat(k[i]))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(u32x4_add(self.0, other.0))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(u32x4_sub(self.0, other.0))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        Self(v128_andnot(self.0, other.0))
    }
    #[inline(always)]
    fn rotate_left<const R: u32>(self) -> Self {
        if R == 16 {
            return Self(i16x8_shuffle::<1, 0, 3, 2, 5, 4, 7, 6>(self.0, self.0));
        }
        Self(v128_or(u32x4_shl(self.0, R), u32x4_shr(self.0, 32 - R)))
    }
    #[allow(unsafe_code, reason = "there is no other way to fix the order of operations")]
    #[inline(always)]
    fn pin(self) {
        let mut place = self.0;
        // SAFETY: the place is a variable of this function. The store has an effect as far as the compiler knows.
        unsafe { (&raw mut place).write_volatile(self.0) };
    }
}
