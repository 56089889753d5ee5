//! The download rate that each concurrency limit achieved.

use crate::time::Duration;

/// Measurements older than this are dropped.
const MAX_AGE: Duration = Duration::from_secs(30);

/// A limit that achieves this share of the best rate is as good as the best.
const AS_GOOD: f64 = 0.95;

/// The limits that were tried, each with the bytes per second that it achieved.
#[derive(Debug, Default)]
pub(super) struct RateTable(Vec<Measurement>);

#[derive(Debug)]
struct Measurement {
    limit: usize,
    bytes: f64,
    seconds: f64,
    at: Duration,
}

impl RateTable {
    /// Records that `bytes` arrived in `time` under `limit`.
    pub(super) fn record(&mut self, limit: usize, bytes: u64, time: Duration, now: Duration) {
        let known = match self.0.iter().position(|known| known.limit == limit) {
            Some(at) => self.0.swap_remove(at),
            None => Measurement { limit, bytes: 0.0, seconds: 0.0, at: now },
        };
        // Queues in the network make each epoch noisy, so earlier measurements keep half of their weight.
        let (bytes, seconds) = (known.bytes / 2.0 + bytes as f64, known.seconds / 2.0 + time.as_secs_f64());
        self.0.push(Measurement { limit, bytes, seconds, at: now });
    }

    /// The best rate.
    pub(super) fn best(&self) -> Option<f64> {
        self.0.iter().map(Measurement::rate).reduce(f64::max)
    }

    /// The smallest limit that is as good as the best.
    pub(super) fn smallest_good(&self) -> Option<usize> {
        let enough = self.best()? * AS_GOOD;
        self.0.iter().filter(|known| known.rate() >= enough).map(|known| known.limit).min()
    }

    /// Drops old measurements. If all are old, all stay: nothing better is known.
    pub(super) fn drop_old(&mut self, now: Duration) {
        let is_recent = |known: &Measurement| now.saturating_sub(known.at) < MAX_AGE;
        if self.0.iter().any(is_recent) {
            self.0.retain(is_recent);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Measurement {
    fn rate(&self) -> f64 {
        self.bytes / self.seconds.max(1e-9)
    }
}

/// A limit to probe that is greater by about a quarter.
pub(super) fn above(limit: usize) -> usize {
    limit.saturating_add((limit / 4).max(1))
}

/// A limit to probe that is smaller by about a fifth.
pub(super) fn below(limit: usize) -> usize {
    limit - (limit / 5).max(1).min(limit)
}
