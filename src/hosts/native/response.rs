//! Responds to an HTTP request for a file.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};

use super::{file::File, host::NativeHost};
use crate::{
    error::{Error, Kind},
    http::{
        problem::{self, Problem},
        respond::{Conditions, Presentation, Reply, respond},
    },
    read::Reader,
};

impl File {
    /// Responds to a GET or HEAD request for this file with 200, 206, 304, 405, 412 or 416. Understands the
    /// conditions of RFC 9110 and one range. No shared cache may keep the response if the options have a credential or
    /// the URL of the file a query. A type that can run script has a policy (`Content-Security-Policy`) that runs none.
    ///
    /// Resolves when the first bytes have arrived. If they cannot be read, the response is [`problem()`]; if a later
    /// read fails, the body is cut off.
    ///
    /// # Errors
    ///
    /// [`Kind::Closed`] if the file or the client was closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn respond(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response<ResponseBody>, Error> {
        self.respond_as(method, headers, Presentation::default()).await
    }

    /// As [`Self::respond`], with a `Content-Disposition` of the caller's instead of the stored one.
    ///
    /// # Errors
    ///
    /// [`Kind::Closed`] if the file or the client was closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn respond_as(
        &self,
        method: &Method,
        headers: &HeaderMap,
        presentation: Presentation<'_>,
    ) -> Result<Response<ResponseBody>, Error> {
        self.0.check_open()?;
        let conditions = Conditions::read(|name| joined(headers, name));
        let reply = respond(method.as_str(), &conditions.headers(), &self.0.as_served(presentation));
        let Some(range) = reply.body.clone() else { return Ok(response(&reply, ResponseBody::default())) };
        let left = range.end - range.start;
        let mut reader = self.stream(range)?;
        // Waits for the first piece: until a header is sent, an error can still become a status.
        match reader.next().await.transpose() {
            Ok(first) => Ok(response(&reply, ResponseBody { first, rest: Some(reader), left })),
            Err(error) if error.kind() == Kind::Closed => Err(error),
            Err(error) => Ok(problem(&error)),
        }
    }
}

/// The response if a file, or its bytes, cannot be read (RFC 9457): 404, 403, else 502, with the code of the error.
/// The attempts are not in it: the client must not learn which servers were asked.
#[must_use]
pub fn problem(error: &Error) -> Response<ResponseBody> {
    let problem = Problem::of(error);
    let status = problem.status();
    let text = Bytes::from(problem.into_body());
    let mut response = Response::new(ResponseBody { left: text.len() as u64, first: Some(text), rest: None });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in problem::HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn response(reply: &Reply, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    // Values that no header can carry are left out.
    let headers = reply.headers.iter().filter_map(|(name, value)| Some((*name, latin1(value)?)));
    headers.for_each(|(name, value)| {
        response.headers_mut().insert(name, value);
    });
    response
}

/// All lines of a field in one. Each byte is a character, as in `Headers` of JavaScript.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = |line: &HeaderValue| line.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    let lines: Vec<String> = headers.get_all(name).iter().map(text).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The bytes of a header value, one per character; `None` if it has other characters.
fn latin1(value: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// The body of a response: a `Stream`, and a body for hyper and axum. Dropping it cancels its requests.
#[derive(Default)]
pub struct ResponseBody {
    first: Option<Bytes>,
    rest: Option<Reader<NativeHost>>,
    left: u64,
}

impl Stream for ResponseBody {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = match (self.first.take(), &mut self.rest) {
            (Some(first), _) => Some(Ok(first)),
            (None, Some(rest)) => ready!(rest.poll_next_unpin(cx)),
            (None, None) => None,
        };
        if let Some(Ok(piece)) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("left", &self.left).finish_non_exhaustive()
    }
}
