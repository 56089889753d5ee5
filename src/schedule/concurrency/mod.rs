//! Finds how many views should be in flight at once.
//!
//! The controller combines two sources of knowledge.
//!
//! - **A model of the link.** By Little's law, a link that delivers `rate` bytes per second from servers that
//!   take `latency` to respond is full while `rate * latency` bytes are requested beside the view that is
//!   being received. BBR uses the same two estimates, the maximum rate and the minimum delay, for a TCP
//!   connection (Cardwell et al., ACM Queue 14-5, 2016).
//! - **Measurements.** The controller remembers the rate that each limit achieved and settles on the smallest
//!   limit that is as good as the best.
//!
//! The model answers at once, but does not know about the six connections of HTTP/1.1, per-connection limits,
//! or processor time. Measurements include everything, but take time.
//!
//! # Phases
//!
//! | phase | what it does | what ends it |
//! |---|---|---|
//! | [`Phase::SlowStart`] | doubles the limit each round trip (RFC 5681) | the rate stops growing |
//! | [`Phase::Steady`] | holds the best limit known | a probe is due, or the size of views changes |
//! | [`Phase::Probing`] | measures another limit for one epoch | the end of that epoch |
//!
//! # Example
//!
//! A link delivers 16 views of 64 KiB in each round trip of 100 ms, so it is full with 16 views in flight:
//!
//! ```text
//!  phase      limit  complete per round trip  decision at the end of the epoch
//!  SlowStart      8     8                     INITIAL_BYTES allow 8 views; this is the first rate: double
//!  SlowStart     16    16                     better by more than MIN_GAIN: double
//!  SlowStart     32    16                     the first miss: the epoch may have been spent opening connections
//!  SlowStart     32    16                     the second miss: become Steady at 21, the 16 of the model plus a margin
//!  Steady        22    16                     a probe is due; the direction is upward: probe 27
//!  Probing       27    16                     no better: become Steady, and wait twice as long before the next probe
//! ```
//!
//! Time is an argument of every method.

mod epoch;
mod rate_table;
mod windowed_min;

use std::time::Duration;

use self::{
    epoch::Epoch,
    rate_table::{RateTable, above, below},
    windowed_min::WindowedMin,
};

/// Finds the concurrency limit for the streams of a pool.
///
/// A stream's reader, its byte budget and its end may hold views back, too. What is measured then says
/// nothing about the limit, and the controller ignores it.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyController {
    /// Views that may be in flight; 0 before the first view starts.
    limit: usize,
    phase: Phase,
    /// Consecutive epochs of slow start without a better rate.
    misses: u32,
    probes: ProbeTimer,
    /// Seconds from a request to its response.
    latency: WindowedMin,
    /// Seconds per byte of the fastest body.
    byte_time: WindowedMin,
    /// The smoothed size of views in bytes.
    view_size: f64,
    /// The value of `view_size` when `rates` were measured.
    measured_size: f64,
    rates: RateTable,
    epoch: Epoch,
}

/// How the controller chooses the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The limit doubles while the rate grows.
    #[default]
    SlowStart,
    /// The limit is the best one known.
    Steady,
    /// The limit is being measured; before the probe it was `from`.
    Probing { from: usize },
}

/// When to probe another limit, and in which direction.
#[derive(Debug, Default)]
struct ProbeTimer {
    epochs_left: u32,
    /// Epochs between two probes. It doubles with each probe that changes nothing.
    interval: u32,
    is_upward: bool,
}

/// Bytes that are requested at once before anything is measured.
const INITIAL_BYTES: u64 = 1 << 20;

/// The least views that are requested at once: the second must be under way when the first ends.
const INITIAL_MIN: usize = 2;

/// The most views that are requested at once before anything is measured. If eight small views are too many,
/// they cost little.
const INITIAL_MAX: usize = 8;

/// A body that is shorter, or takes less time, does not show how fast bodies arrive.
const MIN_SAMPLE_BYTES: u64 = 256 << 10;
const MIN_SAMPLE_TIME: Duration = Duration::from_millis(1);

/// A rate that is better by less than this factor does not justify more views.
const MIN_GAIN: f64 = 1.1;

/// The same for views of at least [`INITIAL_BYTES`]. New connections accelerate slowly (RFC 5681), and with
/// large views much of the gain comes from that.
const MIN_GAIN_LARGE: f64 = 1.3;

/// Slow start ends after this many epochs without a gain. One such epoch may have been spent opening
/// connections.
const MAX_MISSES: u32 = 2;

/// The least time over which a rate is measured.
const MIN_EPOCH: Duration = Duration::from_millis(20);

/// The most epochs between two probes.
const MAX_PROBE_INTERVAL: u32 = 32;

/// Some views end earlier than others, so the link is full only with this margin.
const MARGIN: f64 = 1.25;

impl ConcurrencyController {
    /// How many views may be in flight if the next one has `len` bytes; at least 1, at most `max`.
    pub(crate) fn limit(&self, len: u64, max: usize) -> usize {
        let limit = if self.limit == 0 { Self::initial(len) } else { self.limit };
        limit.min(max).max(1)
    }

    /// How many requests for views of `len` bytes may wait for a response at once; at least 1.
    ///
    /// Large views that are requested together arrive together and end together, and then nothing arrives
    /// until the next responses begin. So they are requested one after another: one is received while another
    /// is awaited.
    pub(crate) fn max_awaiting(&self, len: u64) -> usize {
        let Some((latency, byte_time)) = self.latency.get().zip(self.byte_time.get()) else {
            return if len > INITIAL_BYTES { 1 } else { usize::MAX };
        };
        let body_time = byte_time * len as f64;
        // Small views take less time to receive than to await, so their order does not matter.
        if body_time <= latency {
            return usize::MAX;
        }
        // The share of its time that a view is awaited.
        ((MARGIN * self.limit as f64 * latency / (latency + body_time)).ceil() as usize).max(1)
    }

    /// The limit as it stands; 0 before the first view starts.
    pub(crate) fn current(&self) -> usize {
        self.limit
    }

    /// A view of `len` bytes starts.
    pub(crate) fn on_start(&mut self, len: u64) {
        if self.limit == 0 {
            (self.limit, self.view_size) = (Self::initial(len), len.max(1) as f64);
        }
        self.view_size += (len.max(1) as f64 - self.view_size) / 16.0;
    }

    /// From `now` on this many views are in flight.
    pub(crate) fn on_in_flight(&mut self, in_flight: usize, now: Duration) {
        self.epoch.set_in_flight(in_flight, now);
        if self.epoch.limit == 0 {
            self.start_epoch(now);
        }
    }

    /// A response began `latency` after its request.
    pub(crate) fn on_response(&mut self, latency: Duration, now: Duration) {
        self.latency.record(latency.as_secs_f64(), now);
    }

    /// Bytes of a body arrived.
    pub(crate) fn on_bytes(&mut self, bytes: u64, now: Duration, max: usize) {
        // The first epoch of large views starts with their first byte: the wait for it says nothing about the
        // rate.
        if self.phase == Phase::SlowStart
            && self.rates.best().is_none()
            && self.epoch.bytes == 0
            && self.view_size > INITIAL_BYTES as f64
        {
            self.start_epoch(now);
        }
        self.epoch.bytes = self.epoch.bytes.saturating_add(bytes);
        self.end_epoch_if_due(now, max);
    }

    /// A view is complete; its last body brought `bytes` in `time`.
    pub(crate) fn on_complete(&mut self, bytes: u64, time: Duration, now: Duration, max: usize) {
        self.epoch.views += 1;
        if bytes > 0 {
            self.byte_time.record(time.as_secs_f64() / bytes as f64, now);
        }
        if bytes >= MIN_SAMPLE_BYTES && time >= MIN_SAMPLE_TIME && self.phase == Phase::SlowStart {
            self.limit = self.limit.max(self.first_estimate().unwrap_or(0).min(max));
        }
        self.end_epoch_if_due(now, max);
    }

    /// The limit before anything is measured.
    fn initial(len: u64) -> usize {
        let views = INITIAL_BYTES.checked_div(len.max(1)).unwrap_or_default();
        usize::try_from(views).unwrap_or(usize::MAX).clamp(INITIAL_MIN, INITIAL_MAX)
    }

    /// The limit that the first complete body suggests: while one body arrives, the next ones must begin.
    fn first_estimate(&self) -> Option<usize> {
        let views = self.latency.get()? / (self.byte_time.get()? * self.view_size);
        Some((views.ceil() as usize).saturating_add(1))
    }

    /// The limit at which the link is full according to the model, with a margin. It assumes that one body
    /// alone could fill the link; only probing can show whether more are needed.
    fn model(&self) -> Option<usize> {
        let awaited = self.rates.best()? * self.latency.get()? / self.view_size;
        let with_margin = ((MARGIN * awaited).ceil() as usize).saturating_add(1);
        // A second large view is received while another is awaited: their times never fit each other exactly.
        let with_second = (awaited.ceil() as usize).saturating_add(2);
        Some(with_margin.max(with_second))
    }

    /// The time after which a change of the limit shows in the rate.
    fn round_trip(&self) -> Duration {
        Duration::try_from_secs_f64(self.latency.get().unwrap_or(0.0)).unwrap_or_default().max(MIN_EPOCH)
    }

    fn start_epoch(&mut self, now: Duration) {
        let is_warming_up = self.phase != Phase::SlowStart && self.epoch.limit != self.limit;
        self.epoch = self.epoch.next(self.limit, is_warming_up, now);
    }

    /// Ends the epoch if it is long enough, and decides what follows.
    fn end_epoch_if_due(&mut self, now: Duration, max: usize) {
        let time = self.epoch.elapsed(now);
        let round_trip = self.round_trip();
        if self.epoch.is_warming_up
            && (self.epoch.views >= self.limit || time >= round_trip.saturating_mul(4))
        {
            return self.start_epoch(now);
        }
        if !self.is_epoch_due(time) {
            return;
        }
        let average = self.epoch.average_in_flight(now);
        // Below this the limit was not what held views back.
        if self.epoch.limit != 0 && average >= 0.75 * self.epoch.limit as f64 {
            match self.phase {
                Phase::SlowStart => self.end_slow_start_epoch(average, now, max),
                Phase::Steady | Phase::Probing { .. } => self.end_steady_epoch(now, max),
            }
        }
        self.start_epoch(now);
    }

    /// Whether the epoch has seen enough views, or has lasted so long that it must end.
    fn is_epoch_due(&self, time: Duration) -> bool {
        let (round_trips, views) = if self.phase == Phase::SlowStart { (1, 1) } else { (2, 4) };
        let shortest = self.round_trip().saturating_mul(round_trips);
        time >= shortest
            && (self.epoch.views >= self.epoch.limit.saturating_mul(views)
                || time >= shortest.saturating_mul(8))
    }

    /// Doubles the limit if the rate grew, and becomes steady if it has not grown for some epochs.
    fn end_slow_start_epoch(&mut self, average_in_flight: f64, now: Duration, max: usize) {
        let time = self.epoch.elapsed(now);
        let rate = self.epoch.bytes as f64 / time.as_secs_f64();
        let gain = if self.view_size >= INITIAL_BYTES as f64 { MIN_GAIN_LARGE } else { MIN_GAIN };
        let is_better = self.rates.best().is_none_or(|best| rate > best * gain);
        self.rates.record(average_in_flight.round() as usize, self.epoch.bytes, time, now);
        self.measured_size = self.view_size;
        self.misses = if is_better { 0 } else { self.misses + 1 };
        if is_better && self.limit < max {
            self.limit = self.limit.saturating_mul(2).min(max);
        } else if self.limit >= max || self.misses == MAX_MISSES {
            (self.phase, self.misses) = (Phase::Steady, 0);
            self.probes = ProbeTimer { epochs_left: 1, interval: 1, is_upward: true };
            self.choose_best(now, max);
        }
    }

    /// Records the rate of a limit that was held for an epoch; ends a probe, or starts one that is due.
    fn end_steady_epoch(&mut self, now: Duration, max: usize) {
        let ratio = self.view_size / self.measured_size.max(1.0);
        if !(0.5..=2.0).contains(&ratio) {
            return self.restart_for_new_size(max);
        }
        let best = self.rates.best().unwrap_or(0.0);
        let time = self.epoch.elapsed(now);
        let rate = self.epoch.bytes as f64 / time.as_secs_f64();
        self.rates.record(self.epoch.limit, self.epoch.bytes, time, now);
        if let Phase::Probing { from } = self.phase {
            // A greater limit helps: go on as at the start.
            if self.epoch.limit > from && best > 0.0 && rate > best * MIN_GAIN {
                self.phase = Phase::SlowStart;
                return;
            }
            self.phase = Phase::Steady;
            self.choose_best(now, max);
            self.probes.reschedule(self.limit != from);
            return;
        }
        self.choose_best(now, max);
        if self.probes.count_epoch() {
            self.start_probe(max);
        }
    }

    /// Views have another size: the measured rates do not apply to them, but the link is the same.
    fn restart_for_new_size(&mut self, max: usize) {
        self.limit = self.model().unwrap_or(self.limit).min(max);
        self.rates.clear();
        self.phase = Phase::SlowStart;
    }

    /// Tries a limit on the other side of the current one than the last probe did.
    fn start_probe(&mut self, max: usize) {
        self.probes.is_upward = !self.probes.is_upward;
        let model = self.model().unwrap_or(1).min(max);
        // Far above what the model asks for, half of the way down is taken in one step.
        let down = below(self.limit)
            .min(usize::midpoint(self.limit, model))
            .max(model)
            .max(INITIAL_MIN)
            .min(self.limit);
        let other = if self.probes.is_upward { above(self.limit).min(max) } else { down };
        if other == self.limit {
            self.probes.epochs_left = self.probes.interval;
            return;
        }
        self.phase = Phase::Probing { from: self.limit };
        self.limit = other;
    }

    /// Settles on the smallest limit that achieves the best rate and satisfies the model.
    fn choose_best(&mut self, now: Duration, max: usize) {
        self.rates.drop_old(now);
        let model = self.model().unwrap_or(1);
        let good = self.rates.smallest_good().unwrap_or(self.limit);
        self.limit = good.max(model).max(INITIAL_MIN).min(max.max(1));
    }
}

impl ProbeTimer {
    /// Counts an epoch and returns whether a probe is due.
    fn count_epoch(&mut self) -> bool {
        self.epochs_left = self.epochs_left.saturating_sub(1);
        self.epochs_left == 0
    }

    /// Schedules the next probe: soon and in the same direction if the last one changed the limit.
    fn reschedule(&mut self, changed: bool) {
        self.interval = if changed { 1 } else { (self.interval * 2).min(MAX_PROBE_INTERVAL) };
        self.epochs_left = self.interval;
        // `start_probe` turns the direction around.
        self.is_upward ^= changed;
    }
}

#[cfg(test)]
mod tests;
