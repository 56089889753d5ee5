//! The corners of deflate (RFC 1951), made bit by bit. zlib-rs judges each case too.

use ::flate2::{Decompress, FlushDecompress, Status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{
    Error, kernel,
    tests::{HEADER, both, gzip, kernel_again, member},
};
use crate::random::Random;

/// Writes bits, the first as the lowest of the first byte.
#[derive(Clone, Default)]
struct Writer {
    bytes: Vec<u8>,
    count: usize,
}

/// The lengths of codes, by symbol.
type Lens = Vec<u8>;

impl Writer {
    fn bits(mut self, value: usize, n: usize) -> Self {
        for bit in 0..n {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> bit & 1 == 1) << (self.count % 8);
            self.count += 1;
        }
        self
    }

    /// Writes the code of a symbol, its highest bit first.
    fn symbol(self, lens: &[u8], symbol: usize) -> Self {
        let len = usize::from(lens[symbol]);
        let smaller = |other: &usize| (lens[*other], *other) < (lens[symbol], symbol) && lens[*other] > 0;
        // Canonical codes count up, so a code is the sum of the shares of those before it.
        let code: usize =
            (0..lens.len()).filter(smaller).map(|other| 1 << (len - usize::from(lens[other]))).sum();
        (0..len).rev().fold(self, |writer, bit| writer.bits(code >> bit & 1, 1))
    }

    /// The header of a last block with these codes. Each code length is written with four bits.
    fn codes(self, literals: &[u8], distances: &[u8]) -> Self {
        let writer =
            self.bits(1, 1).bits(2, 2).bits(literals.len() - 257, 5).bits(distances.len() - 1, 5).bits(15, 4);
        // 16, 17 and 18 have no code; 0 to 15 have four bits each.
        let writer = (0..19).fold(writer, |writer, i| writer.bits(if i < 3 { 0 } else { 4 }, 3));
        let lens = [4; 16];
        literals.iter().chain(distances).fold(writer, |writer, len| writer.symbol(&lens, usize::from(*len)))
    }

    fn stored(mut self, bytes: &[u8], is_last: bool) -> Self {
        self = self.bits(usize::from(is_last), 1).bits(0, 2);
        self.count = self.bytes.len() * 8;
        let len = bytes.len() as u16;
        self.bytes.extend([len.to_le_bytes(), (!len).to_le_bytes()].concat());
        self.bytes.extend(bytes);
        self.count = self.bytes.len() * 8;
        self
    }

    /// Opens a last block with fixed codes.
    fn fixed(self) -> Self {
        self.bits(1, 1).bits(1, 2)
    }

    /// A match in a block with fixed codes: symbols with their extra bits.
    fn fixed_match(self, length: usize, distance: usize, extra: (usize, usize)) -> Self {
        self.symbol(&fixed_literals(), length).symbol(&[5; 32], distance).bits(extra.0, extra.1)
    }
}

fn fixed_literals() -> Lens {
    [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat()
}

/// Code lengths of 257 or more literals and lengths, all 0 but these.
fn literals(lens: &[(usize, u8)]) -> Lens {
    let last = lens.iter().map(|(symbol, _)| *symbol + 1).max().unwrap_or(0);
    let mut all = vec![0; last.max(257)];
    lens.iter().for_each(|(symbol, len)| all[*symbol] = *len);
    all
}

/// What zlib-rs makes of deflated bytes.
fn zlib(deflated: &[u8]) -> Option<Vec<u8>> {
    let mut plain = vec![0; 1 << 20];
    let mut decompress = Decompress::new(false);
    match decompress.decompress(deflated, &mut plain, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => {
            plain.truncate(decompress.total_out() as usize);
            Some(plain)
        }
        _ => None,
    }
}

#[track_caller]
fn is_valid(name: &str, writer: &Writer, plain: &[u8]) {
    assert!(zlib(&writer.bytes).as_deref() == Some(plain), "{name}: zlib");
    assert!(both(&member(&writer.bytes, plain), 1 << 20) == Ok(plain.to_vec()), "{name}");
}

#[track_caller]
fn is_invalid(name: &str, writer: &Writer) {
    // Bytes that follow, so that it is not a truncation that is found.
    let deflated = [&writer.bytes[..], &[0x55; 64]].concat();
    assert_eq!(zlib(&deflated), None, "{name}: zlib");
    assert_eq!(both(&[&HEADER[..], &deflated].concat(), 1 << 20), Err(Error::Gzip), "{name}");
}

#[test]
fn stored_blocks_of_every_kind() {
    is_valid("empty", &Writer::default().stored(b"", true), b"");
    let empty = (0..1000).fold(Writer::default(), |writer, _| writer.stored(b"", false));
    is_valid("many empty ones", &empty.stored(b"x", true), b"x");
    let noise = Random(1).bytes(65_535);
    let long = (0..8).fold(Writer::default(), |writer, i| writer.stored(&noise, i == 7));
    is_valid("the longest", &long, &noise.repeat(8));
    let mut wrong = Writer::default().stored(b"abc", true);
    wrong.bytes[3] ^= 1;
    is_invalid("lengths that do not match", &wrong);
    is_invalid("the third kind of a block", &Writer::default().bits(1, 1).bits(3, 2));
}

#[test]
fn matches_at_the_edge_of_the_window() {
    let noise = Random(2).bytes(32_768);
    let stored = Writer::default().stored(&noise, false);
    // Symbol 285 is a length of 258; 29 with 13 extra bits of ones is a distance of 32768.
    let mut writer = stored.clone().fixed();
    let mut plain = noise.clone();
    for _ in 0..2000 {
        writer = writer.fixed_match(285, 29, (8191, 13));
        plain.extend_from_within(plain.len() - 32_768..plain.len() - 32_768 + 258);
    }
    is_valid("the largest distance", &writer.symbol(&fixed_literals(), 256), &plain);
    let shorter = Writer::default().stored(&noise[1..], false).fixed().fixed_match(285, 29, (8191, 13));
    is_invalid("one byte beyond the beginning", &shorter.symbol(&fixed_literals(), 256));
    is_invalid("a match before any byte", &Writer::default().fixed().fixed_match(257, 0, (0, 0)));
    // After pieces have left, the beginning of the window is not the beginning of the member.
    let many = (0..8).fold(Writer::default(), |writer, _| writer.stored(&noise, false));
    let plain = [noise.repeat(8), noise[..3].to_vec()].concat();
    let writer = many.fixed().fixed_match(257, 29, (8191, 13)).symbol(&fixed_literals(), 256);
    is_valid("the largest distance after many pieces", &writer, &plain);
}

/// A match of three bytes at distance 1, behind no byte or behind an `a`. The check value is that of what such a match
/// would copy, so that nothing else is wrong.
fn reaching_back(literal: bool, copied: u8) -> Vec<u8> {
    let mut writer = Writer::default().fixed();
    if literal {
        writer = writer.symbol(&fixed_literals(), 97);
    }
    let writer = writer.fixed_match(257, 0, (0, 0)).symbol(&fixed_literals(), 256);
    member(&writer.bytes, if literal { b"aaaa".to_vec() } else { vec![copied; 3] }.as_slice())
}

#[test]
fn no_match_reaches_before_the_first_byte() {
    assert_eq!(both(&reaching_back(true, 0), 10), Ok(b"aaaa".to_vec()));
    assert_eq!(both(&reaching_back(false, 0), 10), Err(Error::Gzip));
}

/// In a second member, whose first byte is not the first of the window.
#[test]
fn no_match_reaches_into_the_member_before() {
    for before in [1, 300, 98_000, 200_000] {
        let first = Random(3).bytes(before);
        for (literal, expected) in [(true, Ok(())), (false, Err(Error::Gzip))] {
            let second = reaching_back(literal, *first.last().unwrap());
            let stored = [gzip(&first, 6), second].concat();
            assert_eq!(both(&stored, 1 << 20).map(|_| ()), expected, "{before} bytes before");
        }
    }
}

/// The window is used again, and may contain bytes that another reader must not see.
#[test]
fn no_match_reaches_into_the_chunk_before() {
    for before in [1, 300, 98_000, 200_000] {
        let mut inflater = kernel::Inflater::new(0);
        let other = Random(4).bytes(before);
        assert!(kernel_again(&mut inflater, &gzip(&other, 1), 1 << 20) == Ok(other.clone()));
        for position in [before - 1, before.saturating_sub(2), 0] {
            let stored = reaching_back(false, other[position]);
            assert_eq!(kernel_again(&mut inflater, &stored, 10), Err(Error::Gzip), "{before} bytes before");
        }
        assert_eq!(kernel_again(&mut inflater, &reaching_back(true, 0), 10), Ok(b"aaaa".to_vec()));
    }
}

#[test]
fn short_distances_repeat_their_bytes() {
    for distance in 1..=20_usize {
        for len in 3..=258_usize {
            let pattern = &b"abcdefghijklmnopqrstuvw"[..distance];
            let mut plain = pattern.to_vec();
            (0..len).for_each(|at| plain.push(plain[at]));
            plain.push(b'!');
            let mut writer = pattern.iter().fold(Writer::default().fixed(), |writer, byte| {
                writer.symbol(&fixed_literals(), usize::from(*byte))
            });
            let (length, extra) =
                symbol_of(len, 258, 3, |symbol| if symbol < 8 { 0 } else { symbol / 4 - 1 });
            writer = writer.symbol(&fixed_literals(), if len == 258 { 285 } else { 257 + length });
            writer = if len == 258 { writer } else { writer.bits(extra.0, extra.1) };
            let (far, extra) =
                symbol_of(distance, 0, 1, |symbol| if symbol < 4 { 0 } else { symbol / 2 - 1 });
            writer = writer.symbol(&[5; 32], far).bits(extra.0, extra.1);
            writer = writer.symbol(&fixed_literals(), usize::from(b'!')).symbol(&fixed_literals(), 256);
            assert!(both(&member(&writer.bytes, &plain), 1000) == Ok(plain), "{len} bytes from {distance}");
        }
    }
}

/// The symbol of a length or distance, with its extra bits (RFC 1951, 3.2.5).
fn symbol_of(
    value: usize,
    other: usize,
    first: usize,
    bits: impl Fn(usize) -> usize,
) -> (usize, (usize, usize)) {
    let mut base = first;
    for symbol in 0.. {
        let n = bits(symbol);
        if value == other || value < base + (1 << n) {
            return (symbol, (value.wrapping_sub(base), n));
        }
        base += 1 << n;
    }
    unreachable!()
}

#[test]
fn codes_of_the_longest_length() {
    // 1, 2, ... 14, 15, 15: complete. The two longest are the last literal and the end.
    let mut lens: Vec<(usize, u8)> = (1..=15).map(|len| (usize::from(len) + 96, len)).collect();
    lens.push((256, 15));
    let lens = literals(&lens);
    let mut distances: Lens = (1..=15).collect();
    distances.push(15);
    let header = Writer::default().codes(&lens, &distances);
    let text: Vec<u8> = (97..=111).chain((97..=111).rev()).cycle().take(5000).collect();
    let writer = text.iter().fold(header, |writer, byte| writer.symbol(&lens, usize::from(*byte)));
    is_valid("literals", &writer.symbol(&lens, 256), &text);
    // Lengths and distances: symbol 284 has five extra bits, distance 15 of this code has six.
    let mut lens = lens;
    lens.extend([0; 29]);
    (lens[111], lens[284]) = (0, 15);
    let header = Writer::default().codes(&lens, &distances);
    let prefix = Random(4).bytes(600).iter().map(|byte| 97 + byte % 14).collect::<Vec<u8>>();
    let writer = prefix.iter().fold(header, |writer, byte| writer.symbol(&lens, usize::from(*byte)));
    let writer = writer.symbol(&lens, 284).bits(30, 5).symbol(&distances, 15).bits(63, 6).symbol(&lens, 256);
    let mut plain = prefix;
    // 227 + 30 bytes from 193 + 63.
    (0..257).for_each(|_| plain.push(plain[plain.len() - 256]));
    is_valid("matches", &writer, &plain);
}

#[test]
fn incomplete_and_over_subscribed_codes() {
    let end = (256, 1);
    let (a, none): (_, &[u8]) = ((97, 1), &[0]);
    let complete = literals(&[a, end]);
    let write = |lens: &[u8], distances: &[u8]| Writer::default().codes(lens, distances);
    is_valid("no distances", &write(&complete, none).symbol(&complete, 97).symbol(&complete, 256), b"a");
    let only_end = literals(&[end]);
    is_valid("an end alone", &write(&only_end, none).symbol(&only_end, 256), b"");
    is_invalid("the other bit of an end alone", &write(&only_end, none).bits(1, 1));
    is_invalid("an end of two bits alone", &write(&literals(&[(256, 2)]), none).bits(0, 2));
    is_invalid("no end", &write(&literals(&[a, (98, 1)]), none).bits(0, 8));
    is_invalid("incomplete literals", &write(&literals(&[(97, 2), (98, 2), (256, 2)]), none).bits(0, 8));
    is_invalid("over-subscribed literals", &write(&literals(&[a, (98, 1), end]), none).bits(0, 8));
    is_invalid(
        "incomplete literals of 15 bits",
        &write(&literals(&[a, (98, 2), (256, 15)]), none).bits(0, 8),
    );
    let with_match = literals(&[(97, 2), (98, 2), (256, 2), (257, 2)]);
    let text =
        |distances: &[u8]| write(&with_match, distances).symbol(&with_match, 97).symbol(&with_match, 257);
    let one = text(&[1]).symbol(&[1], 0).symbol(&with_match, 256);
    is_valid("one distance", &one, b"aaaa");
    is_invalid("the other bit of one distance", &text(&[1]).bits(1, 1));
    is_invalid("one distance of two bits", &text(&[2]).bits(0, 2));
    is_invalid("a match without distances", &text(&[0]).bits(0, 1));
    is_invalid("over-subscribed distances", &text(&[1, 1, 1]).bits(0, 2));
    is_invalid("incomplete distances", &text(&[2, 2, 2]).bits(0, 2));
    // The check value is that of a decoder which copies nothing.
    for symbol in [286, 287] {
        let writer = Writer::default().fixed().symbol(&fixed_literals(), 97).fixed_match(symbol, 0, (0, 0));
        let writer = writer.symbol(&fixed_literals(), 256);
        is_invalid("symbol 286 or 287", &writer);
        assert_eq!(both(&member(&writer.bytes, b"a"), 10), Err(Error::Gzip));
    }
    for distance in [30, 31] {
        let writer = Writer::default().fixed().symbol(&fixed_literals(), 97);
        is_invalid("distance 30 or 31", &writer.fixed_match(257, distance, (0, 0)));
    }
}

#[test]
fn invalid_headers_of_codes() {
    let open = |literals: usize, distances: usize| {
        Writer::default().bits(1, 1).bits(2, 2).bits(literals, 5).bits(distances, 5)
    };
    for (literals, distances) in [(30, 0), (31, 0), (0, 30), (0, 31)] {
        is_invalid("too many symbols", &open(literals, distances).bits(15, 4));
    }
    let lens =
        |lens: [usize; 19]| lens.into_iter().fold(open(0, 0).bits(15, 4), |writer, len| writer.bits(len, 3));
    // In the order 16, 17, 18, 0, 8, ...
    let code = |first: &[usize]| lens(core::array::from_fn(|i| first.get(i).copied().unwrap_or(0)));
    is_invalid("no lengths", &code(&[]));
    is_invalid("incomplete lengths", &code(&[0, 0, 0, 2, 2]));
    is_invalid("one length of one bit", &code(&[0, 0, 0, 1]));
    is_invalid("over-subscribed lengths", &code(&[0, 0, 1, 1, 1]));
    is_invalid("a repetition of nothing", &code(&[1, 0, 0, 1]).bits(1, 1).bits(0, 2));
    // 18 repeats zeros: 2 * 138 are more than 258.
    is_invalid(
        "a repetition beyond the end",
        &code(&[0, 0, 1, 1]).bits(1, 1).bits(127, 7).bits(1, 1).bits(127, 7),
    );
}

/// A small stream with every kind of a block, and a header with every field.
fn small() -> (Vec<u8>, Vec<u8>) {
    let text = b"kelp, kelp and kelp: the quick brown otter".repeat(4);
    let mut header = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 5, 6, 2, 0, 7, 8];
    header.extend(b"n\0c\0");
    header.extend(&crate::crc::crc32(0, &header).to_le_bytes()[..2]);
    let first = gzip(&text, 9);
    let mut second = Writer::default().stored(b"stored", false).fixed();
    for byte in b"fixed" {
        second = second.symbol(&fixed_literals(), usize::from(*byte));
    }
    let second = second.symbol(&fixed_literals(), 256);
    let stored = [header, first[10..].to_vec(), member(&second.bytes, b"storedfixed"), vec![0; 5]].concat();
    (stored, [text, b"storedfixed".to_vec()].concat())
}

#[test]
fn a_stream_truncated_at_every_byte() {
    let (stored, plain) = small();
    assert_eq!(both(&stored, 1000), Ok(plain.clone()));
    let first_end = stored.len() - 5 - member(&[0; 19], b"").len();
    let ends: Vec<usize> = (0..stored.len()).filter(|len| both(&stored[..*len], 1000).is_ok()).collect();
    // Complete are the first member and everything up to the padding.
    assert_eq!(ends.len(), 6, "{ends:?}");
    assert!(
        ends[0].abs_diff(first_end) < 8 && ends[1..] == [0, 1, 2, 3, 4].map(|n| stored.len() - 5 + n),
        "{ends:?}"
    );
}

#[test]
fn every_flipped_bit_of_a_small_stream() {
    let (stored, plain) = small();
    let mut harmless = 0;
    for bit in 0..stored.len() * 8 {
        let mut twin = stored.clone();
        twin[bit / 8] ^= 1 << (bit % 8);
        match both(&twin, 1000) {
            Ok(out) => {
                assert_eq!(out, plain, "bit {bit}");
                harmless += 1;
            }
            Err(error) => assert_eq!(error, Error::Gzip, "bit {bit}"),
        }
    }
    // Of the second header: time, extra flags and system, and the text flag. The bits before stored bytes, and behind the
    // last block of each member.
    assert_eq!(harmless, 6 * 8 + 1 + 5 + 6 + 6);
}
