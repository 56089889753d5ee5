//! The port's GET over `fetch`. Dropping a request or a body aborts it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use js_sys::{Array, ArrayBuffer, Function, Promise, TypeError, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use wasm_streams::readable::{IntoStream, ReadableStream};
use web_sys::{
    AbortController, AbortSignal, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect, Response as JsResponse,
};

use super::{error::Causes, piece::WebPiece, redact::redact};
use crate::{
    host::{FetchError, Request, Response},
    http::{headers::Headers, url},
};
use std::rc::Rc;

#[wasm_bindgen]
extern "C" {
    /// The global `fetch`, which windows, workers and Node have.
    #[wasm_bindgen(js_name = fetch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Promise;
}

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = isResponse)]
    fn is_response(value: &JsValue) -> bool;
    #[wasm_bindgen(js_name = isByteStream)]
    fn is_byte_stream(body: &JsValue) -> bool;
}

#[wasm_bindgen(module = "/js/redirects.js")]
extern "C" {
    /// Sends a request with the user's headers, which only the origin of `url` may get, and follows its redirects.
    #[wasm_bindgen(js_name = sendHome)]
    fn send_home(fetch: Option<&Function>, url: &str, init: &RequestInit, own: &Array) -> Promise;
    /// Where a redirect led, if one was followed.
    #[wasm_bindgen(js_name = redirectTarget, catch)]
    fn redirect_target(response: &JsValue) -> Result<Option<String>, JsValue>;
}

#[wasm_bindgen(module = "/js/runtime.js")]
extern "C" {
    /// A runtime's own reader of a body.
    type BodyReader;
    /// The reader, if this runtime has one for this body. `length`: what the response says.
    #[wasm_bindgen(js_name = bodyReader)]
    fn body_reader(body: &web_sys::ReadableStream, length: Option<f64>) -> Option<BodyReader>;
    /// The next piece; `undefined` at the end.
    #[wasm_bindgen(method)]
    fn read(this: &BodyReader) -> Promise;
    #[wasm_bindgen(method)]
    fn cancel(this: &BodyReader);
}

#[wasm_bindgen(module = "/js/codec/turns.js")]
extern "C" {
    /// A promise of a later task, if this task has taken its time.
    fn pause() -> Option<Promise>;
}

/// Sends the requests of a file.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// The user's own `fetch`, if there is one.
    pub(super) fetch: Option<Function>,
    /// The user's headers as pairs of name and value, for `home` only.
    pub(super) headers: Array,
    /// The origin that the headers are sent to.
    pub(super) home: String,
    pub(super) causes: Rc<Causes>,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        let guard = AbortOnDrop::new().map_err(|thrown| self.failed(thrown))?;
        let init = self.init(&request, &guard).map_err(|thrown| self.failed(thrown))?;
        let is_home = self.headers.length() > 0 && url::origin(&request.url) == Some(&self.home);
        let promise = match &self.fetch {
            own if is_home => Ok(send_home(own.as_ref(), &request.url, &init, &self.headers).into()),
            Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &request.url.as_str().into(), &init),
            None => Ok(global_fetch(&request.url, &init).into()),
        };
        let promise = promise.map_err(|thrown| self.failed(thrown))?;
        let value = JsFuture::from(Promise::resolve(&promise)).await.map_err(|thrown| self.failed(thrown))?;
        if !is_response(&value) {
            return Err(self.failed(TypeError::new("fetch must return a Response").into()));
        }
        // It may be of another realm, so it is not tested with `instanceof`.
        let response: JsResponse = value.unchecked_into();
        if response.status() == 0 {
            return Err(self.failed(TypeError::new(OPAQUE).into()));
        }
        let source = match response.body() {
            None => None,
            Some(body) => Some(Source::new(body, length(&response)).map_err(|thrown| self.failed(thrown))?),
        };
        let body = Body { source, pause: None, guard, causes: Rc::clone(&self.causes) };
        let url = redirect_target(&response).map_err(|thrown| self.failed(thrown))?;
        Ok(Response { status: response.status(), headers: headers(&response), url, body })
    }

    fn init(&self, request: &Request, guard: &AbortOnDrop) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        // Chromium sends the range requests for one URL one after another if they go through its cache.
        init.set_cache(RequestCache::NoStore);
        // With credentials browsers refuse a response that allows every origin (`*`).
        init.set_credentials(RequestCredentials::Omit);
        // Servers need not know which page reads a file.
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        if url::has_token(&request.url) {
            // The token would go to wherever the redirect leads. With "manual" the redirect is returned, or an opaque
            // response; workerd does not support "error".
            init.set_redirect(RequestRedirect::Manual);
        }
        init.set_signal(Some(&guard.signal()));
        let headers = web_sys::Headers::new()?;
        if let Some(range) = request.range {
            headers.set("range", &range.to_string())?;
        }
        init.set_headers(&headers);
        Ok(init)
    }

    fn failed(&self, thrown: JsValue) -> FetchError {
        failed(&self.causes, thrown)
    }
}

fn failed(causes: &Causes, thrown: JsValue) -> FetchError {
    FetchError { cause: Some(causes.keep(redact(thrown))) }
}

/// `mode: "no-cors"`, `redirect: "manual"` and `Response.error()` give responses without status and bytes.
const OPAQUE: &str = "fetch returned an opaque response, whose status and bytes cannot be read";

/// What a response says how long its body is. It is a hint only: of an encoded body it may be the encoded length.
fn length(response: &JsResponse) -> Option<f64> {
    // Not parsed as a float: its tables are 13 KB of the module.
    let length: u64 = response.headers().get("content-length").ok()??.parse().ok()?;
    Some(length as f64)
}

fn headers(response: &JsResponse) -> Headers {
    let headers = response.headers();
    Headers::read(|name| headers.get(name).ok().flatten())
}

/// Aborts a request when it is dropped.
#[derive(Debug)]
pub(super) struct AbortOnDrop {
    controller: AbortController,
    is_finished: bool,
}

impl AbortOnDrop {
    pub(super) fn new() -> Result<Self, JsValue> {
        Ok(Self { controller: AbortController::new()?, is_finished: false })
    }

    pub(super) fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// The request ended by itself and is not aborted. An abort would have no effect but create an exception with its
    /// stack, which costs more than all the rest of a small chunk.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_finished {
            self.controller.abort();
        }
    }
}

/// The body of a response, piece by piece as it arrives. Dropping it aborts the request.
pub struct Body {
    source: Option<Source>,
    /// Other tasks of the thread run before the next piece. Bodies from memory would give theirs all in one task.
    pause: Option<JsFuture>,
    guard: AbortOnDrop,
    causes: Rc<Causes>,
}

/// Where the pieces of a body come from.
enum Source {
    /// Its stream.
    Stream { stream: IntoStream<'static>, owns_pieces: bool },
    /// A reader of the runtime, which gives larger pieces.
    Reader(ReaderSource),
}

/// Reads by a reader of the runtime. Dropping it cancels the body.
struct ReaderSource {
    reader: BodyReader,
    pending: Option<JsFuture>,
    is_over: bool,
}

impl Source {
    /// Fails if another reader has locked the body.
    fn new(body: web_sys::ReadableStream, length: Option<f64>) -> Result<Self, JsValue> {
        if let Some(reader) = body_reader(&body, length) {
            return Ok(Self::Reader(ReaderSource { reader, pending: None, is_over: false }));
        }
        let owns_pieces = is_byte_stream(&body);
        match ReadableStream::from_raw(body).try_into_stream() {
            Ok(stream) => Ok(Self::Stream { stream, owns_pieces }),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Whether no one else has the arrays of the pieces.
    fn owns_pieces(&self) -> bool {
        match self {
            Self::Stream { owns_pieces, .. } => *owns_pieces,
            Self::Reader(_) => true,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<JsValue, JsValue>>> {
        match self {
            Self::Stream { stream, .. } => Pin::new(stream).poll_next(cx),
            Self::Reader(source) => source.poll_next(cx),
        }
    }
}

impl ReaderSource {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<JsValue, JsValue>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let pending = self.pending.get_or_insert_with(|| self.reader.read().into());
        let result = futures::ready!(Pin::new(pending).poll(cx));
        self.pending = None;
        self.is_over = result.as_ref().map_or(true, JsValue::is_undefined);
        Poll::Ready(Some(result).filter(|result| !matches!(result, Ok(value) if value.is_undefined())))
    }
}

impl Drop for ReaderSource {
    fn drop(&mut self) {
        if !self.is_over {
            self.reader.cancel();
        }
    }
}

impl Stream for Body {
    type Item = Result<WebPiece, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(pause) = &mut self.pause {
            // It is never rejected.
            let _ = futures::ready!(Pin::new(pause).poll(cx));
            self.pause = None;
        }
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let item = futures::ready!(source.poll_next(cx));
        let owns_pieces = source.owns_pieces();
        self.pause = pause().map(JsFuture::from);
        if item.is_none() {
            self.guard.finish();
        }
        Poll::Ready(item.map(|item| match item.and_then(bytes) {
            Ok(array) if owns_pieces => Ok(WebPiece::own(array)),
            Ok(array) => Ok(array.into()),
            Err(thrown) => Err(failed(&self.causes, thrown)),
        }))
    }
}

/// The bytes of a piece. A user's `fetch` may return any kind of buffer. A shared one is copied: it could change after it
/// was verified, and neither WebCrypto nor byte streams accept it.
fn bytes(value: JsValue) -> Result<Uint8Array, JsValue> {
    let array = view(value)?;
    let is_own = array.buffer().is_instance_of::<ArrayBuffer>();
    Ok(if is_own { array } else { array.slice(0, array.length()) })
}

fn view(value: JsValue) -> Result<Uint8Array, JsValue> {
    if let Some(array) = value.dyn_ref::<Uint8Array>() {
        return Ok(array.clone());
    }
    if value.is_instance_of::<ArrayBuffer>() {
        return Ok(Uint8Array::new(&value));
    }
    if ArrayBuffer::is_view(&value) {
        let view: js_sys::DataView = value.unchecked_into();
        let (start, len) = (view.byte_offset() as u32, view.byte_length() as u32);
        return Ok(Uint8Array::new_with_byte_offset_and_length(&view.buffer(), start, len));
    }
    Err(TypeError::new("the pieces of a body must be bytes").into())
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("guard", &self.guard).finish_non_exhaustive()
    }
}
