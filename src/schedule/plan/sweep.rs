//! Finds which chunk is visible at each position of a file.

use std::{collections::BinaryHeap, mem, ops::Range, sync::Arc};

use super::listing::{ByPlace, ByStart, ByVersion, Item, List};
use crate::model::chunk::Chunk;

/// A sweep line over a file.
///
/// The sweep goes from one position where a chunk starts or ends to the next. A heap holds the chunks that
/// are open at the current position, the newest on top, and the newest is the visible one. A chunk that ended
/// while a newer one was visible stays on the heap until it comes to the top, so each chunk is pushed once
/// and popped once: n chunks take O(n log n), however they overlap. That includes the chunks of chunk manifests,
/// which join the sweep where their manifest starts.
///
/// The sweep is lazy, and each call of [`Sweep::next`] does a limited amount of work, so that a plan of a
/// million chunks blocks no thread.
#[derive(Debug)]
pub(super) struct Sweep {
    end: u64,
    /// The current position. What starts before it, or here, is open.
    at: u64,
    /// The start of the step under way, which reaches at least to `at`.
    from: u64,
    /// What is visible in the step under way; none in a hole.
    visible: Option<Item>,
    /// What has to be done before the sweep goes on.
    task: Option<Task>,
    /// Chunks that start after the current position. Of a list that is sorted, only the next one.
    waiting: BinaryHeap<ByStart>,
    /// Chunk manifests that start after the current position.
    manifests: BinaryHeap<ByStart>,
    /// Chunk manifests that have started, and whose lists have not joined. The last in the lists joins first:
    /// if a manifest is listed twice, the place of the last counts, and then the first adds nothing.
    due: BinaryHeap<ByPlace>,
    /// Where the manifests that have started end.
    ends: BinaryHeap<ByStart>,
    /// Chunks that have started and may not have ended.
    open: BinaryHeap<ByVersion>,
    /// Chunks that have ended are removed from `open` when it is this long.
    tidy_at: usize,
    /// How many chunks that the file itself lists have started.
    started: usize,
    /// How many chunks of manifests have joined at the current position.
    joined: usize,
    /// The most chunks that the sweep may hold.
    max_items: usize,
    /// The chunk manifests that have been found since [`Sweep::take_found`].
    found: Vec<Item>,
}

/// Work on a list of chunks that takes many calls.
#[derive(Debug)]
enum Task {
    /// Looks through a list that joins the sweep, for manifests and for whether it is sorted. `last`: the offset of the
    /// chunk before.
    Scan { list: Arc<List>, index: usize, last: u64 },
    /// Takes all chunks of a list that is not sorted.
    All { list: Arc<List>, index: usize },
    /// Looks for the next chunk of a list that is sorted.
    Next { list: Arc<List>, index: usize },
}

/// What the sweep comes to.
#[derive(Debug)]
pub(super) enum Event {
    /// A step: these positions, and the chunk that is visible there; none in a hole.
    Step(Range<u64>, Option<Item>),
    /// The list of this chunk manifest is needed here.
    Manifest(Item),
    /// The work of one call is done, and there is more.
    Busy,
    /// There are more chunks at one place than are allowed.
    TooMany,
    /// The end of the range.
    End,
}

/// The most work of one call, in chunks that are pushed or popped: less than a millisecond, in a page too.
const SLICE: usize = 2048;

/// The most chunks of chunk manifests that a sweep holds at one time, and that join it at one position.
const MAX_LISTED: usize = 1 << 20;

/// The most chunk manifests whose lists are needed at one position: as a filer writes them, they would list 4 * 10^7
/// chunks of which each hides another one.
const MAX_DUE: usize = 1 << 12;

impl Sweep {
    /// A sweep over these positions of the file that consists of `chunks`.
    pub(super) fn new(chunks: Arc<[Chunk]>, range: Range<u64>) -> Self {
        let max_items = chunks.len() + MAX_LISTED;
        let Range { start, end } = range;
        Self {
            end,
            at: start,
            from: start,
            visible: None,
            task: Some(Task::Scan { list: List::new(chunks, range, Box::default()), index: 0, last: 0 }),
            waiting: BinaryHeap::new(),
            manifests: BinaryHeap::new(),
            due: BinaryHeap::new(),
            ends: BinaryHeap::new(),
            open: BinaryHeap::new(),
            tidy_at: SLICE,
            started: 0,
            joined: 0,
            max_items,
            found: Vec::new(),
        }
    }

    /// What comes next. After a step the sweep continues behind it; at a chunk manifest it stays until the
    /// list has joined, or the manifest or the stretch was skipped.
    pub(super) fn next(&mut self) -> Event {
        for _ in 0..SLICE {
            if self.items() > self.max_items || self.due.len() > MAX_DUE || self.joined > MAX_LISTED {
                return Event::TooMany;
            }
            if let Some(task) = self.task.take() {
                self.task = self.work(task);
            } else if let Some(item) = pop_started(&mut self.waiting, self.at) {
                if item.list().is_sorted() {
                    self.task = Some(Task::Next { list: Arc::clone(item.list()), index: item.index() + 1 });
                }
                self.started += usize::from(item.is_of_file());
                self.open(item);
            } else if let Some(item) = pop_started(&mut self.manifests, self.at) {
                self.ends.push(ByStart(item.clone().starting_at(item.end)));
                self.due.push(ByPlace(item));
            } else if let Some(ByPlace(manifest)) = self.due.peek() {
                if manifest.end > self.at {
                    return Event::Manifest(manifest.clone());
                }
                self.due.pop();
            } else if self.open.peek().is_some_and(|newest| newest.0.end <= self.at) {
                self.open.pop();
            } else {
                let has_ended = self.at >= self.end;
                if (has_ended || !self.continues())
                    && let Some(step) = self.cut()
                {
                    return step;
                }
                if has_ended {
                    return Event::End;
                }
                self.go_on();
            }
        }
        Event::Busy
    }

    /// Whether what is visible in the step under way is visible at the current position too.
    fn continues(&self) -> bool {
        match (&self.visible, self.open.peek()) {
            (Some(visible), Some(ByVersion(newest))) => visible.is(newest),
            (visible, newest) => visible.is_none() && newest.is_none(),
        }
    }

    /// Goes on to the next position where something may start or end.
    fn go_on(&mut self) {
        self.joined = 0;
        self.visible = self.open.peek().map(|newest| newest.0.clone());
        let end = self.visible.as_ref().map_or(self.end, |visible| visible.end.min(self.end));
        let starts = [&self.waiting, &self.manifests].into_iter().filter_map(BinaryHeap::peek);
        self.at = starts.map(|first| first.0.start).fold(end, u64::min);
    }

    /// Ends the step under way at the current position, if there is one.
    pub(super) fn cut(&mut self) -> Option<Event> {
        let positions = mem::replace(&mut self.from, self.at)..self.at;
        let visible = self.visible.take();
        (!positions.is_empty()).then_some(Event::Step(positions, visible))
    }

    /// Lets a list join, in the place of the manifest that is due.
    pub(super) fn join(&mut self, list: Arc<List>) {
        self.due.pop();
        self.task = Some(Task::Scan { list, index: 0, last: 0 });
    }

    /// Forgets the manifest that is due.
    pub(super) fn skip_manifest(&mut self) {
        self.due.pop();
    }

    /// The manifest that is due counts from this position on.
    pub(super) fn postpone_manifest(&mut self, start: u64) {
        if let Some(ByPlace(manifest)) = self.due.pop() {
            let item = manifest.starting_at(start);
            self.found.push(item.clone());
            self.manifests.push(ByStart(item));
        }
    }

    /// The positions from the current one on in which no manifest starts or ends.
    pub(super) fn stretch(&mut self) -> Range<u64> {
        while pop_started(&mut self.ends, self.at).is_some() {}
        let bounds = [&self.ends, &self.manifests].into_iter().filter_map(BinaryHeap::peek);
        self.at..bounds.map(|first| first.0.start).fold(self.end, u64::min)
    }

    /// The manifest whose list is needed here.
    pub(super) fn due(&self) -> Option<&Item> {
        self.due.peek().map(|due| &due.0)
    }

    /// Continues at this position, as if nothing were known of what is before.
    pub(super) fn skip_to(&mut self, at: u64) {
        self.at = at;
        self.from = at;
        self.visible = None;
    }

    /// The chunk manifests that have been found since the last call.
    pub(super) fn take_found(&mut self) -> Vec<Item> {
        mem::take(&mut self.found)
    }

    /// How many chunks that the file itself lists have started.
    pub(super) fn started(&self) -> usize {
        self.started
    }

    /// The current position.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    fn items(&self) -> usize {
        self.waiting.len() + self.manifests.len() + self.due.len() + self.open.len()
    }

    /// Looks at one chunk; returns what remains to be done.
    fn work(&mut self, task: Task) -> Option<Task> {
        match task {
            Task::Scan { list, index, last } => {
                let Some(chunk) = list.chunks.get(index) else {
                    // There was no chunk that starts before the one before it.
                    let is_sorted = *list.is_sorted.get_or_init(|| true);
                    if !is_sorted {
                        self.waiting.reserve(list.chunks.len());
                    }
                    return Some(if is_sorted {
                        Task::Next { list, index: 0 }
                    } else {
                        Task::All { list, index: 0 }
                    });
                };
                if chunk.offset < last {
                    list.is_sorted.get_or_init(|| false);
                }
                self.joined += usize::from(!list.path.is_empty());
                if chunk.is_manifest
                    && let Some(item) = Item::new(&list, index, self.at)
                {
                    self.found.push(item.clone());
                    self.manifests.push(ByStart(item));
                }
                let last = chunk.offset;
                Some(Task::Scan { list, index: index + 1, last })
            }
            Task::All { list, index } if index < list.chunks.len() => {
                self.wait_for(&list, index);
                Some(Task::All { list, index: index + 1 })
            }
            Task::Next { list, index } if index < list.chunks.len() => {
                (!self.wait_for(&list, index)).then(|| Task::Next { list, index: index + 1 })
            }
            Task::All { .. } | Task::Next { .. } => None,
        }
    }

    /// Keeps a chunk until the sweep comes to it; returns whether it will.
    fn wait_for(&mut self, list: &Arc<List>, index: usize) -> bool {
        let item = Item::new(list, index, self.at).filter(|item| !item.chunk().is_manifest);
        let is_needed = item.is_some();
        self.waiting.extend(item.map(ByStart));
        is_needed
    }

    /// Opens a chunk, unless it is hidden from here to its end.
    fn open(&mut self, item: Item) {
        let item = ByVersion(item);
        if self.open.peek().is_some_and(|newest| newest.0.end >= item.0.end && *newest > item) {
            return;
        }
        if self.open.len() >= self.tidy_at {
            let at = self.at;
            self.open.retain(|open| open.0.end > at);
            self.tidy_at = SLICE.max(2 * self.open.len());
        }
        self.open.push(item);
    }
}

/// The next item that has started at this position.
fn pop_started(heap: &mut BinaryHeap<ByStart>, at: u64) -> Option<Item> {
    let has_started = heap.peek().is_some_and(|first| first.0.start <= at);
    has_started.then(|| heap.pop()).flatten().map(|first| first.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{super::listing::COMPARISONS, *};
    use crate::model::chunk::Source;

    /// How many times chunks of a shape (first position, position after the last, version) are compared while n of them
    /// are planned, divided by n.
    fn comparisons(n: u64, shape: impl Fn(u64) -> (u64, u64, i64)) -> u64 {
        let chunk = |(offset, end, modified): (u64, u64, i64)| Chunk {
            modified,
            ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, end - offset)
        };
        let chunks: Vec<Chunk> = (0..n).map(|i| chunk(shape(i))).collect();
        let mut sweep = Sweep::new(chunks.into(), 0..4 * n);
        COMPARISONS.with(|count| count.set(0));
        let mut steps = 0;
        loop {
            match sweep.next() {
                Event::Step(..) => steps += 1,
                Event::Busy => {}
                Event::End => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(steps <= 2 * n + 1);
        COMPARISONS.with(Cell::get) / n
    }

    // F122
    #[test]
    fn a_million_nested_chunks_cost_no_more_than_n_log_n() {
        const N: u64 = 1_000_000;
        // All are open in the middle, and the innermost is the newest. Each is pushed on top, and each pop
        // goes down the whole heap with two comparisons per level.
        assert!(comparisons(N, |i| (i, 4 * N - i, i as i64)) <= 6 * u64::from(N.ilog2()));
    }

    #[test]
    fn no_overlap_costs_more_than_n_log_n() {
        const N: u64 = 1 << 16;
        let limit = 6 * u64::from(N.ilog2());
        let outer_newest = comparisons(N, |i| (i, 4 * N - i, -(i as i64)));
        let stairs_up = comparisons(N, |i| (i, i + N, i as i64));
        let stairs_down = comparisons(N, |i| (i, i + N, -(i as i64)));
        let one_start = comparisons(N, |i| (0, i + 1, -(i as i64)));
        let one_end = comparisons(N, |i| (i, 4 * N, (i * 7919 % N) as i64));
        let adjacent = comparisons(N, |i| (i, i + 1, i as i64));
        let reversed = comparisons(N, |i| (N - i, N - i + 1, i as i64));
        let all = [outer_newest, stairs_up, stairs_down, one_start, one_end, adjacent, reversed];
        assert!(all.iter().all(|&count| count <= limit), "{all:?} of {limit}");
    }

    // F122
    #[test]
    fn a_call_does_a_limited_amount_of_work() {
        const N: u64 = 100_000;
        let chunk = |i| Chunk::plain(Source::FileId("1,0100000000".into()), N - i, 1);
        let chunks: Vec<Chunk> = (0..N).map(chunk).collect();
        let mut sweep = Sweep::new(chunks.into(), 0..N);
        let mut calls = 0;
        loop {
            COMPARISONS.with(|count| count.set(0));
            let event = sweep.next();
            calls += 1;
            assert!(COMPARISONS.with(Cell::get) < SLICE as u64 * 64);
            if let Event::Step(..) = event {
                break;
            }
        }
        assert!(calls > 40, "{calls}");
    }
}
