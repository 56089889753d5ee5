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
    /// `Location`. Its query may be secret.
    pub location: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
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
            .field("content_disposition", &self.content_disposition)
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
            location: get("location"),
            retry_after: get("retry-after"),
            etag: get("etag"),
            content_type: get("content-type"),
            last_modified: get("last-modified"),
            content_disposition: get("content-disposition"),
            authorization: get("authorization"),
        }
    }

    /// Whether the body has a `Content-Encoding`. Then length and `ETag` describe the encoded form.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.codings().next().is_some()
    }

    /// Whether gzip is the only coding of the body.
    pub(crate) fn is_gzip(&self) -> bool {
        let mut codings = self.codings();
        codings.next().is_some_and(|coding| is_one_of(coding, &["gzip", "x-gzip"]))
            && codings.next().is_none()
    }

    /// The content codings of the body. Stores send other words too, which change no byte: objects of S3 clients have
    /// `aws-chunked`, others `utf-8` or nothing.
    fn codings(&self) -> impl Iterator<Item = &str> {
        let words = self.content_encoding.as_deref().unwrap_or_default().split(',').map(str::trim);
        words.filter(|word| is_one_of(word, &["gzip", "x-gzip", "deflate", "compress", "br", "zstd"]))
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

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
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

#[cfg(test)]
mod tests {
    use super::*;

    // F129
    #[test]
    fn only_content_codings_change_a_body() {
        let of = |encoding: &str| Headers { content_encoding: Some(encoding.into()), ..Headers::default() };
        for encoding in ["gzip", "X-GZIP", " gzip ", "aws-chunked,gzip", "gzip, identity"] {
            assert!(of(encoding).is_encoded() && of(encoding).is_gzip(), "{encoding}");
        }
        for encoding in ["deflate", "compress", "br", "zstd", "gzip, gzip", "br, gzip", "zstd, aws-chunked"] {
            assert!(of(encoding).is_encoded() && !of(encoding).is_gzip(), "{encoding}");
        }
        for encoding in ["", " ", ",", "identity", "aws-chunked", "AWS-Chunked", "utf-8", "none", "gzipped"] {
            assert!(!of(encoding).is_encoded() && !of(encoding).is_gzip(), "{encoding:?}");
        }
        assert!(!Headers::default().is_encoded());
    }
}
