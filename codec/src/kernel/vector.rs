//! Vectors of 16 bytes, with the operations that the ciphers consist of. In wasm each is one instruction. The portable
//! version is slow and only compiled for the native tests.

use zeroize::DefaultIsZeroes;

pub(super) use imp::Vector;

impl Vector {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self::splat(0)
    }
}

impl Default for Vector {
    fn default() -> Self {
        Self::zero()
    }
}

impl DefaultIsZeroes for Vector {}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub(in crate::kernel) struct Vector(v128);

    impl Vector {
        #[inline(always)]
        pub(in crate::kernel) fn load(bytes: &[u8; 16]) -> Self {
            let (halves, _) = bytes.as_chunks::<8>();
            Self(u64x2(u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])))
        }

        #[inline(always)]
        pub(in crate::kernel) fn bytes(self) -> [u8; 16] {
            let (low, high) = (u64x2_extract_lane::<0>(self.0), u64x2_extract_lane::<1>(self.0));
            (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
        }

        #[inline(always)]
        pub(in crate::kernel) fn splat(byte: u8) -> Self {
            Self(u8x16_splat(byte))
        }

        #[inline(always)]
        pub(in crate::kernel) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline(always)]
        pub(in crate::kernel) fn and(self, other: Self) -> Self {
            Self(v128_and(self.0, other.0))
        }

        #[inline(always)]
        pub(in crate::kernel) fn not(self) -> Self {
            Self(v128_not(self.0))
        }

        /// 0xff where the bytes are equal, else 0.
        #[inline(always)]
        pub(in crate::kernel) fn equals(self, other: Self) -> Self {
            Self(i8x16_eq(self.0, other.0))
        }

        /// `self[index[i]]`, or 0 where the index is 16 or more. No address depends on `index`.
        #[inline(always)]
        pub(in crate::kernel) fn swizzle(self, index: Self) -> Self {
            Self(i8x16_swizzle(self.0, index.0))
        }

        /// The upper half of each byte.
        #[inline(always)]
        pub(in crate::kernel) fn upper_halves(self) -> Self {
            Self(u8x16_shr(self.0, 4))
        }

        #[inline(always)]
        pub(in crate::kernel) fn shl64<const N: u32>(self) -> Self {
            Self(i64x2_shl(self.0, N))
        }

        #[inline(always)]
        pub(in crate::kernel) fn shr64<const N: u32>(self) -> Self {
            Self(u64x2_shr(self.0, N))
        }

        /// Each of the four 32-bit words in the place of the one before.
        #[inline(always)]
        pub(in crate::kernel) fn rotate_words_by_one(self) -> Self {
            Self(i32x4_shuffle::<1, 2, 3, 0>(self.0, self.0))
        }

        #[inline(always)]
        pub(in crate::kernel) fn rotate_words_by_two(self) -> Self {
            Self(i32x4_shuffle::<2, 3, 0, 1>(self.0, self.0))
        }

        /// The lower eight bytes of both, in turn.
        #[inline(always)]
        pub(in crate::kernel) fn zip_low(self, other: Self) -> Self {
            Self(i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(self.0, other.0))
        }

        /// The upper eight bytes of both, in turn.
        #[inline(always)]
        pub(in crate::kernel) fn zip_high(self, other: Self) -> Self {
            Self(i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(
                self.0, other.0,
            ))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    #[derive(Clone, Copy)]
    pub(in crate::kernel) struct Vector(u128);

    impl Vector {
        fn each_half(self, f: impl Fn(u64) -> u64) -> Self {
            Self(u128::from(f((self.0 >> 64) as u64)) << 64 | u128::from(f(self.0 as u64)))
        }

        pub(in crate::kernel) fn load(bytes: &[u8; 16]) -> Self {
            Self(u128::from_le_bytes(*bytes))
        }

        pub(in crate::kernel) fn bytes(self) -> [u8; 16] {
            self.0.to_le_bytes()
        }

        pub(in crate::kernel) fn splat(byte: u8) -> Self {
            Self(u128::from_le_bytes([byte; 16]))
        }

        pub(in crate::kernel) fn xor(self, other: Self) -> Self {
            Self(self.0 ^ other.0)
        }

        pub(in crate::kernel) fn and(self, other: Self) -> Self {
            Self(self.0 & other.0)
        }

        pub(in crate::kernel) fn not(self) -> Self {
            Self(!self.0)
        }

        pub(in crate::kernel) fn equals(self, other: Self) -> Self {
            let (a, b) = (self.bytes(), other.bytes());
            Self::load(&core::array::from_fn(|i| if a[i] == b[i] { 0xff } else { 0 }))
        }

        pub(in crate::kernel) fn swizzle(self, index: Self) -> Self {
            let bytes = self.bytes();
            Self::load(&index.bytes().map(|i| bytes.get(usize::from(i)).copied().unwrap_or(0)))
        }

        pub(in crate::kernel) fn upper_halves(self) -> Self {
            Self::load(&self.bytes().map(|byte| byte >> 4))
        }

        pub(in crate::kernel) fn shl64<const N: u32>(self) -> Self {
            self.each_half(|half| half << N)
        }

        pub(in crate::kernel) fn shr64<const N: u32>(self) -> Self {
            self.each_half(|half| half >> N)
        }

        pub(in crate::kernel) fn rotate_words_by_one(self) -> Self {
            Self(self.0.rotate_right(32))
        }

        pub(in crate::kernel) fn rotate_words_by_two(self) -> Self {
            Self(self.0.rotate_right(64))
        }

        pub(in crate::kernel) fn zip_low(self, other: Self) -> Self {
            let (a, b) = (self.bytes(), other.bytes());
            Self::load(&core::array::from_fn(|i| if i % 2 == 0 { a[i / 2] } else { b[i / 2] }))
        }

        pub(in crate::kernel) fn zip_high(self, other: Self) -> Self {
            let (a, b) = (self.bytes(), other.bytes());
            Self::load(&core::array::from_fn(|i| if i % 2 == 0 { a[8 + i / 2] } else { b[8 + i / 2] }))
        }
    }
}
