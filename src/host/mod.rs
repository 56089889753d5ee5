//! The port: all that the core asks of a platform.

#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "hosts use it")
)]
pub(crate) mod causes;
pub mod event;

use std::{
    fmt,
    future::{Future, ready},
    time::Duration,
};

use futures::Stream;
use md5::Md5;

use crate::{error::Cause, host::event::Event, model::chunk::CipherKey};

/// A platform that kelp-stream runs on.
///
/// The core decides what to ask for and when; a host does it. Dropping any of the futures or
/// bodies that it returns must stop the work behind it at once.
pub trait Host {
    /// Bytes as this platform likes to hand them on.
    type Piece: Piece;
    /// The body of an answer, piece by piece as it arrives.
    type Body: Stream<Item = Result<Self::Piece, FetchError>> + Unpin;
    /// A timer; dropping it stops it.
    type Sleep: Future<Output = ()> + Unpin;

    /// Sends a GET and resolves when the answer's headers are there.
    ///
    /// A `Content-Encoding` is undone by the host before the core sees the body. Redirects are
    /// followed at most where no token can leak.
    fn fetch(&self, request: Request) -> impl Future<Output = Result<Answer<Self::Body>, FetchError>>;

    /// Finds the replicas of a SeaweedFS chunk, as the host's user has it. `stale`: what was known
    /// at that time of `now` did not work, so only what is learnt later will do.
    fn locate(
        &self,
        file_id: &str,
        stale: Option<Duration>,
    ) -> impl Future<Output = Result<Location, LocateError>>;

    /// A read token of the user's for a chunk at this origin, asked for when a request is about to
    /// leave; `None` where the user has none to give.
    fn token(&self, file_id: &str, origin: &str)
    -> impl Future<Output = Result<Option<String>, LocateError>>;

    /// A read token for the filer's own answers, asked for when a request is about to leave. None
    /// where a platform does not say otherwise.
    fn filer_token(&self) -> impl Future<Output = Result<Option<String>, LocateError>> {
        ready(Ok(None))
    }

    /// Turns a chunk's stored bytes into what was written.
    fn decode(
        &self,
        stored: Vec<Self::Piece>,
        recipe: &Recipe,
    ) -> impl Future<Output = Result<Vec<Self::Piece>, DecodeError>>;

    /// Resolves after `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;

    /// Whether the platform knows that there is no network now. `false` proves nothing.
    fn is_offline(&self) -> bool {
        false
    }

    /// Resolves when the platform believes that there is a network.
    fn online(&self) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Time since 1970 by the wall clock, right or wrong: for what others say of the time.
    fn unix_time(&self) -> Duration;

    /// A number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;

    /// A piece with these bytes.
    fn piece(&self, bytes: &[u8]) -> Self::Piece;

    /// A piece of this many zeros.
    fn zeros(&self, len: usize) -> Self::Piece;

    /// Is told what happens. Called with no lock held, so it may call back.
    fn event(&self, event: Event) {
        let _ = event;
    }
}

/// Bytes that the core measures and cuts; it copies them only to decipher them.
pub trait Piece: Sized {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts off the first `at` bytes and returns them; `at` is at most `len`.
    #[must_use]
    fn split_to(&mut self, at: usize) -> Self;

    /// The byte at this place, if it is inside.
    fn byte(&self, at: usize) -> Option<u8>;

    /// Copies them to the end of others.
    fn append_to(&self, bytes: &mut Vec<u8>);

    /// Feeds a digest.
    fn feed(&self, digest: &mut Md5);

    /// A copy whose bytes `change` has gone over, in order, some at a time. Never in place: a
    /// user's `fetch` may hand out bytes that are not ours.
    #[must_use]
    fn changed(&self, change: &mut dyn FnMut(&mut [u8])) -> Self;
}

/// All bytes of some pieces, in one.
pub(crate) fn joined<P: Piece>(pieces: &[P]) -> Vec<u8> {
    let mut all = Vec::with_capacity(pieces.iter().map(Piece::len).sum());
    pieces.iter().for_each(|piece| piece.append_to(&mut all));
    all
}

/// A GET for a chunk, or for a part of one.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to. May carry a token in its query: never to be shown.
    pub url: String,
    /// The bytes wanted; the whole otherwise.
    pub range: Option<ByteRange>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &crate::http::url::without_query(&self.url))
            .field("range", &self.range)
            .finish()
    }
}

/// The bytes of a `Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte; to the end otherwise.
    pub end: Option<u64>,
}

impl fmt::Display for ByteRange {
    /// As the header has it: `bytes=0-99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "bytes={}-{}", self.start, end.saturating_sub(1)),
            None => write!(f, "bytes={}-", self.start),
        }
    }
}

/// An answer whose headers are there.
#[derive(Debug)]
pub struct Answer<B> {
    /// The HTTP status.
    pub status: u16,
    /// What may be seen of its headers: across origins often nothing.
    pub headers: Headers,
    /// Where a redirect led, if one was followed and the platform tells. Its query may be secret.
    pub url: Option<String>,
    /// What follows. Dropping it cancels the request.
    pub body: B,
}

/// The headers that the core looks at, each absent where it cannot be seen.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Range`.
    pub content_range: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// `Authorization`: a master's way to hand out a token. Never to be shown.
    pub authorization: Option<String>,
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("content_range", &self.content_range)
            .field("content_encoding", &self.content_encoding)
            .field("content_length", &self.content_length)
            .field("retry_after", &self.retry_after)
            .field("etag", &self.etag)
            .field("content_type", &self.content_type)
            .field("last_modified", &self.last_modified)
            .finish_non_exhaustive()
    }
}

impl Headers {
    /// Those that `get` finds by their names in lower case, the lines of a field in one.
    #[must_use]
    pub fn read(get: impl Fn(&'static str) -> Option<String>) -> Self {
        Self {
            content_range: get("content-range"),
            content_encoding: get("content-encoding"),
            content_length: get("content-length").and_then(|length| length.parse().ok()),
            retry_after: get("retry-after"),
            etag: get("etag"),
            content_type: get("content-type"),
            last_modified: get("last-modified"),
            authorization: get("authorization"),
        }
    }

    /// Whether the body was packed on its way: lengths and tags are of something else then.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.content_encoding.as_deref().is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    }

    /// Whether the body is said to hold several ranges, with headers of their own in between.
    #[must_use]
    pub fn is_in_parts(&self) -> bool {
        let parts = "multipart/byteranges";
        let start = self.content_type.as_deref().and_then(|told| told.get(..parts.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(parts))
    }

    /// How many bytes the body has when the host hands it on, if that is told.
    #[must_use]
    pub fn told_length(&self) -> Option<u64> {
        self.content_length.filter(|_| !self.is_packed())
    }
}

/// The request did not get through, or its body broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection failed")]
pub struct FetchError {
    /// What the platform threw.
    pub cause: Option<Cause>,
}

/// Replicas could not be found, or a token could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the locator failed")]
pub struct LocateError {
    /// What the user's function threw.
    pub cause: Option<Cause>,
}

/// Where a chunk can be had.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// Full URLs of the chunk, one a replica.
    pub urls: Vec<String>,
    /// The token to send with each, as `?jwt=`.
    pub token: Option<String>,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| crate::http::url::without_query(url)).collect();
        f.debug_struct("Location").field("urls", &urls).finish_non_exhaustive()
    }
}

/// How to decode a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Decrypt with AES-256-GCM first.
    pub key: Option<CipherKey>,
    /// Then inflate.
    pub gzip: bool,
    /// How many decoded bytes are wanted, from the first; what follows is decoded, to prove that
    /// the chunk is whole, and dropped.
    pub keep: u64,
    /// More decoded bytes than this are refused.
    pub ceiling: u64,
}

/// Stored bytes that do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The authentication tag does not fit: another key, or other bytes.
    #[error("its authentication tag does not fit")]
    Tag,
    /// Fewer bytes than a nonce and a tag.
    #[error("it is too short to be encrypted")]
    Truncated,
    /// Not gzip, or gzip that breaks off, or whose check value is wrong.
    #[error("it is not whole gzip")]
    Gzip,
    /// It inflates to more than is accepted.
    #[error("it inflates beyond what is accepted")]
    TooLong,
}

/// The piece of every host that is not a browser.
impl Piece for bytes::Bytes {
    fn len(&self) -> usize {
        bytes::Bytes::len(self)
    }

    fn split_to(&mut self, at: usize) -> Self {
        bytes::Bytes::split_to(self, at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn feed(&self, digest: &mut Md5) {
        md5::Digest::update(digest, self);
    }

    fn changed(&self, change: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut bytes = self.to_vec();
        change(&mut bytes);
        bytes.into()
    }
}
