//! The bytes of one view that are under way.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};

use super::Pool;

/// The bytes of one view that were requested and have not arrived, as the pool counts them. Dropping it ends the count.
#[derive(Debug)]
pub(crate) struct Flight {
    pool: Pool,
    left: u64,
    /// They are not counted: the reader has no room for them.
    is_parked: AtomicBool,
}

impl Flight {
    /// The controller has counted them.
    pub(crate) fn new(pool: Pool, left: u64) -> Self {
        Self { pool, left, is_parked: AtomicBool::new(false) }
    }

    /// This many bytes are expected now.
    pub(crate) fn expect(&mut self, bytes: u64) {
        let before = mem::replace(&mut self.left, bytes);
        let before = if mem::take(self.is_parked.get_mut()) { 0 } else { before };
        if before != bytes {
            self.pool.lock().update_controller(|controller, _| controller.expect(before, bytes));
        }
    }

    /// At most this many bytes are expected.
    pub(crate) fn expect_at_most(&mut self, bytes: u64) {
        self.expect(bytes.min(self.left));
    }

    /// The body waits until the reader has room.
    pub(crate) fn park(&self) {
        if !self.is_parked.swap(true, Ordering::Relaxed) {
            self.pool.lock().update_controller(|controller, _| controller.expect(self.left, 0));
        }
    }

    /// The body goes on.
    pub(crate) fn resume(&mut self) {
        self.expect(self.left);
    }

    /// Bytes arrived: how many of them were expected. The caller counts them.
    pub(super) fn take(&mut self, bytes: u64) -> u64 {
        let taken = bytes.min(self.left);
        self.left -= taken;
        taken
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.expect(0);
    }
}
