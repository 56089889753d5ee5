//! Requests by `wasi:http`.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, stream};
use wit_bindgen::StreamResult;

use crate::{
    host::FetchError,
    hosts::component::{
        bindings::{
            wasi::http::{
                client,
                types::{Fields, Request, Response as Incoming, Scheme},
            },
            wit_future,
        },
        fetch::{FAILED, Line, Parts},
    },
};

/// Sends a GET; resolves when the headers of the answer are there. Dropping it cancels the request.
pub(crate) async fn send(url: &Parts<'_>, headers: &[Line]) -> Result<WireResponse, FetchError> {
    let headers = Fields::from_list(headers).map_err(|_| FAILED)?;
    let (no_trailers, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(headers, None, trailers, None);
    drop(no_trailers);
    let scheme = if url.is_secure { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| FAILED)?;
    request.set_authority(Some(url.authority)).map_err(|()| FAILED)?;
    request.set_path_with_query(Some(&url.path)).map_err(|()| FAILED)?;
    Ok(WireResponse(client::send(request).await.map_err(|_| FAILED)?))
}

/// An answer whose headers are there.
pub(crate) struct WireResponse(Incoming);

impl WireResponse {
    pub(crate) fn status(&self) -> u16 {
        self.0.get_status_code()
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.get_headers().get(name)
    }

    pub(crate) fn input(self) -> Result<Input, FetchError> {
        let (read, taken) = wit_future::new(|| Ok(()));
        let (input, trailers) = Incoming::consume_body(self.0, taken);
        let start = (input, Some(trailers), read);
        let pieces = stream::unfold(start, async |(mut input, mut trailers, read)| {
            loop {
                // How a body ended stands behind it.
                let ended = trailers.is_none();
                if ended {
                    return None;
                }
                let (status, bytes) = input.read(Vec::with_capacity(PIECE)).await;
                if !bytes.is_empty() {
                    return Some((Ok(Bytes::from(bytes)), (input, trailers, read)));
                }
                if status == StreamResult::Dropped
                    && let Some(trailers) = trailers.take()
                    && trailers.await.is_err()
                {
                    return Some((Err(FAILED), (input, None, read)));
                }
            }
        });
        Ok(Input(Box::pin(pieces)))
    }
}

/// The bytes of a body as they were sent. Dropping it cancels the request.
pub struct Input(Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>>>>);

/// As much as hosts hand out at a time.
const PIECE: usize = 64 << 10;

impl Stream for Input {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}
