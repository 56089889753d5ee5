//! From chunks and a range to what must be read: views and gaps, in file order.
//!
//! Chunks hide one another by their versions, and what a chunk manifest lists is not known before
//! it has been read. So a [`Plan`] leaves open what manifests span, and a [`PlanCursor`] plans that when
//! it comes there.

mod cursor;
mod manifest_cache;
mod summary;
mod sweep;

pub use cursor::{PlanCursor, Upcoming};
pub use manifest_cache::ManifestCache;
pub use summary::Summary;

use std::{fmt::Write as _, ops::Range, sync::Arc};

use self::sweep::sweep;
use crate::model::chunk::Chunk;

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
    /// Which steps are not read yet.
    unread: Vec<usize>,
}

/// A stretch of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes that a chunk holds.
    View(View),
    /// Positions in the file that no chunk holds: zeros.
    Gap(Range<u64>),
    /// Positions that are not planned before the chunk manifests that span them have been read:
    /// each of these spans all of it. What else holds bytes here is planned then too.
    Unread(Range<u64>),
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
        let is_unread = |(index, step): (usize, &Step)| matches!(step, Step::Unread(_)).then_some(index);
        let unread = steps.iter().enumerate().filter_map(is_unread).collect();
        Self { chunks, range, steps, unread }
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
            Step::Gap(_) | Step::Unread(_) => None,
        })
    }

    /// The chunk manifests that span a stretch of the plan that is not read yet.
    pub fn manifests(&self, stretch: &Range<u64>) -> impl Iterator<Item = &Chunk> {
        self.chunks
            .iter()
            .filter(|chunk| chunk.is_manifest && chunk.offset <= stretch.start && chunk.end() >= stretch.end)
    }

    /// The plan in one line: `_2` a gap of two bytes, `#1[2,4@0..2]` positions 2 to 4 from bytes
    /// 0 to 2 of chunk 1, `?[4,9]` positions that are not read yet.
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

impl Step {
    /// How many bytes of the file it is.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a step is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::View(view) => view.len(),
            Self::Gap(range) | Self::Unread(range) => range.end.saturating_sub(range.start),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::chunk::Source;

    thread_local! {
        pub(super) static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
        Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
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

    // F82
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

    // F77
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

    // F83
    #[test]
    fn a_chunk_of_size_zero_hides_nothing_and_cuts_nothing() {
        assert_eq!(draw(&[(0, 9, 1), (4, 4, 2), (9, 9, 3)], 0..9), "#0[0,9@0..9]");
    }

    // F80
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

    // F78
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
        assert_eq!(plan.steps().iter().map(Step::len).sum::<u64>(), plan.len());
        let summary = Summary::of(&Arc::new(plan), &ManifestCache::default(), 5);
        let wanted =
            Summary { views: 4, gaps: 2, gap_bytes: 8, chunks: 3, requests: 3, manifests: 0, peak_bytes: 5 };
        assert_eq!(summary, wanted);
    }

    /// A manifest with the id `name`.
    fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
        let source = Source::FileId(name.into());
        Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
    }

    #[test]
    fn what_manifests_span_is_cut_where_one_begins_or_ends_and_hides_all_else() {
        let list = [chunk(0, 4, 1), manifest("m", 2, 9), chunk(5, 9, i64::MAX), manifest("n", 7, 12)];
        let plan = Plan::new(list.into(), 0..20);
        assert_eq!(plan.draw(), "#0[0,2@0..2] ?[2,7] ?[7,9] ?[9,12] #2[12,14@7..9] _6");
        let of = |stretch| plan.manifests(&stretch).map(|chunk| chunk.source.name()).collect::<String>();
        assert_eq!([of(2..7), of(7..9), of(9..12)], ["m", "mn", "n"]);
    }

    #[test]
    fn manifests_side_by_side_stay_apart_and_a_range_clips_them() {
        let list: Arc<[Chunk]> = [manifest("n", 4, 8), manifest("m", 0, 4)].into();
        assert_eq!(Plan::new(list.clone(), 0..8).draw(), "?[0,4] ?[4,8]");
        assert_eq!(Plan::new(list.clone(), 1..3).draw(), "?[1,3]");
        assert_eq!(Plan::new(list, 3..6).draw(), "?[3,4] ?[4,6]");
    }

    /// All that a walk along a plan comes by, told of each manifest what `lists` has of it.
    fn walk(plan: Plan, lists: &[(&str, &[Chunk])]) -> String {
        let mut walk = PlanCursor::new(Arc::new(plan), ManifestCache::default());
        let mut drawing = Vec::new();
        loop {
            match walk.peek() {
                Upcoming::View(view, chunk) => {
                    drawing.push(format!("{}@{}+{}", chunk.modified, view.within.start, view.len()));
                }
                Upcoming::Gap(len) => drawing.push(format!("_{len}")),
                Upcoming::Unread => {
                    let Some((wanted, true)) = walk.next_manifest(1, u64::MAX) else {
                        return drawing.join(" ") + " ?";
                    };
                    walk.mark_requested(&wanted);
                    let name = wanted.source.name();
                    if let Some((_, list)) = lists.iter().find(|(known, _)| *known == name) {
                        walk.on_manifest(&wanted.source, Ok((*list).into()));
                    }
                    drawing.push(name.to_owned());
                    continue;
                }
                Upcoming::Failed(error) => drawing.push(error.kind().code().into()),
                Upcoming::End => return drawing.join(" "),
            }
            walk.advance();
        }
    }

    #[test]
    fn what_a_manifest_lists_takes_part_with_its_own_versions() {
        let list = [chunk(0, 6, 2), manifest("m", 3, 9)];
        let listed = [chunk(3, 2, 3), chunk(5, 4, 1)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "2@0+3 m 3@0+2 2@5+1 1@1+3");
    }

    // F88
    #[test]
    fn what_a_manifest_lists_is_clipped_to_what_it_spans() {
        let list = [manifest("m", 3, 6), chunk(6, 3, 1)];
        let listed = [chunk(0, 9, 5)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "_3 m 5@3+3 1@0+3");
    }

    #[test]
    fn of_equally_new_chunks_the_later_one_is_seen_where_manifests_stand_for_their_lists() {
        let listed = [chunk(0, 9, 1)];
        let first = [manifest("m", 0, 9), Chunk { size: 4, ..chunk(2, 4, 1) }];
        assert_eq!(walk(Plan::new(first.into(), 0..9), &[("m", &listed)]), "m 1@0+2 1@0+4 1@6+3");
        let last = [chunk(2, 4, 1), manifest("m", 0, 9)];
        assert_eq!(walk(Plan::new(last.into(), 0..9), &[("m", &listed)]), "m 1@0+9");
    }

    #[test]
    fn manifests_may_lie_in_one_another() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([chunk(0, 2, 1), manifest("b", 2, 9)], [chunk(2, 3, 2), chunk(6, 3, 3)]);
        let lists: [(&str, &[Chunk]); 2] = [("a", &a), ("b", &b)];
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &lists), "a 1@0+2 b 2@0+3 _1 3@0+3");
        assert_eq!(walk(Plan::new(list.into(), 1..2), &lists), "a 1@1+1", "only what the range needs");
    }

    // F85
    #[test]
    fn a_manifest_in_itself_has_an_end() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([manifest("b", 0, 9)], [manifest("a", 0, 9)]);
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &[("a", &list)]), "a manifest");
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("a", &a), ("b", &b)]), "a b manifest");
    }

    // F85
    #[test]
    fn manifests_lie_eight_deep_and_no_deeper() {
        let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        let inner: Vec<[Chunk; 1]> = (1..10).map(|i| [manifest(&names[i], 0, 9)]).collect();
        let mut lists: Vec<(&str, &[Chunk])> = Vec::new();
        for (name, list) in names.iter().zip(&inner) {
            lists.push((name, list));
        }
        let list: Arc<[Chunk]> = [manifest("0", 0, 9)].into();
        assert_eq!(walk(Plan::new(list.clone(), 0..9), &lists), "0 1 2 3 4 5 6 7 manifest");
        let last = [chunk(0, 9, 7)];
        lists[7] = ("7", &last);
        assert_eq!(walk(Plan::new(list, 0..9), &lists), "0 1 2 3 4 5 6 7 7@0+9");
    }

    // F85
    #[test]
    fn manifests_that_multiply_come_to_an_end() {
        let many: Vec<Chunk> = (0..1024).map(|_| manifest("b", 0, 9)).collect();
        let chunks = vec![chunk(0, 9, 1); 2048];
        let list: Arc<[Chunk]> = [manifest("a", 0, 9)].into();
        assert_eq!(walk(Plan::new(list, 0..9), &[("a", &many), ("b", &chunks)]), "a b limit");
    }

    #[test]
    fn a_manifest_that_was_not_read_counts_as_one_view_and_one_that_was_by_what_it_lists() {
        let list = [chunk(0, 4, 1), manifest("m", 4, 12), chunk(12, 4, 1)];
        let plan = Arc::new(Plan::new(list.into(), 0..16));
        let lists = ManifestCache::default();
        let counts = |summary: Summary| (summary.views, summary.chunks, summary.requests, summary.manifests);
        assert_eq!(counts(Summary::of(&plan, &lists, 100)), (3, 3, 3, 1));
        lists.insert(&Source::FileId("m".into()), &chunks(&[(4, 6, 1), (6, 12, 1)]));
        assert_eq!(counts(Summary::of(&plan, &lists, 100)), (4, 4, 4, 0));
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
