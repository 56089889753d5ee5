//! How many attempts the views of one stream may fail in a row.
//!
//! Each view has passes of its own (`retry`), and bytes that arrive renew them. Without a limit over
//! all views, a server that gives a byte at a time would be asked without end.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// This many failures in a row are accepted in any case.
const MIN_FAILURES: usize = 256;

/// This many bytes of failed attempts reset the count.
const RESET_BYTES: u64 = 64 << 10;

/// Counts the failed attempts of a stream since it last made progress.
#[derive(Debug)]
pub(crate) struct FailureLimit {
    /// Attempts that each replica may need for all views in flight.
    per_replica: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    failures: usize,
    /// What failed attempts brought.
    bytes: u64,
}

impl FailureLimit {
    /// As many failures as every view in flight needs to try a replica in all passes.
    pub(crate) fn new(passes: u32, max_views: usize) -> Self {
        let passes = usize::try_from(passes).unwrap_or(usize::MAX).max(1);
        Self { per_replica: passes.saturating_mul(max_views.saturating_add(1)), counts: Mutex::default() }
    }

    /// A view, or a chunk manifest, is complete.
    pub(crate) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    /// A failed attempt brought these bytes.
    pub(super) fn add_bytes(&self, bytes: u64) {
        let mut counts = self.lock();
        counts.bytes += bytes;
        if counts.bytes >= RESET_BYTES {
            *counts = Counts::default();
        }
    }

    /// Counts a failure; returns whether another attempt may follow, for a chunk with this many replicas.
    pub(super) fn allows_another(&self, replicas: usize) -> bool {
        let mut counts = self.lock();
        counts.failures += 1;
        counts.failures <= self.per_replica.saturating_mul(replicas.max(1)).max(MIN_FAILURES)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_may_try_every_replica_in_all_passes() {
        let limit = FailureLimit::new(3, 99);
        assert!((0..600).all(|_| limit.allows_another(2)));
        assert!(!limit.allows_another(2));
        limit.reset();
        assert!(limit.allows_another(2));
    }

    #[test]
    fn bytes_reset_the_count_but_a_few_do_not() {
        let limit = FailureLimit::new(1, 1);
        assert!((0..MIN_FAILURES).all(|_| limit.allows_another(1)));
        limit.add_bytes(RESET_BYTES - 1);
        assert!(!limit.allows_another(1));
        limit.add_bytes(1);
        assert!(limit.allows_another(1));
    }
}
