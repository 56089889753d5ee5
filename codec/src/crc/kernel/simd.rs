//! The lanes of wasm's `simd128`.

use core::arch::wasm32::*;

use super::{Tables, bytewise, step};

/// A state moved on by 128 bytes: `[half byte of the state][byte of the result][value of the half byte]`.
pub(super) type Advance = [[[u8; 16]; 4]; 8];

pub(super) const fn advance(polynomial: u32) -> Advance {
    let mut all = [[[0; 16]; 4]; 8];
    let mut half = 0;
    while half < 8 {
        let mut value = 0;
        while value < 16 {
            let moved = step(polynomial, (value as u32) << (4 * half), 1024).to_le_bytes();
            let mut byte = 0;
            while byte < 4 {
                all[half][byte][value] = moved[byte];
                byte += 1;
            }
            value += 1;
        }
        half += 1;
    }
    all
}

#[inline(always)]
fn load(bytes: &[u8; 16]) -> v128 {
    let (halves, _) = bytes.as_chunks::<8>();
    u64x2(u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]))
}

#[inline(always)]
fn zip_low(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
}

#[inline(always)]
fn zip_high(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)
}

/// Byte `j` of sixteen words in vector `j`, where lane `4 * g + k` is word `4 * k + g`.
#[inline(always)]
fn transposed(a: [v128; 4]) -> [v128; 4] {
    let (x0, x1) = (zip_low(a[0], a[2]), zip_high(a[0], a[2]));
    let (x2, x3) = (zip_low(a[1], a[3]), zip_high(a[1], a[3]));
    let (y0, y1, y2, y3) = (zip_low(x0, x2), zip_high(x0, x2), zip_low(x1, x3), zip_high(x1, x3));
    let (z0, z1) = (i32x4_shuffle::<0, 4, 1, 5>(y0, y1), i32x4_shuffle::<2, 6, 3, 7>(y0, y1));
    let (z2, z3) = (i32x4_shuffle::<0, 4, 1, 5>(y2, y3), i32x4_shuffle::<2, 6, 3, 7>(y2, y3));
    [
        i64x2_shuffle::<0, 2>(z0, z2),
        i64x2_shuffle::<1, 3>(z0, z2),
        i64x2_shuffle::<0, 2>(z1, z3),
        i64x2_shuffle::<1, 3>(z1, z3),
    ]
}

#[inline(always)]
fn group(bytes: &[u8; 128]) -> [[v128; 4]; 2] {
    let (q, _) = bytes.as_chunks::<16>();
    [[0, 1, 2, 3], [4, 5, 6, 7]].map(|at| at.map(|i| load(&q[i])))
}

/// Takes groups of 128 bytes, if there are at least four. Returns the rest.
pub(super) fn update<'a>(state: &mut u32, tables: &Tables, bytes: &'a [u8]) -> &'a [u8] {
    let (groups, rest) = bytes.as_chunks::<128>();
    let Some((first, groups)) = groups.split_first().filter(|(_, more)| more.len() >= 3) else {
        return bytes;
    };
    // If the compiler sees the values, V8 builds each vector from immediates.
    let table = core::hint::black_box(&tables.advance);
    let [mut a, mut b] = group(first);
    a[0] = v128_xor(a[0], u32x4(*state, 0, 0, 0));
    (a, b) = (transposed(a), transposed(b));
    let low = u8x16_splat(15);
    for bytes in groups {
        let halves = |a: [v128; 4]| a.map(|v| [v128_and(v, low), u8x16_shr(v, 4)]);
        let (m, n) = (halves(a), halves(b));
        [a, b] = group(bytes).map(transposed);
        for j in 0..4 {
            for i in 0..8 {
                let entry = load(&table[i][j]);
                a[j] = v128_xor(a[j], i8x16_swizzle(entry, m[i / 2][i % 2]));
                b[j] = v128_xor(b[j], i8x16_swizzle(entry, n[i / 2][i % 2]));
            }
        }
    }
    // The lanes are a group of 128 bytes with the same check value as all groups before.
    let mut last = [0; 128];
    for (half, v) in last.chunks_exact_mut(64).zip([a, b]) {
        for (j, v) in v.into_iter().enumerate() {
            let lanes = (u128::from(u64x2_extract_lane::<1>(v)) << 64
                | u128::from(u64x2_extract_lane::<0>(v)))
            .to_le_bytes();
            for (lane, byte) in lanes.into_iter().enumerate() {
                half[(4 * (lane % 4) + lane / 4) * 4 + j] = byte;
            }
        }
    }
    *state = 0;
    bytewise(state, tables, &last);
    rest
}
