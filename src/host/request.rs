//! A request, its response, and the errors of both.

use std::fmt;

use crate::{
    error::Cause,
    http::{
        headers::{ByteRange, Headers},
        url::without_query,
    },
};

/// A GET for a chunk, or for a part of one.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The URL. It may have a token in its query, so it must not be shown.
    pub url: String,
    /// The requested range; the whole if absent.
    pub range: Option<ByteRange>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("url", &without_query(&self.url)).field("range", &self.range).finish()
    }
}

/// A response whose headers have arrived.
#[derive(Debug)]
pub struct Response<B> {
    /// The HTTP status.
    pub status: u16,
    /// The visible headers. Across origins there are often none.
    pub headers: Headers,
    /// The final URL, if a redirect was followed and the platform reports it. Its query may be secret.
    pub url: Option<String>,
    /// The body. Dropping it cancels the request.
    pub body: B,
}

/// The request failed, or its body ended with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection failed")]
pub struct FetchError {
    /// The exception of the platform.
    pub cause: Option<Cause>,
}

/// The replicas could not be found, or a token could not be obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lookup of replicas or of a token failed")]
pub struct LocateError {
    /// The exception of the user's function.
    pub cause: Option<Cause>,
}
