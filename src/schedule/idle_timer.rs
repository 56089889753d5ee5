//! How long something has made no progress, on a platform whose timers may fire late.
//!
//! A page that sleeps, or is frozen in the background, runs no timers; when it wakes, all of them fire at
//! once. The time before such a late wakeup does not count: servers may have sent data all the time.
//!
//! # Example
//!
//! With a limit of 20 s, progress at 15 s, and the page asleep from 30 s to an hour later:
//!
//! | time | event | result |
//! |---|---|---|
//! | 0 s | new | the timer is set to 20 s |
//! | 15 s | progress | |
//! | 20 s | the timer fires | it is set again, to 15 s |
//! | 1 h | the timer fires, an hour late | it is set again, to 20 s |
//! | 1 h 20 s | the timer fires | too long without progress |

use crate::time::Duration;

/// A timer that fires later than this shows that the platform was asleep, or so busy that it took no data.
pub(crate) const LATE: Duration = Duration::from_secs(1);

/// How many late wakeups in a row do not count. A hidden page whose timers are slowed down, and a server
/// that never responds, must come to an end.
const MAX_LATE_WAKEUPS: u8 = 3;

/// Finds out when there has been no progress for too long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleTimer {
    limit: Duration,
    last_progress: Duration,
    /// When the timer was set, and to how long.
    set_at: Duration,
    set_to: Duration,
    late_wakeups_left: u8,
}

impl IdleTimer {
    /// From `now` on; a timer is set to `limit`.
    pub(crate) fn new(limit: Duration, now: Duration) -> Self {
        Self { limit, last_progress: now, set_at: now, set_to: limit, late_wakeups_left: MAX_LATE_WAKEUPS }
    }

    /// There was progress.
    pub(crate) fn on_progress(&mut self, now: Duration) {
        self.last_progress = now;
        self.late_wakeups_left = MAX_LATE_WAKEUPS;
    }

    /// The timer fired: to what it is to be set again, or `None` after too long without progress.
    pub(crate) fn on_fire(&mut self, now: Duration) -> Option<Duration> {
        let late = now.saturating_sub(self.set_at).saturating_sub(self.set_to);
        if late >= LATE && self.late_wakeups_left > 0 {
            self.late_wakeups_left -= 1;
            self.last_progress = now;
        }
        let idle = now.saturating_sub(self.last_progress);
        let rest = self.limit.checked_sub(idle).filter(|rest| !rest.is_zero())?;
        (self.set_at, self.set_to) = (now, rest);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn too_long_without_progress_is_reported() {
        assert_eq!(IdleTimer::new(20 * S, S).on_fire(21 * S), None);
    }

    #[test]
    fn after_progress_the_timer_is_set_to_what_is_left() {
        let mut timer = IdleTimer::new(20 * S, S);
        timer.on_progress(15 * S);
        assert_eq!(timer.on_fire(21 * S), Some(14 * S));
        assert_eq!(timer.on_fire(35 * S), None);
    }

    #[test]
    fn time_asleep_does_not_count_and_the_full_time_follows() {
        let mut timer = IdleTimer::new(20 * S, S);
        assert_eq!(timer.on_fire(3600 * S), Some(20 * S));
        assert_eq!(timer.on_fire(3620 * S), None);
    }

    // F102
    #[test]
    fn timers_that_are_always_late_come_to_an_end() {
        let mut timer = IdleTimer::new(20 * S, S);
        let fires = (1..).take_while(|i| timer.on_fire(S + i * 60 * S).is_some()).count();
        assert_eq!(fires, usize::from(MAX_LATE_WAKEUPS));
    }

    // F102
    #[test]
    fn a_timer_that_is_a_little_late_counts() {
        assert_eq!(IdleTimer::new(S / 10, S).on_fire(S + S), None);
        assert_eq!(IdleTimer::new(20 * S, S).on_fire(S + 209 * S / 10), None);
    }

    // F211
    #[test]
    fn a_sleep_a_little_longer_than_the_limit_does_not_count() {
        assert_eq!(IdleTimer::new(20 * S, S).on_fire(22 * S), Some(20 * S));
    }
}
