//! A `fetch` of the user's: what it is given, what it may give back, how it is stopped.

use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{
    Chunk, HEADERS_TIMEOUT, IDLE_TIMEOUT, PASSES, Store, assert_error, bytes, error_of, get, global, next,
    pause, set, text,
};

fn one(size: u32) -> [Chunk; 1] {
    [Chunk { url: "http://s/0", size, ..Chunk::default() }]
}

/// `world.body`: a ReadableStream of what `world.pieces` lists.
const BODY: &str = "const body = new ReadableStream({
    start(controller) {
        for (const piece of world.pieces()) controller.enqueue(piece);
        controller.close();
    },
});";

// F53
#[wasm_bindgen_test]
async fn a_body_can_have_any_kind_of_buffer() {
    let answers = [
        "return new Response(body)",
        "return Promise.resolve({ status: 200, headers: new Headers(), body })",
        "return { then(resolve) { resolve(new Response(body)) } }",
    ];
    for answer in answers {
        let store = Store::with_fetch(&format!("{BODY} {answer}"));
        let pieces = super::js::function(
            "",
            "const all = new Uint8Array(70);
            for (let i = 0; i < 70; i++) all[i] = (Math.imul(i, 31) ^ (i >> 8) ^ (i >> 16)) & 255;
            return [
                all.slice(0, 10).buffer,
                new Uint8Array(0),
                new DataView(all.buffer, 10, 10),
                new ArrayBuffer(0),
                new Uint8ClampedArray(all.buffer, 20, 10),
                new Uint16Array(all.slice(30, 40).buffer),
                new Int8Array(all.buffer, 40, 10),
                all.subarray(50, 60),
                new Float64Array(0),
                all.subarray(60),
            ]",
        );
        set(store.world(), "pieces", pieces);
        assert_eq!(store.read(&one(70)).await.unwrap(), bytes(0..70), "{answer}");
    }
}

// F53
#[wasm_bindgen_test]
async fn a_body_of_other_values_is_an_error() {
    for piece in ["'text'", "7", "null", "undefined", "{}", "[1, 2]"] {
        let store =
            Store::with_fetch(&format!("{BODY} return {{ status: 200, headers: new Headers(), body }}"));
        set(store.world(), "pieces", super::js::function("", &format!("return [{piece}]")));
        let error = error_of(store.read(&one(10))).await;
        assert_error(&error, "network");
        assert!(wasm_bindgen::JsCast::is_instance_of::<js_sys::TypeError>(&get(&error, "cause")), "{piece}");
    }
}

#[wasm_bindgen_test]
async fn another_value_than_a_response_is_an_error() {
    for answer in [
        "{}",
        "7",
        "'text'",
        "true",
        "{ status: 200 }",
        "{ status: 200, headers: {}, body: 7 }",
        "{ status: 'x', headers: null, body: null }",
        "{ get status() { throw new Error('no') } }",
        "Symbol('x')",
        "null",
        "undefined",
    ] {
        let store = Store::with_fetch(&format!("return Promise.resolve({answer})"));
        let error = error_of(store.read(&one(10))).await;
        let code = get(&error, "code").as_string();
        assert!(code.is_some(), "{answer}: {error:?}");
    }
    // All goes on after that.
    let store = Store::new();
    store.store("http://s/0", &bytes(0..10));
    assert_eq!(store.read(&one(10)).await.unwrap(), bytes(0..10));
}

// F52
#[wasm_bindgen_test]
async fn a_locked_or_used_body_is_an_error() {
    for spoil in ["response.body.getReader()", "response.text()"] {
        let store = Store::with_fetch(&format!(
            "const response = new Response(new Uint8Array(10)); {spoil}; return Promise.resolve(response)"
        ));
        let error = error_of(store.read(&one(10))).await;
        assert!(get(&error, "code").as_string().is_some(), "{spoil}: {error:?}");
    }
}

// F52
#[wasm_bindgen_test]
async fn a_response_without_a_body_is_too_short() {
    let store = Store::with_fetch("return Promise.resolve(new Response(null))");
    assert_error(&error_of(store.read(&one(10))).await, "short_body");
}

#[wasm_bindgen_test]
async fn a_body_that_breaks_is_a_network_error_with_its_cause() {
    let store = Store::with_fetch(
        "const body = new ReadableStream({
            pull(controller) { world.sent ? controller.error(world.thrown) : controller.enqueue(new Uint8Array(5)); world.sent = true },
        });
        return Promise.resolve(new Response(body))",
    );
    set(store.world(), "thrown", js_sys::Error::new("reset"));
    let error = error_of(store.read(&one(10))).await;
    assert_error(&error, "network");
    assert_eq!(text(&get(&error, "cause"), "message"), "reset");
    assert_eq!(get(&error, "offset"), 5);
}

const LOGGED: &str = "const asked = { aborted: false };
    world.log.push(asked);
    init.signal.addEventListener('abort', () => (asked.aborted = true));";

// F92
#[wasm_bindgen_test]
async fn cancelling_aborts_the_signal_of_fetch() {
    for answer in [
        "return new Promise(() => {})",
        "return Promise.resolve(new Response(new ReadableStream({})))",
        "return Promise.resolve(new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(5)) } })))",
    ] {
        let store = Store::with_fetch(&format!("{LOGGED} {answer}"));
        let chunks = [
            Chunk { url: "http://s/0", size: 10, ..Chunk::default() },
            Chunk { url: "http://s/1", offset: 10, size: 10, ..Chunk::default() },
        ];
        let stream = store.open(20, &chunks).stream(0.0, 20.0).unwrap();
        let reading = stream.read();
        pause(10).await;
        assert_eq!(store.log().len(), 2);
        assert!(store.log().iter().all(|asked| get(asked, "aborted") == false), "{answer}");
        stream.cancel();
        // At once: in the driver's next turn.
        pause(0).await;
        assert!(store.log().iter().all(|asked| get(asked, "aborted") == true), "{answer}");
        let _ = super::js::wait(reading.into()).await;
        assert_error(&next(&stream).await.unwrap_err(), "closed");
        pause(10).await;
        assert_eq!(store.log().len(), 2, "nothing starts later");
    }
}

// F95
#[wasm_bindgen_test]
async fn dropping_a_stream_aborts_too() {
    let store = Store::with_fetch(&format!("{LOGGED} return new Promise(() => {{}})"));
    let stream = store.open(10, &one(10)).stream(0.0, 10.0).unwrap();
    let reading = stream.read();
    pause(5).await;
    stream.cancel();
    drop(stream);
    assert!(super::js::wait(reading.into()).await.is_err());
    assert_eq!(get(&store.log()[0], "aborted"), true);
}

fn two() -> [Chunk; 2] {
    [
        Chunk { url: "http://s/0", size: 10, ..Chunk::default() },
        Chunk { url: "http://s/1", offset: 10, size: 10, ..Chunk::default() },
    ]
}

// F162
#[wasm_bindgen_test]
async fn what_comes_for_a_cancelled_request_is_dropped() {
    // A platform may answer after an abort, and a body may go on.
    let late = [
        "return new Promise((resolve) => world.late.push(() => resolve(new Response(new Uint8Array(10)))))",
        "return new Promise((_, reject) => world.late.push(() => reject(new Error('late'))))",
        "const read = () => new Promise((resolve, reject) => world.late.push(
            () => resolve({ done: false, value: new Uint8Array(5) }),
            () => reject(new Error('late'))));
        const body = { getReader: () => ({ read, cancel() {} }) };
        return { status: 200, headers: new Headers(), body }",
    ];
    for answer in late {
        let store = Store::with_fetch(answer);
        set(store.world(), "late", js_sys::Array::new());
        let stream = store.open(20, &two()).stream(0.0, 20.0).unwrap();
        let reading = stream.read();
        pause(10).await;
        stream.cancel();
        assert!(super::js::wait(reading.into()).await.is_err());
        drop(stream);
        let late =
            super::js::function("world", "for (const each of world.late) each(); return world.late.length");
        let count = late.call1(&wasm_bindgen::JsValue::NULL, store.world()).unwrap();
        assert!(count.as_f64().unwrap() >= 2.0, "{answer}");
        pause(10).await;
        // The next requests are not taken for these.
        let other = Store::new();
        other.store("http://s/0", &bytes(0..10));
        other.store("http://s/1", &bytes(10..20));
        assert_eq!(other.read(&two()).await.unwrap(), bytes(0..20), "{answer}");
    }
}

/// Answers for `/1` with a body of two pieces of five bytes, of which the second is `second`.
fn second_piece(second: &str) -> Store {
    let store = Store::with_fetch(&format!(
        "world.log.push({{ url, range: new Headers(init.headers).get('range') }});
        const blob = world.blobs[url];
        if (url !== 'http://s/1' || world.log.length > 2) return new Response(blob.subarray(world.log.length > 2 ? 5 : 0));
        let sent = 0;
        return new Response(new ReadableStream({{
            pull(controller) {{
                if (sent++ === 0) controller.enqueue(blob.slice(0, 5));
                else {second}
            }},
        }}, {{ highWaterMark: 0 }}))"
    ));
    store.store("http://s/0", &bytes(0..10));
    store.store("http://s/1", &bytes(10..20));
    store
}

// F163
#[wasm_bindgen_test]
async fn a_gathered_piece_does_not_wait_for_a_body_that_stalls() {
    let store = second_piece("return new Promise(() => {})");
    let stream = store.open(20, &two()).stream(0.0, 20.0).unwrap();
    let mut all = Vec::new();
    while all.len() < 15 {
        let piece = next(&stream).await.unwrap();
        all.extend(wasm_bindgen::JsCast::unchecked_into::<js_sys::Uint8Array>(piece).to_vec());
    }
    assert_eq!(all, bytes(0..15));
}

// F163
#[wasm_bindgen_test]
async fn a_body_that_breaks_keeps_what_was_gathered() {
    let store = second_piece("controller.error(new Error('reset'))");
    store.set_number(PASSES, 2.0);
    let read = store.read(&two()).await;
    let ranges: Vec<_> = store.log().iter().map(|asked| get(asked, "range")).collect();
    assert_eq!(ranges.get(2), Some(&"bytes=5-9".into()), "{ranges:?}");
    // It answers as a server that ignores ranges would, with the wrong bytes: only the request matters here.
    drop(read);
}

// F163
#[wasm_bindgen_test]
async fn a_body_far_longer_than_expected_is_not_gathered() {
    let store = second_piece(
        "{ if (sent < 100) controller.enqueue(new Uint8Array(1 << 20)); else controller.close(); world.sent = sent; }",
    );
    assert_eq!(store.read(&two()).await.unwrap().len(), 20);
    pause(100).await;
    let sent = get(store.world(), "sent").as_f64().unwrap_or_default();
    assert!(sent < 10.0, "{sent} pieces were read");
}

#[wasm_bindgen_test]
async fn a_request_without_a_response_is_aborted() {
    let store = Store::with_fetch(&format!("{LOGGED} return new Promise(() => {{}})"));
    store.set_number(HEADERS_TIMEOUT, 20.0);
    let error = error_of(store.read(&one(10))).await;
    assert_error(&error, "timeout");
    assert_eq!(get(&store.log()[0], "aborted"), true);
}

#[wasm_bindgen_test]
async fn a_body_that_stalls_is_aborted() {
    let store = Store::with_fetch(&format!(
        "{LOGGED} return Promise.resolve(new Response(new ReadableStream({{}})))"
    ));
    store.set_number(IDLE_TIMEOUT, 20.0);
    let error = error_of(store.read(&one(10))).await;
    assert_error(&error, "timeout");
    assert_eq!(get(&store.log()[0], "aborted"), true);
}

/// Watches the timers of two times that no other test uses.
const WATCH: &str = "const { setTimeout: set, clearTimeout: clear } = globalThis;
    const open = new Set();
    let count = 0;
    globalThis.setTimeout = (callback, ms, ...more) => {
        const id = set(callback, ms, ...more);
        if (ms > 23000 && ms < 24000) { open.add(id); count++; }
        return id;
    };
    globalThis.clearTimeout = (id) => { open.delete(id); clear(id); };
    return { open, count: () => count, stop() { Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }) } };";

fn call(object: &wasm_bindgen::JsValue, name: &str) -> wasm_bindgen::JsValue {
    use wasm_bindgen::JsCast;
    get(object, name).unchecked_into::<js_sys::Function>().call0(object).unwrap()
}

#[wasm_bindgen_test]
async fn no_timeout_outlives_its_request() {
    assert_eq!(global("setTimeout").js_typeof(), "function");
    let watch = super::js::function("", WATCH).call0(&wasm_bindgen::JsValue::NULL).unwrap();
    let store = Store::new();
    store.store("http://s/0", &bytes(0..100_000));
    for time in [HEADERS_TIMEOUT, IDLE_TIMEOUT] {
        store.set_number(time, 23_456.0);
    }
    assert_eq!(store.read(&one(100_000)).await.unwrap(), bytes(0..100_000));
    let (after_reading, count) = (get(&get(&watch, "open"), "size"), call(&watch, "count"));
    assert_eq!(count, 1, "one timeout watches headers and body");

    let hanging = Store::with_fetch(&format!("{LOGGED} return new Promise(() => {{}})"));
    hanging.set_number(HEADERS_TIMEOUT, 23_456.0);
    let stream = hanging.open(10, &one(10)).stream(0.0, 10.0).unwrap();
    let reading = stream.read();
    pause(5).await;
    let while_waiting = get(&get(&watch, "open"), "size");
    stream.cancel();
    let cancelled = super::js::wait(reading.into()).await;
    pause(5).await;
    let after_cancelling = get(&get(&watch, "open"), "size");
    call(&watch, "stop");

    assert!(cancelled.is_err());
    assert_eq!((after_reading, while_waiting, after_cancelling), (0.into(), 1.into(), 0.into()));
}

#[wasm_bindgen_test]
async fn the_global_fetch_is_used_by_default() {
    let store = Store::new();
    set(&store.settings, "fetch", wasm_bindgen::JsValue::UNDEFINED);
    // A port without a listener.
    let chunk = Chunk { url: "http://127.0.0.1:9/0", size: 10, ..Chunk::default() };
    assert_error(&error_of(store.read(&[chunk])).await, "network");
    assert_eq!(store.log().len(), 0);
}
