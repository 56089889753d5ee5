//! What the streams of a file have done so far.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::host::event::{Event, EventKind};

/// Counters of one file, over all its streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes handed to readers.
    pub bytes_delivered: u64,
    /// Bytes that bodies brought, wasted ones included.
    pub bytes_received: u64,
    /// Bytes held or promised now, and not yet read.
    pub bytes_ahead: u64,
    /// The most that `bytes_ahead` has been.
    pub peak_bytes_ahead: u64,
    /// Views in flight now.
    pub in_flight: usize,
    /// Views that may be in flight.
    pub concurrency: usize,
    /// Requests sent.
    pub requests: u64,
    /// Attempts at a replica that had failed before.
    pub retries: u64,
    /// Attempts at another replica after a failure.
    pub failovers: u64,
    /// Second requests for a late head.
    pub hedges: u64,
    /// Look-ups for fresh locations.
    pub relookups: u64,
    /// Gaps delivered as zeros.
    pub holes: u64,
    /// Their bytes.
    pub hole_bytes: u64,
    /// What the reader or the pipeline waited for.
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
    /// Look-ahead waited for room, while the window's bytes were still arriving.
    pub budget: Duration,
    /// Look-ahead waited for room, while the reader did not take what was ready.
    pub reader: Duration,
}

/// A handle on the counters of a file; clones share them.
#[derive(Clone, Debug, Default)]
pub struct StatsHandle(Arc<Mutex<Stats>>);

impl StatsHandle {
    /// The counters as they stand.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.lock().clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
