//! Requests over `wasi:http` 0.2.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;

use super::executor::Readiness;
use crate::{
    host::FetchError,
    hosts::component::{
        bindings::wasi::{
            http::{
                outgoing_handler,
                types::{Fields, IncomingBody, IncomingResponse, OutgoingRequest, Scheme},
            },
            io::streams::{InputStream, StreamError},
        },
        request::{FAILED, HeaderField, UrlParts},
    },
};

/// Sends a GET and resolves when the headers of the response have arrived. Dropping the future cancels the request.
pub(crate) async fn send(url: &UrlParts<'_>, headers: &[HeaderField]) -> Result<RawResponse, FetchError> {
    let request = OutgoingRequest::new(Fields::from_list(headers).map_err(|_| FAILED)?);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| FAILED)?;
    request.set_authority(Some(url.authority)).map_err(|()| FAILED)?;
    request.set_path_with_query(Some(&url.path)).map_err(|()| FAILED)?;
    let pending = outgoing_handler::handle(request, None).map_err(|_| FAILED)?;
    loop {
        match pending.get() {
            Some(response) => return Ok(RawResponse(response.map_err(|()| FAILED)?.map_err(|_| FAILED)?)),
            None => Readiness::new(pending.subscribe()).await,
        }
    }
}

/// A response whose headers have arrived.
pub(crate) struct RawResponse(IncomingResponse);

impl RawResponse {
    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    /// The lines of a header field.
    pub(crate) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.headers().get(name)
    }

    pub(crate) fn into_body(self) -> Result<RawBody, FetchError> {
        let body = self.0.consume().map_err(|()| FAILED)?;
        let input = body.stream().map_err(|()| FAILED)?;
        Ok(RawBody { readiness: None, input: Some(input), _body: body })
    }
}

/// The bytes of a body as they were sent. Dropping it cancels the request.
pub struct RawBody {
    // Dropped in this order: each is a child resource of the one below it.
    readiness: Option<Readiness>,
    input: Option<InputStream>,
    _body: IncomingBody,
}

/// Hosts return at most this many bytes per call.
const PIECE: u64 = 64 << 10;

impl Stream for RawBody {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let Some(input) = &this.input else { return Poll::Ready(None) };
            match input.read(PIECE) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(bytes.into()))),
                Err(error) => {
                    this.readiness = None;
                    this.input = None;
                    let failed = matches!(error, StreamError::LastOperationFailed(_));
                    return Poll::Ready(failed.then_some(Err(FAILED)));
                }
            }
            let readiness = this.readiness.get_or_insert_with(|| Readiness::new(input.subscribe()));
            ready!(Pin::new(readiness).poll(cx));
        }
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawBody").field("is_over", &self.input.is_none()).finish_non_exhaustive()
    }
}
