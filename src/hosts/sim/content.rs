//! What is stored: bytes, or zeros that take no memory.

use bytes::Bytes;

/// The most bytes of a piece.
pub(super) const MAX_PIECE: u64 = 64 << 10;

/// Enough zeros for any piece.
static ZEROS: [u8; MAX_PIECE as usize] = [0; MAX_PIECE as usize];

/// A blob, or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    Zeros(u64),
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }

    /// The part from `start` to `end`, which must be inside.
    pub(super) fn slice(self, start: u64, end: u64) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(start as usize..end as usize)),
            Self::Zeros(_) => Self::Zeros(end - start),
        }
    }

    /// Splits off the first bytes, at most `max`.
    pub(super) fn split_to(&mut self, max: usize) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.split_to(max.min(bytes.len())),
            Self::Zeros(len) => {
                let n = (max as u64).min(*len).min(ZEROS.len() as u64);
                *len -= n;
                Bytes::from_static(ZEROS.get(..n as usize).unwrap_or_default())
            }
        }
    }

    /// A copy of all bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Zeros(len) => vec![0; *len as usize],
        }
    }
}
