//! How fast a reader takes bytes, so that no more are fetched than it can need soon.

use std::time::Duration;

/// For so long a reader finds bytes without the network.
const AHEAD: f64 = 2.0;

/// The stretch over which its speed is measured.
const STRETCH: Duration = Duration::from_secs(1);

/// So much is held in any case.
const LITTLE: u64 = 1 << 20;

/// What a reader took lately.
#[derive(Debug, Default)]
pub(crate) struct ReadRate {
    since: Option<Duration>,
    bytes: u64,
    /// Bytes a second, over the last stretch.
    rate: f64,
    /// When it found nothing last.
    waited: Duration,
}

impl ReadRate {
    /// It took so many bytes.
    pub(crate) fn took(&mut self, bytes: u64, now: Duration) {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        let time = now.saturating_sub(since);
        let rate = self.bytes as f64 / time.as_secs_f64().max(0.001);
        if time >= STRETCH {
            (self.since, self.bytes, self.rate) = (Some(now), 0, rate);
        } else if self.rate < rate && time * 8 >= STRETCH {
            // It has become faster, or begins.
            self.rate = rate;
        }
    }

    /// It found nothing.
    pub(crate) fn waits(&mut self, now: Duration) {
        self.waited = now;
    }

    /// Whether it has found nothing lately, or has just begun.
    pub(crate) fn is_hungry(&self, now: Duration) -> bool {
        now.saturating_sub(self.waited) < STRETCH || self.rate == 0.0
    }

    /// How many bytes to hold or promise: what it takes in a while, and `near` in any case, with
    /// which the link is filled.
    pub(crate) fn reach(&self, near: u64) -> u64 {
        near.max((self.rate * AHEAD) as u64).max(LITTLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_reader_that_is_slow_gets_what_it_takes_in_two_seconds() {
        let mut appetite = ReadRate::default();
        (0..30).for_each(|i| appetite.took(1 << 20, 100 * MS * i));
        let reach = appetite.reach(10) >> 20;
        assert!((20..23).contains(&reach), "{reach}");
        assert_eq!(appetite.reach(50 << 20), 50 << 20);
    }

    #[test]
    fn a_reader_that_becomes_faster_is_noticed_at_once_and_one_that_becomes_slower_in_seconds() {
        let mut appetite = ReadRate::default();
        (0..20).for_each(|i| appetite.took(1 << 20, 100 * MS * i));
        (0..20).for_each(|i| appetite.took(10 << 20, 2000 * MS + 10 * MS * i));
        assert!(appetite.reach(0) > 500 << 20, "{}", appetite.reach(0));
        (0..40).for_each(|i| appetite.took(1 << 20, 2200 * MS + 100 * MS * i));
        assert!(appetite.reach(0) < 30 << 20, "{}", appetite.reach(0));
    }

    #[test]
    fn a_little_is_held_for_a_reader_that_has_stopped() {
        assert_eq!(ReadRate::default().reach(10), LITTLE);
    }
}
