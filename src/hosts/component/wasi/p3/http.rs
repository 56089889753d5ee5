//! Requests over `wasi:http` 0.3.

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
        request::{FAILED, HeaderField, UrlParts},
    },
};

/// Sends a GET and resolves when the headers of the response have arrived. Dropping the future cancels the request.
pub(crate) async fn send(url: &UrlParts<'_>, headers: &[HeaderField]) -> Result<RawResponse, FetchError> {
    let headers = Fields::from_list(headers).map_err(|_| FAILED)?;
    let (no_trailers, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(headers, None, trailers, None);
    drop(no_trailers);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| FAILED)?;
    request.set_authority(Some(url.authority)).map_err(|()| FAILED)?;
    request.set_path_with_query(Some(&url.path)).map_err(|()| FAILED)?;
    Ok(RawResponse(client::send(request).await.map_err(|_| FAILED)?))
}

/// A response whose headers have arrived.
pub(crate) struct RawResponse(Incoming);

impl RawResponse {
    pub(crate) fn status(&self) -> u16 {
        self.0.get_status_code()
    }

    /// The lines of a header field.
    pub(crate) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.get_headers().get(name)
    }

    pub(crate) fn into_body(self) -> Result<RawBody, FetchError> {
        let (read, taken) = wit_future::new(|| Ok(()));
        let (input, trailers) = Incoming::consume_body(self.0, taken);
        let start = (input, Some(trailers), read);
        let pieces = stream::unfold(start, async |(mut input, mut trailers, read)| {
            loop {
                // The trailers carry the result of the body; once they are taken it is over.
                trailers.as_ref()?;
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
        Ok(RawBody(Box::pin(pieces)))
    }
}

/// The bytes of a body as they were sent. Dropping it cancels the request.
pub struct RawBody(Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>>>>);

/// Hosts return at most this many bytes per read.
const PIECE: usize = 64 << 10;

impl Stream for RawBody {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawBody").finish_non_exhaustive()
    }
}
