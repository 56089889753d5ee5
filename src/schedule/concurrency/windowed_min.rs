//! The minimum of a value over a recent window of time.

use crate::time::Duration;

/// Network paths change, so a value counts for at least this long and at most for twice as long.
const WINDOW: Duration = Duration::from_secs(30);

/// The minimum over the current window and the one before it.
#[derive(Debug, Default)]
pub(super) struct WindowedMin {
    current: Option<f64>,
    previous: Option<f64>,
    /// When the current window began.
    since: Duration,
}

impl WindowedMin {
    pub(super) fn record(&mut self, value: f64, now: Duration) {
        if now.saturating_sub(self.since) > WINDOW {
            (self.previous, self.since) = (self.current.take(), now);
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    pub(super) fn get(&self) -> Option<f64> {
        match (self.current, self.previous) {
            (Some(current), Some(previous)) => Some(current.min(previous)),
            (current, previous) => current.or(previous),
        }
    }
}
