//! Streams of JavaScript, as Rust programs use them.

use futures::StreamExt;
use js_sys::{Array, Reflect, Uint8Array};
use kelp_stream::{
    host::Piece,
    web::readable::{ReadableStream, pieces},
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use super::js::{Chunk, Store, assert_error, bytes, function, get, give_codec, pause, text, wait};

/// A file of two chunks of 1000 bytes, with their MD5s.
fn two(store: &Store) -> Vec<Chunk> {
    use md5::{Digest, Md5};
    let chunk = |(url, offset): (&'static str, u32)| {
        let stored = bytes(offset..offset + 1000);
        store.store(url, &stored);
        Chunk { url, offset, size: 1000, md5: Some(Md5::digest(stored).to_vec()), ..Chunk::default() }
    };
    [("http://s/0", 0), ("http://s/1", 1000)].into_iter().map(chunk).collect()
}

/// What a `Response` with this body has.
async fn body_of(stream: &ReadableStream) -> Result<Vec<u8>, JsValue> {
    let read = function("stream", "return new Response(stream).arrayBuffer()");
    let buffer = wait(read.call1(&JsValue::NULL, stream)?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

#[wasm_bindgen_test]
async fn a_file_is_the_body_of_a_response() {
    give_codec().await;
    let store = Store::new();
    let file = store.open(2000, &two(&store));
    let stream = file.readable(500.0, 1500.0).unwrap();
    pause(20).await;
    assert_eq!(store.log().len(), 0, "nothing is requested before the first read");
    assert_eq!(body_of(&stream).await.unwrap(), bytes(500..1500));
    assert_eq!(body_of(&file.readable(0.0, 2000.0).unwrap()).await.unwrap(), bytes(0..2000));
}

#[wasm_bindgen_test]
async fn a_stream_of_javascript_fails_with_the_error_of_the_reader() {
    give_codec().await;
    let store = Store::new();
    let mut chunks = two(&store);
    chunks[1].md5 = Some(vec![7; 16]);
    let file = store.open(2000, &chunks);
    let stream = file.readable(0.0, 2000.0).unwrap();
    let read = "const reader = stream.getReader(); while (!(await reader.read()).done);";
    let read = function("stream", &format!("return (async () => {{ {read} }})()"));
    let error = wait(read.call1(&JsValue::NULL, &stream).unwrap()).await.unwrap_err();
    assert_error(&error, "corrupt");
    assert_eq!(text(&error, "chunk"), "http://s/1");
}

#[wasm_bindgen_test]
async fn cancelling_a_stream_of_javascript_ends_its_requests() {
    give_codec().await;
    let store = Store::with_fetch("return new Promise(() => {})");
    let file = store.open(2000, &two(&store));
    let stream = file.readable(0.0, 2000.0).unwrap();
    let read = function("stream", "const reader = stream.getReader(); reader.read(); return reader");
    let reader = read.call1(&JsValue::NULL, &stream).unwrap();
    pause(20).await;
    assert!(get(&file.stats(), "inFlight").as_f64() > Some(0.0));
    let cancel: js_sys::Function = Reflect::get(&reader, &"cancel".into()).unwrap().unchecked_into();
    wait(cancel.call0(&reader).unwrap()).await.unwrap();
    pause(20).await;
    assert_eq!(get(&file.stats(), "inFlight"), 0);
}

#[wasm_bindgen_test]
async fn a_stream_of_javascript_is_read_as_pieces() {
    let make = function(
        "list",
        "return new ReadableStream({ start(c) { list.forEach((it) => c.enqueue(it)); c.close() } })",
    );
    let of = |items: [JsValue; 2]| -> ReadableStream {
        make.call1(&JsValue::NULL, &Array::from_iter(items)).unwrap().unchecked_into()
    };
    let array = |range| JsValue::from(Uint8Array::from(&bytes(range)[..]));
    let stream = of([array(0..10), array(10..30)]);
    let read: Vec<_> = pieces(stream.clone()).unwrap().collect().await;
    let mut all = Vec::new();
    read.iter().for_each(|piece| piece.as_ref().unwrap().append_to(&mut all));
    assert_eq!(all, bytes(0..30));
    let read: Vec<_> = pieces(of([array(0..10), "text".into()])).unwrap().collect().await;
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    let locked = of([array(0..1), array(1..2)]);
    let _lock = pieces(locked.clone()).unwrap();
    assert!(pieces(locked).is_err());
}
