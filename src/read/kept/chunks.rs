//! The handle on what is kept, and the places in a fetch.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{
    entries::Entries,
    flights::{Flights, Outcome, Owner},
    identity::Identity,
};
use crate::{host::Piece, read::stats::StatsHandle};

/// The decoded chunks of the files that share a pool. Clones are handles on the same ones.
pub struct KeptChunks<P> {
    max_bytes: u64,
    state: Arc<Mutex<State<P>>>,
}

struct State<P> {
    entries: Entries<P>,
    flights: Flights<P>,
}

impl<P> KeptChunks<P> {
    /// Keeps at most this many bytes. With 0, nothing is kept, and no fetch is shared.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let state = State { entries: Entries::new(max_bytes), flights: Flights::default() };
        Self { max_bytes, state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.max_bytes > 0
    }

    /// The most bytes that are kept.
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Piece> KeptChunks<P> {
    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().entries.bytes()
    }

    /// Drops everything. From now on nothing is kept.
    pub(crate) fn close(&self) {
        self.lock().entries.close();
    }

    /// Drops what is kept for this file alone.
    pub(crate) fn forget(&self, file: &StatsHandle) {
        if self.is_on() {
            self.lock().entries.forget(file);
        }
    }

    /// These bytes of a chunk, if it is kept.
    pub(crate) fn get(&self, wanted: &Identity, within: &Range<u64>) -> Option<Vec<P>> {
        self.lock().entries.get(wanted, within)
    }

    /// These bytes of a chunk if it is kept; else a fetch of the chunk, to wait for or to lead.
    pub(crate) fn join(&self, wanted: Identity, within: &Range<u64>, owner: Owner) -> Claim<P> {
        let mut state = self.lock();
        if let Some(pieces) = state.entries.get(&wanted, within) {
            return Claim::Kept(pieces);
        }
        let (number, is_leading) = state.flights.join(wanted, within, owner);
        let place = Place { kept: self.clone(), number, has_failed: false };
        if is_leading { Claim::Lead(place) } else { Claim::Wait(place) }
    }

    /// A chunk was decoded: serves those who wait for it, and keeps it if there is room. Returns the bytes of this view
    /// if it is kept, else the whole chunk.
    pub(crate) fn publish(
        &self,
        decoded: Identity,
        within: &Range<u64>,
        pieces: Vec<P>,
    ) -> Result<Vec<P>, Vec<P>> {
        let (wakers, result) = {
            let mut state = self.lock();
            let wakers = state.flights.serve(&decoded, &pieces);
            (wakers, state.entries.insert(decoded, within, pieces))
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Whether another stream of this file waits for a fetch. If so, the waker is woken when that has changed.
    pub(crate) fn is_lent(&self, owner: Owner, file: &StatsHandle, waker: &Waker) -> bool {
        self.is_on() && self.lock().flights.is_lent(owner, file, waker)
    }
}

impl<P> Clone for KeptChunks<P> {
    fn clone(&self) -> Self {
        Self { max_bytes: self.max_bytes, state: Arc::clone(&self.state) }
    }
}

impl<P> Default for KeptChunks<P> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<P> fmt::Debug for KeptChunks<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptChunks").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// What a view has to do for its chunk.
pub(crate) enum Claim<P: Piece> {
    /// Nothing: here are its bytes.
    Kept(Vec<P>),
    /// Fetch it: others may wait for it.
    Lead(Place<P>),
    /// Wait for the fetch of another view.
    Wait(Place<P>),
}

/// The place of a view in the fetch of a chunk: it leads or waits. If the one that leads is dropped, the fetch has ended
/// for those who wait.
pub(crate) struct Place<P: Piece> {
    kept: KeptChunks<P>,
    number: u64,
    has_failed: bool,
}

impl<P: Piece> Place<P> {
    /// Of the one that leads: a piece of the chunk arrived.
    pub(crate) fn progress(&self) {
        self.kept.lock().flights.progress(self.number);
    }

    /// Of the one that leads: it cannot get the chunk.
    pub(crate) fn fail(&mut self) {
        self.has_failed = true;
    }

    /// Of one that waits: how the fetch has ended, once it has.
    pub(crate) fn poll_outcome(&self, cx: &mut Context<'_>) -> Poll<Outcome<P>> {
        self.kept.lock().flights.poll_outcome(self.number, cx)
    }

    /// Of one that waits: whether pieces of the chunk have arrived since the last call.
    pub(crate) fn has_progressed(&self) -> bool {
        self.kept.lock().flights.has_progressed(self.number)
    }
}

impl<P: Piece> Drop for Place<P> {
    fn drop(&mut self) {
        let wakers = self.kept.lock().flights.end(self.number, self.has_failed);
        wakers.into_iter().for_each(Waker::wake);
    }
}
