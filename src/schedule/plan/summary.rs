//! What reading a plan would take.

use std::sync::Arc;

use super::{ManifestCache, Plan, PlanCursor, Upcoming, sweep::sorted};
use crate::{
    model::chunk::{Chunk, Source},
    schedule::window::cost,
};

/// What reading a plan takes when nothing fails.
///
/// A chunk manifest that is not read yet counts as one view, and one request, over what it spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Parts of chunks.
    pub views: u64,
    /// Stretches that no chunk holds.
    pub gaps: u64,
    /// Their bytes.
    pub gap_bytes: u64,
    /// Different chunks in view.
    pub chunks: u64,
    /// Requests: one for each view whose chunk did not come with the metadata.
    pub requests: u64,
    /// Of these, for chunk manifests.
    pub manifests: u64,
    /// The most bytes that are held at one time.
    pub peak_bytes: u64,
}

impl Summary {
    /// Sums a plan up, with what is known of its manifests, for a stream that holds at most
    /// `max_bytes_ahead`.
    #[must_use]
    pub fn of(plan: &Arc<Plan>, lists: &ManifestCache, max_bytes_ahead: u64) -> Self {
        let mut walk = PlanCursor::new(Arc::clone(plan), lists.clone());
        let mut summary = Self::default();
        let mut seen = Vec::new();
        let (mut total, mut largest) = (0_u64, 0);
        let mut hold = |bytes: u64| {
            total = total.saturating_add(bytes);
            largest = bytes.max(largest);
        };
        loop {
            match walk.peek() {
                Upcoming::View(view, chunk) => {
                    summary.views += 1;
                    summary.requests += u64::from(!matches!(chunk.source, Source::Inline(_)));
                    seen.push(identity(&chunk));
                    hold(cost(&view, &chunk, max_bytes_ahead));
                }
                Upcoming::Gap(len) => {
                    summary.gaps += 1;
                    summary.gap_bytes = summary.gap_bytes.saturating_add(len);
                }
                Upcoming::Unread | Upcoming::Failed(_) => {
                    summary.views += 1;
                    let before = summary.manifests;
                    while let Some((manifest, _)) = walk.next_manifest(1, u64::MAX) {
                        walk.mark_requested(&manifest);
                        summary.manifests += 1;
                        summary.requests += 1;
                    }
                    summary.chunks += u64::from(summary.manifests > before);
                    hold(max_bytes_ahead);
                }
                Upcoming::End => break,
            }
            walk.advance();
        }
        let mut seen = sorted(seen);
        seen.dedup();
        summary.chunks += seen.len() as u64;
        summary.peak_bytes = total.min(max_bytes_ahead.max(largest));
        summary
    }
}

/// Tells chunks of one file apart: its clones share their source.
fn identity(chunk: &Chunk) -> (u64, usize) {
    let source = match &chunk.source {
        Source::FileId(id) | Source::Filer(id) => Arc::as_ptr(id).addr(),
        Source::Inline(bytes) => Arc::as_ptr(bytes).addr(),
        Source::Urls(urls) => Arc::as_ptr(urls).addr(),
    };
    (chunk.offset, source)
}
