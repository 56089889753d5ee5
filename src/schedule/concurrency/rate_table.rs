//! What each width has brought.

use std::time::Duration;

/// For so long a rate counts.
const FRESH: Duration = Duration::from_secs(30);

/// A width that brings this share of the best is as good.
const AS_GOOD: f64 = 0.97;

/// Widths that were tried, each with the rate in bytes a second that it brought.
#[derive(Debug, Default)]
pub(super) struct RateTable(Vec<Level>);

#[derive(Debug)]
struct Level {
    width: usize,
    bytes: f64,
    /// In seconds.
    time: f64,
    at: Duration,
}

impl RateTable {
    /// A width brought so many bytes in so much time.
    pub(super) fn see(&mut self, width: usize, bytes: u64, time: Duration, now: Duration) {
        let level = match self.0.iter().position(|level| level.width == width) {
            Some(at) => self.0.swap_remove(at),
            None => Level { width, bytes: 0.0, time: 0.0, at: now },
        };
        // Queues on the way make each stretch a lucky one or not: what was known counts for half.
        let (bytes, time) = (level.bytes / 2.0 + bytes as f64, level.time / 2.0 + time.as_secs_f64());
        self.0.push(Level { width, bytes, time, at: now });
    }

    /// The best rate.
    pub(super) fn best(&self) -> Option<f64> {
        self.0.iter().map(Level::rate).reduce(f64::max)
    }

    /// The smallest width that is as good as the best.
    pub(super) fn smallest_good(&self) -> Option<usize> {
        let enough = self.best()? * AS_GOOD;
        self.0.iter().filter(|level| level.rate() >= enough).map(|level| level.width).min()
    }

    /// If all are old, they are all that is known.
    pub(super) fn forget_old(&mut self, now: Duration) {
        let is_fresh = |level: &Level| now.saturating_sub(level.at) < FRESH;
        if self.0.iter().any(is_fresh) {
            self.0.retain(is_fresh);
        }
    }

    pub(super) fn forget_above(&mut self, width: usize) {
        self.0.retain(|level| level.width <= width);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Level {
    fn rate(&self) -> f64 {
        self.bytes / self.time.max(1e-9)
    }
}

/// A width to try that is greater by a quarter or so.
pub(super) fn above(width: usize) -> usize {
    width.saturating_add((width / 4).max(1))
}

/// One that is smaller by a fifth or so.
pub(super) fn below(width: usize) -> usize {
    width - (width / 5).max(1).min(width)
}
