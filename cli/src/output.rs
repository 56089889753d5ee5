//! Where the bytes are written: standard output or a file.

use std::io::{self, IoSlice, Write};

use bytes::Bytes;

use crate::partial::Partial;

pub(crate) enum Output {
    /// Standard output, a device, a FIFO or a socket: what is written cannot be taken back.
    Stream(Box<dyn Write + Send>),
    File(Box<Partial>),
}

impl Output {
    /// Standard output. Without the line buffer of `std::io::Stdout`, which the bytes of a file do not need.
    #[cfg(unix)]
    pub(crate) fn standard() -> io::Result<Self> {
        use std::os::fd::AsFd;
        let out = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::Stream(Box::new(std::fs::File::from(out))))
    }

    /// Standard output.
    #[cfg(not(unix))]
    pub(crate) fn standard() -> io::Result<Self> {
        Ok(Self::Stream(Box::new(io::stdout())))
    }

    /// Writes the pieces in order, in one call if the system takes them all.
    pub(crate) fn write_all(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        match self {
            Self::Stream(out) => write_all(out, pieces),
            Self::File(partial) => {
                write_all(partial.writer(), pieces)?;
                partial.wrote(pieces)
            }
        }
    }

    /// Ends it before all bytes are written: what is there can be continued.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(_) => Ok(()),
            Self::File(partial) => partial.pause(),
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Stream(mut out) => out.flush(),
            Self::File(partial) => partial.finish(),
        }
    }
}

/// `Write::write_all_vectored`, which is not stable.
fn write_all(to: &mut impl Write, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = &mut slices[..];
    // Removes empty slices at the beginning: writing nothing but them would look like a full disk.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match to.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, and is interrupted before each.
    struct Slow {
        taken: Vec<u8>,
        is_interrupted: bool,
        max: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let before = self.taken.len();
            let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
            self.taken.extend(bytes.take(self.max));
            Ok(self.taken.len() - before)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_byte_is_written_once_however_little_is_taken() {
        let pieces = ["", "kelp ", "", "sways", " in the ", "", "sea", ""].map(Bytes::from);
        for max in 1..25 {
            let mut to = Slow { taken: Vec::new(), is_interrupted: false, max };
            write_all(&mut to, &pieces).unwrap();
            assert_eq!(to.taken, b"kelp sways in the sea", "{max} bytes at a time");
        }
        let mut to = Slow { taken: Vec::new(), is_interrupted: false, max: 0 };
        write_all(&mut to, &[Bytes::new()]).unwrap();
        let error = write_all(&mut to, &pieces).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
