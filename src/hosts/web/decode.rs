//! Decodes chunks with the functions of `js/codec/`: on this thread or in a worker, by WebCrypto or by the codec module.

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::{error::Causes, piece::WebPiece, redact::redact};
use crate::host::{DecodeError, DecodeParams, PrepareError};

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = hasSubtle)]
    pub(super) fn has_subtle() -> bool;
}

#[wasm_bindgen(module = "/js/codec/decoding.js")]
extern "C" {
    /// How the chunks of a file are decoded.
    #[derive(Clone, Debug)]
    pub type Decoding;

    /// On this thread; `native`: WebCrypto decrypts.
    #[wasm_bindgen(constructor)]
    pub fn new(native: bool) -> Decoding;
    #[wasm_bindgen(method, getter, js_name = workersUp)]
    pub(super) fn workers_up(this: &Decoding) -> f64;
    #[wasm_bindgen(method, catch)]
    async fn prepare(this: &Decoding) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    fn start(
        this: &Decoding,
        stored: Array,
        own: Array,
        key: Option<Uint8Array>,
        gzip: bool,
        output_len: f64,
        max_output: f64,
        md5: Option<Uint8Array>,
    ) -> Job;

    /// A chunk that is being decoded.
    type Job;

    #[wasm_bindgen(method, getter)]
    fn done(this: &Job) -> Promise;
    #[wasm_bindgen(method)]
    fn cancel(this: &Job);
}

#[wasm_bindgen(module = "/js/codec/module.js")]
extern "C" {
    /// Gives the compiled codec module, a `WebAssembly.Module`, to a program that does not use the JavaScript of the npm
    /// package: that one finds the module itself.
    #[wasm_bindgen(js_name = giveCodec)]
    pub fn give_codec(module: &JsValue);
    #[wasm_bindgen(js_name = hasCodec)]
    fn has_codec() -> bool;
}

// The files that the ones above import: wasm-bindgen copies only files that are named in Rust.
#[wasm_bindgen(module = "/js/codec/decode.js")]
extern "C" {
    #[wasm_bindgen(js_name = lengthOf)]
    fn length_of(pieces: &Array) -> f64;
}

#[wasm_bindgen(module = "/js/compile.js")]
extern "C" {
    fn compile(source: &JsValue) -> JsValue;
}

#[wasm_bindgen(module = "/js/codec/workers.js")]
extern "C" {
    fn automatic() -> f64;
}

#[wasm_bindgen]
extern "C" {
    /// What a job ends with.
    type Decoded;

    #[wasm_bindgen(method, getter)]
    fn error(this: &Decoded) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn cause(this: &Decoded) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn pieces(this: &Decoded) -> Array;
    /// Who decoded it.
    #[wasm_bindgen(method, getter)]
    fn by(this: &Decoded) -> JsValue;
}

/// Decodes a chunk. Returns its pieces, and a text that says what decoded them. Dropping the future cancels the work.
pub(super) async fn decode(
    stored: Vec<WebPiece>,
    params: &DecodeParams,
    decoding: &Decoding,
    causes: &Causes,
) -> Result<(Vec<WebPiece>, JsValue), DecodeError> {
    let own = stored.iter().map(|piece| JsValue::from(piece.is_own())).collect();
    let stored = stored.into_iter().map(WebPiece::into_array).collect();
    let bytes = |bytes: &[u8]| Uint8Array::from(bytes);
    let job = decoding.start(
        stored,
        own,
        params.key.as_ref().map(|key| bytes(key.bytes())),
        params.gzip,
        params.output_len as f64,
        params.max_output as f64,
        params.md5.as_ref().map(|md5| bytes(md5)),
    );
    let running = Running { job, is_over: false };
    let decoded = running.result().await.map_err(|_| DecodeError::Interrupted)?;
    if let Some(error) = decoded.error() {
        return Err(error_of(&error, &decoded, causes));
    }
    let arrays = decoded.pieces();
    let pieces = arrays.iter().map(|piece| WebPiece::own(piece.unchecked_into())).collect();
    Ok((pieces, decoded.by()))
}

/// Resolves when the codec module can digest on this thread.
pub(super) async fn prepare(decoding: &Decoding, causes: &Causes) -> Result<(), PrepareError> {
    if !has_codec() {
        decoding.prepare().await.map_err(|thrown| unavailable(thrown, causes))?;
    }
    Ok(())
}

fn error_of(error: &str, decoded: &Decoded, causes: &Causes) -> DecodeError {
    match error {
        "tag" => DecodeError::Tag,
        "truncated" => DecodeError::Truncated,
        "gzip" => DecodeError::Gzip,
        "too long" => DecodeError::TooLong,
        "md5" => DecodeError::Md5,
        "unavailable" => DecodeError::Unavailable(unavailable(decoded.cause(), causes)),
        _ => DecodeError::Interrupted,
    }
}

fn unavailable(thrown: JsValue, causes: &Causes) -> PrepareError {
    PrepareError { cause: Some(causes.keep(redact(thrown))) }
}

/// A job that is cancelled when it is dropped before its end.
struct Running {
    job: Job,
    is_over: bool,
}

impl Running {
    async fn result(mut self) -> Result<Decoded, JsValue> {
        let result = JsFuture::from(self.job.done()).await;
        self.is_over = true;
        result.map(JsValue::unchecked_into)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.job.cancel();
        }
    }
}
