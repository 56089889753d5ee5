//! The codes of a block as tables (RFC 1951, 3.2.2), in the form of libdeflate (Eric Biggers): one load returns the meaning
//! of a symbol and the number of its bits.
//!
//! - a literal: `LITERAL | byte << 16 | bits << 8 | bits`
//! - a length or distance: `base << 16 | code bits << 8 | code bits + extra bits`
//! - [`EXCEPTION`]: the block's end ([`END`]), or the position of a second table ([`SECOND`])

pub(crate) const LITERAL: u32 = 0x8000_0000;
pub(crate) const EXCEPTION: u32 = 0x8000;
pub(crate) const SECOND: u32 = 0x4000;
pub(crate) const END: u32 = 0x2000;

/// The bits with which the first table is looked up: of literals and lengths, of distances, of code lengths.
pub(crate) const LITERAL_BITS: u32 = 11;
pub(crate) const DISTANCE_BITS: u32 = 8;
pub(crate) const LENGTH_BITS: u32 = 7;

/// The tables of a block. Their lengths are powers of two, so that a masked index needs no check. 2342, 402 and 128
/// entries are used (zlib's `enough`).
pub(crate) struct Tables {
    pub(crate) literals: [u32; 4096],
    pub(crate) distances: [u32; 512],
    pub(crate) lengths: [u32; 128],
    /// Whether they are those of the fixed codes.
    pub(crate) fixed: bool,
}

impl Tables {
    pub(crate) fn new() -> Self {
        Self { literals: [0; 4096], distances: [0; 512], lengths: [0; 128], fixed: false }
    }

    /// The fixed codes (RFC 1951, 3.2.6).
    pub(crate) fn set_fixed(&mut self) {
        if self.fixed {
            return;
        }
        let lens: [u8; 288] = core::array::from_fn(|i| match i {
            0..144 => 8,
            144..256 => 9,
            256..280 => 7,
            _ => 8,
        });
        // Both codes are complete.
        let _ = build(&mut self.literals, &lens, &LITERALS, LITERAL_BITS, 15, true);
        let _ = build(&mut self.distances, &[5; 32], &DISTANCES, DISTANCE_BITS, 15, true);
        self.fixed = true;
    }
}

/// The meaning of each symbol of the alphabet of literals and lengths.
pub(crate) static LITERALS: [u32; 288] = literals();
/// The meaning of each symbol of the alphabet of distances.
pub(crate) static DISTANCES: [u32; 32] = distances();

/// The meaning of each symbol of the alphabet of code lengths: its number.
pub(crate) static LENGTHS: [u32; 19] = lengths();

const fn lengths() -> [u32; 19] {
    let mut all = [0; 19];
    let mut i = 0;
    while i < 19 {
        all[i] = (i as u32) << 16;
        i += 1;
    }
    all
}

const fn literals() -> [u32; 288] {
    let mut all = [0; 288];
    let mut i = 0;
    while i < 256 {
        all[i] = LITERAL | (i as u32) << 16;
        i += 1;
    }
    all[256] = EXCEPTION | END;
    // The last two symbols never occur in a valid stream. They have a length of 0, which the decoder refuses.
    let mut base = 3;
    let mut i = 0;
    while i < 28 {
        let extra = if i < 8 { 0 } else { i as u32 / 4 - 1 };
        all[257 + i] = base << 16 | extra;
        base += 1 << extra;
        i += 1;
    }
    all[285] = 258 << 16;
    all
}

const fn distances() -> [u32; 32] {
    let mut all = [0; 32];
    let mut base = 1;
    let mut i = 0;
    while i < 30 {
        let extra = if i < 4 { 0 } else { i as u32 / 2 - 1 };
        all[i] = base << 16 | extra;
        base += 1 << extra;
        i += 1;
    }
    // The last two symbols never occur in a valid stream. They have a distance of 0, which the decoder refuses.
    all
}

/// Builds the table of the code with these lengths, none longer than `most`, of symbols with these meanings. `None` if they are no code. `few`: the code
/// may be incomplete if it has no symbol, or a single symbol with one bit, as zlib allows.
#[inline(never)]
pub(crate) fn build(
    table: &mut [u32],
    lens: &[u8],
    meanings: &[u32],
    bits: u32,
    most: usize,
    few: bool,
) -> Option<()> {
    // There are as many meanings as symbols.
    let entry = |symbol: u16, len: u32| {
        let meaning = meanings.get(usize::from(symbol)).copied().unwrap_or_default();
        meaning.wrapping_add(len << 8 | len)
    };
    let mut counts = [0_u32; 16];
    for &len in lens {
        counts[usize::from(len & 15)] += 1;
    }
    let mut starts = [0_usize; 17];
    for len in 1..16 {
        starts[len + 1] = starts[len] + counts[len] as usize;
    }
    let mut sorted = [0_u16; 288];
    for (symbol, &len) in lens.iter().enumerate() {
        if len != 0 {
            let start = &mut starts[usize::from(len & 15)];
            *sorted.get_mut(*start)? = symbol as u16;
            *start += 1;
        }
    }
    let used = (1..=most).fold(0, |used, len| (used << 1) + counts[len]);
    if used != 1 << most {
        if !few || used > 1 << most || (used != 0 && (used != 1 << (most - 1) || counts[1] != 1)) {
            return None;
        }
        // Bits without a symbol have a length or a distance of 0.
        let (table, nothing) = (&mut table[..1 << bits], 1 << 8 | 1);
        table.fill(nothing);
        if used != 0 {
            table.iter_mut().step_by(2).for_each(|only| *only = entry(sorted[0], 1));
        }
        return Some(());
    }
    let mut symbols = sorted.iter().copied();
    let mut code = 0_usize;
    let mut len = (1..=most as u32).find(|len| counts[*len as usize] != 0)?;
    let mut count = counts[len as usize];
    // Codes that fit into the first table, which doubles with each bit.
    let mut end = 1 << len;
    while len <= bits {
        loop {
            table[code] = entry(symbols.next()?, len);
            if code == end - 1 {
                while len < bits {
                    table.copy_within(0..end, end);
                    end <<= 1;
                    len += 1;
                }
                return Some(());
            }
            code = next(code, end);
            count -= 1;
            if count == 0 {
                break;
            }
        }
        loop {
            len += 1;
            if len <= bits {
                table.copy_within(0..end, end);
                end <<= 1;
            }
            count = counts[len as usize & 15];
            if count != 0 {
                break;
            }
        }
    }
    // Longer codes: a second table for each start.
    end = 1 << bits;
    let mut prefix = usize::MAX;
    let mut start = 0;
    loop {
        if code & ((1 << bits) - 1) != prefix {
            prefix = code & ((1 << bits) - 1);
            start = end;
            let mut more = len - bits;
            let mut used = count;
            while used < 1 << more {
                more += 1;
                used = (used << 1) + counts[(bits + more) as usize & 15];
            }
            end = start + (1 << more);
            if end > table.len() {
                return None;
            }
            table[prefix] = (start as u32) << 16 | EXCEPTION | SECOND | more << 8 | bits;
        }
        let entry = entry(symbols.next()?, len - bits);
        let mut at = start + (code >> bits);
        while at < end {
            table[at] = entry;
            at += 1 << (len - bits);
        }
        if code == (1 << len) - 1 {
            return Some(());
        }
        code = next(code, 1 << len);
        count -= 1;
        while count == 0 {
            len += 1;
            count = *counts.get(len as usize)?;
        }
    }
}

/// The next code of a length, where `end - 1` is the last. Codes are counted from their last bit.
fn next(code: usize, end: usize) -> usize {
    let bit = 1 << (code ^ (end - 1)).ilog2();
    code & (bit - 1) | bit
}
