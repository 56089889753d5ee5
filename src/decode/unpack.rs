//! gzip that is undone while it arrives: a `Content-Encoding`, where a platform leaves it to us.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::gzip::WINDOW_BITS;
use crate::host::DecodeError;

/// Inflates members of gzip, piece by piece as they arrive.
#[derive(Debug, Default)]
pub struct Unpacker {
    input: Bytes,
    /// The member that is being inflated.
    member: Option<Decompress>,
}

/// So many bytes are inflated at a time, whatever a body claims to hold.
const PIECE: usize = 64 << 10;

impl Unpacker {
    /// Takes what arrived, once [`Unpacker::inflate`] had nothing more to give.
    pub fn feed(&mut self, packed: Bytes) {
        self.input = packed;
    }

    /// The next bytes; none where more must arrive.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Gzip`] where it is none.
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
            }
            if !piece.is_empty() || status != Status::StreamEnd && self.input.is_empty() {
                return Ok(piece.into());
            }
            if used == 0 && status != Status::StreamEnd {
                return Err(DecodeError::Gzip);
            }
        }
    }

    /// Whether it would break off if nothing more came.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        self.member.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::gzip::tests::gzip;

    fn unpacked(packed: &[u8], step: usize) -> Result<(Vec<u8>, bool), DecodeError> {
        let mut unpacker = Unpacker::default();
        let mut out = Vec::new();
        for part in packed.chunks(step) {
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
        Ok((out, unpacker.is_amid()))
    }

    #[test]
    fn members_are_inflated_wherever_they_are_cut() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let packed = [gzip(&text), gzip(b"more")].concat();
        let expected = [&text[..], b"more"].concat();
        for step in [1, 7, 4096, packed.len()] {
            assert_eq!(unpacked(&packed, step).unwrap(), (expected.clone(), false), "{step}");
        }
    }

    #[test]
    fn what_breaks_off_is_known_to() {
        let packed = gzip(&[7; 100_000]);
        assert!(unpacked(&packed[..packed.len() - 1], 50).unwrap().1);
    }

    #[test]
    fn what_is_no_gzip_is_refused() {
        assert_eq!(unpacked(b"no gzip at all, but long enough", 9), Err(DecodeError::Gzip));
    }
}
