//! Whether a body brings bytes fast enough to be waited for.
//!
//! A server that sends a byte a second is never silent, so the timeout of silence does not end its body. The rate is
//! measured in two halves of that timeout; a body that is too slow in both *drips*. The least rate is shared by all
//! bodies that are received at a time: on a slow line with many of them each is slow, and none drips.
//!
//! A body may also be slow beside others that are received at the same time. It is *outrun* if it brings a small share
//! of what they bring. That is no failure: another replica may be asked too.
//!
//! # Example
//!
//! A body of 100 bytes per second, alone, with a timeout of 20 s:
//!
//! | time | bytes of this half | least | |
//! |---|---|---|---|
//! | 10 s | 1,000 | 10,240 | too slow |
//! | 20 s | 1,000 | 10,240 | it drips |

use crate::time::Duration;

/// The bytes per second that all bodies of a time bring at least.
const LEAST: f64 = 1024.0;

/// A body that brings less than the average divided by this is outrun.
const SHARE: f64 = 32.0;

/// A body of this many bytes per second is not outrun, however fast others are.
const ENOUGH: f64 = 16.0 * 1024.0;

/// How fast a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    Fine,
    /// Slow beside others.
    Outrun,
    /// Too slow to be waited for.
    Drip,
}

/// What is received in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// The bytes of all bodies so far.
    pub(crate) bytes: u64,
    /// The bodies that are received now.
    pub(crate) bodies: usize,
}

/// The rate of one body.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    /// When this half began, and what was received in all until then.
    since: Duration,
    all: u64,
    /// Bytes of this half.
    bytes: u64,
    last: Duration,
    /// The half before was too slow.
    was_slow: bool,
}

impl Pace {
    /// A body begins now. `idle`: the timeout of silence.
    pub(crate) fn new(idle: Duration, traffic: Traffic, now: Duration) -> Self {
        Self { idle, since: now, all: traffic.bytes, bytes: 0, last: now, was_slow: false }
    }

    /// Bytes arrived. Returns whether a half is over, so that [`Self::judge`] has to be called.
    pub(crate) fn on_bytes(&mut self, bytes: u64, now: Duration) -> bool {
        // The page was asleep: a server would have run into the timeout.
        let is_late = now.saturating_sub(self.last) > self.idle;
        self.last = now;
        self.bytes += bytes;
        if is_late {
            (self.since, self.bytes, self.was_slow) = (now, 0, false);
        }
        now.saturating_sub(self.since) >= self.idle / 2 && now > self.since
    }

    /// How fast the body was in the half that is over.
    pub(crate) fn judge(&mut self, traffic: Traffic, now: Duration) -> Speed {
        let seconds = now.saturating_sub(self.since).as_secs_f64();
        let (bytes, bodies) = (self.bytes as f64, traffic.bodies.max(1) as f64);
        let average = traffic.bytes.saturating_sub(self.all) as f64 / bodies;
        let is_slow = bytes * bodies < LEAST * seconds;
        let speed = match () {
            () if is_slow && self.was_slow => Speed::Drip,
            () if is_slow || bytes < (average / SHARE).min(ENOUGH * seconds) => Speed::Outrun,
            () => Speed::Fine,
        };
        *self = Self { was_slow: is_slow, ..Self::new(self.idle, traffic, now) };
        speed
    }

    /// The reader held the body back until now, which does not count.
    pub(crate) fn restart(&mut self, traffic: Traffic, now: Duration) {
        *self = Self::new(self.idle, traffic, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const IDLE: Duration = Duration::from_secs(20);

    /// The first verdict other than fine on pieces of these bytes, one each `every`, and when. `others`: bodies, and
    /// bytes per second of each.
    fn verdict(bytes: u64, every: Duration, others: (usize, u64)) -> Option<(Speed, u64)> {
        let mut pace = Pace::new(IDLE, Traffic::default(), Duration::ZERO);
        (1..1000).find_map(|i| {
            let now = every * i;
            let of_others = (others.1 as f64 * others.0 as f64 * now.as_secs_f64()) as u64;
            let traffic = Traffic { bytes: bytes * u64::from(i) + of_others, bodies: others.0 + 1 };
            let speed = if pace.on_bytes(bytes, now) { pace.judge(traffic, now) } else { Speed::Fine };
            (speed == Speed::Drip || speed == Speed::Outrun && others.0 > 0).then_some((speed, now.as_secs()))
        })
    }

    // F139
    #[test]
    fn a_body_below_a_kibibyte_a_second_drips() {
        assert_eq!(verdict(1, 1000 * MS, (0, 0)), Some((Speed::Drip, 20)));
        assert_eq!(verdict(1000, 1000 * MS, (0, 0)), Some((Speed::Drip, 20)));
        assert_eq!(verdict(1024, 1000 * MS, (0, 0)), None);
        assert_eq!(verdict(19 << 10, 19_000 * MS, (0, 0)), None);
        assert_eq!(verdict(18 << 10, 19_000 * MS, (0, 0)), Some((Speed::Drip, 38)));
    }

    // F139
    #[test]
    fn a_slow_line_with_many_bodies_drips_not() {
        // 30 KB/s for 64 bodies.
        assert_eq!(verdict(469, 1000 * MS, (63, 469)), None);
        assert_eq!(verdict(10, 1000 * MS, (63, 10)), Some((Speed::Outrun, 10)));
    }

    // F139
    #[test]
    fn a_body_is_outrun_by_much_faster_ones_only() {
        assert_eq!(verdict(2000, 1000 * MS, (3, 1_000_000)), Some((Speed::Outrun, 10)));
        assert_eq!(verdict(2000, 1000 * MS, (3, 60_000)), None);
        assert_eq!(verdict(30_000, 1000 * MS, (3, 1_000_000_000)), None, "a line of 30 KB/s");
    }

    // F139
    #[test]
    fn time_asleep_and_time_held_back_do_not_count() {
        let all = Traffic::default();
        let mut pace = Pace::new(IDLE, all, Duration::ZERO);
        assert!(!pace.on_bytes(1, 3_600_000 * MS), "asleep for an hour");
        pace.restart(all, 3_700_000 * MS);
        assert!(!pace.on_bytes(1, 3_709_000 * MS));
        assert!(pace.on_bytes(1, 3_710_000 * MS));
        // One slow half may have been a shorter sleep.
        assert_eq!(pace.judge(all, 3_710_000 * MS), Speed::Outrun);
        assert!(pace.on_bytes(20 << 10, 3_720_000 * MS));
        assert_eq!(pace.judge(all, 3_720_000 * MS), Speed::Fine);
    }
}
