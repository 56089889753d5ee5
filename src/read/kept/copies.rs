//! Copies of parts of a chunk.

use std::ops::Range;

use crate::host::Piece;

/// Copies of these bytes of a chunk.
pub(super) fn copied<P: Piece>(pieces: &[P], within: &Range<u64>) -> Vec<P> {
    let (mut at, mut copies) = (0, Vec::new());
    for piece in pieces {
        let len = piece.len() as u64;
        let inside = |position: u64| position.saturating_sub(at).min(len) as usize;
        let (start, end) = (inside(within.start), inside(within.end));
        if start < end {
            copies.push(piece.copy(start, end));
        }
        at += len;
    }
    copies
}
