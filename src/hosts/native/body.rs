//! The body of a response.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;

use super::error::{BoxError, NativeCauses};
use crate::{decode::Unpacker, host::FetchError, hosts::decoded_body::DecodedBody};

/// A body, piece by piece as it arrives. Dropping it closes its HTTP/1.1 connection, or resets its HTTP/2 stream.
pub struct Body {
    pieces: DecodedBody<BodyDataStream<Incoming>>,
    causes: Arc<NativeCauses>,
}

impl Body {
    pub(super) fn new(incoming: Incoming, decoder: Option<Unpacker>, causes: Arc<NativeCauses>) -> Self {
        Self { pieces: DecodedBody::new(BodyDataStream::new(incoming), decoder), causes }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.pieces.poll_piece::<_, BoxError>(cx);
        piece.map_err(|error| FetchError { cause: Some(self.causes.keep(Arc::new(error))) })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
