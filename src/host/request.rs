//! A request, its answer, and how both fail.

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
    /// Where to. May carry a token in its query: never to be shown.
    pub url: String,
    /// The bytes wanted; the whole otherwise.
    pub range: Option<ByteRange>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("url", &without_query(&self.url)).field("range", &self.range).finish()
    }
}

/// An answer whose headers are there.
#[derive(Debug)]
pub struct Response<B> {
    /// The HTTP status.
    pub status: u16,
    /// What may be seen of its headers: across origins often nothing.
    pub headers: Headers,
    /// Where a redirect led, if one was followed and the platform tells. Its query may be secret.
    pub url: Option<String>,
    /// What follows. Dropping it cancels the request.
    pub body: B,
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
