//! What is stored: bytes, or so many zeros that nobody stores.

use bytes::Bytes;

/// The most bytes that a piece has.
pub(super) const MAX_PIECE: u64 = 64 << 10;

/// Zeros enough for any piece.
static ZEROS: [u8; MAX_PIECE as usize] = [0; MAX_PIECE as usize];

/// What is stored, or a part of it.
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

    /// The part from `start` to `end`, which is inside.
    pub(super) fn slice(self, start: u64, end: u64) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(start as usize..end as usize)),
            Self::Zeros(_) => Self::Zeros(end - start),
        }
    }

    /// Cuts off the first bytes, `most` at most.
    pub(super) fn split_to(&mut self, most: usize) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.split_to(most.min(bytes.len())),
            Self::Zeros(len) => {
                let n = (most as u64).min(*len).min(ZEROS.len() as u64);
                *len -= n;
                Bytes::from_static(ZEROS.get(..n as usize).unwrap_or_default())
            }
        }
    }

    /// All its bytes, to change some of them.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Zeros(len) => vec![0; *len as usize],
        }
    }
}
