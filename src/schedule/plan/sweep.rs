//! Finds which chunk is visible at each position of a file.

use std::{collections::BinaryHeap, ops::Range};

use super::step::{Step, View};
use crate::model::chunk::Chunk;

/// Plans a range with a sweep line.
///
/// The sweep goes from one position where a chunk starts or ends to the next. A heap holds the chunks that
/// are open at the current position, the newest on top, and the newest is the visible one. A chunk that ended
/// while a newer one was visible stays on the heap until it comes to the top, so each chunk is pushed once
/// and popped once.
///
/// The spans of chunk manifests are on the heap too, and are newer than any chunk, because it is not known
/// what is visible there.
pub(super) fn sweep(chunks: &[Chunk], range: &Range<u64>) -> Vec<Step> {
    let clip = |positions: Range<u64>| {
        let clipped = positions.start.max(range.start)..positions.end.min(range.end);
        (!clipped.is_empty()).then_some(clipped)
    };
    let items = Items { chunks, spans: manifest_spans(chunks, clip) };
    let mut waiting = items.starts(clip).into_iter().peekable();
    let mut output = Output { chunks: chunks.len(), steps: Vec::new() };
    let mut heap: BinaryHeap<Open> = BinaryHeap::new();
    let mut at = range.start;
    while at < range.end {
        while heap.peek().is_some_and(|newest| newest.end <= at) {
            heap.pop();
        }
        while let Some((_, index)) = waiting.next_if(|&(start, _)| start <= at) {
            heap.extend(items.open(index));
        }
        let next = waiting.peek().map_or(range.end, |&(start, _)| start);
        match heap.peek() {
            Some(newest) => {
                let end = newest.end.min(next).min(range.end);
                output.push(newest, at..end);
                at = end;
            }
            None => {
                output.steps.push(Step::Gap(at..next));
                at = next;
            }
        }
    }
    output.steps
}

/// The chunks of a file, and the spans of its chunk manifests. An index beyond the chunks is that of a span.
struct Items<'a> {
    chunks: &'a [Chunk],
    spans: Vec<Range<u64>>,
}

impl Items<'_> {
    /// The position at which each item starts, and the index of the item, by position.
    fn starts(&self, clip: impl Fn(Range<u64>) -> Option<Range<u64>>) -> Vec<(u64, usize)> {
        let plain = self.chunks.iter().enumerate().filter(|(_, chunk)| !chunk.is_manifest);
        let plain = plain.filter_map(|(index, chunk)| Some((clip(chunk.offset..chunk.end())?.start, index)));
        let spans = self.spans.iter().enumerate().map(|(nth, span)| (span.start, self.chunks.len() + nth));
        sorted(plain.chain(spans).collect())
    }

    fn open(&self, index: usize) -> Option<Open> {
        match self.chunks.get(index) {
            Some(chunk) => Some(Open {
                version: Version { modified: chunk.modified, index },
                offset: chunk.offset,
                end: chunk.end(),
            }),
            None => self.spans.get(index - self.chunks.len()).map(|span| Open {
                version: Version { modified: i64::MAX, index },
                offset: span.start,
                end: span.end,
            }),
        }
    }
}

/// The stretches that chunk manifests span, cut wherever a manifest starts or ends: all positions of a
/// stretch are spanned by the same manifests.
fn manifest_spans(chunks: &[Chunk], clip: impl Fn(Range<u64>) -> Option<Range<u64>>) -> Vec<Range<u64>> {
    const START: usize = 1;
    let manifests = chunks.iter().filter(|chunk| chunk.is_manifest);
    let manifests = manifests.filter_map(|chunk| clip(chunk.offset..chunk.end()));
    let bounds = sorted(manifests.flat_map(|span| [(span.start, START), (span.end, 0)]).collect());
    let mut spans = Vec::new();
    let mut open = 0_usize;
    let mut from = 0;
    for (at, bound) in bounds {
        if open > 0 && from < at {
            spans.push(from..at);
        }
        from = at;
        open = if bound == START { open + 1 } else { open.saturating_sub(1) };
    }
    spans
}

/// Sorts with a heap, because the heap's code is needed anyway: a sort would add 3 KB of code.
pub(super) fn sorted(pairs: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    if pairs.is_sorted() { pairs } else { BinaryHeap::from(pairs).into_sorted_vec() }
}

/// The steps so far.
struct Output {
    /// How many chunks there are; a greater index is that of a span.
    chunks: usize,
    steps: Vec<Step>,
}

impl Output {
    /// Adds the positions at which an item is visible; extends the last step if that is the same item's.
    fn push(&mut self, open: &Open, positions: Range<u64>) {
        let index = open.version.index;
        let within_end = positions.end.saturating_sub(open.offset);
        let is_span = index >= self.chunks;
        match self.steps.last_mut() {
            // The last step ends where this one starts, so a view of the same chunk is adjacent.
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

/// A chunk that has started and may not have ended. The greatest one is visible.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    version: Version,
    offset: u64,
    end: u64,
}

/// Orders chunks by which one hides the other: the greater one is visible.
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
    use crate::model::chunk::Source;

    thread_local! {
        pub(super) static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    }

    /// How many times versions of n chunks of a shape (first position, position after the last, version) are
    /// compared, divided by n.
    fn comparisons(n: u64, shape: impl Fn(u64) -> (u64, u64, i64)) -> u64 {
        let chunk = |(offset, end, modified): (u64, u64, i64)| Chunk {
            modified,
            ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, end - offset)
        };
        let chunks: Vec<Chunk> = (0..n).map(|i| chunk(shape(i))).collect();
        COMPARISONS.with(|count| count.set(0));
        let steps = sweep(&chunks, &(0..4 * n));
        assert!(steps.len() as u64 <= 2 * n + 1);
        COMPARISONS.with(Cell::get) / n
    }

    #[test]
    fn a_million_nested_chunks_cost_no_more_than_n_log_n() {
        const N: u64 = 1_000_000;
        // All are open in the middle, and the innermost is the newest. Each is pushed on top, and each pop
        // goes down the whole heap with two comparisons per level.
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
    fn adjacent_chunks_are_never_compared() {
        assert_eq!(comparisons(1 << 16, |i| (i, i + 1, i as i64)), 0);
    }
}
