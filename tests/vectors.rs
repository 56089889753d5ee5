//! Published vectors of the cipher (`tests/fixtures/vectors`).
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
fn every_valid_vector_of_aes_256_gcm_opens_and_no_other() {
    let vectors = support::json("vectors/aes-256-gcm.json");
    let mut told = [0, 0];
    for vector in vectors.as_array().expect("it is a list") {
        let key = CipherKey::new(&bytes(vector, "key")).expect("it is a key");
        let mut stored = bytes(vector, "stored");
        let opened = open(&key, &mut stored).map(<[u8]>::to_vec);
        if vector["plain"].is_null() {
            assert_eq!(opened, Err(DecodeError::Tag), "{}", vector["name"]);
            told[1] += 1;
        } else {
            assert_eq!(opened, Ok(bytes(vector, "plain")), "{}", vector["name"]);
            told[0] += 1;
        }
    }
    assert_eq!(told, [63, 60], "as many as there are, valid and invalid");
}
