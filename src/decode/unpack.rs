//! gzip that is inflated while it arrives: a `Content-Encoding`, on platforms that do not remove it.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use crate::host::DecodeError;

/// Inflates the members of gzip, piece by piece as they arrive.
///
/// [`Unpacker::feed`] takes what arrived; [`Unpacker::inflate`] is then called until it returns no bytes. At
/// the end of the body, [`Unpacker::is_incomplete`] shows whether the data was truncated.
#[derive(Debug, Default)]
pub struct Unpacker {
    input: Bytes,
    /// The member that is being inflated.
    member: Option<Decompress>,
    /// How many members have ended.
    members: u32,
}

/// The most members of one body; the codec has the same limit.
const MAX_MEMBERS: u32 = 1 << 16;

/// The largest window that deflate has: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// The largest piece of output, in bytes.
const PIECE: usize = 64 << 10;

impl Unpacker {
    /// Takes the next bytes of the body, after [`Unpacker::inflate`] returned no more bytes.
    pub fn feed(&mut self, compressed: Bytes) {
        self.input = compressed;
    }

    /// Returns the next bytes; none if more input is needed.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Gzip`] if the input is not gzip, [`DecodeError::TooLong`] if it has too many members.
    pub fn inflate(&mut self) -> Result<Bytes, DecodeError> {
        loop {
            if self.input.is_empty() && self.member.is_none() {
                return Ok(Bytes::new());
            }
            let member = self.member.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS));
            let mut piece = Vec::with_capacity(PIECE);
            let before = member.total_in();
            let status = member.decompress_vec(&self.input, &mut piece, FlushDecompress::None);
            let status = status.map_err(|_| DecodeError::Gzip)?;
            let used = usize::try_from(member.total_in() - before).unwrap_or(usize::MAX);
            drop(self.input.split_to(used.min(self.input.len())));
            if status == Status::StreamEnd {
                self.member = None;
                self.members += 1;
                if self.members > MAX_MEMBERS {
                    return Err(DecodeError::TooLong);
                }
            }
            if !piece.is_empty() || status != Status::StreamEnd && self.input.is_empty() {
                return Ok(piece.into());
            }
            if used == 0 && status != Status::StreamEnd {
                return Err(DecodeError::Gzip);
            }
        }
    }

    /// Whether the input ends inside a member: if nothing more arrives, it is truncated.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.member.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::gzip::tests::gzip;

    fn inflated(compressed: &[u8], step: usize) -> Result<(Vec<u8>, bool), DecodeError> {
        let mut unpacker = Unpacker::default();
        let mut out = Vec::new();
        for part in compressed.chunks(step) {
            unpacker.feed(Bytes::copy_from_slice(part));
            loop {
                let piece = unpacker.inflate()?;
                assert!(piece.len() <= PIECE);
                if piece.is_empty() {
                    break;
                }
                out.extend_from_slice(&piece);
            }
        }
        Ok((out, unpacker.is_incomplete()))
    }

    #[test]
    fn members_are_inflated_however_they_are_split() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let compressed = [gzip(&text), gzip(b"more")].concat();
        let expected = [&text[..], b"more"].concat();
        for step in [1, 7, 4096, compressed.len()] {
            assert_eq!(inflated(&compressed, step).unwrap(), (expected.clone(), false), "{step}");
        }
    }

    #[test]
    fn truncated_input_is_detected() {
        let compressed = gzip(&[7; 100_000]);
        assert!(inflated(&compressed[..compressed.len() - 1], 50).unwrap().1);
    }

    #[test]
    fn other_bytes_than_gzip_are_refused() {
        assert_eq!(inflated(b"no gzip at all, but long enough", 9), Err(DecodeError::Gzip));
    }

    // F124
    #[test]
    fn members_without_content_are_limited() {
        let empty = gzip(b"");
        assert_eq!(inflated(&empty.repeat(1 << 16), 1 << 16), Ok((Vec::new(), false)));
        assert_eq!(inflated(&empty.repeat((1 << 16) + 1), 1 << 16), Err(DecodeError::TooLong));
    }
}
