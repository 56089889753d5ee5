//! GHASH (NIST SP 800-38D, 6.4), 16 blocks at a time.
//!
//! The hash is a polynomial in H over GF(2^128). It is split into 16 lanes: lane `i` takes blocks `i`, `i + 16`,
//! `i + 32` and so on, and after each group of 16 blocks every lane is multiplied by H^16. The lanes are joined at the
//! end, each with its own power of H.
//!
//! A product with H^16 is linear in the bits of its other factor, so it is the sum of 32 table look-ups, one for each
//! half byte. A table has 16 entries of 16 bytes and is kept by byte position, so that one `swizzle` looks up the same
//! half byte of all 16 lanes: no secret is ever an address.

use alloc::boxed::Box;

use zeroize::Zeroize;

use super::vector::Vector;

/// `table[j / 4][half byte][j % 4]` is byte `j` of the product, for the 16 values of that half byte. In groups of four,
/// because the sums of more bytes do not stay in registers.
type Table = [[[Vector; 4]; 32]; 4];

/// The bytes of a group of 16 blocks.
const GROUP: usize = 256;

/// A hash in progress.
pub(super) struct Ghash {
    /// H to the powers of 0 (not used) to 16; above 1 only once there are lanes.
    powers: [u128; 17],
    /// For multiplication by H^16; a message of two groups or fewer needs none.
    table: Option<Box<Table>>,
    /// Byte `b` of all lanes in vector `b`.
    lanes: Option<[Vector; 16]>,
    /// The ciphertext of a group that is not full yet.
    tail: [u8; GROUP],
    tail_len: usize,
    len: u64,
}

impl Ghash {
    pub(super) fn new(h: u128) -> Self {
        let mut powers = [0; 17];
        powers[1] = h;
        Self { powers, table: None, lanes: None, tail: [0; GROUP], tail_len: 0, len: 0 }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if self.tail_len > 0 || bytes.len() < GROUP {
            let first;
            (first, bytes) = bytes.split_at(bytes.len().min(GROUP - self.tail_len));
            self.tail[self.tail_len..self.tail_len + first.len()].copy_from_slice(first);
            self.tail_len += first.len();
            if self.tail_len < GROUP {
                return;
            }
            let tail = self.tail;
            self.update_groups(&[tail]);
        }
        let (groups, rest) = bytes.as_chunks::<GROUP>();
        self.update_groups(groups);
        self.tail[..rest.len()].copy_from_slice(rest);
        self.tail_len = rest.len();
    }

    #[inline(never)]
    fn update_groups(&mut self, groups: &[[u8; GROUP]]) {
        let Some((first, mut rest)) = groups.split_first() else { return };
        let mut lanes = match self.lanes {
            None => {
                self.fill_powers();
                transposed(first)
            }
            Some(lanes) => {
                rest = groups;
                lanes
            }
        };
        if !rest.is_empty() {
            let h16 = self.powers[16];
            let table = self.table.get_or_insert_with(|| table(h16));
            for group in rest {
                lanes = times(table, &lanes);
                let group = transposed(group);
                lanes = core::array::from_fn(|b| lanes[b].xor(group[b]));
            }
        }
        self.lanes = Some(lanes);
    }

    fn fill_powers(&mut self) {
        for i in 2..=16 {
            self.powers[i] = product(self.powers[i - 1], self.powers[1]);
        }
    }

    /// The hash of what was taken, padded with zeros, and of its length. There is no associated data.
    pub(super) fn finish(&mut self) -> u128 {
        let mut sum = 0;
        if let Some(lanes) = self.lanes {
            let blocks = transposed_vectors(&lanes);
            for (i, block) in blocks.iter().enumerate() {
                sum ^= product(u128::from_be_bytes(block.bytes()), self.powers[16 - i]);
            }
        }
        for block in self.tail[..self.tail_len].chunks(16) {
            let mut padded = [0; 16];
            padded[..block.len()].copy_from_slice(block);
            sum = product(sum ^ u128::from_be_bytes(padded), self.powers[1]);
        }
        product(sum ^ u128::from(self.len * 8), self.powers[1])
    }
}

impl Drop for Ghash {
    fn drop(&mut self) {
        self.powers.zeroize();
        self.lanes.zeroize();
        if let Some(table) = &mut self.table {
            table.zeroize();
        }
    }
}

/// From byte `b` of 16 blocks in row `b` to blocks, and back.
#[inline(always)]
fn transposed_vectors(rows: &[Vector; 16]) -> [Vector; 16] {
    let mut a = *rows;
    for _ in 0..4 {
        let mut b = a;
        for i in 0..8 {
            b[2 * i] = a[i].zip_low(a[i + 8]);
            b[2 * i + 1] = a[i].zip_high(a[i + 8]);
        }
        a = b;
    }
    a
}

#[inline(always)]
fn transposed(group: &[u8; GROUP]) -> [Vector; 16] {
    let (blocks, _) = group.as_chunks::<16>();
    transposed_vectors(&core::array::from_fn(|i| Vector::load(&blocks[i])))
}

/// Every lane times the factor of the table.
#[inline(always)]
fn times(table: &Table, lanes: &[Vector; 16]) -> [Vector; 16] {
    let mask = Vector::splat(15);
    let halves: [Vector; 32] = core::array::from_fn(|i| {
        let lane = lanes[i / 2];
        if i % 2 == 0 { lane.upper_halves() } else { lane.and(mask) }
    });
    let mut product = [Vector::zero(); 16];
    for (four, table) in product.as_chunks_mut::<4>().0.iter_mut().zip(table) {
        for (entries, half) in table.iter().zip(&halves) {
            for (sum, entry) in four.iter_mut().zip(entries) {
                *sum = sum.xor(entry.swizzle(*half));
            }
        }
    }
    product
}

/// The products of `factor` with all values of each half byte.
#[inline(never)]
fn table(factor: u128) -> Box<Table> {
    let mut table = Box::new([[[Vector::zero(); 4]; 32]; 4]);
    let mut row = factor;
    for position in 0..32 {
        // GHASH numbers bits from the left: the next bit stands for the factor divided by two.
        let bits: [Vector; 4] = core::array::from_fn(|_| {
            let bit = Vector::load(&row.to_be_bytes());
            row = (row >> 1) ^ ((row & 1).wrapping_neg() & (0xe1 << 120));
            bit
        });
        let mut values = [Vector::zero(); 16];
        for n in 1..16_usize {
            values[n] = values[n & (n - 1)].xor(bits[3 - n.trailing_zeros() as usize]);
        }
        for (j, byte) in transposed_vectors(&values).into_iter().enumerate() {
            table[j / 4][position][j % 4] = byte;
        }
    }
    table
}

/// The product in GF(2^128), after BearSSL's `ghash_ctmul64` (Thomas Pornin): integer multiplications of factors with
/// holes between their bits, so that carries do not reach the next bit.
#[inline(never)]
fn product(y: u128, h: u128) -> u128 {
    let (y1, y0) = ((y >> 64) as u64, y as u64);
    let (h1, h0) = ((h >> 64) as u64, h as u64);
    let (y0r, y1r, h0r, h1r) = (y0.reverse_bits(), y1.reverse_bits(), h0.reverse_bits(), h1.reverse_bits());
    let (y2, y2r, h2, h2r) = (y0 ^ y1, y0r ^ y1r, h0 ^ h1, h0r ^ h1r);
    let (z0, z1, z2) = (lower_product(y0, h0), lower_product(y1, h1), lower_product(y2, h2));
    let (z0h, z1h, z2h) = (lower_product(y0r, h0r), lower_product(y1r, h1r), lower_product(y2r, h2r));
    let (z2, z2h) = (z2 ^ z0 ^ z1, z2h ^ z0h ^ z1h);
    let [z0h, z1h, z2h] = [z0h, z1h, z2h].map(|z| z.reverse_bits() >> 1);
    let (v0, v1, v2, v3) = (z0, z0h ^ z2, z1 ^ z2h, z1h);
    let (v3, v2, v1, v0) = (v3 << 1 | v2 >> 63, v2 << 1 | v1 >> 63, v1 << 1 | v0 >> 63, v0 << 1);
    let v2 = v2 ^ v0 ^ (v0 >> 1) ^ (v0 >> 2) ^ (v0 >> 7);
    let v1 = v1 ^ (v0 << 63) ^ (v0 << 62) ^ (v0 << 57);
    let v3 = v3 ^ v1 ^ (v1 >> 1) ^ (v1 >> 2) ^ (v1 >> 7);
    let v2 = v2 ^ (v1 << 63) ^ (v1 << 62) ^ (v1 << 57);
    u128::from(v3) << 64 | u128::from(v2)
}

/// The lower half of a carry-less product.
#[inline(always)]
fn lower_product(x: u64, y: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;
    let part = |x: u64, i: usize| x & (EVERY_FOURTH << i);
    (0..4).fold(0, |sum, i| {
        let bits = (0..4).fold(0, |bits, j| bits ^ part(x, j).wrapping_mul(part(y, (i + 4 - j) & 3)));
        sum | part(bits, i)
    })
}
