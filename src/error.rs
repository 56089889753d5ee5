//! What a reader can be told.

use std::fmt;

/// What went wrong, by what a caller can do about it. The codes of `KelpError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The file or its pool was closed.
    Closed,
    /// The bytes arrived but are not what was stored.
    Corrupt,
    /// Bytes of the range are held by no chunk, and holes were declared an error.
    Hole,
    /// A server answered with this status, which no other kind covers.
    Http(u16),
    /// A bug in kelp-stream.
    Internal,
    /// Something is larger than what is accepted.
    Limit,
    /// More bytes arrived than were asked for.
    LongBody,
    /// Metadata (an entry, a chunk manifest) is not what it must be.
    Manifest,
    /// No answer, or a connection that broke.
    Network,
    /// No replica of a chunk is known.
    NoLocations,
    /// Every replica said that the chunk, or the file, does not exist.
    NotFound,
    /// A server's answer to a range is wrong.
    Range,
    /// Fewer bytes arrived than were asked for.
    ShortBody,
    /// The file changed while it was read.
    SourceChanged,
    /// No answer, or no progress, in time.
    Timeout,
    /// A token is missing, expired or refused.
    Unauthorized,
    /// This cannot be read, or an option is not there yet.
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

/// Why a file could not be opened or read on.
///
/// Its message, and every field, is free of keys, tokens and the queries of URLs.
#[derive(Clone, Debug)]
pub struct Error {
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
    /// Host and port that was asked.
    pub host: String,
    /// The status it answered with, if it answered.
    pub status: Option<u16>,
    /// The code of what went wrong.
    pub reason: &'static str,
}

/// Names what a host's own code threw. The core carries it; only that host knows what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause(pub u32);

impl Error {
    /// An error of this kind; `message` says what happened in lower case, without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), chunk: None, offset: None, attempts: Vec::new(), cause: None }
    }

    /// Adds the chunk that could not be had: a file id, or a URL without query.
    #[must_use]
    pub fn of_chunk(mut self, chunk: impl Into<String>) -> Self {
        self.chunk = Some(chunk.into());
        self
    }

    /// Adds the position in the file of the first byte that was not delivered.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Adds the requests that were made in vain.
    #[must_use]
    pub fn after(mut self, attempts: Vec<Attempt>) -> Self {
        self.attempts = attempts;
        self
    }

    /// Adds what the host's own code threw.
    #[must_use]
    pub fn because(mut self, cause: Option<Cause>) -> Self {
        self.cause = cause;
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What happened, without the chunk and the attempts that `Display` adds.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The chunk that could not be had: a file id, or a URL without query.
    #[must_use]
    pub fn chunk(&self) -> Option<&str> {
        self.chunk.as_deref()
    }

    /// Position in the file of the first byte that was not delivered.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// The requests that were made in vain, in order.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// What the host's own code threw, by its name.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chunk) = &self.chunk {
            write!(f, "chunk {chunk}: ")?;
        }
        f.write_str(&self.message)?;
        match self.attempts.len() {
            0 | 1 => Ok(()),
            n => write!(f, " (after {n} attempts)"),
        }
    }
}

impl std::error::Error for Error {}
