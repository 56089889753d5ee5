//! From chunks and a range to what must be read: views and gaps, in file order.

use std::{collections::BinaryHeap, fmt::Write as _, ops::Range, sync::Arc};

use crate::chunk::{Chunk, Source};

/// What a range of a file is made of: steps that cover it exactly, in file order.
///
/// At every byte the chunk with the greatest `modified` wins; among equals the one that is later
/// in the list does (SeaweedFS has no rule for equals, and makes holes of them). Chunks may come
/// in any order, and those of size 0 hold nothing.
#[derive(Clone, Debug)]
pub struct Plan {
    chunks: Arc<[Chunk]>,
    range: Range<u64>,
    steps: Vec<Step>,
}

/// A stretch of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes that a chunk holds.
    View(View),
    /// Positions in the file that no chunk holds: zeros.
    Gap(Range<u64>),
}

/// The part of a chunk that the range needs. It is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Index into [`Plan::chunks`].
    pub chunk: usize,
    /// Position in the file of its first byte.
    pub at: u64,
    /// Which bytes of the decoded chunk it is.
    pub within: Range<u64>,
}

impl Plan {
    /// Plans the positions `range` of the file that `chunks` make up.
    ///
    /// A range that ends before it starts is empty. Costs O(n log n) for n chunks, however they
    /// overlap.
    #[must_use]
    pub fn new(chunks: Arc<[Chunk]>, range: Range<u64>) -> Self {
        let range = range.start..range.end.max(range.start);
        let steps = sweep(&chunks, &range);
        Self { chunks, range, steps }
    }

    /// The views and gaps, in file order. Each begins where the one before it ends.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The chunks as they were given, with those that no view needs.
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
        self.steps.iter().filter_map(|step| match step {
            Step::View(view) => Some(view),
            Step::Gap(_) => None,
        })
    }

    /// The gaps as positions in the file, in file order.
    pub fn gaps(&self) -> impl Iterator<Item = &Range<u64>> {
        self.steps.iter().filter_map(|step| match step {
            Step::View(_) => None,
            Step::Gap(gap) => Some(gap),
        })
    }

    /// How many bytes are in gaps.
    #[must_use]
    pub fn gap_bytes(&self) -> u64 {
        self.gaps().map(|gap| gap.end.saturating_sub(gap.start)).sum()
    }

    /// How many different chunks are in view.
    #[must_use]
    pub fn distinct_chunks(&self) -> usize {
        let mut seen = vec![false; self.chunks.len()];
        self.views().for_each(|view| seen.get_mut(view.chunk).into_iter().for_each(|seen| *seen = true));
        seen.into_iter().filter(|seen| *seen).count()
    }

    /// How many requests it takes when none fails: one for each view whose chunk did not come
    /// with the metadata.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.views().filter(|view| !matches!(self.chunk(view).source, Source::Inline(_))).count()
    }

    /// The plan in one line: `_2` a gap of two bytes, `#1[2,4@0..2]` positions 2 to 4 from bytes
    /// 0 to 2 of chunk 1.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut drawing = String::new();
        for step in &self.steps {
            if !drawing.is_empty() {
                drawing.push(' ');
            }
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Gap(gap) => write!(drawing, "_{}", gap.end.saturating_sub(gap.start)),
                Step::View(view) => {
                    let View { chunk, at, within } = view;
                    write!(drawing, "#{chunk}[{at},{}@{}..{}]", view.end(), within.start, within.end)
                }
            };
        }
        drawing
    }
}

impl Step {
    /// How many bytes of the file it is.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a step is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::View(view) => view.len(),
            Self::Gap(gap) => gap.end.saturating_sub(gap.start),
        }
    }
}

impl View {
    /// How many bytes it is.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a view is never empty")]
    pub fn len(&self) -> u64 {
        self.within.end.saturating_sub(self.within.start)
    }

    /// Position in the file one past its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.len())
    }

    /// Whether it is all bytes of its chunk that the file may use.
    #[must_use]
    pub fn is_whole(&self, chunk: &Chunk) -> bool {
        self.within == (0..chunk.size)
    }
}

/// Walks along the range from one place where a chunk begins or ends to the next, with the
/// chunks that are open there on a heap. A chunk that ended under a newer one stays on the heap
/// until it comes up: each goes in once and out once.
fn sweep(chunks: &[Chunk], range: &Range<u64>) -> Vec<Step> {
    let mut waiting: Vec<(u64, usize)> = chunks
        .iter()
        .enumerate()
        .filter(|(_, chunk)| chunk.offset.max(range.start) < chunk.end().min(range.end))
        .map(|(index, chunk)| (chunk.offset.max(range.start), index))
        .collect();
    if !waiting.is_sorted() {
        // On a heap, which is there anyway: a sort is 3 KB of code.
        waiting = BinaryHeap::from(waiting).into_sorted_vec();
    }
    let mut waiting = waiting.into_iter().peekable();

    let mut open: BinaryHeap<Open> = BinaryHeap::new();
    let mut steps = Vec::new();
    let mut at = range.start;
    while at < range.end {
        while open.peek().is_some_and(|newest| newest.end <= at) {
            open.pop();
        }
        while let Some((_, index)) = waiting.next_if(|&(start, _)| start <= at) {
            if let Some(chunk) = chunks.get(index) {
                let (modified, offset, end) = (chunk.modified, chunk.offset, chunk.end());
                open.push(Open { version: Version { modified, index }, offset, end });
            }
        }
        let next = waiting.peek().map_or(range.end, |&(start, _)| start);
        match open.peek() {
            Some(newest) => {
                let to = newest.end.min(next).min(range.end);
                look(&mut steps, newest, at..to);
                at = to;
            }
            None => {
                steps.push(Step::Gap(at..next));
                at = next;
            }
        }
    }
    steps
}

/// Adds what a chunk shows of itself, to the view before it if that is the same chunk's.
fn look(steps: &mut Vec<Step>, chunk: &Open, positions: Range<u64>) {
    let within_end = positions.end.saturating_sub(chunk.offset);
    match steps.last_mut() {
        // Only a view ends where this begins, so equal chunks are neighbours.
        Some(Step::View(last)) if last.chunk == chunk.version.index => last.within.end = within_end,
        _ => steps.push(Step::View(View {
            chunk: chunk.version.index,
            at: positions.start,
            within: positions.start.saturating_sub(chunk.offset)..within_end,
        })),
    }
}

/// A chunk that began and may not have ended; the greatest is the one that is seen.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    version: Version,
    offset: u64,
    end: u64,
}

/// Orders chunks by who hides whom: a greater one hides a lesser one.
#[derive(PartialEq, Eq)]
struct Version {
    modified: i64,
    index: usize,
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        #[cfg(test)]
        tests::COMPARISONS.with(|count| count.set(count.get() + 1));
        (self.modified, self.index).cmp(&(other.modified, other.index))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::chunk::Compression;

    thread_local! {
        pub(super) static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
        Chunk {
            source: Source::FileId("1,0100000000".into()),
            offset,
            size,
            modified,
            md5: None,
            key: None,
            compression: Compression::None,
            stored: None,
        }
    }

    fn chunks(list: &[(u64, u64, i64)]) -> Arc<[Chunk]> {
        list.iter().map(|&(offset, end, modified)| chunk(offset, end - offset, modified)).collect()
    }

    /// Chunks as (first position, one past the last, version).
    fn draw(list: &[(u64, u64, i64)], range: Range<u64>) -> String {
        Plan::new(chunks(list), range).draw()
    }

    #[test]
    fn bytes_that_no_chunk_holds_are_gaps() {
        assert_eq!(draw(&[(2, 4, 1), (6, 8, 1)], 0..10), "_2 #0[2,4@0..2] _2 #1[6,8@0..2] _2");
    }

    #[test]
    fn a_file_without_chunks_is_one_gap() {
        assert_eq!(draw(&[], 0..10), "_10");
    }

    #[test]
    fn a_newer_chunk_hides_an_older_one_and_it_shows_again_behind_it() {
        assert_eq!(draw(&[(0, 9, 1), (3, 6, 2)], 0..9), "#0[0,3@0..3] #1[3,6@0..3] #0[6,9@6..9]");
    }

    #[test]
    fn an_older_chunk_in_a_newer_one_is_not_seen_and_does_not_cut_it() {
        assert_eq!(draw(&[(3, 6, 1), (0, 9, 2)], 0..9), "#1[0,9@0..9]");
    }

    #[test]
    fn of_equally_new_chunks_the_later_in_the_list_is_seen_and_nothing_is_lost() {
        assert_eq!(draw(&[(0, 6, 1), (3, 9, 1)], 0..9), "#0[0,3@0..3] #1[3,9@0..6]");
        assert_eq!(draw(&[(3, 9, 1), (0, 6, 1)], 0..9), "#1[0,6@0..6] #0[6,9@3..6]");
        assert_eq!(draw(&[(0, 9, 1), (2, 5, 1)], 0..9), "#0[0,2@0..2] #1[2,5@0..3] #0[5,9@5..9]");
        assert_eq!(draw(&[(0, 9, 1), (0, 9, 1)], 0..9), "#1[0,9@0..9]");
    }

    #[test]
    fn versions_before_1970_are_older() {
        assert_eq!(draw(&[(0, 4, 0), (0, 4, -1)], 0..4), "#0[0,4@0..4]");
    }

    #[test]
    fn the_order_of_the_list_does_not_matter_where_versions_differ() {
        assert_eq!(draw(&[(6, 9, 1), (0, 3, 3), (2, 7, 2)], 0..9), "#1[0,3@0..3] #2[3,7@1..5] #0[7,9@1..3]");
    }

    #[test]
    fn only_what_the_range_needs_is_in_view() {
        let list = [(0, 4, 1), (4, 8, 1), (8, 12, 1)];
        assert_eq!(draw(&list, 2..5), "#0[2,4@2..4] #1[4,5@0..1]");
        assert_eq!(draw(&list, 4..8), "#1[4,8@0..4]");
        assert_eq!(draw(&list, 11..14), "#2[11,12@3..4] _2");
        assert_eq!(draw(&list, 20..22), "_2");
    }

    #[test]
    fn an_empty_or_reversed_range_has_no_steps() {
        assert_eq!(draw(&[(0, 9, 1)], 5..5), "");
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
        let plan = Plan::new(chunks(&[(0, 9, 1)]), 7..5);
        assert_eq!((plan.draw().as_str(), plan.len(), plan.is_empty()), ("", 0, true));
        assert_eq!(plan.range(), 7..7);
    }

    #[test]
    fn a_chunk_of_size_zero_hides_nothing_and_cuts_nothing() {
        assert_eq!(draw(&[(0, 9, 1), (4, 4, 2), (9, 9, 3)], 0..9), "#0[0,9@0..9]");
    }

    #[test]
    fn positions_beyond_four_gigabytes_are_exact() {
        let base = 1 << 40;
        assert_eq!(
            draw(&[(base, base + (5 << 30), 1)], base + (4 << 30)..base + (4 << 30) + 2),
            format!(
                "#0[{},{}@{}..{}]",
                base + (4 << 30),
                base + (4 << 30) + 2,
                4_u64 << 30,
                (4_u64 << 30) + 2
            ),
        );
    }

    #[test]
    fn a_chunk_beyond_the_last_number_ends_at_it() {
        let list: Arc<[Chunk]> = [chunk(u64::MAX - 3, u64::MAX, 1)].into();
        let last = u64::MAX;
        assert_eq!(Plan::new(list, last - 5..last).draw(), format!("_2 #0[{},{last}@0..3]", last - 3),);
    }

    #[test]
    fn a_view_knows_whether_it_is_its_whole_chunk() {
        let plan = Plan::new(chunks(&[(0, 4, 1), (4, 8, 1)]), 0..6);
        let whole: Vec<bool> = plan.views().map(|view| view.is_whole(plan.chunk(view))).collect();
        assert_eq!(whole, [true, false]);
        let plan = Plan::new(chunks(&[(0, 4, 1)]), 1..4);
        assert!(plan.views().all(|view| !view.is_whole(plan.chunk(view))));
    }

    #[test]
    fn the_summary_counts_what_is_drawn() {
        let mut list = chunks(&[(0, 9, 1), (3, 6, 2), (12, 15, 1), (40, 50, 1)]).to_vec();
        list[2].source = Source::Inline([1, 2, 3].into());
        let plan = Plan::new(list.into(), 0..20);
        assert_eq!(plan.draw(), "#0[0,3@0..3] #1[3,6@0..3] #0[6,9@6..9] _3 #2[12,15@0..3] _5");
        assert_eq!((plan.len(), plan.gaps().count(), plan.gap_bytes()), (20, 2, 8));
        assert_eq!((plan.views().count(), plan.distinct_chunks(), plan.requests()), (4, 3, 3));
        assert_eq!(plan.steps().iter().map(Step::len).sum::<u64>(), 20);
    }

    /// Comparisons of versions for n chunks of a shape, in units of n.
    fn comparisons(n: u64, shape: impl Fn(u64) -> (u64, u64, i64)) -> u64 {
        let list: Vec<_> = (0..n).map(shape).collect();
        let list = chunks(&list);
        COMPARISONS.with(|count| count.set(0));
        let plan = Plan::new(list, 0..4 * n);
        assert!(plan.steps().len() as u64 <= 2 * n + 1);
        COMPARISONS.with(Cell::get) / n
    }

    #[test]
    fn a_million_nested_chunks_cost_no_more_than_n_log_n() {
        const N: u64 = 1_000_000;
        // All are open in the middle, the innermost is the newest: each goes in on top, and the
        // way out goes down the whole heap with two comparisons a level.
        assert!(comparisons(N, |i| (i, 4 * N - i, i as i64)) <= 3 * u64::from(N.ilog2()));
    }

    #[test]
    fn no_overlap_costs_more_than_n_log_n() {
        const N: u64 = 1 << 16;
        let limit = 3 * u64::from(N.ilog2());
        let outer_newest = comparisons(N, |i| (i, 4 * N - i, -(i as i64)));
        let stairs_up = comparisons(N, |i| (i, i + N, i as i64));
        let stairs_down = comparisons(N, |i| (i, i + N, -(i as i64)));
        let one_start = comparisons(N, |i| (0, i + 1, -(i as i64)));
        let one_end = comparisons(N, |i| (i, 4 * N, (i * 7919 % N) as i64));
        let all = [outer_newest, stairs_up, stairs_down, one_start, one_end];
        assert!(all.iter().all(|&count| count <= limit), "{all:?} of {limit}");
    }

    #[test]
    fn chunks_side_by_side_are_never_compared() {
        assert_eq!(comparisons(1 << 16, |i| (i, i + 1, i as i64)), 0);
    }
}
