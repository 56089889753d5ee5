//! The compression function (RFC 1321, 3.4), of one stream or of several in lockstep.
//!
//! Each step depends on the one before. As it is written here, the dependent operations from one `b` to the next are 5,
//! 4, 4 and 5 in the four rounds of a scalar: 288 for 64 bytes, whatever else the processor could do meanwhile. Vectors
//! have no rotation before AVX-512: 6, 5, 5 and 6, so 352, but for all lanes.

use super::word::Word;

/// `floor(2^32 * |sin(i + 1)|)`.
#[rustfmt::skip]
pub(crate) static K: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    // The last round subtracts `c ^ (d & !b)` where the standard adds its complement, `c ^ (b | !d)`. As -x is !x + 1,
    // these constants are one less than those of the standard.
    0xf429_2243, 0x432a_ff96, 0xab94_23a6, 0xfc93_a038, 0x655b_59c2, 0x8f0c_cc91, 0xffef_f47c, 0x8584_5dd0,
    0x6fa8_7e4e, 0xfe2c_e6df, 0xa301_4313, 0x4e08_11a0, 0xf753_7e81, 0xbd3a_f234, 0x2ad7_d2ba, 0xeb86_d390,
];

/// The state of a digest of no bytes.
pub(crate) const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Compresses one block of each stream.
#[inline(always)]
pub(crate) fn block<const N: usize, W: Word<N>>(k: &[u32; 64], state: [W; 4], m: &[W; 16]) -> [W; 4] {
    let [mut a, mut b, mut c, mut d] = state;
    macro_rules! four {
        ($f:ident, $i:expr, [$m0:expr, $m1:expr, $m2:expr, $m3:expr], [$r0:expr, $r1:expr, $r2:expr, $r3:expr]) => {
            a = W::$f::<$r0>(a.add(W::constant(k, $i)).add(m[$m0]), b, c, d);
            d = W::$f::<$r1>(d.add(W::constant(k, $i + 1)).add(m[$m1]), a, b, c);
            c = W::$f::<$r2>(c.add(W::constant(k, $i + 2)).add(m[$m2]), d, a, b);
            b = W::$f::<$r3>(b.add(W::constant(k, $i + 3)).add(m[$m3]), c, d, a);
            b.pin();
        };
    }
    four!(f, 0, [0, 1, 2, 3], [7, 12, 17, 22]);
    four!(f, 4, [4, 5, 6, 7], [7, 12, 17, 22]);
    four!(f, 8, [8, 9, 10, 11], [7, 12, 17, 22]);
    four!(f, 12, [12, 13, 14, 15], [7, 12, 17, 22]);
    four!(g, 16, [1, 6, 11, 0], [5, 9, 14, 20]);
    four!(g, 20, [5, 10, 15, 4], [5, 9, 14, 20]);
    four!(g, 24, [9, 14, 3, 8], [5, 9, 14, 20]);
    four!(g, 28, [13, 2, 7, 12], [5, 9, 14, 20]);
    four!(h, 32, [5, 8, 11, 14], [4, 11, 16, 23]);
    four!(h, 36, [1, 4, 7, 10], [4, 11, 16, 23]);
    four!(h, 40, [13, 0, 3, 6], [4, 11, 16, 23]);
    four!(h, 44, [9, 12, 15, 2], [4, 11, 16, 23]);
    four!(i, 48, [0, 7, 14, 5], [6, 10, 15, 21]);
    four!(i, 52, [12, 3, 10, 1], [6, 10, 15, 21]);
    four!(i, 56, [8, 15, 6, 13], [6, 10, 15, 21]);
    four!(i, 60, [4, 11, 2, 9], [6, 10, 15, 21]);
    let [a0, b0, c0, d0] = state;
    [a0.add(a), b0.add(b), c0.add(c), d0.add(d)]
}

/// Compresses as many blocks of each stream as the shortest of `data` has.
#[inline(always)]
pub(crate) fn blocks<const N: usize, W: Word<N>>(states: &mut [[u32; 4]; N], data: [&[[u8; 64]]; N]) {
    let k = core::hint::black_box(&K);
    let mut state: [W; 4] = core::array::from_fn(|i| W::from_lanes(states.map(|state| state[i])));
    let count = data.iter().map(|data| data.len()).min().unwrap_or(0);
    let data = data.map(|data| &data[..count]);
    for at in 0..count {
        state = block(k, state, &W::load(data.map(|data| &data[at])));
    }
    let lanes = state.map(W::lanes);
    for (lane, state) in states.iter_mut().enumerate() {
        *state = lanes.map(|word| word[lane]);
    }
}
