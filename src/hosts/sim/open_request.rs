//! A request between its sending and the end of its body.

use std::time::Duration;

use super::{network::Lease, world::World};

/// An open request. Dropping it ends it: it is logged, and its connection is free.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pub(super) world: World,
    pub(super) host: String,
    /// Its index in the log.
    pub(super) index: usize,
    /// Its body has ended.
    pub(super) is_complete: bool,
    /// Its connection, if its host is behind a link.
    pub(super) lease: Option<Lease>,
}

impl OpenRequest {
    /// When the headers of the response arrive.
    pub(super) fn headers_at(&self) -> Option<Duration> {
        let state = self.world.lock();
        self.lease.as_ref().map(|lease| state.network.headers_at(lease, state.clock.now()))
    }

    /// What the server responds if it is busy: a status and `Retry-After`.
    pub(super) fn rejection(&self) -> Option<(u16, Option<String>)> {
        self.lease.as_ref().and_then(|lease| self.world.lock().network.rejection(lease))
    }

    /// A body of `len` bytes starts to arrive.
    pub(super) fn start_body(&mut self, len: u64) {
        let mut state = self.world.lock();
        let now = state.clock.now();
        if let Some(lease) = self.lease.as_mut().filter(|_| len > 0) {
            state.network.start_body(lease, len, now);
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        let now = state.clock.now();
        state.counts.open -= 1;
        if let Some(open) = state.open_by_host.get_mut(&self.host) {
            *open -= 1;
        }
        state.counts.aborted += u64::from(!self.is_complete);
        if let Some(lease) = &mut self.lease {
            state.network.release(lease, !self.is_complete, now);
        }
        if let Some(logged) = state.log.get_mut(self.index) {
            logged.ended = Some(now);
            logged.aborted = !self.is_complete;
        }
    }
}
