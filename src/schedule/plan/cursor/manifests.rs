//! The chunk manifests that a cursor comes to: which are to be read next, and which have been.

use std::{collections::BinaryHeap, sync::Arc};

use crate::{
    error::{Error, Kind},
    model::chunk::{Chunk, Source},
    schedule::plan::{
        ManifestCache,
        known::Known,
        listing::{ByStart, Item, List},
        sweep::Sweep,
    },
};

/// How deep chunk manifests may be nested. SeaweedFS writes one level. Without a limit a manifest that lists
/// itself would never end.
const MAX_DEPTH: usize = 8;

/// The most chunks that lists may have which join once more. A filer lists each manifest once.
const MAX_REPEATED: usize = 1 << 22;

/// The chunk manifests of a plan.
#[derive(Debug)]
pub(super) struct Manifests {
    cache: ManifestCache,
    known: Known<Manifest>,
    /// How many have been requested and have not joined the sweep.
    requested: usize,
    /// How many chunks the lists have that joined once more.
    repeated: usize,
    /// Those that may have to be requested. The one that is needed first comes first.
    unrequested: BinaryHeap<ByStart>,
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

impl Manifests {
    /// `cache`: those of the file that have been read.
    pub(super) fn new(cache: ManifestCache) -> Self {
        Self { cache, known: Known::default(), requested: 0, repeated: 0, unrequested: BinaryHeap::new() }
    }

    /// The sweep came to these.
    pub(super) fn add(&mut self, found: Vec<Item>) {
        self.unrequested.extend(found.into_iter().map(ByStart));
    }

    /// Whether some may have to be requested.
    pub(super) fn has_unrequested(&self) -> bool {
        !self.unrequested.is_empty()
    }

    /// Records that a chunk manifest is being read.
    pub(super) fn mark_requested(&mut self, manifest: &Chunk) {
        let manifest = self.known.entry(&manifest.source);
        self.requested += usize::from(manifest.state.is_none());
        manifest.state = Some(State::Requested);
    }

    /// One that was requested is not read now.
    pub(super) fn on_dropped(&mut self, manifest: &Source) {
        let known = self.known.get_mut(manifest);
        self.requested -= usize::from(known.and_then(|known| known.state.take()).is_some());
    }

    /// As [`super::PlanCursor::next_manifest`]. `is_waiting`: nothing can be planned before one has been read.
    pub(super) fn next(
        &mut self,
        sweep: &Sweep,
        is_waiting: bool,
        max_ahead: usize,
        until: u64,
    ) -> Option<(Chunk, bool)> {
        if is_waiting
            && let Some(due) = sweep.due()
            && !self.is_known(due, sweep)
        {
            return Some((due.chunk().clone(), true));
        }
        loop {
            let ByStart(first) = self.unrequested.peek()?;
            if !self.is_known(first, sweep) {
                break;
            }
            self.unrequested.pop();
        }
        let ByStart(first) = self.unrequested.peek()?;
        // The next step and the one behind it have started.
        let is_far = first.is_of_file()
            && first.index().saturating_add(2) >= sweep.started().saturating_add(max_ahead);
        let is_due = first.start <= sweep.at();
        let may_start = self.requested < max_ahead && first.start < until && (is_due || !is_far);
        may_start.then(|| (first.chunk().clone(), is_waiting && is_due))
    }

    /// Counts the manifests whose lists are needed at the current position and that are not known, and takes them
    /// as requested.
    pub(super) fn take_unread(&mut self, sweep: &Sweep) -> u64 {
        let mut count = 0;
        while let Some(ByStart(first)) = self.unrequested.peek()
            && first.start <= sweep.at()
        {
            let chunk = (!self.is_known(first, sweep)).then(|| first.chunk().clone());
            self.unrequested.pop();
            if let Some(chunk) = chunk {
                self.mark_requested(&chunk);
                count += 1;
            }
        }
        count
    }

    /// Takes the result of reading a chunk manifest that was marked as requested.
    pub(super) fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        if let Ok(list) = &list {
            self.cache.insert(manifest, list);
        }
        if let Some(state) = self.known.get_mut(manifest).and_then(|known| known.state.as_mut()) {
            *state = match list {
                Ok(list) => State::Read(list),
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Lets the list of the manifest that is due join the sweep; returns `false` if it has not been read.
    pub(super) fn join(&mut self, due: &Item, sweep: &mut Sweep) -> Result<bool, Error> {
        let source = &due.chunk().source;
        let path = due.path();
        if path.len() > MAX_DEPTH {
            let message = "the chunk manifest contains itself, or manifests are nested more than 8 deep";
            return Err(manifest_error(due, Kind::Manifest, message));
        }
        let known = self.known.entry(source);
        if let Some(end) = known.covers(due).filter(|end| *end > sweep.at()) {
            if end >= due.end {
                sweep.skip_manifest();
            } else {
                sweep.postpone_manifest(end);
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
        sweep.join(List::new(chunks, due.start..due.end, path));
        Ok(true)
    }

    /// Whether a manifest has been requested, was read by another stream, or is not needed.
    fn is_known(&self, manifest: &Item, sweep: &Sweep) -> bool {
        let source = &manifest.chunk().source;
        let known = self.known.get(source);
        manifest.end <= sweep.at()
            || known.is_some_and(|known| known.state.is_some())
            || known.and_then(|known| known.covers(manifest)).is_some_and(|end| end >= manifest.end)
            || self.cache.get(source).is_some()
    }
}

impl Manifest {
    /// The position up to which its list counts, if it joined in a place that precedes this one for the sweep.
    fn covers(&self, manifest: &Item) -> Option<u64> {
        let (path, end) = self.joined.as_ref()?;
        (**path >= *manifest.path()).then_some(*end)
    }
}

fn manifest_error(manifest: &Item, kind: Kind, message: &str) -> Error {
    Error::new(kind, message).of_chunk(manifest.chunk().source.name())
}
