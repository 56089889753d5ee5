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
    const TABLE: [u32; 256] = table(POLYNOMIAL);

    /// The value of bytes that follow others, whose value is `crc`.
    pub(crate) fn continued(crc: u32, bytes: &[u8]) -> u32 {
        let mut crc = Self(!crc);
        crc.update(bytes);
        crc.value()
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let bytes = self.lanes(bytes);
        self.bytewise(bytes);
    }

    /// The value of all bytes that were taken.
    pub(crate) fn value(self) -> u32 {
        !self.0
    }

    /// Takes one byte after the other. The lanes leave so few that a single table is enough.
    fn bytewise(&mut self, bytes: &[u8]) {
        // A reference to a constant lies in memory, as a static would; a generic type has no statics.
        let table: &'static [u32; 256] = &Self::TABLE;
        for byte in bytes {
            self.0 = (self.0 >> 8) ^ table[usize::from(self.0 as u8 ^ byte)];
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

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = step(polynomial, i as u32, 8);
        i += 1;
    }
    table
}
