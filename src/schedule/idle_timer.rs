//! How long something has not moved, on a platform whose timers may ring late.
//!
//! A page that sleeps, or is frozen in the background, runs no timers; when it wakes, all of them
//! ring at once. What was not watched is not counted: servers may have been sending all the time.

use std::time::Duration;

/// A timer that rings later than this, and half as late again as asked, says that nobody was there.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// How often in a row a late ring is not counted. A hidden page whose timers are slowed down, and
/// a server that never answers, must come to an end.
const GRACES: u8 = 3;

/// Watches over something that has to move at least once in a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleTimer {
    most: Duration,
    moved: Duration,
    set: Duration,
    asked: Duration,
    graces: u8,
}

impl IdleTimer {
    /// From `now` on; a timer is set to ring after `most`.
    pub(crate) fn new(most: Duration, now: Duration) -> Self {
        Self { most, moved: now, set: now, asked: most, graces: GRACES }
    }

    /// It moved.
    pub(crate) fn moved(&mut self, now: Duration) {
        self.moved = now;
        self.graces = GRACES;
    }

    /// The timer rang: after how long it is to ring again; `None` if it has not moved for too long.
    pub(crate) fn rang(&mut self, now: Duration) -> Option<Duration> {
        let late = now.saturating_sub(self.set).saturating_sub(self.asked);
        if late >= OVERSLEPT.max(self.asked / 2) && self.graces > 0 {
            self.graces -= 1;
            self.moved = now;
        }
        let rest = self.most.checked_sub(now.saturating_sub(self.moved)).filter(|rest| !rest.is_zero())?;
        (self.set, self.asked) = (now, rest);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn what_does_not_move_for_too_long_is_told() {
        assert_eq!(IdleTimer::new(20 * S, S).rang(21 * S), None);
    }

    #[test]
    fn the_timer_rings_again_when_what_is_left_has_passed() {
        let mut watch = IdleTimer::new(20 * S, S);
        watch.moved(15 * S);
        assert_eq!(watch.rang(21 * S), Some(14 * S));
        assert_eq!(watch.rang(35 * S), None);
    }

    #[test]
    fn time_asleep_does_not_count_and_is_followed_by_a_full_wait() {
        let mut watch = IdleTimer::new(20 * S, S);
        assert_eq!(watch.rang(3600 * S), Some(20 * S));
        assert_eq!(watch.rang(3620 * S), None);
    }

    // F102
    #[test]
    fn a_page_whose_timers_are_slow_for_ever_comes_to_an_end() {
        let mut watch = IdleTimer::new(20 * S, S);
        let rings = (1..).take_while(|i| watch.rang(S + i * 60 * S).is_some()).count();
        assert_eq!(rings, usize::from(GRACES));
    }

    // F102
    #[test]
    fn a_timer_that_is_hardly_late_counts() {
        assert_eq!(IdleTimer::new(S / 10, S).rang(S + S), None);
        assert_eq!(IdleTimer::new(20 * S, S).rang(30 * S), None);
    }
}
