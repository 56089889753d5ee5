//! Check values with `simd128`, in 32 lanes of four bytes. To move a state on by 128 bytes is linear in its bits, so it is
//! the sum of eight look-ups, one for each half byte. A `swizzle` does sixteen of them at a time.

// Indices are bytes, half bytes, or constants.
#![allow(clippy::indexing_slicing)]

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd;

/// A check value in progress. `POLYNOMIAL` is bit-reversed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc<const POLYNOMIAL: u32>(u32);

/// Of gzip, zlib and Ethernet (ISO-HDLC).
pub(crate) type Crc32 = Crc<0xedb8_8320>;
/// Castagnoli's.
pub(crate) type Crc32c = Crc<0x82f6_3b78>;

impl<const POLYNOMIAL: u32> Default for Crc<POLYNOMIAL> {
    fn default() -> Self {
        Self(!0)
    }
}

impl<const POLYNOMIAL: u32> Crc<POLYNOMIAL> {
    const TABLES: Tables = tables(POLYNOMIAL);

    /// The value of bytes that follow others, whose value is `crc`.
    pub(crate) fn continued(crc: u32, bytes: &[u8]) -> u32 {
        let mut crc = Self(!crc);
        crc.update(bytes);
        crc.value()
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // A reference to a constant lies in memory, as a static would; a generic type has no statics.
        let tables: &'static Tables = &Self::TABLES;
        self.0 = updated(self.0, tables, bytes);
    }

    /// The value of all bytes that were taken.
    pub(crate) fn value(self) -> u32 {
        !self.0
    }
}

/// The tables of a polynomial. They do not compress, so they are as small as they can be.
struct Tables {
    /// Moves a state on by four bits.
    half_byte: [u32; 16],
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    advance: simd::Advance,
}

const fn tables(polynomial: u32) -> Tables {
    let mut half_byte = [0; 16];
    let mut i = 0;
    while i < 16 {
        half_byte[i] = step(polynomial, i as u32, 4);
        i += 1;
    }
    Tables {
        half_byte,
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        advance: simd::advance(polynomial),
    }
}

/// The state after further bytes.
#[inline(never)]
fn updated(mut state: u32, tables: &Tables, bytes: &[u8]) -> u32 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let bytes = simd::update(&mut state, tables, bytes);
    bytewise(&mut state, tables, bytes);
    state
}

/// Takes one half byte after the other. The lanes leave so few that the time does not matter.
fn bytewise(state: &mut u32, tables: &Tables, bytes: &[u8]) {
    for byte in bytes {
        *state ^= u32::from(*byte);
        for _ in 0..2 {
            *state = (*state >> 4) ^ tables.half_byte[(*state & 15) as usize];
        }
    }
}

/// Moves a state on by `bits` zero bits.
const fn step(polynomial: u32, mut state: u32, bits: u32) -> u32 {
    let mut bit = 0;
    while bit < bits {
        state = (state >> 1) ^ if state & 1 != 0 { polynomial } else { 0 };
        bit += 1;
    }
    state
}
