//! The stretch of time over which one download rate is measured.

use std::time::Duration;

/// What arrived since the controller last decided.
///
/// An epoch also integrates the number of views in flight over time. If the average stays well below the
/// limit, then something other than the limit held views back, and the measured rate says nothing about the
/// limit.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    pub(super) since: Duration,
    /// The limit that the epoch measures; 0 before the first epoch.
    pub(super) limit: usize,
    pub(super) bytes: u64,
    /// Views that completed.
    pub(super) views: usize,
    /// The limit has just changed, so the first views to complete were started under the old limit.
    pub(super) is_warming_up: bool,
    /// Views in flight since `counted_at`.
    in_flight: usize,
    counted_at: Duration,
    /// The integral of `in_flight` over time, up to `counted_at`.
    in_flight_seconds: f64,
}

impl Epoch {
    /// The epoch that follows this one; the views in flight carry over.
    pub(super) fn next(&self, limit: usize, is_warming_up: bool, now: Duration) -> Self {
        let in_flight = self.in_flight;
        Self { since: now, counted_at: now, limit, is_warming_up, in_flight, ..Self::default() }
    }

    /// From `now` on this many views are in flight.
    pub(super) fn set_in_flight(&mut self, in_flight: usize, now: Duration) {
        self.integrate(now);
        self.in_flight = in_flight;
    }

    /// The average number of views in flight up to `now`.
    pub(super) fn average_in_flight(&mut self, now: Duration) -> f64 {
        self.integrate(now);
        self.in_flight_seconds / self.elapsed(now).as_secs_f64()
    }

    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    fn integrate(&mut self, now: Duration) {
        self.in_flight_seconds += self.in_flight as f64 * now.saturating_sub(self.counted_at).as_secs_f64();
        self.counted_at = now;
    }
}
