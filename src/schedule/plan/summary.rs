//! Statistics of a plan, before anything is read.

use std::{collections::BinaryHeap, sync::Arc};

use super::{ManifestCache, Plan, PlanCursor, Upcoming, cost};
use crate::model::chunk::{Chunk, Source};

/// What reading a plan takes if nothing fails.
///
/// A chunk manifest that has not been read counts as one view and one request for what it spans. What cannot be
/// planned, because manifests contain themselves for example, and what follows it are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Parts of chunks.
    pub views: u64,
    /// Stretches that no chunk holds.
    pub gaps: u64,
    /// Their bytes.
    pub gap_bytes: u64,
    /// Different chunks that views are part of.
    pub chunks: u64,
    /// Requests: one for each view whose chunk did not come with the metadata, and one for each chunk
    /// manifest.
    pub requests: u64,
    /// Requests for chunk manifests.
    pub manifests: u64,
    /// The most bytes that are held at one time.
    pub peak_bytes: u64,
}

impl Summary {
    /// Summarizes a plan for a stream that holds at most `max_bytes_ahead`. `cache`: the manifests of the
    /// file that have been read.
    #[must_use]
    pub fn of(plan: &Plan, cache: &ManifestCache, max_bytes_ahead: u64) -> Self {
        let mut cursor = PlanCursor::new(plan, cache.clone());
        let mut summary = Self::default();
        let mut seen = Vec::new();
        let (mut total, mut largest) = (0_u64, 0);
        let mut hold = |bytes: u64| {
            total = total.saturating_add(bytes);
            largest = bytes.max(largest);
        };
        loop {
            match cursor.peek() {
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
                Upcoming::Unread => {
                    summary.count_unread(&mut cursor);
                    hold(max_bytes_ahead);
                }
                Upcoming::Busy => continue,
                Upcoming::Failed(_) | Upcoming::End => break,
            }
            cursor.advance();
        }
        // A heap sorts, because the code of one is needed anyway: a sort would add 3 KB.
        let mut seen = if seen.is_sorted() { seen } else { BinaryHeap::from(seen).into_sorted_vec() };
        seen.dedup();
        summary.chunks += seen.len() as u64;
        summary.peak_bytes = total.min(max_bytes_ahead.max(largest));
        summary
    }

    /// Counts a stretch whose manifests have not been read.
    fn count_unread(&mut self, cursor: &mut PlanCursor) {
        let manifests = cursor.take_unread();
        self.views += 1;
        self.manifests += manifests;
        self.requests += manifests;
        self.chunks += u64::from(manifests > 0);
    }
}

/// Identifies a chunk within its file: clones of a chunk share their source.
fn identity(chunk: &Chunk) -> (u64, usize) {
    let source = match &chunk.source {
        Source::FileId(id) | Source::Filer(id) => Arc::as_ptr(id).addr(),
        Source::Inline(bytes) => Arc::as_ptr(bytes).addr(),
        Source::Urls(urls) => Arc::as_ptr(urls).addr(),
    };
    (chunk.offset, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::plan::Step;

    fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
        Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
    }

    /// Chunks as (first position, position after the last, version).
    fn chunks(list: &[(u64, u64, i64)]) -> Arc<[Chunk]> {
        list.iter().map(|&(offset, end, modified)| chunk(offset, end - offset, modified)).collect()
    }

    /// A manifest with the id `name`.
    fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
        let source = Source::FileId(name.into());
        Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
    }

    #[test]
    fn a_summary_counts_the_steps_of_a_plan() {
        let mut list = chunks(&[(0, 9, 1), (3, 6, 2), (12, 15, 1), (40, 50, 1)]).to_vec();
        list[2].source = Source::Inline([1, 2, 3].into());
        let plan = Plan::new(list.into(), 0..20);
        assert_eq!(plan.draw(), "#0[0,3@0..3] #1[3,6@0..3] #0[6,9@6..9] _3 #2[12,15@0..3] _5");
        assert_eq!(plan.steps().iter().map(Step::len).sum::<u64>(), plan.len());
        let summary = Summary::of(&plan, &ManifestCache::default(), 5);
        let expected =
            Summary { views: 4, gaps: 2, gap_bytes: 8, chunks: 3, requests: 3, manifests: 0, peak_bytes: 5 };
        assert_eq!(summary, expected);
    }

    #[test]
    fn an_unread_manifest_counts_as_one_view() {
        let list = [chunk(0, 4, 1), manifest("m", 4, 12), chunk(12, 4, 1)];
        let plan = Plan::new(list.into(), 0..16);
        let cache = ManifestCache::default();
        let counts = |summary: Summary| (summary.views, summary.chunks, summary.requests, summary.manifests);
        assert_eq!(counts(Summary::of(&plan, &cache, 100)), (3, 3, 3, 1));
        cache.insert(&Source::FileId("m".into()), &chunks(&[(4, 6, 1), (6, 12, 1)]));
        assert_eq!(counts(Summary::of(&plan, &cache, 100)), (4, 4, 4, 0));
    }
}
