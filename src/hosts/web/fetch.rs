//! `fetch` as the port has it: dropping a request or a body aborts it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use js_sys::{Array, ArrayBuffer, Function, Promise, Reflect, TypeError, Uint8Array};
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
    /// The one that windows, workers and Node share.
    #[wasm_bindgen(js_name = fetch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Promise;
}

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = isResponse)]
    fn is_response(value: &JsValue) -> bool;
}

/// How requests of a file are sent.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// The user's own, if there is one.
    pub(super) fetch: Option<Function>,
    /// Pairs of name and value, for `home` alone.
    pub(super) headers: Array,
    /// The origin that the headers may go to.
    pub(super) home: String,
    pub(super) causes: Rc<Causes>,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        let guard = AbortOnDrop::new().map_err(|thrown| self.failed(thrown))?;
        let init = self.init(&request, &guard).map_err(|thrown| self.failed(thrown))?;
        let promise = match &self.fetch {
            Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &request.url.as_str().into(), &init),
            None => Ok(global_fetch(&request.url, &init).into()),
        };
        let promise = promise.map_err(|thrown| self.failed(thrown))?;
        let answer =
            JsFuture::from(Promise::resolve(&promise)).await.map_err(|thrown| self.failed(thrown))?;
        if !is_response(&answer) {
            return Err(self.failed(TypeError::new("fetch must give a Response").into()));
        }
        // It may be of another realm: what counts is how it behaves.
        let response: JsResponse = answer.unchecked_into();
        if response.status() == 0 {
            return Err(self.failed(TypeError::new(OPAQUE).into()));
        }
        let stream = match response.body() {
            None => None,
            // A body that somebody else reads is none for us.
            Some(body) => match ReadableStream::from_raw(body).try_into_stream() {
                Ok(stream) => Some(stream),
                Err((error, _)) => return Err(self.failed(error.into())),
            },
        };
        let body = Body { stream, guard, causes: Rc::clone(&self.causes) };
        let url = led_to(&response);
        Ok(Response { status: response.status(), headers: headers(&response), url, body })
    }

    fn init(&self, request: &Request, guard: &AbortOnDrop) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        // Chromium serialises ranges of one URL through its cache; and a file id never changes.
        init.set_cache(RequestCache::NoStore);
        // `*` with credentials is refused by browsers.
        init.set_credentials(RequestCredentials::Omit);
        // Nor is it anybody's business which page reads a file.
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        if request.url.contains("jwt=") {
            // A redirect would carry the token to wherever it leads. It is an answer like others then, or an opaque one: workerd
            // has no "error".
            init.set_redirect(RequestRedirect::Manual);
        }
        init.set_signal(Some(&guard.signal()));
        let headers = web_sys::Headers::new()?;
        if url::origin(&request.url) == Some(&self.home) {
            for pair in self.headers.iter() {
                let pair: Array = pair.unchecked_into();
                headers.append(&text(&pair.get(0)), &text(&pair.get(1)))?;
            }
        }
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

/// What `mode: "no-cors"` gives, `redirect: "manual"` and `Response.error()`: neither status nor bytes.
const OPAQUE: &str = "fetch gave an opaque response";

/// Where a redirect led, if one was followed. A user's `fetch` may know nothing of that.
fn led_to(response: &JsValue) -> Option<String> {
    let get = |name: &str| Reflect::get(response, &name.into()).ok();
    get("redirected").filter(JsValue::is_truthy)?;
    get("url")?.as_string()
}

fn text(value: &JsValue) -> String {
    value.as_string().unwrap_or_default()
}

fn headers(response: &JsResponse) -> Headers {
    let headers = response.headers();
    Headers::read(|name| headers.get(name).ok().flatten())
}

/// Aborts what is no longer wanted.
#[derive(Debug)]
pub(super) struct AbortOnDrop {
    controller: AbortController,
    is_over: bool,
}

impl AbortOnDrop {
    pub(super) fn new() -> Result<Self, JsValue> {
        Ok(Self { controller: AbortController::new()?, is_over: false })
    }

    pub(super) fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// It came to its end by itself. To abort it then would do nothing, at the price of an exception
    /// with its stack, which is more than all else that a small chunk costs.
    pub(super) fn over(&mut self) {
        self.is_over = true;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_over {
            self.controller.abort();
        }
    }
}

/// A body, piece by piece as the platform hands it out. Dropping it aborts the request.
pub struct Body {
    stream: Option<IntoStream<'static>>,
    guard: AbortOnDrop,
    causes: Rc<Causes>,
}

impl Stream for Body {
    type Item = Result<WebPiece, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let item = futures::ready!(Pin::new(stream).poll_next(cx));
        if item.is_none() {
            self.guard.over();
        }
        Poll::Ready(item.map(|item| match item.and_then(bytes) {
            Ok(array) => Ok(array.into()),
            Err(thrown) => Err(failed(&self.causes, thrown)),
        }))
    }
}

/// A `fetch` of the user's may hand out any kind of buffer. What others can write to is copied: it must
/// not change once it is verified, and neither WebCrypto nor a byte stream takes it.
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
    Err(TypeError::new("a body must be of bytes").into())
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("guard", &self.guard).finish_non_exhaustive()
    }
}
