//! The port's GET over `fetch`. Dropping a request or a body aborts it.
//!
//! `js/request.js` does what touches the platform, and [`super::ticket`] brings what happens. What is decided is decided here.

use std::{
    cell::RefCell,
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use futures::Stream;
use js_sys::{Array, Function};
use wasm_bindgen::JsValue;

use super::{
    error::Causes,
    piece::WebPiece,
    redact::redact,
    ticket::{Call, Happened, Work},
};
use crate::{
    host::{FetchError, Request, Response},
    http::{headers::Headers, url},
};

/// Sends the requests of a file.
pub(super) struct Fetcher {
    /// The user's own `fetch`, if there is one.
    pub(super) fetch: Option<Function>,
    /// The user's headers as pairs of name and value, for `home` only.
    pub(super) headers: Array,
    /// The origin that the headers are sent to.
    pub(super) home: String,
    /// The first request of the file, if JavaScript has sent it already.
    pub(super) early: RefCell<Option<Work>>,
    pub(super) causes: Rc<Causes>,
}

impl Fetcher {
    /// Sends a request. The pieces of the body may come together while they have at most `gathered` bytes.
    pub(super) async fn fetch(&self, request: Request, gathered: u64) -> Result<Response<Body>, FetchError> {
        let mut call = self.send(&request, gathered);
        match poll_fn(|cx| call.poll(cx)).await {
            Happened::Head(status, text) => Ok(self.response(status, &text, call, gathered)),
            Happened::Failed(thrown) => Err(failed(&self.causes, thrown)),
            Happened::Piece(..) | Happened::End | Happened::Value(..) => Err(FetchError { cause: None }),
        }
    }

    fn send(&self, request: &Request, gathered: u64) -> Call {
        if let Some(early) = self.early.take() {
            return Call::adopt(early);
        }
        let headers = url::is_at(&request.url, &self.home).then_some(&self.headers);
        Call::send(self.fetch.as_ref(), headers, request, url::has_token(&request.url), gathered)
    }

    /// The response whose head is this text. `js/request.js` says what is in it.
    fn response(&self, status: u16, text: &str, call: Call, gathered: u64) -> Response<Body> {
        let (first, fields) = text.split_once('\n').unwrap_or((text, ""));
        let facts = first.as_bytes().first().copied().unwrap_or_default();
        let url = first.get(1..).filter(|url| !url.is_empty()).map(str::to_owned);
        let headers = Headers::read(|name| {
            let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned());
            fields.split('\n').find_map(value)
        });
        let body = Body {
            call,
            owns_pieces: facts & 1 > 0,
            is_reading: false,
            gathered: if facts & 2 > 0 { gathered } else { 0 },
            len: 0,
            is_over: false,
            causes: Rc::clone(&self.causes),
        };
        Response { status, headers, url, body }
    }
}

fn failed(causes: &Causes, thrown: JsValue) -> FetchError {
    FetchError { cause: Some(causes.keep(redact(thrown))) }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("home", &self.home).finish_non_exhaustive()
    }
}

/// The body of a response, piece by piece as it arrives. Dropping it aborts the request.
#[derive(Debug)]
pub struct Body {
    call: Call,
    /// Whether no one else has the arrays of the pieces.
    owns_pieces: bool,
    /// A piece was asked for, and what follows up to `gathered` bytes.
    is_reading: bool,
    gathered: u64,
    /// The bytes that have arrived.
    len: u64,
    /// It has ended or failed.
    is_over: bool,
    causes: Rc<Causes>,
}

impl Stream for Body {
    type Item = Result<WebPiece, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if !self.is_reading {
            self.is_reading = true;
            self.call.read();
        }
        let happened = ready!(self.call.poll(cx));
        self.is_over = !matches!(happened, Happened::Piece(..));
        Poll::Ready(match happened {
            Happened::Piece(array, len) => {
                // `js/request.js` counts in the same way.
                self.len += len as u64;
                self.is_reading = self.len <= self.gathered;
                Some(Ok(WebPiece::new(array, len, self.owns_pieces)))
            }
            Happened::Failed(thrown) => Some(Err(failed(&self.causes, thrown))),
            Happened::End | Happened::Head(..) | Happened::Value(..) => None,
        })
    }
}
