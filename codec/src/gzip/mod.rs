//! gzip (RFC 1952, RFC 1951) that is complete in memory, inflated piece by piece on demand.
//!
//! SeaweedFS compresses a chunk before it encrypts it, so the stored bytes are complete when inflating begins. An
//! [`Inflater`] makes its output in one window that is used again: memory that is warm costs nothing, fresh memory
//! costs more than inflating. The caller asks for a piece, uses it, and asks for the next, so it decides when work is
//! done and can pause or stop after each piece.
//!
//! Zeros may follow the last member, because writers pad. Any other bytes must be the next member.

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod flate2;
// Natively the kernel is compiled for tests and fuzzing alone.
#[cfg(any(test, feature = "kernels", all(target_arch = "wasm32", target_feature = "simd128")))]
pub(crate) mod kernel;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use self::flate2 as implementation;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use kernel as implementation;

/// Why bytes cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// They are not gzip, are truncated, are followed by bytes other than zeros, or have a wrong check value.
    Gzip,
    /// The output exceeds its limit, or there are too many members or blocks for it.
    TooLong,
}

/// What an [`Inflater`] returns when only a part of the stored bytes can be read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The next decoded bytes, at most 128 KiB; see [`Inflater::next`].
    Piece(&'a [u8]),
    /// More stored bytes must be ready before the next piece can be made.
    NeedsMore,
    /// All members were inflated, and their check values match.
    End,
}

/// Inflates one gzip of any number of members. It has about 150 KiB and can be used again for the next gzip.
pub struct Inflater(implementation::Inflater);

impl core::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Inflater(..)")
    }
}

impl Inflater {
    /// An inflater at the start of a gzip. `max_output` is the limit on the length of the output, in bytes.
    #[must_use]
    pub fn new(max_output: u64) -> Self {
        Self(implementation::Inflater::new(max_output))
    }

    /// Starts with another gzip, in the same memory.
    pub fn restart(&mut self, max_output: u64) {
        self.0.restart(max_output);
    }

    /// Returns the next decoded bytes, about 96 KiB, or `None` after the last. `stored` is the whole gzip, the same at
    /// each call.
    ///
    /// The piece is empty if much input gave no output, as in a series of empty members: then the call returns early, so
    /// that each call takes about the same time. Only after `None` is it known that the bytes of all pieces are right.
    ///
    /// # Errors
    ///
    /// [`Error`]. Bytes beyond the limit are never returned. After an error, each call returns the same error.
    pub fn next(&mut self, stored: &[u8]) -> Result<Option<&[u8]>, Error> {
        match self.0.next(stored, stored.len())? {
            Progress::Piece(piece) => Ok(Some(piece)),
            Progress::NeedsMore | Progress::End => Ok(None),
        }
    }

    /// As [`Inflater::next`], where only the first `ready` bytes of `stored` can be read yet. The rest is not looked at:
    /// it may still be encrypted.
    ///
    /// # Errors
    ///
    /// As [`Inflater::next`].
    pub fn next_of(&mut self, stored: &[u8], ready: usize) -> Result<Progress<'_>, Error> {
        self.0.next(stored, ready)
    }
}

/// How many blocks or members are begun in one call at most. A block of codes takes up to ten microseconds to begin, so
/// a series of empty ones takes a few milliseconds.
const MOST_BEGUN: u32 = 256;

/// The most members of one gzip. Formats with many of them, such as BGZF, have one for each 64 KiB.
const MAX_MEMBERS: u32 = 1 << 16;

/// The input of one call after which no further block is begun, in bytes.
const MOST_READ: usize = 256 << 10;

/// The number of zeros that the bytes begin with.
fn zeros(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let of = |block: &[u8]| block.iter().take_while(|byte| **byte == 0).count();
    match blocks.iter().position(|block| block.iter().fold(0, |all, byte| all | byte) != 0) {
        Some(at) => at * 64 + blocks.get(at).map_or(0, |block| of(block)),
        None => blocks.len() * 64 + of(rest),
    }
}

#[cfg(test)]
mod corners;
#[cfg(test)]
mod tests;
