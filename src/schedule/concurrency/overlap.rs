//! How many views are received at once, as far as a connection has less than the whole link.
//!
//! Each number is measured for a round, in which what was under way at its start arrives, and remembered with its rate.
//! The smallest number that is as good as the best is used.
//!
//! | phase | what it does | what ends it |
//! |---|---|---|
//! | [`Phase::Start`] | doubles the number each round | the rate stops growing |
//! | [`Phase::Steady`] | holds the best number known | a probe is due, or the size of views changes |
//! | [`Phase::Probing`] | measures another number for one round | the end of that round |
//!
//! A reader that waits for its next view gets it later while two are received on a link that one fills. So a round is only
//! tried if a view takes less than [`MAX_VIEW_TIME`], and nothing is tried while the rate of the link still grows.

use super::rate_table::{RateTable, above, below};
use crate::time::Duration;

/// How many views are received at once.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// The number, less one.
    more: usize,
    phase: Phase,
    /// Rounds of the start in a row without a better rate.
    misses: u32,
    probes: ProbeTimer,
    rates: RateTable,
    /// The size of views when `rates` were measured.
    measured_size: f64,
    round: Measured,
}

/// How the number is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Start,
    Steady,
    /// Before the probe it was `from`.
    Probing {
        from: usize,
    },
}

/// When to probe another number, and in which direction.
#[derive(Debug, Default)]
struct ProbeTimer {
    rounds_left: u32,
    /// Rounds between two probes. It doubles with each probe that changes nothing.
    interval: u32,
    is_upward: bool,
}

/// What arrived in the current round.
#[derive(Debug, Default)]
struct Measured {
    since: Duration,
    last: Duration,
    bytes: u64,
    /// How long so little was under way that something else than the link held views back.
    idle: Duration,
    /// The number has just changed, so what arrives was requested under the one before.
    is_warming_up: bool,
}

/// What a round takes.
#[derive(Debug)]
pub(super) struct Round {
    /// The bytes that are under way at once.
    pub(super) bytes: f64,
    /// The round trip.
    pub(super) time: Duration,
    pub(super) view_size: f64,
    /// The rate of the link, unless it still grows.
    pub(super) rate: Option<f64>,
    /// The most views.
    pub(super) max: usize,
}

/// A rate that is better by less than this factor does not justify twice the number.
const MIN_GAIN: f64 = 1.1;

/// The start ends after this many rounds without a gain: one may have been spent opening connections.
const MAX_MISSES: u32 = 2;

/// The most rounds between two probes.
const MAX_PROBE_INTERVAL: u32 = 32;

/// The longest time of a view, in seconds, for which a greater number is tried.
const MAX_VIEW_TIME: f64 = 4.0;

/// Before two are tried, the first round lasts for this many views for each second that a view takes.
const VIEWS_PER_SECOND: f64 = 4.0;

impl Overlap {
    /// How many views are received beside one.
    pub(super) fn more_views(&self) -> usize {
        self.more
    }

    /// Bytes arrived. `is_idle`: until now, something else than the link held views back.
    pub(super) fn on_bytes(&mut self, bytes: u64, is_idle: bool, round: &Round, now: Duration) {
        let measured = &mut self.round;
        measured.bytes = measured.bytes.saturating_add(bytes);
        if is_idle {
            measured.idle = measured.idle.saturating_add(now.saturating_sub(measured.last));
        }
        measured.last = now;
        let time = now.saturating_sub(measured.since);
        let view_time = round.rate.map(|rate| round.view_size / rate).filter(|time| *time < MAX_VIEW_TIME);
        let Some(view_time) = view_time else { return self.start_round(now) };
        let rounds = if self.phase == Phase::Start || measured.is_warming_up { 1.0 } else { 2.0 };
        // The longer a view takes, the longer it takes to know that one connection is as fast as it is.
        let patience = if self.more == 0 { (VIEWS_PER_SECOND * view_time).max(rounds) } else { rounds };
        if (measured.bytes as f64) < round.bytes * patience || time < round.time.mul_f64(rounds) {
            return;
        }
        let before = self.more;
        let measured = &self.round;
        if !measured.is_warming_up && measured.idle.saturating_mul(4) < time {
            let (bytes, most) = (measured.bytes, round.max.max(1) - 1);
            match self.phase {
                Phase::Start => self.end_start_round(bytes, time, most, round, now),
                Phase::Steady | Phase::Probing { .. } => self.end_steady_round(bytes, time, most, round, now),
            }
        }
        self.start_round(now);
        self.round.is_warming_up = self.more != before;
    }

    fn start_round(&mut self, now: Duration) {
        self.round = Measured { since: now, last: now, ..Measured::default() };
    }

    /// Doubles the number if the rate grew, and becomes steady if it has not grown for some rounds.
    fn end_start_round(&mut self, bytes: u64, time: Duration, most: usize, round: &Round, now: Duration) {
        let rate = bytes as f64 / time.as_secs_f64();
        let is_better = self.rates.best().is_none_or(|best| rate > best * MIN_GAIN);
        self.rates.record(self.more + 1, bytes, time, now);
        self.measured_size = round.view_size;
        self.misses = if is_better { 0 } else { self.misses + 1 };
        if is_better && self.more < most {
            self.more = (self.more * 2 + 1).min(most);
        } else if self.more >= most || self.misses == MAX_MISSES {
            (self.phase, self.misses) = (Phase::Steady, 0);
            self.probes = ProbeTimer { rounds_left: 1, interval: 1, is_upward: true };
            self.choose_best(most, now);
        }
    }

    /// Records the rate of a number that was held for a round; ends a probe, or starts one that is due.
    fn end_steady_round(&mut self, bytes: u64, time: Duration, most: usize, round: &Round, now: Duration) {
        let ratio = round.view_size / self.measured_size.max(1.0);
        if !(0.5..=2.0).contains(&ratio) {
            // The measured rates do not apply to views of this size.
            self.more = 0;
            self.rates.clear();
            self.phase = Phase::Start;
            return;
        }
        let best = self.rates.best().unwrap_or(0.0);
        let rate = bytes as f64 / time.as_secs_f64();
        self.rates.record(self.more + 1, bytes, time, now);
        if let Phase::Probing { from } = self.phase {
            // A greater number helps: go on as at the start.
            if self.more > from && best > 0.0 && rate > best * MIN_GAIN {
                self.phase = Phase::Start;
                return;
            }
            self.phase = Phase::Steady;
            self.choose_best(most, now);
            self.probes.reschedule(self.more != from);
            return;
        }
        self.choose_best(most, now);
        if self.probes.count_round() {
            self.start_probe(most);
        }
    }

    /// Tries a number on the other side of the current one than the last probe did.
    fn start_probe(&mut self, most: usize) {
        self.probes.is_upward = !self.probes.is_upward;
        let views = self.more + 1;
        let other = if self.probes.is_upward { above(views).min(most + 1) } else { below(views).max(1) };
        if other == views {
            self.probes.rounds_left = self.probes.interval;
            return;
        }
        self.phase = Phase::Probing { from: self.more };
        self.more = other - 1;
    }

    /// Settles on the smallest number that achieves the best rate.
    fn choose_best(&mut self, most: usize, now: Duration) {
        self.rates.drop_old(now);
        self.more = self.rates.smallest_good().map_or(self.more, |views| views.max(1) - 1).min(most);
    }
}

impl ProbeTimer {
    /// Counts a round and returns whether a probe is due.
    fn count_round(&mut self) -> bool {
        self.rounds_left = self.rounds_left.saturating_sub(1);
        self.rounds_left == 0
    }

    /// Schedules the next probe: soon and in the same direction if the last one changed the number.
    fn reschedule(&mut self, changed: bool) {
        self.interval = if changed { 1 } else { (self.interval * 2).min(MAX_PROBE_INTERVAL) };
        self.rounds_left = self.interval;
        // `start_probe` turns the direction around.
        self.is_upward ^= changed;
    }
}
