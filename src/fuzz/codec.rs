//! The crate `codec`: its kernels against the crates that take their place outside of wasm.

use ::md5::Digest;
use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use flate2::{Decompress, FlushDecompress, Status};
use kelp_stream_codec::{crc, ctr, gcm, gzip, kernels, md5};

use super::input::Input;

/// The input is a choice, numbers that cut the rest, and the rest.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    match input.byte() % 4 {
        0 => message(input),
        1 => stream(input.0),
        2 => deflated(input),
        _ => digests(input),
    }
}

/// A message is opened in pieces, and with one changed bit not at all.
fn message(mut input: Input) {
    let key: [u8; 32] = array(&mut input);
    let nonce: [u8; 12] = array(&mut input);
    let (cuts, damage, plain) = (input.bytes(), input.number(2), input.0);
    let mut sealed = plain.to_vec();
    let cipher = Aes256Gcm::new((&key).into());
    let tag = cipher.encrypt_inout_detached((&nonce).into(), &[], sealed.as_mut_slice().into());
    let mut whole = [&sealed[..], &tag.expect("it is short enough")].concat();
    let (sealed, tag) = whole.split_last_chunk().expect("it has a tag");
    assert_eq!(opened(&key, &nonce, sealed, tag, cuts).as_deref(), Some(plain));
    let at = damage as usize / 8 % whole.len();
    whole[at] ^= 1 << (damage % 8);
    let (sealed, tag) = whole.split_last_chunk().expect("it has a tag");
    assert_eq!(opened(&key, &nonce, sealed, tag, cuts), None);
    assert_eq!(gcm::open(&key, &nonce, &mut whole.clone()), None);
    let (mut a, mut b) = (whole.clone(), whole);
    let iv = array(&mut Input(&key));
    ctr::apply(&key, &iv, u128::from(damage), &mut a);
    kernels::ctr(&key, &iv, u128::from(damage), &mut b);
    assert_eq!(a, b);
}

/// What the kernel makes of a message, and the interface the same.
fn opened(key: &[u8; 32], nonce: &[u8; 12], sealed: &[u8], tag: &[u8; 16], cuts: &[u8]) -> Option<Vec<u8>> {
    let mut lens = cuts.iter().map(|len| usize::from(*len) + 1).chain([300]).cycle();
    let mut plain = sealed.to_vec();
    let is_right = kernels::open_in_pieces(key, nonce, &mut plain, tag, || lens.next().unwrap_or(300));
    let mut whole = sealed.to_vec();
    assert_eq!(kernels::open(key, nonce, &mut whole, tag), is_right);
    assert_eq!(whole, plain);
    let mut opener = gcm::Opener::new(key, nonce);
    sealed.chunks(cuts.len() + 1).for_each(|piece| opener.absorb(piece));
    let stream = opener.verify(tag);
    assert_eq!(stream.is_some(), is_right);
    let mut stream = stream?;
    let mut other = sealed.to_vec();
    let (first, second) = other.split_at_mut(sealed.len() / 2);
    stream.apply(first.len() as u64, second);
    stream.apply(0, first);
    assert_eq!(plain, other);
    Some(plain)
}

/// Bytes are the same to the kernel and to flate2, gzip or not.
fn stream(stored: &[u8]) {
    let both = |most| (kernels::inflate(stored, most, 5000), inflated(stored, most));
    let (mut kernel, mut interface) = both(MAX_OUTPUT);
    if kernel.is_err() && interface.is_err() && kernel != interface {
        // Either may find damage that follows the limit before it finds the limit.
        assert!([&kernel, &interface].contains(&&Err(gzip::Error::TooLong)));
        (kernel, interface) = both(MOST_OUTPUT);
    }
    assert!(kernel == interface, "kernel {:?}, interface {:?}", len(&kernel), len(&interface));
}

/// Bytes become a stream with the right check value, if they are deflated bytes to zlib.
fn deflated(mut input: Input) {
    let mut plain = vec![0; MAX_OUTPUT as usize];
    let level = input.byte();
    let mut decompress = Decompress::new(false);
    let status = decompress.decompress(input.0, &mut plain, FlushDecompress::Finish);
    plain.truncate(decompress.total_out() as usize);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level, 255];
    let deflated = input.take(decompress.total_in() as usize);
    let sums = [crc::crc32(0, &plain).to_le_bytes(), (plain.len() as u32).to_le_bytes()];
    let stored = [&header, deflated, sums.as_flattened()].concat();
    if matches!(status, Ok(Status::StreamEnd)) {
        assert!(kernels::inflate(&stored, MAX_OUTPUT, 5000) == Ok(plain));
    }
    stream(&stored);
}

/// Streams are digested in lockstep, in rows of any length, and checked by CRC.
fn digests(mut input: Input) {
    let mut streams = vec![(md5::Md5::new(), Vec::new()); 1 + usize::from(input.byte() % 12)];
    let (mut crcs, mut all) = ([0, 0], Vec::new());
    while !input.is_empty() {
        let mut work = Vec::new();
        for (digest, bytes) in &mut streams {
            let row = input.bytes();
            bytes.extend_from_slice(row);
            work.push((digest, row));
            crcs = [kernels::crcs(crcs[0], row)[0], kernels::crcs(crcs[1], row)[1]];
            all.extend_from_slice(row);
        }
        md5::update_all(&mut work);
    }
    for (digest, bytes) in streams {
        assert_eq!(digest.finalize()[..], ::md5::Md5::digest(&bytes)[..]);
    }
    assert_eq!(crcs, [crc::crc32(0, &all), crc::crc32c(0, &all)]);
    assert_eq!(crcs, kernels::crcs(0, &all)[..]);
}

/// Small, so that a gzip bomb takes no time.
const MAX_OUTPUT: u64 = 1 << 18;

/// More than the output of any input.
const MOST_OUTPUT: u64 = 1 << 24;

fn inflated(stored: &[u8], most: u64) -> Result<Vec<u8>, gzip::Error> {
    let (mut inflater, mut plain) = (gzip::Inflater::new(most), Vec::new());
    while let Some(piece) = inflater.next(stored)? {
        plain.extend_from_slice(piece);
    }
    Ok(plain)
}

fn len(result: &Result<Vec<u8>, gzip::Error>) -> Result<usize, gzip::Error> {
    result.as_ref().map(Vec::len).map_err(|error| *error)
}

fn array<const N: usize>(input: &mut Input) -> [u8; N] {
    core::array::from_fn(|_| input.byte())
}
