//! The body of an answer, its `Content-Encoding` undone.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;

use super::{
    fetch::FAILED,
    wasi::{Input, WireResponse},
};
use crate::{decode::Unpacker, host::FetchError};

/// A body, piece by piece as it arrives. Dropping it cancels its request.
#[derive(Debug)]
pub struct Body {
    /// Nothing once it is over.
    input: Option<Input>,
    unpacker: Option<Unpacker>,
}

impl Body {
    pub(super) fn new(response: WireResponse, is_gzip: bool) -> Result<Self, FetchError> {
        Ok(Self { input: Some(response.input()?), unpacker: is_gzip.then(Unpacker::default) })
    }

    fn failed(&mut self) -> Poll<Option<Result<Bytes, FetchError>>> {
        self.input = None;
        self.unpacker = None;
        Poll::Ready(Some(Err(FAILED)))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.unpacker.as_mut().map(Unpacker::inflate) {
                Some(Ok(piece)) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                Some(Err(_)) => return self.failed(),
                _ => {}
            }
            let Some(input) = &mut self.input else { return Poll::Ready(None) };
            let arrived = ready!(Pin::new(input).poll_next(cx));
            match (arrived, &mut self.unpacker) {
                (Some(Ok(bytes)), Some(unpacker)) => unpacker.feed(bytes),
                (Some(Err(_)), _) => return self.failed(),
                (None, Some(unpacker)) if unpacker.is_amid() => return self.failed(),
                (arrived, _) => return Poll::Ready(arrived),
            }
        }
    }
}
