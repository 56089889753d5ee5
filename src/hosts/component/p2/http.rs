//! Requests by `wasi:http`.

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
        fetch::{FAILED, Line, Parts},
    },
};

/// Sends a GET; resolves when the headers of the answer are there. Dropping it cancels the request.
pub(crate) async fn send(url: &Parts<'_>, headers: &[Line]) -> Result<WireResponse, FetchError> {
    let request = OutgoingRequest::new(Fields::from_list(headers).map_err(|_| FAILED)?);
    let scheme = if url.is_secure { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| FAILED)?;
    request.set_authority(Some(url.authority)).map_err(|()| FAILED)?;
    request.set_path_with_query(Some(&url.path)).map_err(|()| FAILED)?;
    let coming = outgoing_handler::handle(request, None).map_err(|_| FAILED)?;
    loop {
        match coming.get() {
            Some(response) => return Ok(WireResponse(response.map_err(|()| FAILED)?.map_err(|_| FAILED)?)),
            None => Readiness::new(coming.subscribe()).await,
        }
    }
}

/// An answer whose headers are there.
pub(crate) struct WireResponse(IncomingResponse);

impl WireResponse {
    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.headers().get(name)
    }

    pub(crate) fn input(self) -> Result<Input, FetchError> {
        let body = self.0.consume().map_err(|()| FAILED)?;
        let input = body.stream().map_err(|()| FAILED)?;
        Ok(Input { readiness: None, input: Some(input), _body: body })
    }
}

/// The bytes of a body as they were sent. Dropping it cancels the request.
pub struct Input {
    // In this order they may be dropped: each is of the one below it.
    readiness: Option<Readiness>,
    input: Option<InputStream>,
    _body: IncomingBody,
}

/// As much as hosts hand out at a time.
const PIECE: u64 = 64 << 10;

impl Stream for Input {
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

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("is_over", &self.input.is_none()).finish_non_exhaustive()
    }
}
