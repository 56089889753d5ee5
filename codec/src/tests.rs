//! The kernel and the interface against aes-gcm, ctr and published vectors: natively, and in wasm with and without
//! `simd128`.

use ::ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};
use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut, aes::Aes256};
use serde_json::Value;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::{
    ctr, gcm, implementation,
    kernel::{self, Ctr, Gcm},
    random::{Random, cases},
};

/// Mostly short, where the cases differ; some of several groups of GHASH.
fn message_len(random: &mut Random) -> usize {
    let most = [20, 300, 600, 3000][random.below(4)];
    random.below(most)
}

fn seal(key: &[u8; 32], nonce: &[u8; 12], plain: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let mut sealed = plain.to_vec();
    let cipher = Aes256Gcm::new(key.into());
    let tag = cipher.encrypt_inout_detached(nonce.into(), &[], sealed.as_mut_slice().into()).unwrap();
    (sealed, tag.into())
}

/// Decrypts bytes at a position.
type Apply = dyn FnMut(usize, &mut [u8]);

/// Absorbs and decrypts in pieces of the lengths that `next_len` returns, with the kernel or through the interface.
fn open_in_pieces(
    with_kernel: bool,
    key: &[u8; 32],
    nonce: &[u8; 12],
    bytes: &mut [u8],
    tag: &[u8; 16],
    mut next_len: impl FnMut() -> usize,
) -> bool {
    let (mut kernel, mut opener) = (Gcm::new(key, nonce), gcm::Opener::new(key, nonce));
    let mut rest = &*bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(next_len().min(rest.len()));
        if with_kernel {
            kernel.absorb(piece)
        } else {
            opener.absorb(piece)
        }
        rest = after;
    }
    let mut apply: Box<Apply> = if with_kernel {
        let Some(mut stream) = kernel.finish(tag) else { return false };
        Box::new(move |at, bytes| stream.apply(at as u128, bytes))
    } else {
        let Some(mut stream) = opener.verify(tag) else { return false };
        Box::new(move |at, bytes| stream.apply(at as u64, bytes))
    };
    // The second half first: the key stream can be read from any position.
    let middle = bytes.len() / 2;
    for (mut at, end) in [(middle, bytes.len()), (0, middle)] {
        while at < end {
            let next = end.min(at + next_len());
            apply(at, &mut bytes[at..next]);
            at = next;
        }
    }
    true
}

fn hex(vector: &Value, field: &str) -> Vec<u8> {
    let hex = vector[field].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// NIST's and Wycheproof's vectors: `nonce (12) || ciphertext || tag (16)`, with `plain` where they are valid.
#[test]
fn published_vectors_of_gcm() {
    let vectors = include_str!("../../tests/fixtures/vectors/aes-256-gcm.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    let mut valid = 0;
    for vector in &vectors {
        let key = hex(vector, "key").try_into().unwrap();
        let stored = hex(vector, "stored");
        let (nonce, rest) = stored.split_first_chunk().unwrap();
        let (sealed, tag) = rest.split_last_chunk().unwrap();
        for open in [kernel::open, implementation::open] {
            let mut bytes = sealed.to_vec();
            let is_valid = open(&key, nonce, &mut bytes, tag);
            assert_eq!(is_valid, !vector["plain"].is_null(), "{}", vector["name"]);
            let expected = if is_valid { hex(vector, "plain") } else { sealed.to_vec() };
            assert_eq!(bytes, expected, "{}", vector["name"]);
            valid += usize::from(is_valid);
        }
    }
    assert_eq!((vectors.len(), valid), (123, 2 * 63));
}

/// NIST SP 800-38A, F.5.5.
#[test]
fn published_vector_of_ctr() {
    let key = 0x603d_eb10_15ca_71be_2b73_aef0_857d_7781_u128.to_be_bytes();
    let key_end = 0x1f35_2c07_3b61_08d7_2d98_10a3_0914_dff4_u128.to_be_bytes();
    let key = [key, key_end].as_flattened().try_into().unwrap();
    let iv = 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_feff_u128.to_be_bytes();
    let plain = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes();
    let sealed = 0x601e_c313_7757_89a5_b7a7_f504_bbf3_d228_u128.to_be_bytes();
    for apply in [kernel::apply, ctr::apply] {
        let mut bytes = sealed;
        apply(&key, &iv, 0, &mut bytes);
        assert_eq!(bytes, plain);
    }
}

/// Each message is opened whole and in pieces, and its twin with one flipped bit, in ciphertext or tag, not at all.
#[test]
fn random_messages_and_their_tampered_twins() {
    let mut random = Random(7);
    for round in 0..cases(10_000) {
        let len = if round < 1000 { round } else { message_len(&mut random) };
        let (key, nonce, plain) = (random.array(), random.array(), random.bytes(len));
        let (sealed, tag) = seal(&key, &nonce, &plain);
        let mut whole = [&sealed[..], &tag].concat();
        assert_eq!(gcm::open(&key, &nonce, &mut whole), Some(&mut plain.clone()[..]), "{len} bytes");
        let longest = [1, 17, 300, 5000][random.below(4)];
        for with_kernel in [true, false] {
            let mut pieces = sealed.clone();
            let next_len = || 1 + random.below(longest);
            assert!(open_in_pieces(with_kernel, &key, &nonce, &mut pieces, &tag, next_len));
            assert_eq!(pieces, plain, "{len} bytes");
        }
        let (mut twin, mut other_tag) = (sealed, tag);
        let at = random.below(len + 16);
        *twin.iter_mut().chain(&mut other_tag).nth(at).unwrap() ^= 1 << random.below(8);
        let before = twin.clone();
        for open in [kernel::open, implementation::open] {
            assert!(!open(&key, &nonce, &mut twin, &other_tag), "bit in byte {at} of {len}");
            assert!(twin == before, "nothing is decrypted");
        }
        assert!(
            !open_in_pieces(false, &key, &nonce, &mut twin, &other_tag, || 5000),
            "bit in byte {at} of {len}"
        );
    }
}

#[test]
fn all_bits_of_a_tag_count() {
    let (key, nonce) = ([3; 32], [5; 12]);
    let (sealed, tag) = seal(&key, &nonce, &[7; 40]);
    for bit in 0..128 {
        let other = (u128::from_be_bytes(tag) ^ 1 << bit).to_be_bytes();
        assert!(!kernel::open(&key, &nonce, &mut sealed.clone(), &other), "bit {bit}");
    }
    assert!(kernel::open(&key, &nonce, &mut sealed.clone(), &tag));
}

/// Many groups of GHASH in one piece.
#[test]
fn long_messages() {
    let mut random = Random(11);
    for len in [65_536, 262_145, 1_000_003] {
        let (key, nonce, plain) = (random.array(), random.array(), random.bytes(len));
        let (mut sealed, tag) = seal(&key, &nonce, &plain);
        assert!(kernel::open(&key, &nonce, &mut sealed, &tag) && sealed == plain, "{len} bytes");
    }
}

/// From any position, with carries through all bits of the counter.
#[test]
fn ctr_from_any_position() {
    let mut random = Random(9);
    for round in 0..cases(10_000) / 10 {
        let (key, mut iv): ([u8; 32], [u8; 16]) = (random.array(), random.array());
        if round % 2 == 0 {
            iv[random.below(12)..].fill(0xff);
        }
        let at = u128::from(random.next() % [1, 200, 1 << 20, u64::MAX][round % 4]);
        let len = random.below(700);
        let sealed = random.bytes(len);
        let mut expected = sealed.clone();
        let mut stream = Ctr128BE::<Aes256>::new((&key).into(), (&iv).into());
        stream.seek(at);
        stream.apply_keystream(&mut expected);
        for apply in [kernel::apply, ctr::apply] {
            let mut bytes = sealed.clone();
            apply(&key, &iv, at, &mut bytes);
            assert_eq!(bytes, expected, "from {at}");
        }
        let cut = random.below(len + 1);
        let mut bytes = sealed;
        let mut stream = Ctr::new(&key, &iv);
        let (first, second) = bytes.split_at_mut(cut);
        stream.apply(at + cut as u128, second);
        stream.apply(at, first);
        assert_eq!(bytes, expected, "cut at {cut}");
    }
}

/// Key streams that are long enough for parts of counters, with a carry into each byte of the counter.
#[test]
fn long_key_streams_with_carries() {
    let mut random = Random(13);
    for carry in 0..16 {
        let (key, mut iv): ([u8; 32], [u8; 16]) = (random.array(), random.array());
        iv[carry..].fill(0xff);
        // The carry comes within the first 20 000 bytes, or before a second stretch of the same key stream.
        for before in [0, 3, 700] {
            let start = u128::from_be_bytes(iv).wrapping_sub(before).to_be_bytes();
            let len = 30_000 + random.below(300);
            let sealed = random.bytes(len);
            let mut expected = sealed.clone();
            Ctr128BE::<Aes256>::new((&key).into(), (&start).into()).apply_keystream(&mut expected);
            let (mut bytes, mut stream) = (sealed, Ctr::new(&key, &start));
            let (first, second) = bytes.split_at_mut(10_000 + random.below(300));
            stream.apply(0, first);
            stream.apply(first.len() as u128, second);
            assert!(bytes == expected, "carry into byte {carry}, {before} counters before it");
        }
    }
}

// proptest is a dependency of native tests only.
#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    /// Wherever a message is cut, the result is that of the whole.
    #[test]
    fn cuts_make_no_difference(
        plain in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..1200),
        cuts in proptest::collection::vec(1_usize..400, 1..8),
    ) {
        let (key, nonce) = ([1; 32], [2; 12]);
        let (mut bytes, tag) = seal(&key, &nonce, &plain);
        let sealed = bytes.clone();
        let mut lengths = cuts.into_iter().cycle();
        for with_kernel in [true, false] {
            bytes.copy_from_slice(&sealed);
            assert!(open_in_pieces(with_kernel, &key, &nonce, &mut bytes, &tag, || lengths.next().unwrap()));
            assert_eq!(bytes, plain);
        }
    }
}
