//! How fast a reader takes bytes, so that no more are fetched ahead than it can need soon.
//!
//! The rate is measured over stretches of a second, and rises sooner when the reader becomes faster. A
//! reader that found nothing to read lately is starved: then the link, not the reader, sets the pace.

use crate::time::Duration;

/// Bytes are fetched ahead for this many seconds of reading.
const AHEAD: f64 = 2.0;

/// The stretch over which the rate is measured.
const STRETCH: Duration = Duration::from_secs(1);

/// This many bytes are fetched ahead in any case.
const MIN_BYTES: u64 = 1 << 20;

/// The rate of a reader.
#[derive(Debug, Default)]
pub(crate) struct ReadRate {
    /// When the stretch began, and what was read since.
    since: Option<Duration>,
    bytes: u64,
    /// Bytes per second, over the last stretch.
    rate: f64,
    /// When the reader last found nothing to read.
    last_stall: Duration,
}

impl ReadRate {
    /// The reader took this many bytes.
    pub(crate) fn on_read(&mut self, bytes: u64, now: Duration) {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        let time = now.saturating_sub(since);
        let rate = self.bytes as f64 / time.as_secs_f64().max(0.001);
        if time >= STRETCH {
            (self.since, self.bytes, self.rate) = (Some(now), 0, rate);
        } else if self.rate < rate && time * 8 >= STRETCH {
            // The reader has become faster, or has just begun.
            self.rate = rate;
        }
    }

    /// The reader found nothing to read.
    pub(crate) fn on_stall(&mut self, now: Duration) {
        self.last_stall = now;
    }

    /// Whether the reader found nothing to read lately, or has just begun.
    pub(crate) fn is_starved(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_stall) < STRETCH || self.rate == 0.0
    }

    /// How many bytes to hold or promise: what the reader takes in a while, and at least `link`, which
    /// keeps the link busy.
    pub(crate) fn target_bytes(&self, link: u64) -> u64 {
        link.max((self.rate * AHEAD) as u64).max(MIN_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slow_reader_gets_two_seconds_ahead() {
        let mut rate = ReadRate::default();
        (0..30).for_each(|i| rate.on_read(1 << 20, 100 * MS * i));
        let target = rate.target_bytes(10) >> 20;
        assert!((20..23).contains(&target), "{target}");
        assert_eq!(rate.target_bytes(50 << 20), 50 << 20);
    }

    #[test]
    fn the_rate_rises_at_once_and_falls_within_seconds() {
        let mut rate = ReadRate::default();
        (0..20).for_each(|i| rate.on_read(1 << 20, 100 * MS * i));
        (0..20).for_each(|i| rate.on_read(10 << 20, 2000 * MS + 10 * MS * i));
        assert!(rate.target_bytes(0) > 500 << 20, "{}", rate.target_bytes(0));
        (0..40).for_each(|i| rate.on_read(1 << 20, 2200 * MS + 100 * MS * i));
        assert!(rate.target_bytes(0) < 30 << 20, "{}", rate.target_bytes(0));
    }

    #[test]
    fn a_reader_that_stopped_gets_the_minimum() {
        assert_eq!(ReadRate::default().target_bytes(10), MIN_BYTES);
    }
}
