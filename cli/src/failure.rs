//! Why the command failed: a message for people and an exit code for scripts.

use std::{fmt, io, path::Path, process::ExitCode};

/// Why the command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// The file could not be read; the second text is the cause.
    Read(Box<kelp_stream::Error>, Option<String>),
    /// The output could not be written.
    Write(io::Error),
    /// The reader of the output closed it.
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
            Self::ReaderGone => f.write_str("the output was closed"),
        }
    }
}

/// Makes an error of the file system name the path.
pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + Copy {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
