//! The stored bytes of a chunk: AES-256-GCM and gzip.

use std::io::Read;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use flate2::read::MultiGzDecoder;

use super::input::Input;
use crate::{
    decode::decode,
    host::{DecodeError, DecodeParams},
    model::chunk::{CipherKey, GCM_OVERHEAD},
};

/// The input is decoding parameters and stored bytes.
///
/// Without a key, the bytes are decoded unchanged. With a key there are three cases: the bytes are decoded
/// unchanged, and no tag matches; they are encrypted first, so that the inflater sees them; or they are
/// encrypted and then damaged.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let how = input.byte();
    let params = DecodeParams {
        key: (how & ENCRYPTED != 0).then(key),
        gzip: how & GZIP != 0,
        output_len: if how & ALL != 0 { u64::MAX } else { input.number(2) },
        max_output: MAX_OUTPUT,
        md5: None,
    };
    let damage = (how & DAMAGED != 0).then(|| input.number(2));
    let plain = input.0;
    let stored = match (how & ENCRYPTED != 0, how & UNCHANGED != 0) {
        (true, true) => return assert!(decoded(plain, &params).is_err(), "no tag matches by chance"),
        (true, false) => encrypted(plain),
        (false, _) => plain.to_vec(),
    };
    if params.key.is_some()
        && let Some(damage) = damage
    {
        return damage_is_detected(stored, damage, &params);
    }
    let result = decoded(&stored, &params);
    if let (Ok(all), u64::MAX) = (&result, params.output_len) {
        md5_is_compared(&stored, all, &params);
    }
    if !params.gzip {
        let expected = plain.get(..params.output_len as usize).unwrap_or(plain);
        return assert_eq!(result.as_deref(), Ok(expected));
    }
    let mut expected = Vec::new();
    let inflated = MultiGzDecoder::new(plain).take(MAX_OUTPUT + 1).read_to_end(&mut expected);
    if expected.len() as u64 > MAX_OUTPUT {
        return assert!(result.is_err());
    }
    if let (Ok(out), Ok(_)) = (result, inflated) {
        expected.truncate(usize::try_from(params.output_len).unwrap_or(usize::MAX));
        assert!(out == expected, "another decoder inflates it to other bytes");
    }
}

const GZIP: u8 = 1;
const ENCRYPTED: u8 = 2;
const UNCHANGED: u8 = 4;
const DAMAGED: u8 = 8;
const ALL: u8 = 16;
/// Small, so that a gzip bomb takes no time.
const MAX_OUTPUT: u64 = 1 << 18;

fn decoded(stored: &[u8], params: &DecodeParams) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let result = decode(stored.to_vec(), params, &mut |piece| out.extend_from_slice(piece));
    assert!(out.len() as u64 <= params.output_len, "more is returned than was requested");
    assert!(!params.gzip || out.len() as u64 <= params.max_output, "more is returned than is allowed");
    result.map(|()| out)
}

/// The MD5 of all decoded bytes is right, and no other one is, also where only the first of them are returned.
fn md5_is_compared(stored: &[u8], all: &[u8], params: &DecodeParams) {
    let md5 = kelp_stream_codec::md5::digest(all);
    let with =
        |output_len, md5| decoded(stored, &DecodeParams { output_len, md5: Some(md5), ..params.clone() });
    let len = all.len() as u64 / 2;
    assert_eq!(with(len, md5).as_deref(), Ok(&all[..len as usize]));
    let mut other = md5;
    other[0] ^= 1;
    assert_eq!(with(len, other), Err(DecodeError::Md5));
}

fn damage_is_detected(mut stored: Vec<u8>, damage: u64, params: &DecodeParams) {
    let at = damage as usize / 8 % stored.len();
    stored[at] ^= 1 << (damage % 8);
    assert_eq!(decoded(&stored, params), Err(DecodeError::Tag));
    stored.truncate(at.min(GCM_OVERHEAD as usize - 1));
    assert_eq!(decoded(&stored, params), Err(DecodeError::Truncated));
}

fn key() -> CipherKey {
    CipherKey::new(&[7; 32]).expect("it is 32 bytes")
}

fn encrypted(plain: &[u8]) -> Vec<u8> {
    let nonce = [9; 12];
    let mut text = plain.to_vec();
    let tag = Aes256Gcm::new(key().bytes().into())
        .encrypt_inout_detached(&nonce.into(), &[], text.as_mut_slice().into())
        .expect("it is short enough");
    [&nonce[..], &text, &tag].concat()
}
