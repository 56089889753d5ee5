//! AES-256 (FIPS 197), bit-sliced, eight blocks at a time.
//!
//! Plane `k` holds bit `k` of every byte. Byte `t` of a plane holds the bits of byte `t` of the eight blocks, one bit
//! for each block. The S-box is then a circuit of bitwise operations on planes, and MixColumns moves bytes of planes.
//!
//! ShiftRows is never executed. Instead the round keys are stored as if it had not happened yet, MixColumns looks at
//! the columns where they really are, and the last permutation makes up for what was left out ("fixslicing":
//! Adomnicai and Peyrin, 2020). After four rounds the rows are back in place.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use super::{
    sbox::{inverted, reduced, sbox, substituted},
    vector::Vector,
};

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

/// A vector for each bit of a byte.
pub(super) type Planes = [Vector; 8];

/// The round keys.
type RoundKeys = [Planes; 15];

/// An expanded key.
pub(super) struct Aes256 {
    round_keys: Box<RoundKeys>,
}

/// The planes of eight blocks that are all equal.
#[inline(always)]
fn planes_of(block: Vector) -> Planes {
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
fn exchange<const N: u32>(q: &mut Planes, a: usize, b: usize, mask: u8) {
    let moved = q[a].shr64::<N>().xor(q[b]).and(Vector::splat(mask));
    q[b] = q[b].xor(moved);
    q[a] = q[a].xor(moved.shl64::<N>());
}

/// From planes to blocks.
#[inline(always)]
fn transpose(q: &mut Planes) {
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
fn mix_columns<const K: usize>(q: &mut Planes, by_one: Vector, by_two: Vector) {
    let b = q.map(|v| if K == 0 { v.rotate_words_by_one() } else { v.swizzle(by_one) });
    let x: Planes = core::array::from_fn(|i| q[i].xor(b[i]));
    let b: Planes = core::array::from_fn(|i| {
        b[i].xor(if K == 0 || K == 2 { x[i].rotate_words_by_two() } else { x[i].swizzle(by_two) })
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

    /// Encrypts `counter` to `counter + 7`, where the lowest three bits of `counter` are zero.
    #[inline(never)]
    pub(super) fn eight_blocks(&self, counter: u128) -> [u8; 128] {
        let mut states = [self.start(counter)];
        self.rounds(&mut states, 1..3);
        let mut blocks = [[0; 128]];
        self.finish(&mut states, &mut blocks);
        let [blocks] = blocks;
        blocks
    }

    /// The planes of eight counters before the first round.
    pub(super) fn start(&self, counter: u128) -> Planes {
        self.start_with(counter, 0xff)
    }

    /// `differ`: 0xff if they are eight in a row, 0 if all are equal.
    #[inline(never)]
    fn start_with(&self, counter: u128, differ: u8) -> Planes {
        let to_rows = Vector::load(&hidden_permutations().to_rows);
        let mut q = planes_of(Vector::load(&counter.to_be_bytes()).swizzle(to_rows));
        // The lowest three bits of the last byte count the eight blocks.
        let last = Vector::load(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, differ]);
        for (plane, blocks) in [0xaa, 0xcc, 0xf0].into_iter().enumerate() {
            q[plane] = q[plane].xor(last.and(Vector::splat(blocks)));
        }
        sum(&q, &self.round_keys[0])
    }

    /// Rounds with MixColumns, of at most [`GROUP`] states. All states take a step before any takes the next one: the
    /// operations of one state wait for each other, and a processor can work on several states at a time.
    #[inline(never)]
    pub(super) fn rounds(&self, states: &mut [Planes], rounds: Range<usize>) {
        let mut halves = [[Vector::zero(); 4]; GROUP];
        for r in rounds {
            let key = &self.round_keys[r];
            invert(states, &mut halves);
            match r & 3 {
                0 => mix::<0>(states, &halves, key),
                1 => mix::<1>(states, &halves, key),
                2 => mix::<2>(states, &halves, key),
                _ => mix::<3>(states, &halves, key),
            }
        }
    }

    /// The rounds from the third one on, and from planes to blocks, which are added to `bytes`.
    #[inline(never)]
    pub(super) fn finish(&self, states: &mut [Planes], bytes: &mut [[u8; 128]]) {
        self.rounds(states, 3..14);
        let to_block = Vector::load(&hidden_permutations().to_block);
        for (q, bytes) in states.iter().zip(bytes) {
            let mut q = *q;
            sbox(&mut q);
            q = sum(&q, &self.round_keys[14]);
            transpose(&mut q);
            for (block, stream) in bytes.as_chunks_mut::<16>().0.iter_mut().zip(q) {
                *block = Vector::load(block).xor(stream.swizzle(to_block)).bytes();
            }
        }
    }
}

/// The first steps of the S-box, for all states.
#[inline(never)]
fn invert(states: &[Planes], halves: &mut [[Vector; 4]]) {
    for (q, half) in states.iter().zip(halves.iter_mut()) {
        *half = reduced(q);
    }
    for (_, half) in states.iter().zip(halves) {
        *half = inverted(half);
    }
}

/// The rest of a round, for all states.
#[inline(never)]
fn mix<const K: usize>(states: &mut [Planes], halves: &[[Vector; 4]], key: &Planes) {
    let permutations = hidden_permutations();
    let by_one = Vector::load(&permutations.by_one[K]);
    let by_two = Vector::load(&permutations.by_two[K]);
    for (q, half) in states.iter_mut().zip(halves) {
        let mut p = substituted(q, half);
        mix_columns::<K>(&mut p, by_one, by_two);
        *q = sum(&p, key);
    }
}

#[inline(always)]
fn sum(a: &Planes, b: &Planes) -> Planes {
    core::array::from_fn(|i| a[i].xor(b[i]))
}

/// How many states take their steps together.
pub(super) const GROUP: usize = 8;

/// Counters without their first two rounds.
///
/// The first ShiftRows and MixColumns bring the last byte of a counter into one column, together with three bytes that
/// stay the same in all counters of a message, and its other changing bytes into other columns. The second SubBytes works
/// on each byte by itself, and the rest of the second round is linear. So the state after two rounds is the sum of two
/// parts: one of the last byte of the counter, with 256 values, and one of the rest, which is the same for 256 counters
/// in a row (after the counter mode caching of Bernstein and Schwabe, 2008). Counters are no secret, so one may be an
/// index.
pub(super) struct Run {
    /// The parts of the last byte, eight blocks each.
    last: Vec<Planes>,
    /// The part of the rest, and the counter without its last byte that it belongs to.
    rest: Planes,
    counter: Option<u128>,
}

/// Bytes 0, 5 and 10 of a counter: what the first ShiftRows brings into the column of the last byte.
const NEIGHBOURS: u128 = 0xff << 120 | 0xff << 80 | 0xff << 40;

impl Run {
    pub(super) fn new() -> Self {
        Self { last: Vec::new(), rest: [Vector::zero(); 8], counter: None }
    }

    /// The planes of eight blocks from `counter`, whose lowest three bits are zero, after two rounds.
    #[inline(always)]
    pub(super) fn planes(&mut self, aes: &Aes256, counter: u128) -> Planes {
        if self.counter != Some(counter & !0xff) {
            self.continue_at(aes, counter & !0xff);
        }
        sum(&self.last[(counter >> 3) as usize & 31], &self.rest)
    }

    #[inline(never)]
    fn continue_at(&mut self, aes: &Aes256, counter: u128) {
        let mut rest = [aes.start_with(counter, 0)];
        aes.rounds(&mut rest, 1..3);
        [self.rest] = rest;
        if self.counter.is_none_or(|before| (before ^ counter) & NEIGHBOURS != 0) {
            self.last.clear();
            self.last.extend((0..32).map(|i| aes.start(counter | i << 3)));
            for parts in self.last.chunks_mut(GROUP) {
                aes.rounds(parts, 1..3);
                for part in parts {
                    *part = sum(part, &self.rest);
                }
            }
        }
        self.counter = Some(counter);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.last.zeroize();
        self.rest.zeroize();
    }
}

impl Drop for Aes256 {
    fn drop(&mut self) {
        self.round_keys.zeroize();
    }
}
