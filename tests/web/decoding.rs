//! Encrypted and packed chunks: WebCrypto and wasm must not differ.

use std::io::Write;

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use flate2::{Compression, write::GzEncoder};
use kelp_stream::web::decode::Decoding;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{Chunk, Store, assert_error, bytes, error_of, get, give_codec, global, next, read, set};

const KEY: [u8; 32] = [7; 32];

fn sealed(plain: &[u8]) -> Vec<u8> {
    let nonce = [9; 12];
    let sealed = Aes256Gcm::new(&KEY.into()).encrypt(&nonce.into(), plain).unwrap();
    [&nonce[..], &sealed].concat()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn chunk(size: u32) -> Chunk {
    Chunk { url: "http://s/0", size, key: Some(KEY), ..Chunk::default() }
}

/// A store with this blob, whose chunks are decoded by wasm or by WebCrypto.
async fn store(blob: &[u8], wasm: bool) -> Store {
    give_codec().await;
    let store = Store::new();
    store.store("http://s/0", blob);
    set(&store.settings, "decoding", Decoding::new(!wasm));
    store
}

#[wasm_bindgen_test]
fn the_platform_has_webcrypto() {
    assert!(get(&global("crypto"), "subtle").is_object());
}

// F74
#[wasm_bindgen_test]
async fn webcrypto_and_wasm_decrypt_the_same() {
    for size in [1, 15, 16, 17, 1000, 262_144, 262_145, 1_000_000] {
        let plain = bytes(0..size);
        for wasm in [false, true] {
            let store = store(&sealed(&plain), wasm).await;
            assert!(store.read(&[chunk(size)]).await.unwrap() == plain, "{size} bytes, wasm: {wasm}");
        }
    }
}

// F63
#[wasm_bindgen_test]
async fn a_part_of_an_encrypted_chunk_fetches_the_whole() {
    for wasm in [false, true] {
        let store = store(&sealed(&bytes(0..600_000)), wasm).await;
        let file = store.open(600_000, &[chunk(600_000)]);
        let part = read(&file.stream(262_100.0, 262_200.0).unwrap()).await.unwrap();
        assert_eq!(part, bytes(262_100..262_200));
        assert!(get(&store.log()[0], "range").is_null());
    }
}

// F54
#[wasm_bindgen_test]
async fn any_damage_is_corrupt_and_no_byte_is_delivered() {
    let good = sealed(&bytes(0..1000));
    for at in [0, 11, 12, 500, 1011, 1012, 1027] {
        for wasm in [false, true] {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            let store = store(&damaged, wasm).await;
            let file = store.open(1000, &[chunk(1000)]);
            let stream = file.stream(0.0, 1000.0).unwrap();
            let error = next(&stream).await.unwrap_err();
            assert_error(&error, "corrupt");
            assert_eq!((get(&error, "offset"), get(&error, "retryable")), (0.into(), false.into()));
            assert_eq!(get(&file.stats(), "bytesDelivered"), 0, "byte {at}, wasm: {wasm}");
        }
    }
}

// F55
#[wasm_bindgen_test]
async fn a_wrong_key_and_a_cut_ciphertext_fail_alike_in_both() {
    let good = sealed(b"x");
    for len in 0..good.len() {
        let mut codes = Vec::new();
        for wasm in [false, true] {
            let store = store(&good[..len], wasm).await;
            let error = error_of(store.read(&[chunk(1)])).await;
            codes.push(get(&error, "code").as_string().unwrap());
        }
        assert_eq!(codes[0], codes[1], "{len} bytes");
    }
    for wasm in [false, true] {
        let store = store(&good, wasm).await;
        let other = Chunk { key: Some([8; 32]), ..chunk(1) };
        assert_error(&error_of(store.read(&[other])).await, "corrupt");
    }
}

#[wasm_bindgen_test]
async fn gzip_is_undone_after_the_cipher() {
    let plain = bytes(0..700_000);
    for wasm in [false, true] {
        let store = store(&sealed(&gzip(&plain)), wasm).await;
        let packed = Chunk { gzip: true, ..chunk(700_000) };
        assert!(store.read(&[packed]).await.unwrap() == plain, "wasm: {wasm}");
    }
}

#[wasm_bindgen_test]
async fn gzip_is_inflated_unless_fetch_did() {
    let plain = bytes(0..700_000);
    for (blob, undone) in [(gzip(&plain), false), (plain.clone(), true)] {
        let store = store(&blob, false).await;
        if undone {
            let fetch = "return Promise.resolve(new Response(world.blobs[url], { headers: { 'content-encoding': 'gzip' } }))";
            let body = format!("return (url, init) => {{ {fetch} }}");
            let fetch = super::js::function("world", &body).call1(&JsValue::NULL, store.world()).unwrap();
            set(&store.settings, "fetch", fetch);
        }
        let packed = Chunk { key: None, gzip: true, ..chunk(700_000) };
        assert!(store.read(&[packed]).await.unwrap() == plain, "undone: {undone}");
    }
}

// F74
#[wasm_bindgen_test]
async fn stored_bytes_beyond_the_size_are_clipped_in_both() {
    for wasm in [false, true] {
        let store = store(&sealed(&bytes(0..1000)), wasm).await;
        assert_eq!(store.read(&[chunk(600)]).await.unwrap(), bytes(0..600));
        let error = error_of(store.read(&[chunk(1001)])).await;
        assert_error(&error, "short_body");
    }
}
