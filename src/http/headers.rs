//! The header fields that the core looks at.

use std::fmt;

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
    pub fn is_encoded(&self) -> bool {
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
    pub fn body_length(&self) -> Option<u64> {
        self.content_length.filter(|_| !self.is_encoded())
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
