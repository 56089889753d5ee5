//! Why it ended, for people and for scripts.

use std::{fmt, io, process::ExitCode};

/// Why it ended before all was written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// The file could not be read; what a connection failed with.
    Read(Box<kelp_stream::Error>, Option<String>),
    /// What was read could not be written.
    Write(io::Error),
    /// Whoever read our output closed it.
    ReaderGone,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::ReaderGone => 0,
            Self::Read(error, _) if error.kind().retryable() => 3,
            Self::Read(..) | Self::Write(_) => 1,
            Self::Usage(_) => 2,
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ReaderGone } else { Self::Write(error) }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => write!(f, "{message} (see kelp --help)"),
            Self::Read(error, cause) => {
                write!(f, "{}: {error}", error.kind().code())?;
                if let Some(offset) = error.offset() {
                    write!(f, ", at byte {offset}")?;
                }
                cause.iter().try_for_each(|cause| write!(f, ": {cause}"))
            }
            Self::Write(error) => write!(f, "cannot write: {error}"),
            Self::ReaderGone => f.write_str("nobody reads any more"),
        }
    }
}
