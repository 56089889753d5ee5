//! Undoes the `Content-Encoding` of response bodies, for the hosts whose platform does not.
//!
//! [`decoder`] checks the headers of a response: gzip is undone, any other encoding is refused. [`DecodedBody`] is the
//! stream of a body's bytes after that.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;

use crate::{decode::Unpacker, http::headers::Headers};

/// Why the encoding of a body cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    #[error("the server sent a Content-Encoding that was not requested")]
    Unknown,
    #[error("the server sent Content-Encoding: gzip, but the body is not gzip")]
    Gzip,
    #[error("the body ended in the middle of its gzip data")]
    Truncated,
}

/// What undoes the encoding of a body; `None` if it has none.
///
/// A part (206) of an encoded body stays as it is: it cannot be decoded, and the core refuses it.
pub(crate) fn decoder(status: u16, headers: &Headers) -> Result<Option<Unpacker>, EncodingError> {
    if status != 200 || !headers.is_encoded() {
        return Ok(None);
    }
    headers.is_gzip().then(|| Some(Unpacker::default())).ok_or(EncodingError::Unknown)
}

/// The decoded bytes of a body, piece by piece as they arrive. After an error it ends.
#[derive(Debug)]
pub(crate) struct DecodedBody<S> {
    /// The bytes as they were sent; dropped at the end and after an error.
    stored: Option<S>,
    decoder: Option<Unpacker>,
}

impl<S> DecodedBody<S> {
    pub(crate) fn new(stored: S, decoder: Option<Unpacker>) -> Self {
        Self { stored: Some(stored), decoder }
    }

    /// The next decoded bytes; `None` at the end.
    pub(crate) fn poll_piece<B, E>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, E>>>
    where
        S: Stream<Item = Result<Bytes, B>> + Unpin,
        E: From<B> + From<EncodingError>,
    {
        loop {
            match self.decoder.as_mut().map(Unpacker::inflate) {
                Some(Ok(piece)) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                Some(Err(_)) => return self.fail(EncodingError::Gzip),
                _ => {}
            }
            let Some(stored) = &mut self.stored else { return Poll::Ready(None) };
            let piece = ready!(Pin::new(stored).poll_next(cx));
            match (piece, &mut self.decoder) {
                (Some(Ok(bytes)), Some(decoder)) => decoder.feed(bytes),
                // A frame without bytes is not a piece of the body.
                (Some(Ok(bytes)), None) if bytes.is_empty() => {}
                (Some(Ok(bytes)), None) => return Poll::Ready(Some(Ok(bytes))),
                (Some(Err(error)), _) => return self.fail(error),
                (None, Some(decoder)) if decoder.is_incomplete() => {
                    return self.fail(EncodingError::Truncated);
                }
                (None, _) => self.stored = None,
            }
        }
    }

    fn fail<E>(&mut self, error: impl Into<E>) -> Poll<Option<Result<Bytes, E>>> {
        self.stored = None;
        self.decoder = None;
        Poll::Ready(Some(Err(error.into())))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures::stream;

    use super::*;

    /// "hello" as gzip.
    const GZIP: [u8; 25] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0,
        0, 0,
    ];

    /// The bytes of a body that arrives in these pieces, and the error that it ends with.
    fn read(pieces: &[&[u8]], decoder: Option<Unpacker>) -> (Vec<u8>, Option<EncodingError>) {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut body = DecodedBody::new(stream::iter(pieces), decoder);
        let mut bytes = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match body.poll_piece::<EncodingError, EncodingError>(&mut cx) {
                Poll::Ready(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
                Poll::Ready(Some(Err(error))) => return (bytes, Some(error)),
                Poll::Ready(None) => return (bytes, None),
                Poll::Pending => panic!("nothing is pending"),
            }
        }
    }

    fn headers(encoding: &str) -> Headers {
        Headers { content_encoding: Some(encoding.to_owned()), ..Headers::default() }
    }

    #[test]
    fn a_body_without_an_encoding_is_passed_on() {
        let body = read(&[b"he", b"", b"llo"], decoder(200, &Headers::default()).unwrap());
        assert_eq!(body, (b"hello".to_vec(), None));
    }

    #[test]
    fn gzip_is_undone_and_must_be_complete() {
        let gzip = || decoder(200, &headers("GZIP")).unwrap();
        assert_eq!(read(&[&GZIP[..7], &GZIP[7..]], gzip()), (b"hello".to_vec(), None));
        assert_eq!(read(&[&GZIP[..20]], gzip()).1, Some(EncodingError::Truncated));
        assert_eq!(read(&[b"not gzip at all", &GZIP], gzip()).1, Some(EncodingError::Gzip));
    }

    // F129
    #[test]
    fn other_encodings_are_refused_and_parts_are_left_alone() {
        assert_eq!(decoder(200, &headers("br")).unwrap_err(), EncodingError::Unknown);
        assert!(decoder(206, &headers("gzip")).unwrap().is_none());
        for encoding in ["identity", "", "aws-chunked", "utf-8"] {
            assert!(decoder(200, &headers(encoding)).unwrap().is_none(), "{encoding}");
        }
    }
}
