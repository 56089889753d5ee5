//! Walks along a plan, and lets the lists of chunk manifests join it on the way.
//!
//! The [`Sweep`] finds the steps. Where a chunk manifest starts, it asks for the chunks that the manifest lists. If they
//! are known, they join the sweep in the place of the manifest. Otherwise the cursor stops there, until the
//! manifest has been read.
//!
//! # Example
//!
//! The file consists of a chunk `A`, a manifest `m` and a chunk `B`. `m` lists a chunk `c` and another
//! manifest `n`, and `n` lists a chunk `d`:
//!
//! ```text
//!  the sweep has    peek()     the caller
//!  A m B            View(A)    advances
//!    m B            Unread     asks next_manifest() and reads m
//!                              on_manifest(m, [c, n])
//!    c n B          View(c)    advances
//!      n B          Unread     asks next_manifest() and reads n
//!                              on_manifest(n, [d])
//!      d B          View(d)    advances
//!        B          View(B)    advances
//!                   End
//! ```
//!
//! `next_manifest` also finds manifests before the cursor comes to them, so that they can be read ahead.
//!
//! # Hostile lists
//!
//! A manifest is data from outside. It may list itself, or another one ten times that lists a third one ten times. The
//! cursor remembers up to which position the list of each manifest counts, and a manifest that is listed again there
//! adds nothing: six manifests of which each lists the next ten times cost as much as six. Limited are how deep
//! manifests are nested, how many chunks and manifests there are at one place ([`Sweep`]), and how often a list
//! joins at different places.

use std::{collections::BinaryHeap, ops::Range, sync::Arc};

use super::{
    ManifestCache, Plan, Step, View,
    known::Known,
    listing::{ByStart, Item, List},
    sweep::{Event, Sweep},
};
use crate::{
    error::{Error, Kind},
    host::rare,
    model::chunk::{Chunk, Source},
};

/// How deep chunk manifests may be nested. SeaweedFS writes one level. Without a limit a manifest that lists
/// itself would never end.
const MAX_DEPTH: usize = 8;

/// The most chunks that lists may have which join once more. A filer lists each manifest once.
const MAX_REPEATED: usize = 1 << 22;

/// A position in a plan.
#[derive(Debug)]
pub struct PlanCursor {
    sweep: Sweep,
    cache: ManifestCache,
    manifests: Known<Manifest>,
    /// How many manifests have been requested and have not joined the sweep.
    requested: usize,
    /// How many chunks the lists have that joined once more.
    repeated: usize,
    /// The manifests that may have to be requested. The one that is needed first comes first.
    unrequested: BinaryHeap<ByStart>,
    next: Option<Found>,
}

/// What is known of a chunk manifest.
#[derive(Debug, Default)]
struct Manifest {
    /// Since it was requested, and until its list joins the sweep.
    state: Option<State>,
    /// The place at which its list joined the sweep, and the position up to which the list counts.
    joined: Option<(Box<[u32]>, u64)>,
}

#[derive(Debug)]
enum State {
    Requested,
    Read(Arc<[Chunk]>),
    Failed(Error),
}

/// The next step, once it is found.
#[derive(Debug)]
enum Found {
    Step(Range<u64>, Option<Item>),
    Unread,
    Failed(Error),
    Busy,
    End,
}

/// The next step of a plan.
#[derive(Debug)]
pub enum Upcoming {
    /// A view of this chunk.
    View(View, Chunk),
    /// A hole of this many bytes.
    Gap(u64),
    /// The next stretch cannot be planned before its chunk manifests have been read.
    Unread,
    /// A chunk manifest could not be read, so the stretch that it spans cannot be read either.
    Failed(Error),
    /// The next step has not been found yet. The next call goes on; other tasks of the thread should run before.
    Busy,
    /// The end of the plan.
    End,
}

impl PlanCursor {
    /// A cursor at the start of a plan. `cache`: the manifests of the file that have been read.
    #[must_use]
    pub fn new(plan: &Plan, cache: ManifestCache) -> Self {
        Self {
            sweep: Sweep::new(Arc::clone(plan.chunks()), plan.range()),
            cache,
            manifests: Known::default(),
            requested: 0,
            repeated: 0,
            unrequested: BinaryHeap::new(),
            next: None,
        }
    }

    /// The next step. The position does not change, but manifests that have been read join the plan. The work of one
    /// call is limited.
    pub fn peek(&mut self) -> Upcoming {
        self.look();
        match &self.next {
            Some(Found::Step(positions, Some(item))) => {
                Upcoming::View(view(positions, item), item.chunk().clone())
            }
            Some(Found::Step(gap, None)) => Upcoming::Gap(gap.end.saturating_sub(gap.start)),
            Some(Found::Unread) => Upcoming::Unread,
            Some(Found::Failed(error)) => Upcoming::Failed(error.clone()),
            Some(Found::Busy) => Upcoming::Busy,
            Some(Found::End) | None => Upcoming::End,
        }
    }

    /// Moves past the step that `peek` returned. A stretch that has not been read is skipped; nothing follows a failure.
    pub fn advance(&mut self) {
        match self.next.take() {
            Some(Found::Unread) => {
                let end = self.sweep.stretch().end;
                self.sweep.skip_to(end);
            }
            Some(Found::Failed(error)) => self.next = Some(Found::Failed(error)),
            Some(Found::Step(..) | Found::Busy | Found::End) | None => {}
        }
    }

    /// The rest of the steps, if no manifest is read any more.
    pub(super) fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                Upcoming::Busy => continue,
                Upcoming::View(view, _) => steps.push(Step::View(view)),
                Upcoming::Unread => steps.push(Step::Unread(self.sweep.stretch())),
                Upcoming::Gap(_) => {
                    if let Some(Found::Step(gap, _)) = &self.next {
                        steps.push(Step::Gap(gap.clone()));
                    }
                }
                Upcoming::Failed(_) | Upcoming::End => return steps,
            }
            self.advance();
        }
    }

    /// Records that a chunk manifest is being read.
    pub fn mark_requested(&mut self, manifest: &Chunk) {
        let manifest = self.manifests.entry(&manifest.source);
        self.requested += usize::from(manifest.state.is_none());
        manifest.state = Some(State::Requested);
    }

    /// A chunk manifest that was requested is not read now. It is the next one when the cursor waits for it.
    pub fn on_dropped(&mut self, manifest: &Source) {
        let known = self.manifests.get_mut(manifest);
        self.requested -= usize::from(known.and_then(|known| known.state.take()).is_some());
    }

    /// The next chunk manifest that has not been requested, and whether the cursor waits for it. One for which it
    /// does not wait must start before `until`, and no more than `max_ahead` of them are under way or unused.
    pub fn next_manifest(&mut self, max_ahead: usize, until: u64) -> Option<(Chunk, bool)> {
        if self.next.is_none() {
            self.look();
        }
        let is_waiting = matches!(self.next, Some(Found::Unread));
        if self.unrequested.is_empty() && !is_waiting {
            return None;
        }
        rare::call(|| self.next_of_all(is_waiting, max_ahead, until))
    }

    fn next_of_all(&mut self, is_waiting: bool, max_ahead: usize, until: u64) -> Option<(Chunk, bool)> {
        if is_waiting
            && let Some(due) = self.sweep.due()
            && !self.is_known(due)
        {
            return Some((due.chunk().clone(), true));
        }
        loop {
            let ByStart(first) = self.unrequested.peek()?;
            if !self.is_known(first) {
                break;
            }
            self.unrequested.pop();
        }
        let ByStart(first) = self.unrequested.peek()?;
        // The next step and the one behind it have started.
        let is_far = first.is_of_file()
            && first.index().saturating_add(2) >= self.sweep.started().saturating_add(max_ahead);
        let is_due = first.start <= self.sweep.at();
        let may_start = self.requested < max_ahead && first.start < until && (is_due || !is_far);
        may_start.then(|| (first.chunk().clone(), is_waiting && is_due))
    }

    /// Counts the manifests whose lists are needed at the current position and that are not known, and takes them
    /// as requested.
    pub(super) fn take_unread(&mut self) -> u64 {
        if self.unrequested.is_empty() { 0 } else { rare::call(|| self.take_all_unread()) }
    }

    fn take_all_unread(&mut self) -> u64 {
        let mut count = 0;
        while let Some(ByStart(first)) = self.unrequested.peek()
            && first.start <= self.sweep.at()
        {
            let chunk = (!self.is_known(first)).then(|| first.chunk().clone());
            self.unrequested.pop();
            if let Some(chunk) = chunk {
                self.mark_requested(&chunk);
                count += 1;
            }
        }
        count
    }

    /// Takes the result of reading a chunk manifest that was marked as requested.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        rare::call(|| self.on_read(manifest, list));
    }

    fn on_read(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        if let Ok(list) = &list {
            self.cache.insert(manifest, list);
        }
        if let Some(state) = self.manifests.get_mut(manifest).and_then(|known| known.state.as_mut()) {
            *state = match list {
                Ok(list) => State::Read(list),
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Whether a manifest has been requested, was read by another stream, or is not needed.
    fn is_known(&self, manifest: &Item) -> bool {
        let source = &manifest.chunk().source;
        let known = self.manifests.get(source);
        manifest.end <= self.sweep.at()
            || known.is_some_and(|known| known.state.is_some())
            || known.and_then(|known| known.covers(manifest)).is_some_and(|end| end >= manifest.end)
            || self.cache.get(source).is_some()
    }

    /// Looks for the next step, unless it is known.
    fn look(&mut self) {
        if matches!(self.next, None | Some(Found::Unread | Found::Busy)) {
            self.next = Some(self.find());
        }
    }

    fn find(&mut self) -> Found {
        loop {
            let event = self.sweep.next();
            let found = self.sweep.take_found();
            if !found.is_empty() {
                rare::call(|| self.unrequested.extend(found.into_iter().map(ByStart)));
            }
            let blocked = match event {
                Event::Step(positions, visible) => return Found::Step(positions, visible),
                Event::Busy => return Found::Busy,
                Event::End => return Found::End,
                Event::TooMany => {
                    let message =
                        "the chunk manifests list too many chunks or manifests for the same part of the file";
                    Found::Failed(Error::new(Kind::Limit, message))
                }
                Event::Manifest(manifest) => match rare::call(|| self.join(&manifest)) {
                    Ok(true) => continue,
                    Ok(false) => Found::Unread,
                    Err(error) => Found::Failed(error),
                },
            };
            return match self.sweep.cut() {
                Some(Event::Step(positions, visible)) => Found::Step(positions, visible),
                _ => blocked,
            };
        }
    }

    /// Lets the list of the manifest that is due join the sweep; returns `false` if it has not been read.
    fn join(&mut self, due: &Item) -> Result<bool, Error> {
        let source = &due.chunk().source;
        let path = due.path();
        if path.len() > MAX_DEPTH {
            let message = "the chunk manifest contains itself, or manifests are nested more than 8 deep";
            return Err(manifest_error(due, Kind::Manifest, message));
        }
        let known = self.manifests.entry(source);
        if let Some(end) = known.covers(due).filter(|end| *end > self.sweep.at()) {
            if end >= due.end {
                self.sweep.skip_manifest();
            } else {
                self.sweep.postpone_manifest(end);
            }
            return Ok(true);
        }
        let chunks = match &known.state {
            Some(State::Read(list)) => Some(Arc::clone(list)),
            Some(State::Failed(error)) => return Err(error.clone()),
            Some(State::Requested) => None,
            None => self.cache.get(source),
        };
        let Some(chunks) = chunks else { return Ok(false) };
        self.requested -= usize::from(known.state.take().is_some());
        if known.joined.replace((path.clone(), due.end)).is_some() {
            self.repeated += chunks.len();
        }
        if self.repeated > MAX_REPEATED {
            let message = "the chunk manifest is listed too often";
            return Err(manifest_error(due, Kind::Limit, message));
        }
        self.sweep.join(List::new(chunks, due.start..due.end, path));
        Ok(true)
    }
}

impl Manifest {
    /// The position up to which its list counts, if it joined in a place that precedes this one for the sweep.
    fn covers(&self, manifest: &Item) -> Option<u64> {
        let (path, end) = self.joined.as_ref()?;
        (**path >= *manifest.path()).then_some(*end)
    }
}

fn view(positions: &Range<u64>, item: &Item) -> View {
    let offset = item.chunk().offset;
    let within = positions.start.saturating_sub(offset)..positions.end.saturating_sub(offset);
    View { chunk: item.index(), at: positions.start, within }
}

fn manifest_error(manifest: &Item, kind: Kind, message: &str) -> Error {
    Error::new(kind, message).of_chunk(manifest.chunk().source.name())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{super::listing::COMPARISONS, *};

    fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
        Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
    }

    /// A manifest with the id `name`.
    fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
        let source = Source::FileId(name.into());
        Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
    }

    /// What a cursor returns along a plan, if each manifest has the chunks that `lists` names.
    fn walk(plan: Plan, lists: &[(&str, &[Chunk])]) -> String {
        let mut cursor = PlanCursor::new(&plan, ManifestCache::default());
        let mut drawing = Vec::new();
        loop {
            match cursor.peek() {
                Upcoming::View(view, chunk) => {
                    drawing.push(format!("{}@{}+{}", chunk.modified, view.within.start, view.len()));
                }
                Upcoming::Gap(len) => drawing.push(format!("_{len}")),
                Upcoming::Unread => {
                    let Some((manifest, true)) = cursor.next_manifest(1, u64::MAX) else {
                        return drawing.join(" ") + " ?";
                    };
                    cursor.mark_requested(&manifest);
                    let name = manifest.source.name();
                    if let Some((_, list)) = lists.iter().find(|(known, _)| *known == name) {
                        cursor.on_manifest(&manifest.source, Ok((*list).into()));
                    }
                    drawing.push(name.to_owned());
                    continue;
                }
                Upcoming::Failed(error) => {
                    drawing.push(error.kind().code().into());
                    return drawing.join(" ");
                }
                Upcoming::Busy => continue,
                Upcoming::End => return drawing.join(" "),
            }
            cursor.advance();
        }
    }

    #[test]
    fn listed_chunks_compete_by_their_own_versions() {
        let list = [chunk(0, 6, 2), manifest("m", 3, 9)];
        let listed = [chunk(3, 2, 3), chunk(5, 4, 1)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "2@0+3 m 3@0+2 2@5+1 1@1+3");
    }

    // F88
    #[test]
    fn listed_chunks_are_clipped_to_the_span_of_their_manifest() {
        let list = [manifest("m", 3, 6), chunk(6, 3, 1)];
        let listed = [chunk(0, 9, 5)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "_3 m 5@3+3 1@0+3");
    }

    #[test]
    fn listed_chunks_take_the_place_of_their_manifest_in_the_list() {
        let listed = [chunk(0, 9, 1)];
        let first = [manifest("m", 0, 9), Chunk { size: 4, ..chunk(2, 4, 1) }];
        assert_eq!(walk(Plan::new(first.into(), 0..9), &[("m", &listed)]), "m 1@0+2 1@0+4 1@6+3");
        let last = [chunk(2, 4, 1), manifest("m", 0, 9)];
        assert_eq!(walk(Plan::new(last.into(), 0..9), &[("m", &listed)]), "m 1@0+9");
    }

    #[test]
    fn manifests_may_be_nested() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([chunk(0, 2, 1), manifest("b", 2, 9)], [chunk(2, 3, 2), chunk(6, 3, 3)]);
        let lists: [(&str, &[Chunk]); 2] = [("a", &a), ("b", &b)];
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &lists), "a 1@0+2 b 2@0+3 _1 3@0+3");
        assert_eq!(walk(Plan::new(list.into(), 1..2), &lists), "a 1@1+1", "only what the range needs");
    }

    // F85
    #[test]
    fn a_manifest_that_contains_itself_is_an_error() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([manifest("b", 0, 9)], [manifest("a", 0, 9)]);
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &[("a", &list)]), "a manifest");
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("a", &a), ("b", &b)]), "a b manifest");
    }

    // F85
    #[test]
    fn manifests_may_be_nested_eight_deep() {
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
    fn manifests_that_list_too_much_are_an_error() {
        let many: Vec<Chunk> = (0..1024).map(|id| manifest(&id.to_string(), 0, 9)).collect();
        let chunks: Vec<Chunk> = (0..2048).map(|version| chunk(0, 9, -version)).collect();
        let lists: Vec<(&str, &[Chunk])> =
            many.iter().map(|manifest| (manifest.source.name(), &chunks[..])).collect();
        let drawing = walk(Plan::new(many.clone().into(), 0..9), &lists);
        assert!(drawing.ends_with(" limit"), "{drawing}");
        let many: Vec<Chunk> = (0..5000).map(|id| manifest(&id.to_string(), 0, 9)).collect();
        assert_eq!(walk(Plan::new(many.into(), 0..9), &[]), "limit");
    }

    // F121
    #[test]
    fn a_manifest_that_is_listed_again_adds_nothing() {
        let names: Vec<String> = (0..7).map(|i| i.to_string()).collect();
        let mut inner: Vec<Vec<Chunk>> = (1..7).map(|i| vec![manifest(&names[i], 0, 9); 10]).collect();
        inner.push(vec![chunk(0, 9, 1)]);
        let lists: Vec<(&str, &[Chunk])> =
            names.iter().map(String::as_str).zip(inner.iter().map(|list| &list[..])).collect();
        let list = vec![manifest("0", 0, 9); 10];
        COMPARISONS.with(|count| count.set(0));
        assert_eq!(walk(Plan::new(list.into(), 0..9), &lists), "0 1 2 3 4 5 6 1@0+9");
        assert!(COMPARISONS.with(Cell::get) < 2000, "{}", COMPARISONS.with(Cell::get));
    }

    // F121
    #[test]
    fn a_manifest_is_listed_at_several_places() {
        let list = [manifest("m", 0, 4), chunk(4, 2, 1), manifest("m", 6, 9), manifest("m", 2, 5)];
        let listed = [chunk(0, 3, 2), chunk(3, 6, 3)];
        let expected = "m 2@0+2 2@2+1 3@0+2 1@1+1 3@3+3";
        // From position 2 on the last one counts, so a new view begins there.
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), expected);
    }

    // F121
    #[test]
    fn of_two_places_of_a_manifest_the_later_one_counts() {
        let (older, newer) = (chunk(0, 9, 1), Chunk { size: 5, ..chunk(0, 5, 1) });
        let list = [manifest("m", 0, 9), older, manifest("m", 3, 6)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &[newer])]), "m 1@0+3 1@3+2 1@5+4");
    }

    // F121: what is known of a manifest that a million places list is found without a search.
    #[test]
    fn many_manifests_cost_no_more_than_n_log_n() {
        let cost = |n: u64, shape: &dyn Fn(u64) -> (u64, u64)| {
            let lists: Vec<Chunk> = (0..n)
                .map(|i| {
                    let (offset, end) = shape(i);
                    manifest(&i.to_string(), offset, end)
                })
                .collect();
            let mut cursor = PlanCursor::new(&Plan::new(lists.into(), 0..4 * n), ManifestCache::default());
            COMPARISONS.with(|count| count.set(0));
            let listed: Arc<[Chunk]> = [chunk(0, 4 * n, 1)].into();
            let mut steps = 0;
            loop {
                match cursor.peek() {
                    Upcoming::Unread => {
                        let (manifest, _) = cursor.next_manifest(9, u64::MAX).unwrap();
                        cursor.mark_requested(&manifest);
                        cursor.on_manifest(&manifest.source, Ok(Arc::clone(&listed)));
                    }
                    Upcoming::Failed(error) => panic!("{error}"),
                    Upcoming::End => return (COMPARISONS.with(Cell::get) / n, steps),
                    Upcoming::Busy => {}
                    Upcoming::View(..) | Upcoming::Gap(_) => {
                        steps += 1;
                        cursor.advance();
                    }
                }
            }
        };
        const N: u64 = 4000;
        let same = cost(N, &|_| (0, 4 * N));
        let nested = cost(N, &|i| (i, 8 * N - i));
        let adjacent = cost(N, &|i| (4 * i, 4 * i + 4));
        let limit = 12 * u64::from(N.ilog2());
        assert!(
            [same, nested, adjacent].iter().all(|(count, _)| *count < limit),
            "{same:?} {nested:?} {adjacent:?}"
        );
    }
}
