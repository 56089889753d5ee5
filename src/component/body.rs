//! The body of an answer, its `Content-Encoding` undone.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;

use super::{
    bindings::wasi::{
        http::types::{IncomingBody, IncomingResponse},
        io::streams::{InputStream, StreamError},
    },
    executor::Readiness,
};
use crate::{decode::Unpacker, host::FetchError};

/// A body, piece by piece as it arrives. Dropping it cancels its request.
pub struct Body {
    // In this order they may be dropped: each is of the one below it.
    readiness: Option<Readiness>,
    input: Option<InputStream>,
    _body: IncomingBody,
    unpacker: Option<Unpacker>,
}

/// As much as hosts hand out at a time.
const PIECE: u64 = 64 << 10;

/// What there is no reason for that anybody could tell.
pub(super) const FAILED: FetchError = FetchError { cause: None };

impl Body {
    pub(super) fn new(response: &IncomingResponse, is_gzip: bool) -> Result<Self, FetchError> {
        let body = response.consume().map_err(|()| FAILED)?;
        let input = body.stream().map_err(|()| FAILED)?;
        let unpacker = is_gzip.then(Unpacker::default);
        Ok(Self { readiness: None, input: Some(input), _body: body, unpacker })
    }

    /// The next bytes as they were sent.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FetchError>>> {
        loop {
            let Some(input) = &self.input else { return Poll::Ready(None) };
            match input.read(PIECE) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(bytes.into()))),
                Err(error) => {
                    self.end();
                    let failed = matches!(error, StreamError::LastOperationFailed(_));
                    return Poll::Ready(failed.then_some(Err(FAILED)));
                }
            }
            let readiness = self.readiness.get_or_insert_with(|| Readiness::new(input.subscribe()));
            ready!(Pin::new(readiness).poll(cx));
        }
    }

    fn end(&mut self) {
        self.readiness = None;
        self.input = None;
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let unpacked = self.unpacker.as_mut().map(Unpacker::inflate);
            match unpacked {
                Some(Ok(piece)) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                Some(Err(_)) => {
                    self.unpacker = None;
                    self.end();
                    return Poll::Ready(Some(Err(FAILED)));
                }
                _ => {}
            }
            let input = ready!(self.poll_input(cx));
            match (input, &mut self.unpacker) {
                (Some(Ok(bytes)), Some(unpacker)) => unpacker.feed(bytes),
                (None, Some(unpacker)) if unpacker.is_amid() => {
                    self.unpacker = None;
                    return Poll::Ready(Some(Err(FAILED)));
                }
                (input, _) => return Poll::Ready(input),
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("is_over", &self.input.is_none()).finish_non_exhaustive()
    }
}
