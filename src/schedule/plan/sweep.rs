//! Which chunk is seen where.

use std::{collections::BinaryHeap, ops::Range};

use super::{Step, View};
use crate::model::chunk::Chunk;

/// Walks along the range from one place where a chunk begins or ends to the next, with the
/// chunks that are open there on a heap. A chunk that ended under a newer one stays on the heap
/// until it comes up: each goes in once and out once.
///
/// What chunk manifests span is on the heap too, newer than any chunk: nobody knows yet what is
/// seen there.
pub(super) fn sweep(chunks: &[Chunk], range: &Range<u64>) -> Vec<Step> {
    let in_range = |positions: Range<u64>| {
        let clipped = positions.start.max(range.start)..positions.end.min(range.end);
        (!clipped.is_empty()).then_some(clipped)
    };
    let spans = spans(chunks, in_range);
    let held = chunks.iter().enumerate().filter(|(_, chunk)| !chunk.is_manifest);
    let held = held.filter_map(|(index, chunk)| Some((in_range(chunk.offset..chunk.end())?.start, index)));
    let spanned = spans.iter().enumerate().map(|(nth, span)| (span.start, chunks.len() + nth));
    let mut waiting = sorted(held.chain(spanned).collect()).into_iter().peekable();
    let open = |index: usize| match chunks.get(index) {
        Some(chunk) => Some(Open {
            version: Version { modified: chunk.modified, index },
            offset: chunk.offset,
            end: chunk.end(),
        }),
        None => spans.get(index - chunks.len()).map(|span| Open {
            version: Version { modified: i64::MAX, index },
            offset: span.start,
            end: span.end,
        }),
    };

    let mut seen = Seen { chunks: chunks.len(), steps: Vec::new() };
    let mut heap: BinaryHeap<Open> = BinaryHeap::new();
    let mut at = range.start;
    while at < range.end {
        while heap.peek().is_some_and(|newest| newest.end <= at) {
            heap.pop();
        }
        while let Some((_, index)) = waiting.next_if(|&(start, _)| start <= at) {
            heap.extend(open(index));
        }
        let next = waiting.peek().map_or(range.end, |&(start, _)| start);
        match heap.peek() {
            Some(newest) => {
                let to = newest.end.min(next).min(range.end);
                seen.look(newest, at..to);
                at = to;
            }
            None => {
                seen.steps.push(Step::Gap(at..next));
                at = next;
            }
        }
    }
    seen.steps
}

/// Stretches that chunk manifests span, cut wherever a manifest begins or ends: within each the
/// same ones do.
fn spans(chunks: &[Chunk], in_range: impl Fn(Range<u64>) -> Option<Range<u64>>) -> Vec<Range<u64>> {
    const BEGINS: usize = 1;
    let manifests = chunks.iter().filter(|chunk| chunk.is_manifest);
    let manifests = manifests.filter_map(|chunk| in_range(chunk.offset..chunk.end()));
    let bounds = sorted(manifests.flat_map(|span| [(span.start, BEGINS), (span.end, 0)]).collect());
    let mut spans = Vec::new();
    let mut open = 0_usize;
    let mut from = 0;
    for (at, bound) in bounds {
        if open > 0 && from < at {
            spans.push(from..at);
        }
        from = at;
        open = if bound == BEGINS { open + 1 } else { open.saturating_sub(1) };
    }
    spans
}

/// Sorts on a heap, which is there anyway: a sort is 3 KB of code.
pub(super) fn sorted(pairs: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    if pairs.is_sorted() { pairs } else { BinaryHeap::from(pairs).into_sorted_vec() }
}

/// What is seen so far.
struct Seen {
    /// How many chunks there are; what has a higher number is a span.
    chunks: usize,
    steps: Vec<Step>,
}

impl Seen {
    /// Adds what a chunk shows of itself, to the step before it if that is the same chunk's.
    fn look(&mut self, open: &Open, positions: Range<u64>) {
        let index = open.version.index;
        let within_end = positions.end.saturating_sub(open.offset);
        let is_span = index >= self.chunks;
        match self.steps.last_mut() {
            // Only a view ends where this begins, so equal chunks are neighbours.
            Some(Step::View(last)) if !is_span && last.chunk == index => last.within.end = within_end,
            Some(Step::Unread(last)) if is_span && open.offset < positions.start => last.end = positions.end,
            _ if is_span => self.steps.push(Step::Unread(positions)),
            _ => self.steps.push(Step::View(View {
                chunk: index,
                at: positions.start,
                within: positions.start.saturating_sub(open.offset)..within_end,
            })),
        }
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
        super::tests::COMPARISONS.with(|count| count.set(count.get() + 1));
        (self.modified, self.index).cmp(&(other.modified, other.index))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
