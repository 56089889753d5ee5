//! What a simulated server does with a request.

use std::time::Duration;

use bytes::Bytes;

use crate::http::headers::{ByteRange, Headers};

/// A request, as a script sees it.
#[derive(Clone, Debug)]
pub struct SimRequest {
    /// The URL without its query.
    pub url: String,
    /// The query.
    pub query: String,
    /// Host and port.
    pub host: String,
    /// The requested bytes.
    pub range: Option<ByteRange>,
    /// How many requests for this URL came before.
    pub nth: usize,
    /// How many requests are open at this host, this one included.
    pub open: usize,
    /// When it was sent.
    pub at: Duration,
}

/// A request that was sent, in the log of a world.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The request.
    pub asked: SimRequest,
    /// When it was sent.
    pub at: Duration,
    /// When it ended and freed its connection.
    pub ended: Option<Duration>,
    /// Whether it was dropped before its body ended.
    pub aborted: bool,
}

/// How a server responds to one request.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) latency: Duration,
    pub(super) rate: Option<u64>,
    pub(super) piece: usize,
    pub(super) headers: Option<Headers>,
    pub(super) etag: Option<String>,
    pub(super) claims: i64,
    pub(super) ranges: bool,
    pub(super) redirect: Option<String>,
    pub(super) outcome: Outcome,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The correct response.
    Good,
    /// No connection.
    Refused,
    /// No response, ever.
    Silent,
    /// This status and no body.
    Status(u16),
    /// 200 with this body, whatever is stored.
    Body(Bytes),
    /// The connection breaks after this many bytes of the body.
    Cut(usize),
    /// The body ends without an error after this many bytes.
    End(usize),
    /// The body stalls after this many bytes.
    Stall(usize),
    /// This many bytes too many.
    Extra(usize),
    /// A bit of this stored byte is flipped.
    Flip(usize),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            rate: None,
            piece: 16 << 10,
            headers: None,
            etag: None,
            claims: 0,
            ranges: true,
            redirect: None,
            outcome: Outcome::Good,
        }
    }
}

impl Script {
    /// The time from the request to the headers of the response.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Bytes per second of the body.
    #[must_use]
    pub fn rate(self, rate: u64) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Bytes per piece of the body.
    #[must_use]
    pub fn piece(self, piece: usize) -> Self {
        Self { piece: piece.max(1), ..self }
    }

    /// These headers, whatever was requested.
    #[must_use]
    pub fn headers(self, headers: Headers) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// This `ETag`, beside the other headers.
    #[must_use]
    pub fn etag(self, etag: impl Into<String>) -> Self {
        Self { etag: Some(etag.into()), ..self }
    }

    /// A `Content-Length` that differs from that of the body by this.
    #[must_use]
    pub fn claims(self, claims: i64) -> Self {
        Self { claims, ..self }
    }

    /// The server ignores `Range` and responds 200 with the whole object.
    #[must_use]
    pub fn no_ranges(self) -> Self {
        Self { ranges: false, ..self }
    }

    /// A redirect to another URL, which responds.
    #[must_use]
    pub fn redirect(self, url: impl Into<String>) -> Self {
        Self { redirect: Some(url.into()), ..self }
    }

    /// What happens to the request.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }
}
