//! Published test vectors of AES-256-GCM (`tests/fixtures/vectors`).
#![cfg(not(target_arch = "wasm32"))]

mod support;

use kelp_stream::{decode::open, host::DecodeError, model::chunk::CipherKey};
use serde_json::Value;

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let hex = vector[field].as_str().expect("it is a text");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn valid_vectors_are_decrypted_and_invalid_ones_refused() {
    let vectors = support::json("vectors/aes-256-gcm.json");
    let mut counts = [0, 0];
    for vector in vectors.as_array().expect("it is a list") {
        let key = CipherKey::new(&bytes(vector, "key")).expect("it is a key");
        let mut stored = bytes(vector, "stored");
        let opened = open(&key, &mut stored).map(<[u8]>::to_vec);
        if vector["plain"].is_null() {
            assert_eq!(opened, Err(DecodeError::Tag), "{}", vector["name"]);
            counts[1] += 1;
        } else {
            assert_eq!(opened, Ok(bytes(vector, "plain")), "{}", vector["name"]);
            counts[0] += 1;
        }
    }
    assert_eq!(counts, [63, 60], "valid and invalid vectors");
}
