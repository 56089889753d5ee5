//! A piece: a handle on an array of JavaScript's.

use js_sys::Uint8Array;
use kelp_stream::{
    host::{Algorithm, Checksum, Digest as _, Piece},
    model::chunk::{CipherKey, Ctr},
    web::{digest::WebDigest, piece::WebPiece},
};
use md5::{Digest as _, Md5};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{bytes, give_codec};

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

fn md5(bytes: &[u8]) -> Checksum {
    Checksum::Md5(Md5::digest(bytes).into())
}

#[wasm_bindgen_test]
async fn a_digest_gets_every_byte_once_across_64_kib_steps() {
    const STEP: u32 = 64 << 10;
    give_codec().await;
    for len in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP, 200_000] {
        let all = bytes(0..len);
        let mut digest = WebDigest::new(Algorithm::Md5);
        digest.update(&mut piece(&all));
        assert_eq!(digest.value().await, Ok(md5(&all)), "{len} bytes");
    }
}

#[wasm_bindgen_test]
async fn a_digest_covers_long_and_short_pieces() {
    give_codec().await;
    let all = bytes(0..300_000);
    let mut rest = piece(&all);
    let mut digest = WebDigest::new(Algorithm::Md5);
    for at in [100_000, 1, 0, 65_536, 70_000] {
        digest.update(&mut rest.split_to(at));
    }
    digest.update(&mut rest);
    assert_eq!(digest.value().await, Ok(md5(&all)));
}

#[wasm_bindgen_test]
async fn bytes_are_digested_before_they_leave() {
    give_codec().await;
    let all = bytes(0..300_000);
    let mut digest = WebDigest::new(Algorithm::Md5);
    let mut whole = piece(&all);
    digest.update(&mut whole);
    let start = whole.split_to(100_000);
    for part in [start, whole] {
        let array = super::js::wait(part.leave()).await.unwrap();
        array.unchecked_into::<Uint8Array>().fill(0, 0, 300_000);
    }
    assert_eq!(digest.value().await, Ok(md5(&all)));
}

#[wasm_bindgen_test]
async fn the_key_stream_is_removed_from_a_copy() {
    give_codec().await;
    let key = CipherKey::new(&[7; 32]).unwrap();
    let ctr = Ctr::new(key, [9; 16], 5);
    let (all, at) = (bytes(0..200_000), 3);
    let mut expected = all.clone();
    kelp_stream_codec::ctr::apply(&[7; 32], &[9; 16], 8, &mut expected);
    let original = piece(&all);
    let plain = original.without_key_stream(&ctr, at);
    assert!(content(&plain) == expected);
    assert!(content(&original) == all, "the original is not changed");
}
