//! Files, and streams of them.

use js_sys::Array;
use kelp_stream::web::{
    file::CoreFile,
    open::{Opening, open_entry, open_manifest},
};
use wasm_bindgen::{JsCast, JsValue, convert::TryFromJsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{
    Chunk, Store, assert_error, bytes, error_of, function, get, give_codec, manifest, next, pause, pool,
    read, set, text,
};

/// A file of four chunks of 1000 bytes.
fn four(store: &Store) -> Vec<Chunk> {
    let urls = ["http://s/0", "http://s/1", "http://s/2", "http://s/3"];
    let chunk = |(url, offset): (&'static str, u32)| {
        store.store(url, &bytes(offset..offset + 1000));
        Chunk { url, offset, size: 1000, ..Chunk::default() }
    };
    urls.into_iter().zip([0, 1000, 2000, 3000]).map(chunk).collect()
}

#[wasm_bindgen_test]
fn the_version_is_that_of_the_package() {
    assert_eq!(kelp_stream::web::version(), env!("CARGO_PKG_VERSION"));
}

#[wasm_bindgen_test]
async fn chunks_are_read_in_file_order() {
    let store = Store::new();
    let chunks = four(&store);
    assert_eq!(store.read(&chunks).await.unwrap(), bytes(0..4000));
    assert_eq!(store.log().len(), 4);
}

#[wasm_bindgen_test]
async fn only_the_bytes_of_the_range_are_requested() {
    let store = Store::new();
    let chunks = four(&store);
    let file = store.open(4000, &chunks);
    let part = read(&file.stream(1500.0, 2100.0).unwrap()).await.unwrap();
    assert_eq!(part, bytes(1500..2100));
    let ranges: Vec<_> = store.log().iter().map(|asked| text(asked, "range")).collect();
    assert_eq!(ranges, ["bytes=500-999", "bytes=0-99"]);
    assert_eq!(get(&file.stats(), "requests"), 2);
    assert_eq!(get(&file.stats(), "bytesDelivered"), 600);
}

#[wasm_bindgen_test]
async fn no_request_is_sent_before_the_first_read() {
    let store = Store::new();
    let chunks = four(&store);
    let stream = store.open(4000, &chunks).stream(0.0, 4000.0).unwrap();
    pause(20).await;
    assert_eq!(store.log().len(), 0);
    drop(stream);
}

#[wasm_bindgen_test]
async fn a_hole_is_zeros_and_an_empty_range_has_no_bytes() {
    let store = Store::new();
    let chunks = four(&store);
    let file = store.open(4100, &chunks);
    let part = read(&file.stream(3990.0, 4100.0).unwrap()).await.unwrap();
    assert_eq!(part, [bytes(3990..4000), vec![0; 100]].concat());
    assert_eq!(read(&file.stream(7.0, 7.0).unwrap()).await.unwrap(), b"");
}

#[wasm_bindgen_test]
async fn digests_are_checked() {
    use md5::{Digest, Md5};
    give_codec().await;
    let store = Store::new();
    let mut chunks = four(&store);
    for (chunk, at) in chunks.iter_mut().zip([0, 1000, 2000, 3000]) {
        chunk.md5 = Some(Md5::digest(bytes(at..at + 1000)).to_vec());
    }
    assert_eq!(store.read(&chunks).await.unwrap(), bytes(0..4000));
    chunks[2].md5 = Some(vec![0; 16]);
    let error = error_of(store.read(&chunks)).await;
    assert_error(&error, "corrupt");
    assert_eq!(get(&error, "offset"), 2000);
    assert_eq!(text(&error, "chunk"), "http://s/2");
}

#[wasm_bindgen_test]
async fn a_failed_stream_delivers_the_bytes_before_and_stays_failed() {
    let store = Store::new();
    let mut chunks = four(&store);
    chunks[1].url = "http://s/none?sig=hush";
    let stream = store.open(4000, &chunks).stream(0.0, 4000.0).unwrap();
    let first = next(&stream).await.unwrap();
    assert_eq!(first.unchecked_into::<js_sys::Uint8Array>().to_vec(), bytes(0..1000));
    for _ in 0..2 {
        let error = next(&stream).await.unwrap_err();
        assert_error(&error, "not_found");
        assert_eq!((get(&error, "offset"), text(&error, "chunk")), (1000.into(), "http://s/none".to_owned()));
        let attempt = get(&error, "attempts").unchecked_into::<Array>().get(0);
        assert_eq!((text(&attempt, "host"), get(&attempt, "status")), ("s".to_owned(), 404.into()));
        assert_eq!(text(&attempt, "reason"), "not_found");
        assert_eq!(get(&error, "retryable"), false);
        assert!(!text(&error, "message").contains("hush"));
    }
}

#[wasm_bindgen_test]
async fn the_message_that_fetch_threw_is_the_cause() {
    for body in ["throw world.thrown", "return Promise.reject(world.thrown)"] {
        let store = Store::with_fetch(body);
        set(store.world(), "thrown", js_sys::TypeError::new("no route"));
        let error = error_of(store.read(&four(&store))).await;
        assert_error(&error, "network");
        assert_eq!(text(&get(&error, "cause"), "message"), "no route");
        assert_eq!(get(&error, "retryable"), true);
    }
}

#[wasm_bindgen_test]
async fn a_closed_file_fails_its_streams_and_opens_no_more() {
    let store = Store::with_fetch("return new Promise(() => {})");
    let file = store.open(4000, &four(&store));
    let stream = file.stream(0.0, 4000.0).unwrap();
    let reading = stream.read();
    pause(5).await;
    file.close();
    assert_error(&wait_error(reading).await, "closed");
    assert_error(&file.stream(0.0, 1.0).unwrap_err(), "closed");
    assert_error(&file.plan(0.0, 1.0).unwrap_err(), "closed");
}

async fn wait_error(promise: js_sys::Promise) -> JsValue {
    super::js::wait(promise.into()).await.unwrap_err()
}

#[wasm_bindgen_test]
async fn a_closed_pool_closes_its_files() {
    let store = Store::with_fetch("return new Promise(() => {})");
    let pool = pool();
    let file = open_manifest(manifest(4000, &four(&store)), store.settings(), &pool).unwrap();
    let reading = file.stream(0.0, 4000.0).unwrap().read();
    pause(5).await;
    assert!(pool.in_flight() > 0 && pool.bytes() > 0.0);
    pool.close();
    assert_error(&wait_error(reading).await, "closed");
    assert_eq!((pool.in_flight(), pool.bytes()), (0, 0.0));
    let other = open_manifest(manifest(4000, &four(&store)), store.settings(), &pool);
    assert_error(&other.unwrap_err(), "closed");
}

const ENTRY: &[u8] = br#"{
    "FullPath": "/d/a.bin", "Mtime": "2026-08-22T12:00:00Z", "Mode": 432, "FileSize": 1000,
    "chunks": [{"file_id": "3,01637037d6", "size": 1000, "modified_ts_ns": 1787400000000000001}]
}"#;

#[wasm_bindgen_test]
async fn the_filer_relays_chunks_and_gets_the_headers() {
    let store = Store::new();
    store.store("http://filer/?proxyChunkId=3,01637037d6&readDeleted=true", &bytes(0..1000));
    set(&store.settings, "home", "http://filer");
    set(&store.settings, "filer", "http://filer");
    set(&store.settings, "proxy", true);
    set(&store.settings, "headers", Array::of1(&Array::of2(&"x-who".into(), &"me".into())));
    // The filer signs for itself.
    store.callback("token", "throw new Error('not called')");
    let file = opened(ENTRY, &store).await.unwrap();
    assert_eq!((file.size(), file.name()), (1000.0, "a.bin".to_owned()));
    assert_eq!(read(&file.stream(0.0, 1000.0).unwrap()).await.unwrap(), bytes(0..1000));
    let who = function("asked", "return new Headers(asked.init.headers).get('x-who')");
    assert_eq!(who.call1(&JsValue::NULL, &store.log()[0]).unwrap(), "me");
}

// F16, F116
#[wasm_bindgen_test]
async fn located_chunks_get_a_token_but_no_headers() {
    let store = Store::new();
    store.store("http://v1/3,01637037d6?jwt=t-1", &bytes(0..1000));
    set(&store.settings, "home", "http://filer");
    set(&store.settings, "filer", "http://filer");
    set(&store.settings, "headers", Array::of1(&Array::of2(&"x-who".into(), &"me".into())));
    store.callback("locate", "world.refused = argument; return { urls: [`http://v1/${argument}`] }");
    store.callback("token", "return Promise.resolve('t-1')");
    let file = opened(ENTRY, &store).await.unwrap();
    assert_eq!(read(&file.stream(0.0, 1000.0).unwrap()).await.unwrap(), bytes(0..1000));
    let asked = store.log().remove(0);
    let init = get(&asked, "init");
    assert_eq!((text(&init, "redirect"), text(&init, "credentials")), ("manual".into(), "omit".into()));
    assert_eq!(text(&init, "cache"), "no-store");
    let who = function("asked", "return new Headers(asked.init.headers).get('x-who')");
    assert!(who.call1(&JsValue::NULL, &asked).unwrap().is_null());
}

// F99
#[wasm_bindgen_test]
async fn errors_of_locate_and_token_are_the_cause() {
    for (name, body, code) in [
        ("locate", "throw world.thrown", "no_locations"),
        ("locate", "return Promise.reject(world.thrown)", "no_locations"),
        ("token", "throw world.thrown", "unauthorized"),
        ("token", "return Promise.reject(world.thrown)", "unauthorized"),
    ] {
        let store = Store::new();
        let thrown = JsValue::from(js_sys::Error::new("mine"));
        set(store.world(), "thrown", thrown.clone());
        store.callback("locate", "return { urls: ['http://v/x'] }");
        store.callback(name, body);
        let error = error_of(read_entry(&store)).await;
        assert_error(&error, code);
        assert!(get(&error, "cause") == thrown, "{name}: {body}");
        assert_eq!(store.log().len(), 0);
    }
    for (name, body, code) in [
        ("locate", "return undefined", "no_locations"),
        ("locate", "return null", "no_locations"),
        ("locate", "return 7", "no_locations"),
        ("locate", "return {}", "no_locations"),
        ("locate", "return { urls: 'http://v/x' }", "no_locations"),
        ("locate", "return { urls: [7] }", "no_locations"),
        ("locate", "return { urls: [], token: 't' }", "no_locations"),
        ("locate", "return { urls: ['http://v/x'], token: 7 }", "no_locations"),
        ("locate", "return { get urls() { throw new Error('no') } }", "no_locations"),
        ("token", "return 7", "unauthorized"),
        ("token", "return undefined", "unauthorized"),
    ] {
        let store = Store::new();
        store.callback("locate", "return { urls: ['http://v/x'] }");
        store.callback(name, body);
        assert_error(&error_of(read_entry(&store)).await, code);
        assert_eq!(store.log().len(), 0, "{name}: {body}");
    }
}

/// The file of an entry, opened with the settings of a store.
async fn opened(json: &[u8], store: &Store) -> Result<CoreFile, JsValue> {
    let promise = open_entry(json.to_vec(), store.settings(), &pool(), &Opening::new());
    let file = JsFuture::from(promise).await?;
    CoreFile::try_from_js_value(file)
}

async fn read_entry(store: &Store) -> Result<Vec<u8>, JsValue> {
    let file = opened(ENTRY, store).await?;
    read(&file.stream(0.0, 1000.0)?).await
}

#[wasm_bindgen_test]
async fn an_entry_that_cannot_be_parsed_is_a_kelp_error() {
    let store = Store::new();
    for (json, code) in [("{", "manifest"), (r#"{"FullPath": "/d", "Mode": 2147484141}"#, "unsupported")] {
        let error = opened(json.as_bytes(), &store).await.unwrap_err();
        assert_error(&error, code);
    }
}

#[wasm_bindgen_test]
fn a_manifest_with_contradicting_fields_is_a_range_error() {
    let store = Store::new();
    let chunk = Chunk { url: "ftp://s/0", size: 10, ..Chunk::default() };
    let error = open_manifest(manifest(10, &[chunk]), store.settings(), &pool()).unwrap_err();
    assert!(error.is_instance_of::<js_sys::RangeError>());
    assert!(text(&error, "message").contains("chunks[0].urls"));
}
