//! What a view holds while it is fetched and decoded, at most.

use crate::{
    decode::GCM_OVERHEAD,
    model::chunk::{Chunk, Source},
    schedule::plan::View,
};

/// Bytes that a view holds at most, counted before its request leaves.
///
/// Plain bytes flow through: the view's own, and of a view beyond `limit` no more than that are
/// let in before some have left. A chunk that is decoded whole is there twice at the
/// height of it: as it was stored, and as it was written.
#[must_use]
pub fn cost(view: &View, chunk: &Chunk, limit: u64) -> u64 {
    match chunk.source {
        Source::Inline(_) => 0,
        _ if chunk.is_decoded_whole() => chunk.size.saturating_mul(2).saturating_add(GCM_OVERHEAD),
        _ => view.len().min(limit),
    }
}
