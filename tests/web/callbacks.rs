//! `onEvent` and `onProgress`: they may throw and they may call back.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{Chunk, Store, assert_error, bytes, function, get, set, text, wait};

/// Three chunks, the second encrypted.
fn chunks(store: &Store) -> Vec<Chunk> {
    use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
    let nonce = [9; 12];
    let sealed = Aes256Gcm::new(&[7; 32].into()).encrypt(&nonce.into(), &bytes(1000..2000)[..]).unwrap();
    store.store("http://s/0", &bytes(0..1000));
    store.store("http://s/1", &[&nonce[..], &sealed].concat());
    store.store("http://s/2", &bytes(2000..3000));
    let chunk = |(url, offset)| Chunk { url, offset, size: 1000, ..Chunk::default() };
    let mut chunks: Vec<_> =
        [("http://s/0", 0), ("http://s/1", 1000), ("http://s/2", 2000)].map(chunk).to_vec();
    chunks[1].key = Some([7; 32]);
    chunks
}

#[wasm_bindgen_test]
async fn events_report_the_course_of_a_stream() {
    let store = Store::new();
    let chunks = chunks(&store);
    set(store.world(), "events", Array::new());
    store.callback("onEvent", "world.events.push(argument)");
    assert_eq!(store.read(&chunks).await.unwrap(), bytes(0..3000));
    let events: Vec<JsValue> = get(store.world(), "events").unchecked_into::<Array>().iter().collect();
    let kinds: Vec<_> = events.iter().map(|event| text(event, "kind")).collect();
    let count = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
    assert_eq!(
        (count("queue"), count("request"), count("headers"), count("decoded"), count("end")),
        (3, 3, 3, 1, 1)
    );
    assert_eq!(kinds.last().map(String::as_str), Some("end"));
    let sum = |kind: &str| -> f64 {
        let of_kind = events.iter().filter(|event| text(event, "kind") == kind);
        of_kind.map(|event| get(event, "bytes").as_f64().unwrap()).sum()
    };
    assert_eq!((sum("delivered"), sum("body")), (3000.0, 3028.0));
    for event in &events {
        assert!(get(event, "at").as_f64().unwrap() >= 0.0);
    }
    let request = events.iter().find(|event| text(event, "kind") == "request").unwrap();
    assert_eq!((text(request, "host"), text(request, "chunk")), ("s".to_owned(), "http://s/0".to_owned()));
}

#[wasm_bindgen_test]
async fn progress_is_reported_at_the_end_and_never_decreases() {
    let store = Store::new();
    let chunks = chunks(&store);
    set(store.world(), "reported", Array::new());
    store.callback("onProgress", "world.reported.push(argument)");
    store.read(&chunks).await.unwrap();
    let reported: Vec<JsValue> = get(store.world(), "reported").unchecked_into::<Array>().iter().collect();
    let delivered: Vec<_> = reported.iter().map(|one| get(one, "delivered").as_f64().unwrap()).collect();
    assert!(delivered.is_sorted());
    let last = reported.last().unwrap();
    assert_eq!((get(last, "delivered"), get(last, "received")), (3000.into(), 3028.into()));
    assert_eq!(get(last, "total"), 3000);
}

// F99
#[wasm_bindgen_test]
async fn a_callback_that_throws_changes_nothing() {
    let store = Store::new();
    let chunks = chunks(&store);
    // It would fill the log of the tests.
    let silence =
        "const { error } = console; world.count = 0; console.error = () => world.count++; return error";
    let error = function("world", silence).call1(&JsValue::NULL, store.world()).unwrap();
    store.callback("onEvent", "throw new Error('mine')");
    store.callback("onProgress", "throw undefined");
    let read = store.read(&chunks).await;
    function("error", "console.error = error").call1(&JsValue::NULL, &error).unwrap();
    assert_eq!(read.unwrap(), bytes(0..3000));
    assert!(get(store.world(), "count").as_f64().unwrap() > 10.0, "the console hears of it");
}

const DRAIN: &str = "return (async () => {
    let length = 0;
    let resume;
    const wake = () => resume();
    for (;;) {
        const woken = new Promise((resolve) => (resume = resolve));
        const piece = await world.stream.poll(wake);
        if (piece === undefined) return length;
        if (piece instanceof Error) throw piece;
        if (piece === null) await woken;
        else length += piece.length;
    }
})()";

/// Each kind of event calls `act`; what becomes of the stream then.
async fn reentered(act: &str) -> Vec<(&'static str, Result<JsValue, JsValue>)> {
    let mut ends = Vec::new();
    for kind in ["queue", "request", "headers", "first-byte", "body", "decoded", "delivered", "end"] {
        let store = Store::new();
        let chunks = chunks(&store);
        store.callback("onEvent", &format!("if (argument.kind === '{kind}') {{ {act} }}"));
        let file = store.open(3000, &chunks);
        let stream = file.stream(0.0, 3000.0).unwrap();
        set(store.world(), "stream", stream);
        set(store.world(), "file", file);
        let draining = function("world", DRAIN).call1(&JsValue::NULL, store.world()).unwrap();
        let clock = function("", "return new Promise((r) => setTimeout(r, 3000, 'it hangs'))");
        let race = function("a, b", "return Promise.race([a, b])");
        let clock = clock.call0(&JsValue::NULL).unwrap();
        let end = wait(race.call2(&JsValue::NULL, &draining, &clock).unwrap()).await;
        assert!(end != Ok("it hangs".into()), "{act} at {kind}");
        ends.push((kind, end));
    }
    ends
}

// F100
#[wasm_bindgen_test]
async fn a_callback_may_cancel_the_stream_that_calls_it() {
    for (kind, end) in reentered("world.stream.cancel()").await {
        match end {
            Ok(length) => assert!(kind == "end" && length == 3000, "{kind}: {length:?}"),
            Err(error) => assert_error(&error, "closed"),
        }
    }
}

// F100
#[wasm_bindgen_test]
async fn a_callback_may_close_the_file_that_calls_it() {
    for (kind, end) in reentered("world.file.close()").await {
        match end {
            Ok(length) => assert!(kind == "end" && length == 3000, "{kind}: {length:?}"),
            Err(error) => assert_error(&error, "closed"),
        }
    }
}

// F100
#[wasm_bindgen_test]
async fn a_callback_may_ask_the_file_and_open_other_streams() {
    let act = "world.file.stats; world.file.plan(0, 10); world.file.stream(0, 10).free()";
    for (kind, end) in reentered(act).await {
        assert_eq!(end.unwrap(), 3000, "{kind}");
    }
}
