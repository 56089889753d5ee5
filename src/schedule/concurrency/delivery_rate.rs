//! How fast bytes arrive.

use crate::time::Duration;

/// The most bytes per second that arrived lately.
///
/// A sample is what arrived in about one latency. Shorter ones would measure bursts: bytes wait in the platform while a page
/// is busy, and a server's flights are a round trip apart (RFC 5681). Only the first sample may be shorter, and holds until
/// the next one.
#[derive(Debug, Default)]
pub(super) struct DeliveryRate {
    /// When the current sample began, and what has arrived since.
    since: Option<Duration>,
    bytes: u64,
    last_byte: Duration,
    /// What holds until the first sample has ended.
    first: f64,
    /// The best of the current window of time, and of the one before it.
    current: f64,
    previous: f64,
    window_began: Duration,
    samples: u32,
    /// The rate when it last grew, and how many samples have been taken since.
    grown: f64,
    flat: u32,
}

/// The least time of a sample.
const MIN_SAMPLE: Duration = Duration::from_millis(10);

/// The first sample takes at least this many seconds, and this many bytes or a view.
const MIN_FIRST: f64 = 0.002;
const FIRST_BYTES: u64 = 64 << 10;

/// A window ends after this time and this many samples.
const WINDOW: Duration = Duration::from_secs(2);
const WINDOW_SAMPLES: u32 = 8;

/// The rate grows while it is better by this factor than it was this many samples ago. BBR ends its startup by the same
/// numbers.
const GROWTH: f64 = 1.25;
const FLAT_SAMPLES: u32 = 3;

impl DeliveryRate {
    /// A response began. The wait for the first ones is no part of the first sample.
    pub(super) fn on_response(&mut self, latency: Duration, now: Duration) {
        let is_late = now.saturating_sub(self.last_byte) >= sample_time(latency) / 2;
        if self.since.is_none() || (self.samples == 0 && is_late) {
            (self.since, self.bytes) = (Some(now), 0);
        }
    }

    /// Bytes arrived. `is_idle`: something else than the link held views back.
    pub(super) fn on_bytes(&mut self, bytes: u64, is_idle: bool, latency: Duration, now: Duration) {
        let since = *self.since.get_or_insert(now);
        self.bytes = self.bytes.saturating_add(bytes);
        self.last_byte = now;
        let time = now.saturating_sub(since);
        if time >= sample_time(latency) {
            self.record(self.bytes as f64 / time.as_secs_f64(), is_idle, now);
            (self.since, self.bytes) = (Some(now), 0);
        } else if self.bytes >= FIRST_BYTES {
            self.on_view(now);
        }
    }

    /// A view is complete.
    pub(super) fn on_view(&mut self, now: Duration) {
        if let Some(since) = self.since.filter(|_| self.samples == 0 && self.bytes > 0) {
            self.first = self.bytes as f64 / now.saturating_sub(since).as_secs_f64().max(MIN_FIRST);
        }
    }

    /// Bytes per second; `None` before anything is known.
    pub(super) fn get(&self) -> Option<f64> {
        let best = if self.samples == 0 { self.first } else { self.current.max(self.previous) };
        Some(best).filter(|best| *best > 0.0)
    }

    /// Whether it has not grown for some samples.
    pub(super) fn is_flat(&self) -> bool {
        self.flat >= FLAT_SAMPLES
    }

    fn record(&mut self, rate: f64, is_idle: bool, now: Duration) {
        if is_idle && self.samples > 0 && rate < self.current.max(self.previous) {
            return;
        }
        let window = now.saturating_sub(self.window_began);
        if self.samples >= WINDOW_SAMPLES && window >= WINDOW {
            (self.previous, self.current) = (self.current, 0.0);
            self.samples = 0;
        }
        if self.samples == 0 {
            self.window_began = now;
        }
        self.samples += 1;
        self.current = self.current.max(rate);
        if rate > self.grown * GROWTH {
            (self.grown, self.flat) = (rate, 0);
        } else {
            self.flat = self.flat.saturating_add(1);
        }
    }
}

fn sample_time(latency: Duration) -> Duration {
    latency.max(MIN_SAMPLE)
}
