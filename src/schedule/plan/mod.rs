//! From chunks and a range to the steps that read it: views and holes, in file order.
//!
//! A file is a set of chunks. Newer chunks hide older ones where they overlap, so a read needs only parts of
//! chunks (views), and positions that no chunk holds are holes (the type calls them gaps). A [`PlanCursor`]
//! finds both with one sweep over the range, a step at a time, because a stream needs only the next ones. The whole
//! sweep takes O(n log n) for n chunks, however they overlap.
//!
//! A chunk manifest is a chunk that stores a list of chunks, and that list is unknown until the manifest has
//! been read. [`Plan::steps`] leaves open what manifests span; a cursor takes in what they list when it
//! comes to them.
//!
//! # Example
//!
//! ```
//! use kelp_stream::{Plan, model::chunk::{Chunk, Source}};
//!
//! let source = || Source::FileId("3,01637037d6".into());
//! let old = Chunk { modified: 1, ..Chunk::plain(source(), 0, 8) };
//! let new = Chunk { modified: 2, ..Chunk::plain(source(), 4, 2) };
//! let plan = Plan::new([old, new].into(), 2..10);
//! // Positions 2 to 4 of the old chunk, the new chunk, the rest of the old chunk, and a hole of two bytes.
//! assert_eq!(plan.draw(), "#0[2,4@2..4] #1[4,6@0..2] #0[6,8@6..8] _2");
//! ```

mod cost;
mod cursor;
mod known;
mod listing;
mod manifest_cache;
mod step;
mod summary;
mod sweep;

pub use cost::cost;
pub use cursor::{PlanCursor, Upcoming};
pub use manifest_cache::ManifestCache;
pub use step::{Step, View};
pub use summary::Summary;

use std::{
    fmt::Write as _,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::model::chunk::Chunk;

/// The steps that cover a range of a file exactly, in file order.
///
/// At each position the chunk with the greatest `modified` is visible, and among equals the one that is later
/// in the list. (SeaweedFS has no rule for equal versions and returns zeros there.) Chunks may come in any
/// order, and those of size 0 have no effect.
#[derive(Clone, Debug)]
pub struct Plan {
    chunks: Arc<[Chunk]>,
    range: Range<u64>,
    steps: OnceLock<Vec<Step>>,
}

impl Plan {
    /// Plans the positions `range` of the file that consists of `chunks`.
    ///
    /// A range that ends before it starts is empty. Nothing is computed yet.
    #[must_use]
    pub fn new(chunks: Arc<[Chunk]>, range: Range<u64>) -> Self {
        let range = range.start..range.end.max(range.start);
        Self { chunks, range, steps: OnceLock::new() }
    }

    /// The steps, in file order. Each starts where the one before it ends. They are computed by the first call, which
    /// takes O(n log n) for n chunks and does not pause.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.steps.get_or_init(|| PlanCursor::new(self, ManifestCache::default()).steps())
    }

    /// The chunks as they were given, including those that no view needs.
    #[must_use]
    pub fn chunks(&self) -> &Arc<[Chunk]> {
        &self.chunks
    }

    /// The positions in the file that are planned.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The chunk that a view of this plan is a part of.
    ///
    /// # Panics
    ///
    /// If the view is of another plan.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a view's index was made by this plan")]
    pub fn chunk(&self, view: &View) -> &Chunk {
        &self.chunks[view.chunk]
    }

    /// How many bytes of the file are planned.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Whether no byte is planned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The views, in file order.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.steps().iter().filter_map(|step| match step {
            Step::View(view) => Some(view),
            Step::Gap(_) | Step::Unread(_) => None,
        })
    }

    /// The chunk manifests that span an unread stretch of the plan.
    pub fn manifests(&self, stretch: &Range<u64>) -> impl Iterator<Item = &Chunk> {
        self.chunks
            .iter()
            .filter(|chunk| chunk.is_manifest && chunk.offset <= stretch.start && chunk.end() >= stretch.end)
    }

    /// The plan in one line: `_2` is a hole of two bytes, `#1[2,4@0..2]` are positions 2 to 4 from bytes 0 to
    /// 2 of chunk 1, and `?[4,9]` are positions that chunk manifests span.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut drawing = String::new();
        for step in self.steps() {
            if !drawing.is_empty() {
                drawing.push(' ');
            }
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Gap(gap) => write!(drawing, "_{}", gap.end.saturating_sub(gap.start)),
                Step::Unread(span) => write!(drawing, "?[{},{}]", span.start, span.end),
                Step::View(view) => {
                    let View { chunk, at, within } = view;
                    write!(drawing, "#{chunk}[{at},{}@{}..{}]", view.end(), within.start, within.end)
                }
            };
        }
        drawing
    }
}

#[cfg(test)]
mod tests;
