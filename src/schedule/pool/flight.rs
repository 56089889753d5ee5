//! The bytes of one view that are under way.

use super::{Pool, under_way::Request};
use crate::{http::url::host_key, time::Duration};

/// The bytes of one view that were requested and have not arrived, as the pool counts them. Dropping it ends the count.
#[derive(Debug)]
pub(crate) struct Flight {
    pool: Pool,
    /// Its slot among the requests under way.
    pub(super) at: usize,
}

impl Flight {
    /// The view at this slot. The controller has counted its bytes.
    pub(super) fn new(pool: Pool, at: usize) -> Self {
        Self { pool, at }
    }

    /// A flight of no bytes.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub(crate) fn empty(pool: Pool) -> Self {
        let at = pool.lock().under_way.add(0);
        Self { pool, at }
    }

    /// A request for this many bytes goes to a host.
    pub(crate) fn ask(&self, host: &str, bytes: u64, now: Duration) {
        self.change(&mut |request| request.ask(host_key(host), bytes, now));
    }

    /// A response has begun, from this host.
    pub(crate) fn answer(&self, host: &str, now: Duration) {
        self.change(&mut |request| {
            request.host = host_key(host);
            request.answer(now);
        });
    }

    /// At most this many bytes are expected.
    pub(crate) fn expect_at_most(&self, bytes: u64) {
        self.change(&mut |request| request.left = request.left.min(bytes));
    }

    /// The body waits until the reader has room.
    pub(crate) fn park(&self) {
        self.change(&mut |request| request.is_parked = true);
    }

    /// The body goes on.
    pub(crate) fn resume(&self, now: Duration) {
        self.change(&mut |request| {
            request.is_parked = false;
            request.answer(now);
        });
    }

    fn change(&self, change: &mut dyn FnMut(&mut Request)) {
        let mut state = self.pool.lock();
        let (before, after) = state.under_way.change(self.at, change);
        if before != after {
            state.update_controller(|controller, _| controller.expect(before, after));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.expect_at_most(0);
        self.pool.lock().under_way.remove(self.at);
    }
}
