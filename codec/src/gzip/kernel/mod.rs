//! A decoder after libdeflate's (Eric Biggers), in safe Rust, that can pause after each piece.
//!
//! Tables and window are as long as masked indices reach, so that the compiler has nothing to check. Output is made in
//! one window of 128 KiB: 32 KiB of history, then about 96 KiB of new bytes. A full window is a piece. Its check value is
//! taken while it is warm, and at the next call its last 32 KiB become history.
//!
//! Between calls everything is in [`Inflater`]: which [`Stage`] is next, the position in the input and in the window,
//! and the bits that were read but not used. Inside of a block of codes the stage is one symbol.

// Each index is masked to the length of its array, or is a position in the window that is checked after each symbol.
#![allow(clippy::indexing_slicing)]

mod tables;

use alloc::{boxed::Box, vec};

use super::{Error, MAX_MEMBERS, MOST_BEGUN, MOST_READ, Progress, zeros};
use crate::crc::Crc32;
use tables::{
    DISTANCE_BITS, DISTANCES, END, EXCEPTION, LENGTH_BITS, LENGTHS, LITERAL, LITERAL_BITS, LITERALS, Tables,
    build,
};

/// The largest distance of a match.
const HISTORY: usize = 1 << 15;
/// Indices of the window are masked with it.
const MASK: usize = (1 << 17) - 1;
/// Sixteen bytes can be written at the last index.
const SIZE: usize = MASK + 17;
/// A piece ends behind this position. At most a step of three literals, or of two and a match of 258, which is written
/// sixteen bytes at a time, follows.
const LIMIT: usize = MASK - 511;
/// What the input must have ahead if more of it will follow: more than a header with an extra field of 64 KiB, a stored
/// block, or the codes of a piece. A byte of output needs less than two bytes of input.
const AHEAD: usize = 256 << 10;

/// What comes next in the input.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The header of a member.
    Header,
    /// The header of a block.
    Block,
    /// That many bytes of a stored block.
    Stored(usize),
    /// A symbol of a block with codes.
    Symbol,
    /// Zeros, the header of the next member, or the end.
    Padding {
        /// Zeros were found.
        padded: bool,
    },
    End,
    Failed(Error),
}

pub(crate) struct Inflater {
    tables: Box<Tables>,
    window: Box<[u8; SIZE]>,
    stage: Stage,
    /// Whether the block is the member's last.
    is_last: bool,
    /// The position of the first stored byte that was not read.
    at: usize,
    /// As in [`Bits`].
    bits: u64,
    count: u32,
    over: usize,
    /// Where the next byte goes in the window. The piece begins at `HISTORY`.
    op: usize,
    /// Where the member begins in the window, or 0 if it began before.
    floor: usize,
    /// The first byte in the window that is not in `crc` yet.
    unchecked: usize,
    crc: Crc32,
    /// The bytes in `crc`.
    member_len: u64,
    /// The bytes of all pieces before this one.
    total: u64,
    max_output: u64,
    /// How many members and blocks were begun.
    members: u32,
    blocks: u64,
}

/// A gzip may have this many blocks, and one more for each 16 bytes of output.
const MAX_BLOCKS: u64 = 1 << 20;

impl Inflater {
    pub(crate) fn new(max_output: u64) -> Self {
        // `Box::new([0; SIZE])` would make the array on the stack first.
        let window = vec![0; SIZE].into_boxed_slice();
        let window = window.try_into().unwrap_or_else(|_| Box::new([0; SIZE]));
        Self {
            tables: Box::new(Tables::new()),
            window,
            stage: Stage::Header,
            is_last: false,
            at: 0,
            bits: 0,
            count: 0,
            over: 0,
            op: HISTORY,
            floor: HISTORY,
            unchecked: HISTORY,
            crc: Crc32::default(),
            member_len: 0,
            total: 0,
            max_output,
            members: 0,
            blocks: 0,
        }
    }

    pub(crate) fn restart(&mut self, max_output: u64) {
        (self.stage, self.at, self.op, self.unchecked) = (Stage::Header, 0, HISTORY, HISTORY);
        (self.total, self.max_output) = (0, max_output);
        (self.members, self.blocks) = (0, 0);
    }

    pub(crate) fn next(&mut self, stored: &[u8], ready: usize) -> Result<Progress<'_>, Error> {
        self.release();
        let input = stored.get(..ready).unwrap_or(stored);
        let pause = self.advance(input, input.len() < stored.len());
        let pause = pause.and_then(|pause| self.take_piece().map(|()| pause));
        match pause {
            Ok(_) if self.op > HISTORY => Ok(Progress::Piece(&self.window[HISTORY..self.op])),
            Ok(Pause::Piece) => Ok(Progress::Piece(&[])),
            Ok(Pause::NeedsMore) => Ok(Progress::NeedsMore),
            Ok(Pause::End) => Ok(Progress::End),
            Err(error) => {
                (self.stage, self.op) = (Stage::Failed(error), HISTORY);
                Err(error)
            }
        }
    }

    /// The last 32 KiB become history.
    fn release(&mut self) {
        if self.op > HISTORY {
            self.total += (self.op - HISTORY) as u64;
            self.window.copy_within(self.op - HISTORY..self.op, 0);
            self.floor = (self.floor + HISTORY).saturating_sub(self.op);
            (self.op, self.unchecked) = (HISTORY, HISTORY);
        }
    }

    /// Takes the check value of what was written, while it is warm.
    fn take_piece(&mut self) -> Result<(), Error> {
        let new = &self.window[self.unchecked..self.op];
        self.crc.update(new);
        self.member_len += new.len() as u64;
        self.unchecked = self.op;
        let total = self.total + (self.op - HISTORY) as u64;
        if total > self.max_output { Err(Error::TooLong) } else { Ok(()) }
    }

    /// Inflates until the window is full, or there is another reason to pause. `is_part`: more input will follow.
    fn advance(&mut self, input: &[u8], is_part: bool) -> Result<Pause, Error> {
        let (start, mut begun) = (self.at, 0);
        loop {
            // A block may end a few literals behind the limit.
            if self.op > LIMIT {
                return Ok(Pause::Piece);
            }
            if is_part && input.len().saturating_sub(self.at) < AHEAD {
                return Ok(Pause::NeedsMore);
            }
            let rest = input.get(self.at..).ok_or(Error::Gzip)?;
            match self.stage {
                Stage::Header => {
                    let Some(body) = header(rest) else {
                        return if is_part { Ok(Pause::NeedsMore) } else { Err(Error::Gzip) };
                    };
                    self.at = input.len() - body.len();
                    (self.bits, self.count, self.over) = (0, 0, 0);
                    (self.floor, self.unchecked) = (self.op, self.op);
                    (self.crc, self.member_len) = (Crc32::default(), 0);
                    if self.members == MAX_MEMBERS {
                        return Err(Error::TooLong);
                    }
                    self.members += 1;
                    self.stage = Stage::Block;
                }
                Stage::Block => {
                    if begun == MOST_BEGUN || self.at - start > MOST_READ {
                        return Ok(Pause::Piece);
                    }
                    begun += 1;
                    self.blocks += 1;
                    if self.blocks > MAX_BLOCKS + self.total / 16 {
                        return Err(Error::TooLong);
                    }
                    self.begin_block(input)?;
                }
                Stage::Stored(len) => {
                    let now = rest.get(..len.min(LIMIT + 1 - self.op)).ok_or(Error::Gzip)?;
                    self.window[self.op..self.op + now.len()].copy_from_slice(now);
                    self.op += now.len();
                    self.at += now.len();
                    self.stage = Stage::Stored(len - now.len());
                    if len == now.len() {
                        self.end_block(input)?;
                    }
                }
                Stage::Symbol => {
                    if self.symbols(input)? {
                        self.end_block(input)?;
                    }
                }
                Stage::Padding { padded } => {
                    let zeros = zeros(rest);
                    self.at += zeros;
                    let padded = padded || zeros > 0;
                    self.stage = Stage::Padding { padded };
                    if zeros == rest.len() {
                        if is_part {
                            return Ok(Pause::NeedsMore);
                        }
                        self.stage = Stage::End;
                    } else if padded {
                        return Err(Error::Gzip);
                    } else {
                        self.stage = Stage::Header;
                    }
                }
                Stage::End => return Ok(Pause::End),
                Stage::Failed(error) => return Err(error),
            }
        }
    }

    fn bits<'i>(&self, input: &'i [u8]) -> Bits<'i> {
        let rest = input.get(self.at..).unwrap_or_default();
        Bits { rest, over: self.over, bits: self.bits, count: self.count }
    }

    fn keep(&mut self, bits: Bits, input: &[u8]) {
        self.at = input.len() - bits.rest.len();
        (self.bits, self.count, self.over) = (bits.bits, bits.count & 0xff, bits.over);
    }

    /// Goes back to the first byte of which no bit was used.
    fn align(&mut self) -> Result<(), Error> {
        let ahead = ((self.count & 0xff) as usize >> 3).checked_sub(self.over).ok_or(Error::Gzip)?;
        self.at = self.at.checked_sub(ahead).ok_or(Error::Gzip)?;
        (self.bits, self.count, self.over) = (0, 0, 0);
        Ok(())
    }

    fn begin_block(&mut self, input: &[u8]) -> Result<(), Error> {
        let mut bits = self.bits(input);
        bits.refill()?;
        self.is_last = bits.take(1) == 1;
        let kind = bits.take(2);
        self.stage = Stage::Symbol;
        match kind {
            0 => {
                self.keep(bits, input);
                self.align()?;
                let lengths = input.get(self.at..).and_then(<[u8]>::first_chunk::<4>);
                let &[a, b, c, d] = lengths.ok_or(Error::Gzip)?;
                let len = u16::from_le_bytes([a, b]);
                if len != !u16::from_le_bytes([c, d]) {
                    return Err(Error::Gzip);
                }
                self.at += 4;
                self.stage = Stage::Stored(usize::from(len));
            }
            1 => {
                self.keep(bits, input);
                self.tables.set_fixed();
            }
            2 => {
                dynamic(&mut bits, &mut self.tables).ok_or(Error::Gzip)?;
                self.keep(bits, input);
            }
            _ => return Err(Error::Gzip),
        }
        Ok(())
    }

    /// Compares the check values, if the block is the last of the member.
    fn end_block(&mut self, input: &[u8]) -> Result<(), Error> {
        self.stage = Stage::Block;
        if self.is_last {
            self.take_piece()?;
            self.align()?;
            let trailer = input.get(self.at..).and_then(<[u8]>::first_chunk::<8>).ok_or(Error::Gzip)?;
            let expected = u64::from(self.crc.value()) | (self.member_len & 0xffff_ffff) << 32;
            if u64::from_le_bytes(*trailer) != expected {
                return Err(Error::Gzip);
            }
            self.at += 8;
            self.stage = Stage::Padding { padded: false };
        }
        Ok(())
    }

    /// Decodes the symbols of a block, until it ends (`true`) or the window is full (`false`).
    #[inline(never)]
    fn symbols(&mut self, all: &[u8]) -> Result<bool, Error> {
        // Everything that changes is in a local variable, so that it stays in a register.
        let (mut input, mut op, floor) = (self.bits(all), self.op, self.floor);
        let window = &mut *self.window;
        let (literals, distances) = (&self.tables.literals, &self.tables.distances);
        macro_rules! put {
            ($entry:expr) => {
                window[op & MASK] = ($entry >> 16) as u8;
                op += 1;
            };
        }
        input.refill()?;
        let mut entry = literals[input.peek(LITERAL_BITS)];
        let ended = loop {
            if op > LIMIT {
                // `entry` was not dropped, so it is looked up again.
                break false;
            }
            // Up to three literals for one refill: 3 * 11 bits of 56.
            let mut saved = input.bits;
            input.drop(entry);
            if entry & LITERAL != 0 {
                put!(entry);
                entry = literals[input.peek(LITERAL_BITS)];
                saved = input.bits;
                input.drop(entry);
                if entry & LITERAL != 0 {
                    put!(entry);
                    entry = literals[input.peek(LITERAL_BITS)];
                    saved = input.bits;
                    input.drop(entry);
                    if entry & LITERAL != 0 {
                        put!(entry);
                        input.refill()?;
                        entry = literals[input.peek(LITERAL_BITS)];
                        continue;
                    }
                }
            }
            if entry & EXCEPTION != 0 {
                if entry & END != 0 {
                    break true;
                }
                let second = (entry >> 16) as usize + input.peek(entry >> 8 & 63);
                entry = literals[second & 4095];
                saved = input.bits;
                input.drop(entry);
                if entry & LITERAL != 0 {
                    put!(entry);
                    input.refill()?;
                    entry = literals[input.peek(LITERAL_BITS)];
                    continue;
                }
                if entry & END != 0 {
                    break true;
                }
            }
            let len = with_extra(entry, saved);
            // A distance takes up to 15 + 13 bits.
            if input.count & 0xff < 28 {
                input.refill()?;
            }
            let mut far = distances[input.peek(DISTANCE_BITS)];
            if far & EXCEPTION != 0 {
                input.drop(DISTANCE_BITS);
                let second = (far >> 16) as usize + input.peek(far >> 8 & 63);
                far = distances[second & 511];
            }
            let saved = input.bits;
            input.drop(far);
            let distance = with_extra(far, saved);
            // Codes without a meaning have a length or a distance of 0.
            if distance.wrapping_sub(1) >= op - floor || len == 0 {
                return Err(Error::Gzip);
            }
            // The next symbol is looked up before the copy, so that its load does not wait for the copy.
            input.refill()?;
            entry = literals[input.peek(LITERAL_BITS)];
            copy(window, op, distance, len);
            op += len;
        };
        self.op = op;
        self.keep(input, all);
        Ok(ended)
    }
}

/// Why a call returns.
enum Pause {
    /// The window is full, or much was read.
    Piece,
    NeedsMore,
    End,
}

/// The input as bits: the first is the lowest of the first byte.
#[derive(Clone, Copy)]
struct Bits<'i> {
    /// The bytes that were not read.
    rest: &'i [u8],
    /// How many zeros were read behind the end.
    over: usize,
    /// The bits that were read but not used.
    bits: u64,
    /// Their number, in the low byte.
    count: u32,
}

impl Bits<'_> {
    /// Reads until there are at least 56 bits. A few zeros follow the input's end.
    #[inline(always)]
    fn refill(&mut self) -> Result<(), Error> {
        let taken = ((63 - (self.count & 63)) >> 3) as usize;
        match self.rest.split_first_chunk::<8>() {
            Some((next, _)) => {
                self.bits |= u64::from_le_bytes(*next) << (self.count & 63);
                self.rest = &self.rest[taken..];
            }
            None => self.refill_at_end(taken)?,
        }
        self.count = self.count & 0xff | 56;
        Ok(())
    }

    /// Reads the last bytes, and zeros.
    #[cold]
    #[inline(never)]
    fn refill_at_end(&mut self, taken: usize) -> Result<(), Error> {
        let next = self.rest.iter().take(8).rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        self.bits |= next << (self.count & 63);
        let left = taken.min(self.rest.len());
        self.rest = self.rest.get(left..).unwrap_or_default();
        self.over += taken - left;
        if self.over > 8 { Err(Error::Gzip) } else { Ok(()) }
    }

    #[inline(always)]
    fn take(&mut self, n: u32) -> usize {
        let value = self.bits & ((1 << n) - 1);
        self.bits >>= n;
        self.count -= n;
        value as usize
    }

    /// Uses the bits of an entry: their number is in its low byte. Only the low byte of `count` is valid.
    #[inline(always)]
    fn drop(&mut self, entry: u32) {
        self.bits >>= entry & 63;
        self.count = self.count.wrapping_sub(entry & 0xff);
    }

    /// The lowest `n` bits.
    #[inline(always)]
    fn peek(&self, n: u32) -> usize {
        (self.bits & ((1 << n) - 1)) as usize
    }
}

/// The bytes after a member's header; `None` if the header is invalid or incomplete.
fn header(stored: &[u8]) -> Option<&[u8]> {
    let (&[0x1f, 0x8b, 8, flags, ..], mut rest) = stored.split_first_chunk::<10>()? else { return None };
    if flags & 0xe0 != 0 {
        return None;
    }
    if flags & 4 != 0 {
        let len;
        (len, rest) = rest.split_first_chunk::<2>()?;
        rest = rest.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [8, 16] {
        if flags & text != 0 {
            rest = rest.get(rest.iter().position(|byte| *byte == 0)? + 1..)?;
        }
    }
    if flags & 2 != 0 {
        let mut crc = Crc32::default();
        crc.update(&stored[..stored.len() - rest.len()]);
        let sum;
        (sum, rest) = rest.split_first_chunk::<2>()?;
        if u16::from_le_bytes(*sum) != crc.value() as u16 {
            return None;
        }
    }
    Some(rest)
}

/// Reads the codes of a block (RFC 1951, 3.2.7) and builds their tables. `None` if there are no such codes.
fn dynamic(input: &mut Bits, tables: &mut Tables) -> Option<()> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    tables.fixed = false;
    let (literals, distances, codes) = (input.take(5) + 257, input.take(5) + 1, input.take(4) + 4);
    if literals > 286 || distances > 30 {
        return None;
    }
    let mut lens = [0; 19];
    for (n, at) in ORDER.into_iter().take(codes).enumerate() {
        if n % 16 == 0 {
            input.refill().ok()?;
        }
        lens[at] = input.take(3) as u8;
    }
    build(&mut tables.lengths, &lens, &LENGTHS, LENGTH_BITS, 7, false)?;
    // A run may go beyond the end by 137.
    let mut lens = [0_u8; 320 + 138];
    let all = literals + distances;
    let mut i = 0;
    while i < all {
        input.refill().ok()?;
        let entry = tables.lengths[input.peek(LENGTH_BITS)];
        input.take(entry & 0xff);
        let (len, run) = match entry >> 16 {
            16 => (*lens.get(i.checked_sub(1)?)?, 3 + input.take(2)),
            17 => (0, 3 + input.take(3)),
            18 => (0, 11 + input.take(7)),
            len => (len as u8, 1),
        };
        lens[i..i + run].fill(len);
        i += run;
    }
    if i != all {
        return None;
    }
    let (literals, distances) = lens[..all].split_at(literals);
    // A block without an end is invalid.
    if literals[256] == 0 {
        return None;
    }
    build(&mut tables.distances, distances, &DISTANCES, DISTANCE_BITS, 15, true)?;
    build(&mut tables.literals, literals, &LITERALS, LITERAL_BITS, 15, true)
}

/// The base of an entry, with the extra bits that follow its code.
#[inline(always)]
fn with_extra(entry: u32, saved: u64) -> usize {
    (entry >> 16) as usize + ((saved & ((1 << (entry & 63)) - 1)) >> (entry >> 8 & 63)) as usize
}

/// Copies a match. Up to fifteen bytes behind it are overwritten.
#[inline(always)]
fn copy(window: &mut [u8; SIZE], op: usize, distance: usize, len: usize) {
    let from = op.wrapping_sub(distance);
    let load = |window: &[u8; SIZE], at: usize| -> [u8; 16] {
        let at = at & MASK;
        window[at..at + 16].first_chunk().copied().unwrap_or_default()
    };
    let store = |window: &mut [u8; SIZE], at: usize, bytes: [u8; 16]| {
        let at = at & MASK;
        window[at..at + 16].copy_from_slice(&bytes);
    };
    if distance >= 16 {
        let mut done = 0;
        loop {
            let bytes = load(window, from.wrapping_add(done));
            store(window, op + done, bytes);
            done += 16;
            if done >= len {
                return;
            }
        }
    }
    // Sixteen bytes of the repetition, stored at multiples of the distance.
    let bytes = repeated(load(window, from), distance);
    let stride = STRIDES[distance & 15];
    let mut done = 0;
    loop {
        store(window, op + done, bytes);
        done += stride;
        if done >= len {
            return;
        }
    }
}

/// The largest multiple of each distance that is at most 16.
static STRIDES: [usize; 16] = [16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15];

/// The first `distance` bytes, repeated.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
fn repeated(bytes: [u8; 16], distance: usize) -> [u8; 16] {
    use core::arch::wasm32::*;

    const fn patterns() -> [[u8; 16]; 16] {
        let mut all = [[0; 16]; 16];
        let mut distance = 1;
        while distance < 16 {
            let mut i = 0;
            while i < 16 {
                all[distance][i] = (i % distance) as u8;
                i += 1;
            }
            distance += 1;
        }
        all
    }
    static PATTERNS: [[u8; 16]; 16] = patterns();
    let load = |bytes: &[u8; 16]| {
        let (halves, _) = bytes.as_chunks::<8>();
        u64x2(u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]))
    };
    let v = i8x16_swizzle(load(&bytes), load(&PATTERNS[distance & 15]));
    (u128::from(u64x2_extract_lane::<1>(v)) << 64 | u128::from(u64x2_extract_lane::<0>(v))).to_le_bytes()
}

/// The first `distance` bytes, repeated.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
fn repeated(bytes: [u8; 16], distance: usize) -> [u8; 16] {
    core::array::from_fn(|i| bytes[(i % distance.max(1)) & 15])
}
