//! The memory that a view takes.

use super::View;
use crate::model::chunk::{Chunk, GCM_OVERHEAD, Source};

/// The most bytes that a view holds while it is fetched and decoded; counted before its request is sent.
///
/// Bytes of a plain chunk are delivered as they arrive: a view longer than `limit` receives no more than
/// `limit` bytes ahead of the reader. A chunk that is decoded as a whole is in memory twice at the peak: as
/// stored and as decoded.
#[must_use]
pub fn cost(view: &View, chunk: &Chunk, limit: u64) -> u64 {
    match chunk.source {
        Source::Inline(_) => 0,
        _ if chunk.is_decoded_whole() => chunk.size.saturating_mul(2).saturating_add(GCM_OVERHEAD),
        _ => view.len().min(limit),
    }
}
