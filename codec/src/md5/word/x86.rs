//! Four lanes with SSE2, eight with AVX2.
#![allow(unsafe_code, reason = "intrinsics of AVX2 in functions that are inlined where AVX2 was detected")]

use core::arch::x86_64::*;

use super::{super::BLOCK, Word};

/// Quarter `at` of a block, which the compiler loads with one instruction.
#[inline(always)]
fn quarter(block: &[u8; BLOCK], at: usize) -> __m128i {
    let (halves, _) = block.as_chunks::<8>();
    // SAFETY: the instruction belongs to SSE2, which every x86-64 has.
    unsafe { _mm_set_epi64x(i64::from_le_bytes(halves[at * 2 + 1]), i64::from_le_bytes(halves[at * 2])) }
}

macro_rules! vectors {
    ($(#[$doc:meta])* $name:ident, $n:literal, $vector:ty, $load:expr, $set:ident, $add:ident, $sub:ident, $xor:ident,
     $and:ident, $andnot:ident, $or:ident, $shl:ident, $shr:ident, $lo32:ident, $hi32:ident, $lo64:ident, $hi64:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in super::super) struct $name($vector);

        // SAFETY of each block below: the instructions belong to SSE2, which every x86-64 has, or to AVX2. The type with
        // AVX2 is used only in functions of `kernel` that are called where AVX2 was detected.
        impl Word<$n> for $name {
            #[inline(always)]
            fn from_lanes(lanes: [u32; $n]) -> Self {
                // SAFETY: both types are plain bits of the same size.
                Self(unsafe { core::mem::transmute::<[u32; $n], $vector>(lanes) })
            }
            #[inline(always)]
            fn lanes(self) -> [u32; $n] {
                // SAFETY: as above.
                unsafe { core::mem::transmute::<$vector, [u32; $n]>(self.0) }
            }
            #[inline(always)]
            fn load(blocks: [&[u8; BLOCK]; $n]) -> [Self; 16] {
                let mut words = [Self::from_lanes([0; $n]); 16];
                for at in 0..4 {
                    let load = $load;
                    let [a, b, c, d]: [$vector; 4] = load(&blocks, at);
                    unsafe {
                        let (ab, cd) = ($lo32(a, b), $lo32(c, d));
                        let (ab2, cd2) = ($hi32(a, b), $hi32(c, d));
                        words[at * 4] = Self($lo64(ab, cd));
                        words[at * 4 + 1] = Self($hi64(ab, cd));
                        words[at * 4 + 2] = Self($lo64(ab2, cd2));
                        words[at * 4 + 3] = Self($hi64(ab2, cd2));
                    }
                }
                words
            }
            #[inline(always)]
            fn constant(k: &[u32; 64], i: usize) -> Self {
                Self(unsafe { $set(k[i].cast_signed()) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Self(unsafe { $sub(self.0, other.0) })
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                Self(unsafe { $xor(self.0, other.0) })
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                Self(unsafe { $and(self.0, other.0) })
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                Self(unsafe { $andnot(other.0, self.0) })
            }
            #[inline(always)]
            fn rotate_left<const R: u32>(self) -> Self {
                // The counts are constants after inlining.
                unsafe {
                    let (left, right) = (_mm_cvtsi32_si128(R as i32), _mm_cvtsi32_si128(32 - R as i32));
                    Self($or($shl(self.0, left), $shr(self.0, right)))
                }
            }
        }
    };
}

vectors! {
    /// One word of each of four streams, with SSE2.
    Four, 4, __m128i, |blocks: &[&[u8; BLOCK]; 4], at| blocks.map(|block| quarter(block, at)),
    _mm_set1_epi32, _mm_add_epi32, _mm_sub_epi32, _mm_xor_si128, _mm_and_si128, _mm_andnot_si128, _mm_or_si128,
    _mm_sll_epi32, _mm_srl_epi32, _mm_unpacklo_epi32, _mm_unpackhi_epi32, _mm_unpacklo_epi64, _mm_unpackhi_epi64
}

vectors! {
    /// One word of each of eight streams, with AVX2. Where AVX-512VL is enabled too, the compiler replaces shifts by
    /// rotations and two bitwise operations by one.
    Eight, 8, __m256i,
    |blocks: &[&[u8; BLOCK]; 8], at| core::array::from_fn(|i| unsafe {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(quarter(blocks[i], at)), quarter(blocks[i + 4], at))
    }),
    _mm256_set1_epi32, _mm256_add_epi32, _mm256_sub_epi32, _mm256_xor_si256, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_or_si256, _mm256_sll_epi32, _mm256_srl_epi32, _mm256_unpacklo_epi32, _mm256_unpackhi_epi32,
    _mm256_unpacklo_epi64, _mm256_unpackhi_epi64
}
