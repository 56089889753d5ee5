//! Counters of a file: requests, bytes, waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    host::event::{Event, EventKind},
    time::Duration,
};

/// The counters of one file, over all its streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that readers took.
    pub bytes_delivered: u64,
    /// Bytes of response bodies, wasted ones included.
    pub bytes_received: u64,
    /// Bytes that are held or requested, and not read yet.
    pub bytes_ahead: u64,
    /// The maximum of `bytes_ahead`.
    pub peak_bytes_ahead: u64,
    /// Views in flight now.
    pub in_flight: usize,
    /// How many views may be in flight.
    pub concurrency: usize,
    /// Requests sent.
    pub requests: u64,
    /// Attempts at the replica that failed before.
    pub retries: u64,
    /// Attempts at another replica after a failure.
    pub failovers: u64,
    /// Second requests for overdue views.
    pub hedges: u64,
    /// Repeated lookups of replicas.
    pub relookups: u64,
    /// Views that were read from what is kept of decoded chunks, or that shared the fetch of another view.
    pub cache_hits: u64,
    /// Holes delivered as zeros.
    pub holes: u64,
    /// Their bytes.
    pub hole_bytes: u64,
    /// What the reader and the look-ahead waited for.
    pub waits: Waits,
}

impl Stats {
    /// Counts an event of a fetch.
    pub(crate) fn count(&mut self, event: &Event) {
        match event.kind {
            EventKind::Request => self.requests += 1,
            EventKind::Body => self.bytes_received += event.bytes.unwrap_or(0),
            EventKind::Retry => self.retries += 1,
            EventKind::Failover => self.failovers += 1,
            EventKind::Hedge => self.hedges += 1,
            EventKind::Relookup => self.relookups += 1,
            _ => {}
        }
    }
}

/// Times spent waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// The reader waited for bytes from a server.
    pub network: Duration,
    /// The reader waited for a chunk to be decoded.
    pub decode: Duration,
    /// The look-ahead waited for room, while bytes of the window were still arriving.
    pub budget: Duration,
    /// The look-ahead waited for room, while the reader did not take the bytes that were ready.
    pub reader: Duration,
}

/// The counters of a file, shared by its streams. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct StatsHandle(Arc<Mutex<Stats>>);

impl StatsHandle {
    /// Returns a copy of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.lock().clone()
    }

    /// Whether these are the counters of the same file.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
