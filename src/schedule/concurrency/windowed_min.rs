//! The least that a number has been lately.

use std::time::Duration;

/// A link changes: what was seen longer ago does not count, up to twice this.
const LATELY: Duration = Duration::from_secs(30);

/// The least of what was seen within the last stretch or two.
#[derive(Debug, Default)]
pub(super) struct WindowedMin {
    now: Option<f64>,
    before: Option<f64>,
    since: Duration,
}

impl WindowedMin {
    pub(super) fn see(&mut self, value: f64, now: Duration) {
        if now.saturating_sub(self.since) > LATELY {
            (self.before, self.since) = (self.now.take(), now);
        }
        self.now = Some(self.now.map_or(value, |least| least.min(value)));
    }

    pub(super) fn get(&self) -> Option<f64> {
        match (self.now, self.before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }
}
