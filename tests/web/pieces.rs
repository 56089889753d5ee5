//! A piece: a handle on an array of JavaScript's.

use futures::FutureExt;
use js_sys::Uint8Array;
use kelp_stream::{
    decode::DirectDigest,
    host::{Algorithm, Checksum, Digest, Piece},
    web::piece::{WebDigest, WebPiece},
};
use md5::{Digest as _, Md5};
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::bytes;

fn piece(bytes: &[u8]) -> WebPiece {
    Uint8Array::from(bytes).into()
}

fn content(piece: &WebPiece) -> Vec<u8> {
    piece.array().to_vec()
}

#[wasm_bindgen_test]
fn a_piece_knows_its_length_and_its_bytes() {
    let piece = piece(&bytes(0..1000));
    assert_eq!((piece.len(), piece.is_empty()), (1000, false));
    assert_eq!(
        (piece.byte(0), piece.byte(999), piece.byte(1000)),
        (Some(0), Some(bytes(999..1000)[0]), None)
    );
    assert!(WebPiece::from(Uint8Array::new_with_length(0)).is_empty());
}

#[wasm_bindgen_test]
fn splitting_copies_no_byte() {
    let all = bytes(0..1000);
    for at in [0, 1, 500, 999, 1000] {
        let mut rest = piece(&all);
        let buffer = rest.array().buffer();
        let start = rest.split_to(at);
        assert_eq!((start.len(), rest.len()), (at, 1000 - at));
        assert_eq!((content(&start), content(&rest)), (all[..at].to_vec(), all[at..].to_vec()));
        assert_eq!(rest.byte(0), all.get(at).copied());
        assert!(start.array().buffer() == buffer && rest.array().buffer() == buffer);
    }
}

#[wasm_bindgen_test]
fn a_piece_can_be_a_part_of_a_larger_buffer() {
    let all = bytes(0..1000);
    let mut piece: WebPiece = Uint8Array::from(&all[..]).subarray(100, 900).into();
    drop(piece.split_to(100));
    let start = piece.split_to(100);
    assert_eq!(content(&start), all[200..300]);
    assert_eq!((piece.len(), piece.byte(0)), (600, Some(all[300])));
    assert_eq!(piece.into_array().to_vec(), all[300..900]);
}

/// The MD5 of these pieces.
fn md5<const N: usize>(pieces: [WebPiece; N]) -> [u8; 16] {
    let mut digest = WebDigest::from(DirectDigest::new(Algorithm::Md5));
    pieces.into_iter().for_each(|mut piece| digest.update(&mut piece));
    match digest.value().now_or_never() {
        Some(Ok(Checksum::Md5(md5))) => md5,
        other => panic!("{other:?}"),
    }
}

#[wasm_bindgen_test]
fn a_digest_gets_every_byte_once_across_64_kib_windows() {
    const WINDOW: u32 = 64 << 10;
    for len in [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW, 200_000] {
        let all = bytes(0..len);
        assert_eq!(md5([piece(&all)])[..], Md5::digest(&all)[..], "{len} bytes");
    }
}

#[wasm_bindgen_test]
fn a_digest_covers_long_and_short_pieces() {
    let all = bytes(0..300_000);
    let mut rest = piece(&all);
    let [a, b, c, d, e] = [100_000, 1, 0, 65_536, 70_000].map(|at| rest.split_to(at));
    assert_eq!(md5([a, b, c, d, e, rest])[..], Md5::digest(&all)[..]);
}
