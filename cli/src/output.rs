//! Where the bytes are written: standard output or a file.

use std::io::{self, Write};

use crate::partial::Partial;

pub(crate) enum Output {
    Standard(Box<dyn Write + Send>),
    File(Box<Partial>),
}

impl Output {
    /// Standard output. Without the line buffer of `std::io::Stdout`, which the bytes of a file do not need.
    #[cfg(unix)]
    pub(crate) fn standard() -> io::Result<Self> {
        use std::os::fd::AsFd;
        let out = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::Standard(Box::new(std::fs::File::from(out))))
    }

    /// Standard output.
    #[cfg(not(unix))]
    pub(crate) fn standard() -> io::Result<Self> {
        Ok(Self::Standard(Box::new(io::stdout())))
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.write_all(bytes),
            Self::File(partial) => partial.write_all(bytes),
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush(),
            Self::File(partial) => partial.finish(),
        }
    }
}
