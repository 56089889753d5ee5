//! The header fields of a response that the core reads, and the range that it requests.

use std::fmt;

/// The header fields of a response that the core reads.
///
/// Across origins a browser hides most fields: an absent field may have been sent.
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
    /// `Authorization`: a master sends a token in it. Must not be shown.
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
    /// Reads each field with `get`, which takes a name in lower case and returns all lines of the field
    /// joined.
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

    /// Whether the body has a `Content-Encoding`. Then length and `ETag` describe the encoded form.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.content_encoding.as_deref().is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    }

    /// Whether the body has several ranges, each with headers of its own (`multipart/byteranges`).
    #[must_use]
    pub fn is_in_parts(&self) -> bool {
        const MULTIPART: &str = "multipart/byteranges";
        let start = self.content_type.as_deref().and_then(|content_type| content_type.get(..MULTIPART.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
    }

    /// The length of the body after the host has removed a `Content-Encoding`, if the headers show it.
    #[must_use]
    pub fn body_length(&self) -> Option<u64> {
        self.content_length.filter(|_| !self.is_encoded())
    }
}

/// The range of a request: one contiguous part of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one; `None` for the end of the representation.
    pub end: Option<u64>,
}

impl fmt::Display for ByteRange {
    /// The value of the header field: `bytes=0-99`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "bytes={}-{}", self.start, end.saturating_sub(1)),
            None => write!(f, "bytes={}-", self.start),
        }
    }
}
