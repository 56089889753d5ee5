//! A piece: a handle on an array of JavaScript's.

use js_sys::Uint8Array;
use kelp_stream::{host::Piece, web::piece::WebPiece};
use md5::{Digest, Md5};
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

#[wasm_bindgen_test]
fn a_digest_gets_every_byte_once_across_64_kib_windows() {
    const WINDOW: u32 = 64 << 10;
    for len in [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW, 200_000] {
        let all = bytes(0..len);
        let mut fed = Md5::new();
        piece(&all).feed(&mut fed);
        assert_eq!(fed.finalize(), Md5::digest(&all), "{len} bytes");
    }
}

#[wasm_bindgen_test]
fn a_digest_covers_long_and_short_pieces() {
    let all = bytes(0..300_000);
    let mut rest = piece(&all);
    let mut fed = Md5::new();
    for at in [100_000, 1, 0, 65_536, 70_000] {
        rest.split_to(at).feed(&mut fed);
    }
    rest.feed(&mut fed);
    assert_eq!(fed.finalize(), Md5::digest(&all));
}
