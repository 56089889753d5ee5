//! The kernel and the interface against flate2: natively, and in wasm with and without `simd128`.

use std::io::{Read, Write};

use ::flate2::{Compression, Decompress, FlushDecompress, Status, bufread::MultiGzDecoder, write::GzEncoder};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::{
    crc::crc32,
    random::{Random, cases},
};

/// Noise, runs, and repetitions from near and far.
fn content(random: &mut Random, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        let n = 1 + random.below(400);
        match random.below(4) {
            0 => all.extend(random.bytes(n)),
            1 => all.extend(std::iter::repeat_n(random.next() as u8, n)),
            2 => all.extend((0..n).map(|_| b"etaoin shrdlu"[random.below(13)])),
            _ if all.is_empty() => {}
            _ => {
                let most = [3, 20, 300, 40_000][random.below(4)];
                let distance = 1 + random.below(all.len().min(most));
                for _ in 0..n {
                    all.push(all[all.len() - distance]);
                }
            }
        }
    }
    all.truncate(len);
    all
}

pub(super) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A header without fields.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A member of these deflated bytes, with the trailer of `plain`.
pub(super) fn member(deflated: &[u8], plain: &[u8]) -> Vec<u8> {
    let crc = crc32(0, plain).to_le_bytes();
    [&HEADER, deflated, &crc, &(plain.len() as u32).to_le_bytes()].concat()
}

/// What the kernel makes of a gzip.
fn kernel(stored: &[u8], max_output: u64) -> Result<Vec<u8>, Error> {
    kernel_again(&mut kernel::Inflater::new(max_output), stored, max_output)
}

pub(super) fn kernel_again(
    inflater: &mut kernel::Inflater,
    stored: &[u8],
    max_output: u64,
) -> Result<Vec<u8>, Error> {
    inflater.restart(max_output);
    let mut out = Vec::new();
    loop {
        match inflater.next(stored, stored.len()) {
            Ok(Progress::Piece(piece)) => out.extend_from_slice(piece),
            Ok(Progress::End) => return Ok(out),
            Ok(Progress::NeedsMore) => panic!("all bytes are ready"),
            Err(error) => {
                assert_eq!(inflater.next(stored, stored.len()), Err(error), "an error is final");
                return Err(error);
            }
        }
        assert!(out.len() as u64 <= max_output);
    }
}

/// What the interface makes of a gzip.
fn public(stored: &[u8], max_output: u64) -> Result<Vec<u8>, Error> {
    let mut inflater = Inflater::new(max_output);
    let mut out = Vec::new();
    while let Some(piece) = inflater.next(stored)? {
        assert!(piece.len() <= 128 << 10);
        out.extend_from_slice(piece);
    }
    assert_eq!(inflater.next(stored), Ok(None), "the end is final");
    Ok(out)
}

/// Both, where they must agree.
pub(super) fn both(stored: &[u8], max_output: u64) -> Result<Vec<u8>, Error> {
    let (a, b) = (kernel(stored, max_output), public(stored, max_output));
    assert!(a == b, "kernel {:?}, interface {:?}", a.as_ref().map(Vec::len), b.as_ref().map(Vec::len));
    a
}

#[test]
fn compressed_bytes_are_restored() {
    let mut random = Random(1);
    let mut inflater = kernel::Inflater::new(0);
    for round in 0..cases(600) {
        let len = if round < 300 { round } else { random.below(300_000) };
        let plain = content(&mut random, len);
        let stored = gzip(&plain, round as u32 % 10);
        let out = kernel_again(&mut inflater, &stored, len as u64);
        assert!(out == Ok(plain), "{len} bytes");
    }
    let plain = content(&mut random, 1 << 20);
    assert!(both(&gzip(&plain, 6), 1 << 20) == Ok(plain));
}

/// Random streams and their twins with one changed bit or a missing end. flate2 judges each twin too.
#[test]
fn random_streams_and_their_corrupted_twins() {
    let mut random = Random(2);
    let mut inflater = kernel::Inflater::new(0);
    for round in 0..cases(1000) {
        let len = random.below(5000);
        let plain = content(&mut random, len);
        let stored = gzip(&plain, round as u32 % 10);
        assert!(kernel_again(&mut inflater, &stored, len as u64) == Ok(plain.clone()), "{len} bytes");
        let mut twin = stored.clone();
        twin[random.below(stored.len())] ^= 1 << random.below(8);
        let ours = kernel_again(&mut inflater, &twin, 1 << 20);
        assert!(ours == public(&twin, 1 << 20), "another implementation inflates the twin differently");
        // Some bits mean nothing: the time in the header, what is before a stored block.
        assert!(ours.is_err() || ours == Ok(plain), "damage is not detected");
        let cut = random.below(stored.len());
        assert_eq!(kernel_again(&mut inflater, &stored[..cut], 1 << 20), Err(Error::Gzip), "{cut} bytes");
    }
}

/// Bytes that no compressor wrote: whatever zlib-rs makes of them, the kernel does too.
#[test]
fn random_bytes_are_judged_as_zlib_does() {
    let mut random = Random(3);
    let mut inflater = kernel::Inflater::new(0);
    let mut valid = 0;
    let rounds = cases(20_000);
    for _ in 0..rounds {
        let len = random.below(60);
        let mut deflated = random.bytes(len);
        // Mostly blocks with codes.
        if let Some(first) = deflated.first_mut() {
            *first = *first & !7 | [1, 3, 5, 5][random.below(4)];
        }
        let mut plain = vec![0; 100_000];
        let mut decompress = Decompress::new(false);
        let status = decompress.decompress(&deflated, &mut plain, FlushDecompress::Finish);
        if !matches!(status, Ok(Status::StreamEnd)) {
            let stored = [&HEADER[..], &deflated].concat();
            assert_eq!(kernel_again(&mut inflater, &stored, 1 << 20), Err(Error::Gzip), "{stored:?}");
            continue;
        }
        plain.truncate(decompress.total_out() as usize);
        deflated.truncate(decompress.total_in() as usize);
        let stored = member(&deflated, &plain);
        assert!(kernel_again(&mut inflater, &stored, 1 << 20) == Ok(plain), "{stored:?}");
        valid += 1;
    }
    assert!(valid > rounds / 200, "{valid} were valid");
}

#[test]
fn members_may_follow_one_another_and_zeros_may_pad() {
    let stored = [gzip(b"one ", 6), gzip(b"", 6), gzip(b"two", 1), vec![0; 200]].concat();
    assert_eq!(both(&stored, 7), Ok(b"one two".to_vec()));
    assert_eq!(both(&stored, 6), Err(Error::TooLong));
    for wrong in [b"garbage".to_vec(), [vec![0; 100], gzip(b"x", 6)].concat(), vec![0x1f], vec![0, 1]] {
        assert_eq!(both(&[gzip(b"x", 6), wrong].concat(), 100), Err(Error::Gzip));
    }
    assert_eq!(both(b"", 100), Err(Error::Gzip));
    assert_eq!(both(&[0; 100], 100), Err(Error::Gzip));
}

#[test]
fn many_members_of_random_lengths() {
    let mut random = Random(6);
    for _ in 0..cases(300) / 10 {
        let stored: Vec<u8> = (0..=random.below(6))
            .flat_map(|level| {
                let len = random.below(150_000);
                gzip(&content(&mut random, len), level as u32)
            })
            .collect();
        let mut expected = Vec::new();
        MultiGzDecoder::new(&stored[..]).read_to_end(&mut expected).unwrap();
        assert!(both(&stored, u64::MAX) == Ok(expected));
    }
}

#[test]
fn a_header_with_every_field_is_read_and_checked() {
    let mut stored = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 255, 3, 0, 1, 2, 3];
    stored.extend(b"name\0comment\0");
    stored.extend(&crc32(0, &stored).to_le_bytes()[..2]);
    let header = stored.len();
    stored.extend(&gzip(b"text", 6)[10..]);
    assert_eq!(both(&stored, 4), Ok(b"text".to_vec()));
    for len in 0..stored.len() {
        assert_eq!(both(&stored[..len], 4), Err(Error::Gzip), "{len} bytes");
    }
    for at in [header - 1, header - 2, header - 3, 13] {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert_eq!(both(&damaged, 4), Err(Error::Gzip), "byte {at}");
    }
    for reserved in [0x20, 0x40, 0x80] {
        let mut damaged = stored.clone();
        damaged[3] |= reserved;
        assert_eq!(both(&damaged, 4), Err(Error::Gzip), "flag {reserved:#x}");
    }
}

#[test]
fn a_gzip_bomb_stops_at_the_limit() {
    let stored = gzip(&vec![0; 10 << 20], 9);
    assert_eq!(both(&stored, 1 << 20), Err(Error::TooLong));
    assert_eq!(both(&stored, (10 << 20) - 1), Err(Error::TooLong));
    assert!(both(&stored, 10 << 20).is_ok());
}

// F124
/// Otherwise a call could take as long as reading a whole chunk of empty members.
#[test]
fn a_call_returns_although_nothing_comes_out() {
    let empty_members = gzip(b"", 6).repeat(10_000);
    // Blocks with fixed codes that end at once: 10 bits each.
    let bits: Vec<bool> =
        [false, true, false, false, false, false, false, false, false, false].repeat(80_000);
    let mut deflated: Vec<u8> = bits
        .chunks(8)
        .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect();
    deflated.extend([3, 0]);
    for stored in [empty_members, member(&deflated, b"")] {
        let mut inflater = kernel::Inflater::new(0);
        let mut calls = 0;
        while inflater.next(&stored, stored.len()) != Ok(Progress::End) {
            calls += 1;
        }
        assert!(calls >= 10_000 / MOST_BEGUN, "{calls} calls");
        assert_eq!(both(&stored, 0), Ok(vec![]));
    }
    let mut inflater = Inflater::new(0);
    let mut calls = 0;
    while inflater.next(&gzip(b"", 6).repeat(10_000)) != Ok(None) {
        calls += 1;
    }
    assert!(calls >= 10_000 / MOST_BEGUN, "{calls} calls");
}

// F124
/// 15 MiB of members without content took a second.
#[test]
fn members_without_content_are_limited() {
    let (empty, one) = (gzip(b"", 6), gzip(b"x", 6));
    assert_eq!(both(&empty.repeat(MAX_MEMBERS as usize), 0), Ok(vec![]));
    assert_eq!(both(&empty.repeat(MAX_MEMBERS as usize + 1), 0), Err(Error::TooLong));
    assert_eq!(both(&one.repeat(MAX_MEMBERS as usize + 1), 1 << 20), Err(Error::TooLong));
}

// F124
#[test]
fn blocks_without_content_are_limited() {
    // Stored blocks of length 0, of five bytes each.
    let deflated = [0, 0, 0, 0xff, 0xff].repeat(1_100_000);
    let mut inflater = kernel::Inflater::new(0);
    let stored = member(&deflated, b"");
    let end = loop {
        match inflater.next(&stored, stored.len()) {
            Ok(Progress::Piece(_)) => {}
            Ok(_) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(end, Some(Error::TooLong));
}

/// What is not ready is not looked at: here it is noise until then.
#[test]
fn bytes_that_are_not_ready_are_not_read() {
    let mut random = Random(8);
    for round in 0..30 {
        let mut plain = content(&mut random, 700_000);
        if round % 3 == 0 {
            plain.extend(random.bytes(700_000));
        }
        let mut stored = gzip(&plain, [0, 1, 9][round % 3]);
        match round % 5 {
            0 => stored.extend(vec![0; 600_000]),
            1 => stored.extend(gzip(&plain, 0)),
            2 => {
                let mut named = [&HEADER[..3], &[8], &HEADER[4..], &vec![b'n'; 900_000], &[0]].concat();
                named.extend(&stored[10..]);
                stored = named;
            }
            _ => {}
        }
        let expected = public(&stored, u64::MAX).unwrap();
        let mut kernel = kernel::Inflater::new(u64::MAX);
        let mut public = Inflater::new(u64::MAX);
        let step = 1 + random.below(300_000);
        for which in 0..2 {
            let mut seen = random.bytes(stored.len());
            let (mut ready, mut out) = (0, Vec::new());
            loop {
                let progress =
                    if which == 0 { kernel.next(&seen, ready) } else { public.next_of(&seen, ready) };
                match progress.unwrap() {
                    Progress::Piece(piece) => out.extend_from_slice(piece),
                    Progress::NeedsMore => {
                        assert!(ready < stored.len());
                        let end = stored.len().min(ready + step);
                        seen[ready..end].copy_from_slice(&stored[ready..end]);
                        ready = end;
                    }
                    Progress::End => break,
                }
            }
            assert!(out == expected, "{round}");
        }
    }
}
