//! The body of an answer, its `Content-Encoding` undone.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;

use super::BoxError;
use crate::{
    decode::Unpacker,
    host::{FetchError, causes::Causes},
};

/// What a body broke off with, and a connection.
pub(super) type NativeCauses = Causes<Arc<BoxError>>;

/// A body, piece by piece as it arrives. Dropping it closes its connection, or its stream of one.
pub struct Body {
    frames: BodyDataStream<Incoming>,
    gzip: Option<Unpacker>,
    causes: Arc<NativeCauses>,
    over: bool,
}

impl Body {
    pub(super) fn new(frames: Incoming, is_gzip: bool, causes: Arc<NativeCauses>) -> Self {
        let gzip = is_gzip.then(Unpacker::default);
        Self { frames: BodyDataStream::new(frames), gzip, causes, over: false }
    }

    fn failed(&mut self, error: impl Into<BoxError>) -> Poll<Option<Result<Bytes, FetchError>>> {
        self.over = true;
        let cause = self.causes.keep(Arc::new(error.into()));
        Poll::Ready(Some(Err(FetchError { cause: Some(cause) })))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.over {
            if let Some(gzip) = &mut self.gzip {
                match gzip.inflate() {
                    Ok(piece) if piece.is_empty() => {}
                    Ok(piece) => return Poll::Ready(Some(Ok(piece))),
                    Err(error) => return self.failed(error),
                }
            }
            let frame = ready!(Pin::new(&mut self.frames).poll_next(cx));
            let is_cut = self.gzip.as_ref().is_some_and(Unpacker::is_amid);
            match (frame, &mut self.gzip) {
                (Some(Ok(bytes)), Some(gzip)) => gzip.feed(bytes),
                // Nothing is no piece of a body.
                (Some(Ok(bytes)), None) if bytes.is_empty() => {}
                (Some(Ok(bytes)), None) => return Poll::Ready(Some(Ok(bytes))),
                (Some(Err(error)), _) => return self.failed(error),
                (None, _) if is_cut => return self.failed("the gzip of the body breaks off"),
                (None, _) => self.over = true,
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("over", &self.over).finish_non_exhaustive()
    }
}
