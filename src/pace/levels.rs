//! What each width has brought.

use std::time::Duration;

/// For so long a rate counts.
const FRESH: Duration = Duration::from_secs(30);

/// A width that brings this share of the best is as good.
const AS_GOOD: f64 = 0.96;

/// Widths that were tried, each with the rate in bytes a second that it brought.
#[derive(Debug, Default)]
pub(super) struct Levels(Vec<Level>);

#[derive(Debug)]
struct Level {
    width: usize,
    rate: f64,
    at: Duration,
}

impl Levels {
    pub(super) fn see(&mut self, width: usize, rate: f64, now: Duration) {
        match self.0.iter_mut().find(|level| level.width == width) {
            // One measure is worth half of what was known: queues on the way make each a lucky one or not.
            Some(level) => (level.rate, level.at) = (f64::midpoint(level.rate, rate), now),
            None => self.0.push(Level { width, rate, at: now }),
        }
    }

    /// The best rate.
    pub(super) fn best(&self) -> Option<f64> {
        self.0.iter().map(|level| level.rate).reduce(f64::max)
    }

    /// The smallest width that is as good as the best.
    pub(super) fn smallest_good(&self) -> Option<usize> {
        let enough = self.best()? * AS_GOOD;
        self.0.iter().filter(|level| level.rate >= enough).map(|level| level.width).min()
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

/// A width to try that is greater by a quarter or so.
pub(super) fn above(width: usize) -> usize {
    width + (width / 4).max(1)
}

/// One that is smaller by a fifth or so.
pub(super) fn below(width: usize) -> usize {
    width - (width / 5).max(1).min(width)
}
