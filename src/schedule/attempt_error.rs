//! Why an attempt failed: a status, a failure of the platform, or bad bytes.

use std::ops::{Deref, DerefMut};

use crate::{
    error::{Cause, Kind},
    host::{DecodeError, FetchError},
    http::{date, url},
    time::Duration,
};

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptError(Box<Failed>);

/// What an [`AttemptError`] says. It is boxed, because results that rarely are errors are moved often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The kind of failure.
    pub kind: Kind,
    /// What happened, for people; without secrets.
    pub message: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// `Retry-After`: how long the server wants no request.
    pub retry_after: Option<Duration>,
    /// What the platform threw.
    pub cause: Option<Cause>,
}

impl AttemptError {
    /// A failure that is not a status.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Failed { kind, message, status: None, retry_after: None, cause: None }))
    }

    /// A request to a URL that `origins` forbids. The message names the origin only.
    #[must_use]
    pub fn not_allowed(url: &str) -> Self {
        let origin = url::origin(url).unwrap_or("the origin that a URL or a redirect names");
        Self::new(
            Kind::Unsupported,
            ["`origins` does not list ", origin, ", so no request goes there"].concat(),
        )
    }

    /// What a status other than 200 and 206 means; `unix_time` is the time since 1970. A 403 with `Retry-After` refuses
    /// for load, as limits of rate do, and not for good.
    #[must_use]
    pub fn status(status: u16, retry_after: Option<&str>, unix_time: Duration) -> Self {
        let retry_after = retry_after.and_then(|text| parse_retry_after(text, unix_time));
        let kind = match status {
            403 if retry_after.is_some() => Kind::Http(403),
            401 | 403 => Kind::Unauthorized,
            404 | 410 => Kind::NotFound,
            416 => Kind::Range,
            _ => Kind::Http(status),
        };
        let mut error = Self::new(kind, format!("the server answered {status}"));
        error.status = Some(status);
        error.retry_after = retry_after;
        error
    }

    /// Whether a server refused the request for its load: 429, 503, or 403 with `Retry-After`.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Http(403 | 429 | 503))
    }
}

impl Deref for AttemptError {
    type Target = Failed;

    fn deref(&self) -> &Failed {
        &self.0
    }
}

impl DerefMut for AttemptError {
    fn deref_mut(&mut self) -> &mut Failed {
        &mut self.0
    }
}

impl From<FetchError> for AttemptError {
    fn from(error: FetchError) -> Self {
        let mut failed = Self::new(Kind::Network, "the connection failed");
        failed.cause = error.cause;
        failed
    }
}

impl From<DecodeError> for AttemptError {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::TooLong => Kind::Limit,
            DecodeError::Unavailable(_) => Kind::Unsupported,
            DecodeError::Interrupted => Kind::Internal,
            DecodeError::Tag | DecodeError::Truncated | DecodeError::Gzip | DecodeError::Md5 => Kind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}

/// Parses `Retry-After`: seconds or a date (RFC 9110, 10.2.3). A date that is past means no pause, one that
/// is too far off the longest; text of neither form counts as not given.
fn parse_retry_after(text: &str, unix_time: Duration) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = u64::try_from(date::from_http(text)?).unwrap_or_default();
    Some(Duration::from_secs(date).saturating_sub(unix_time))
}
