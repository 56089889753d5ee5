//! The error of opening or reading a file.
//!
//! An [`Error`] has a [`Kind`], which decides what a caller can do and becomes the `code` in JavaScript and
//! in components. A message describes the failure. Where they apply, there are also the chunk, the position
//! in the file, and the attempts.

use std::fmt;

/// The kind of an error, by what a caller can do about it. Each is a `code` of `KelpError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The file or its pool was closed.
    Closed,
    /// The bytes arrived, but they are not the bytes that were stored.
    Corrupt,
    /// No chunk has the bytes of a part of the range, and the options make this an error.
    Hole,
    /// A server responded with this status, for which there is no other kind.
    Http(u16),
    /// A bug in kelp-stream.
    Internal,
    /// Something is larger than allowed.
    Limit,
    /// More bytes arrived than were requested.
    LongBody,
    /// Metadata (an entry, a chunk manifest, a generic manifest) is invalid.
    Manifest,
    /// There was no response, or the connection broke.
    Network,
    /// No replica of a chunk is known.
    NoLocations,
    /// Every replica reports that the chunk, or the file, does not exist.
    NotFound,
    /// The response to a range request is wrong.
    Range,
    /// Fewer bytes arrived than were requested.
    ShortBody,
    /// The file changed while it was being read.
    SourceChanged,
    /// There was no response, or no progress, in time.
    Timeout,
    /// A token is missing, expired or refused.
    Unauthorized,
    /// The file cannot be read, or an option is not available.
    Unsupported,
}

impl Kind {
    /// The stable code that JavaScript and the component see.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Corrupt => "corrupt",
            Self::Hole => "hole",
            Self::Http(_) => "http",
            Self::Internal => "internal",
            Self::Limit => "limit",
            Self::LongBody => "long_body",
            Self::Manifest => "manifest",
            Self::Network => "network",
            Self::NoLocations => "no_locations",
            Self::NotFound => "not_found",
            Self::Range => "range",
            Self::ShortBody => "short_body",
            Self::SourceChanged => "source_changed",
            Self::Timeout => "timeout",
            Self::Unauthorized => "unauthorized",
            Self::Unsupported => "unsupported",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Self::Network | Self::Timeout | Self::NoLocations | Self::ShortBody => true,
            Self::Http(status) => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
}

/// Why a file could not be opened or read.
///
/// Neither the message nor any field has a key, a token or the query of a URL.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

/// What an error says. It is boxed, because results that rarely are errors are moved often.
#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    message: String,
    chunk: Option<String>,
    offset: Option<u64>,
    attempts: Vec<Attempt>,
    cause: Option<Cause>,
}

/// One request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Host and port of the server.
    pub host: String,
    /// The status of its response, if there was one.
    pub status: Option<u16>,
    /// The code of the error.
    pub reason: &'static str,
}

/// The number of an exception that the host keeps. The core only passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause(pub u32);

impl Error {
    /// An error of this kind. The message is in lower case, without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, chunk: None, offset: None, attempts: Vec::new(), cause: None }))
    }

    /// Adds the chunk that could not be read: a file id, or a URL without query.
    #[must_use]
    pub fn of_chunk(mut self, chunk: impl Into<String>) -> Self {
        self.0.chunk = Some(chunk.into());
        self
    }

    /// Adds the position in the file of the first byte that was not delivered.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Adds the requests that failed.
    #[must_use]
    pub fn after(mut self, attempts: Vec<Attempt>) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds the exception that caused it.
    #[must_use]
    pub fn because(mut self, cause: Option<Cause>) -> Self {
        self.0.cause = cause;
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The message, without the chunk and the attempts that `Display` adds.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The chunk that could not be read: a file id, or a URL without query.
    #[must_use]
    pub fn chunk(&self) -> Option<&str> {
        self.0.chunk.as_deref()
    }

    /// Position in the file of the first byte that was not delivered.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The requests that failed, in order.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// The number of the exception that caused it.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.0.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chunk) = &self.0.chunk {
            write!(f, "chunk {chunk}: ")?;
        }
        f.write_str(&self.0.message)?;
        match self.0.attempts.len() {
            0 | 1 => Ok(()),
            n => write!(f, " (after {n} attempts)"),
        }
    }
}

impl std::error::Error for Error {}
