//! AES-256 (FIPS 197), bit-sliced, eight blocks at a time.
//!
//! Plane `k` holds bit `k` of every byte. Byte `t` of a plane holds the bits of byte `t` of the eight blocks, one bit
//! for each block. The S-box is then a circuit of bitwise operations on planes, and MixColumns moves bytes of planes.
//!
//! ShiftRows is never executed. Instead the round keys are stored as if it had not happened yet, MixColumns looks at
//! the columns where they really are, and the last permutation makes up for what was left out ("fixslicing":
//! Adomnicai and Peyrin, 2020). After four rounds the rows are back in place.

use alloc::boxed::Box;

use zeroize::{Zeroize, Zeroizing};

use super::{sbox::sbox, vector::Vector};

/// Byte permutations. Within the cipher byte `4 * row + column` of a plane belongs to that place of the state.
struct Permutations {
    /// Moves rows by one and columns by `k`, where `k` ShiftRows were left out.
    by_one: [[u8; 16]; 4],
    /// Moves rows by two, in the same way.
    by_two: [[u8; 16]; 4],
    /// From rows back to a block, with the ShiftRows that are still missing after 14 rounds.
    to_block: [u8; 16],
    /// From a block to rows.
    to_rows: [u8; 16],
}

static PERMUTATIONS: Permutations = permutations();

const fn permutations() -> Permutations {
    let zero = [0; 16];
    let mut all = Permutations { by_one: [zero; 4], by_two: [zero; 4], to_block: zero, to_rows: zero };
    let mut row = 0;
    while row < 4 {
        let mut column = 0;
        while column < 4 {
            let mut k = 0;
            while k < 4 {
                all.by_one[k][4 * row + column] = (4 * ((row + 1) & 3) + ((column + k) & 3)) as u8;
                all.by_two[k][4 * row + column] = (4 * ((row + 2) & 3) + ((column + 2 * k) & 3)) as u8;
                k += 1;
            }
            all.to_block[4 * column + row] = (4 * row + ((column + 2 * row) & 3)) as u8;
            all.to_rows[4 * row + column] = (4 * column + row) as u8;
            column += 1;
        }
        row += 1;
    }
    all
}

/// The permutations as loads from memory. If the compiler sees their values, V8 builds each vector from immediates
/// wherever it is used.
fn hidden_permutations() -> &'static Permutations {
    core::hint::black_box(&PERMUTATIONS)
}

/// The round keys, as planes.
type RoundKeys = [[Vector; 8]; 15];

/// An expanded key.
pub(super) struct Aes256 {
    round_keys: Box<RoundKeys>,
}

/// The planes of eight blocks that are all equal.
#[inline(always)]
fn planes_of(block: Vector) -> [Vector; 8] {
    core::array::from_fn(|k| {
        let bit = Vector::splat(1 << k);
        block.and(bit).equals(bit)
    })
}

/// SubWord of the key expansion.
fn sub_word(word: [u8; 4]) -> [u8; 4] {
    let block = u128::from(u32::from_le_bytes(word)).to_le_bytes();
    let mut planes = planes_of(Vector::load(&block));
    sbox(&mut planes);
    // 0x63 is what `sbox` leaves out.
    let joined = (0..8).fold(Vector::splat(0x63), |all, k| all.xor(planes[k].and(Vector::splat(1 << k))));
    (u128::from_le_bytes(joined.bytes()) as u32).to_le_bytes()
}

/// Exchanges bits of two planes: one step of a transposition.
#[inline(always)]
fn exchange<const N: u32>(q: &mut [Vector; 8], a: usize, b: usize, mask: u8) {
    let moved = q[a].shr64::<N>().xor(q[b]).and(Vector::splat(mask));
    q[b] = q[b].xor(moved);
    q[a] = q[a].xor(moved.shl64::<N>());
}

/// From planes to blocks.
#[inline(always)]
fn transpose(q: &mut [Vector; 8]) {
    for (a, b) in [(0, 1), (2, 3), (4, 5), (6, 7)] {
        exchange::<1>(q, a, b, 0x55);
    }
    for (a, b) in [(0, 2), (1, 3), (4, 6), (5, 7)] {
        exchange::<2>(q, a, b, 0x33);
    }
    for (a, b) in [(0, 4), (1, 5), (2, 6), (3, 7)] {
        exchange::<4>(q, a, b, 0x0f);
    }
}

/// MixColumns where `K` ShiftRows, modulo 4, were left out.
#[inline(always)]
fn mix_columns<const K: usize>(q: &mut [Vector; 8], by_one: &[Vector; 4], by_two: &[Vector; 4]) {
    let b = q.map(|v| if K == 0 { v.rotate_words_by_one() } else { v.swizzle(by_one[K]) });
    let x: [Vector; 8] = core::array::from_fn(|i| q[i].xor(b[i]));
    let b: [Vector; 8] = core::array::from_fn(|i| {
        b[i].xor(if K == 0 || K == 2 { x[i].rotate_words_by_two() } else { x[i].swizzle(by_two[K]) })
    });
    *q = [
        x[7].xor(b[0]),
        x[0].xor(x[7]).xor(b[1]),
        x[1].xor(b[2]),
        x[2].xor(x[7]).xor(b[3]),
        x[3].xor(x[7]).xor(b[4]),
        x[4].xor(b[5]),
        x[5].xor(b[6]),
        x[6].xor(b[7]),
    ];
}

/// The key expansion of FIPS 197, 5.2. The words are filled in place, since a key that moves leaves a copy behind.
fn expand(key: &[u8; 32], words: &mut [[u8; 4]; 60]) {
    words[..8].copy_from_slice(key.as_chunks::<4>().0);
    let mut constant = 1;
    for i in 8..60 {
        let mut word = words[i - 1];
        if i % 4 == 0 {
            word = sub_word(word);
            if i % 8 == 0 {
                word.rotate_left(1);
                word[0] ^= constant;
                constant <<= 1;
            }
        }
        for j in 0..4 {
            words[i][j] = words[i - 8][j] ^ word[j];
        }
    }
}

impl Aes256 {
    #[inline(never)]
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut words = Zeroizing::new([[0; 4]; 60]);
        expand(key, &mut words);
        let mut round_keys = Box::new([[Vector::zero(); 8]; 15]);
        for (r, planes) in round_keys.iter_mut().enumerate() {
            // How many ShiftRows are left out before this key is added. The last round has no MixColumns.
            let skipped = if r == 14 { 2 } else { r & 3 };
            let mut rows = Zeroizing::new([0; 16]);
            for row in 0..4 {
                for column in 0..4 {
                    let from = (column + 4 - ((skipped * row) & 3)) & 3;
                    rows[4 * row + column] = words[4 * r + from][row];
                }
            }
            *planes = planes_of(Vector::load(&rows));
            if r > 0 {
                // The 0x63 that `sbox` leaves out. MixColumns does not change it: it is the same in all rows.
                for plane in [0, 1, 5, 6] {
                    planes[plane] = planes[plane].not();
                }
            }
        }
        Self { round_keys }
    }

    /// As [`Self::eight_blocks_inline`], for callers outside of the hot loop: inlined it is 8 KiB of instructions.
    #[inline(never)]
    pub(super) fn eight_blocks(&self, counter: u128) -> [Vector; 8] {
        self.eight_blocks_inline(counter)
    }

    /// Encrypts `counter` to `counter + 7`, where the lowest three bits of `counter` are zero.
    #[inline(always)]
    pub(super) fn eight_blocks_inline(&self, counter: u128) -> [Vector; 8] {
        let permutations = hidden_permutations();
        let by_one = permutations.by_one.each_ref().map(Vector::load);
        let by_two = permutations.by_two.each_ref().map(Vector::load);
        let mut q =
            planes_of(Vector::load(&counter.to_be_bytes()).swizzle(Vector::load(&permutations.to_rows)));
        // The lowest three bits of the last byte count the eight blocks.
        let last = Vector::load(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]);
        for (plane, blocks) in [0xaa, 0xcc, 0xf0].into_iter().enumerate() {
            q[plane] = q[plane].xor(last.and(Vector::splat(blocks)));
        }
        let add_round_key = |q: &mut [Vector; 8], r: usize| {
            for (plane, key) in q.iter_mut().zip(&self.round_keys[r]) {
                *plane = plane.xor(*key);
            }
        };
        add_round_key(&mut q, 0);
        let mut r = 1;
        loop {
            sbox(&mut q);
            mix_columns::<1>(&mut q, &by_one, &by_two);
            add_round_key(&mut q, r);
            if r == 13 {
                break;
            }
            sbox(&mut q);
            mix_columns::<2>(&mut q, &by_one, &by_two);
            add_round_key(&mut q, r + 1);
            sbox(&mut q);
            mix_columns::<3>(&mut q, &by_one, &by_two);
            add_round_key(&mut q, r + 2);
            sbox(&mut q);
            mix_columns::<0>(&mut q, &by_one, &by_two);
            add_round_key(&mut q, r + 3);
            r += 4;
        }
        sbox(&mut q);
        add_round_key(&mut q, 14);
        transpose(&mut q);
        let to_block = Vector::load(&permutations.to_block);
        q.map(|block| block.swizzle(to_block))
    }
}

impl Drop for Aes256 {
    fn drop(&mut self) {
        self.round_keys.zeroize();
    }
}
