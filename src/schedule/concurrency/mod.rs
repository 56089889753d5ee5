//! Finds how many bytes should be under way at once.
//!
//! The aim, in this order: the bytes that the reader waits for come soon, the link is full, and no more is requested than
//! that takes. So what is limited are bytes: those that were requested and have not arrived. The next view is requested
//! when at most [`ConcurrencyController::room`] of them are left.
//!
//! ```text
//!  room = gain * rate * (latency + SLACK) + (overlap - 1) * size of a view
//! ```
//!
//! - **rate, latency.** By Little's law, a link that delivers `rate` bytes per second from servers that take `latency` to
//!   respond is full with `rate * latency` bytes under way. BBR uses the same two estimates for a TCP connection
//!   (Cardwell et al., ACM Queue 14-5, 2016). If views are larger than that, the next one is requested so late that its
//!   response begins when the one before ends: it does not share the link with it.
//! - **gain.** While the rate grows it is 2, so that what is under way doubles with each round trip, as in TCP (RFC 5681).
//! - **[`SLACK`].** Requests also wait for processors, and views do not end when they are expected to.
//! - **[`overlap`].** How many views are received at once. More than one helps if a connection has less than the whole
//!   link. That can only be tried.
//!
//! # Example
//!
//! A link of 1 MB/s, 40 ms away, and views of 1 MiB: `room` is 1.25 * 1 MB/s * 65 ms = 81 KB. While the first view arrives,
//! the second is requested when 81 KB of it are left, and begins to arrive 40 ms later, when 41 KB are left. On a link of
//! 125 MB/s, `room` is 10 MB: ten views are under way.
//!
//! Before anything is measured, only [`INITIAL_BYTES`] are requested: the first view comes as if it were alone.
//!
//! Time is an argument of every method.

mod delivery_rate;
mod overlap;
mod rate_table;
mod windowed_min;

use self::{
    delivery_rate::DeliveryRate,
    overlap::{Overlap, Round},
    windowed_min::WindowedMin,
};
use crate::time::Duration;

/// Limits the bytes under way for the streams of a pool.
///
/// A stream's reader, its byte budget and its end may hold views back, too. What is measured then says
/// nothing about the link, and the controller ignores it.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyController {
    /// Bytes that were requested and have not arrived.
    outstanding: u64,
    /// Seconds from a request to its response.
    latency: WindowedMin,
    rate: DeliveryRate,
    overlap: Overlap,
    /// The smoothed size of views in bytes; 0 before the first view starts.
    view_size: f64,
    /// The latest time that was reported, and when bytes last arrived or a view last started.
    now: Duration,
    last_progress: Duration,
}

/// Bytes that are requested at once before anything is measured. On 30 KB/s they take a second.
const INITIAL_BYTES: u64 = 32 << 10;

/// Bytes for this many seconds are under way beside what the latency takes. With chunks of 64 KiB, Chromium and a server on
/// the same machine need 32 requests at a time at a latency of 5 ms, and serve 1100 a second (`npm run bench -- auto`).
const SLACK: f64 = 0.025;

/// Views end sooner or later than expected, so the link is full only with this margin.
const MARGIN: f64 = 1.25;

/// The margin while the rate grows.
const STARTUP_MARGIN: f64 = 2.0;

/// If no byte arrives for this long, another view may start: the server may hang.
const MIN_SILENCE: Duration = Duration::from_millis(250);
const SILENCE_BEFORE_RATE: Duration = Duration::from_secs(1);
/// A link that delivers this many bytes in the time is not silent: they may come in one piece.
const SILENT_BYTES: f64 = 131_072.0;

/// What takes less time than this is no round trip.
const MIN_ROUND_TRIP: Duration = Duration::from_millis(20);

impl ConcurrencyController {
    /// Whether a view of `len` bytes may start. `is_urgent`: its reader waits for the first bytes, so one view more is
    /// allowed. `is_early`: the stream has only begun, so nothing is received beside its head on a full link.
    pub(crate) fn allows(&self, len: u64, is_urgent: bool, is_early: bool) -> bool {
        let urgent = if is_urgent { len } else { 0 };
        let room = if is_early { self.room_for_one(len) } else { self.room(len) };
        self.outstanding <= room.saturating_add(urgent).saturating_add(self.for_silence())
    }

    /// The next view starts when at most this many bytes are under way.
    fn room(&self, len: u64) -> u64 {
        let more = (self.overlap.more_views() as f64 * self.view_size) as u64;
        self.room_for_one(len).saturating_add(more)
    }

    /// The same if one connection has the whole link.
    fn room_for_one(&self, len: u64) -> u64 {
        self.of_link().map_or(INITIAL_BYTES.saturating_sub(len), |link| link as u64)
    }

    /// The bytes that are under way on a full link.
    fn of_link(&self) -> Option<f64> {
        let link = self.rate.get()? * (self.latency.get()? + SLACK);
        // If one view is more than that, it does not have to double.
        let grows = !self.rate.is_flat() && 2.0 * link >= self.view_size;
        Some(link * if grows { STARTUP_MARGIN } else { MARGIN })
    }

    /// One view more for each stretch of silence.
    fn for_silence(&self) -> u64 {
        let silent = self.now.saturating_sub(self.last_progress).as_secs_f64();
        let stretches = (silent / self.silence().as_secs_f64()).floor();
        (stretches * self.view_size) as u64
    }

    /// How long nothing arrives before another view may start.
    pub(crate) fn silence(&self) -> Duration {
        let Some((latency, rate)) = self.latency.get().zip(self.rate.get()) else {
            return SILENCE_BEFORE_RATE;
        };
        let seconds = (4.0 * (latency + SLACK)).max(SILENT_BYTES / rate);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).max(MIN_SILENCE)
    }

    /// How many views are in flight if the link is full; 0 before the first view starts.
    pub(crate) fn current(&self) -> usize {
        if self.view_size == 0.0 {
            return 0;
        }
        let views = (self.room(self.view_size as u64) as f64 / self.view_size).ceil() as usize;
        views.saturating_add(1)
    }

    /// A stream wants to start a view at this time.
    pub(crate) fn on_request(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// A view of `len` bytes starts.
    pub(crate) fn on_start(&mut self, len: u64) {
        let size = len.max(1) as f64;
        self.view_size =
            if self.view_size == 0.0 { size } else { self.view_size + (size - self.view_size) / 16.0 };
        self.last_progress = self.now;
        self.expect(0, len);
    }

    /// Of a view under way, `before` bytes were expected, and now `after` are.
    pub(crate) fn expect(&mut self, before: u64, after: u64) {
        self.outstanding = self.outstanding.saturating_sub(before).saturating_add(after);
    }

    /// A response began `latency` after its request.
    pub(crate) fn on_response(&mut self, latency: Duration, now: Duration) {
        self.latency.record(latency.as_secs_f64(), now);
        self.rate.on_response(self.round_trip(), now);
    }

    /// Bytes of a body arrived, `taken` of which were expected.
    pub(crate) fn on_bytes(&mut self, bytes: u64, taken: u64, now: Duration, max: usize) {
        self.now = self.now.max(now);
        self.last_progress = self.now;
        let room = self.room(0);
        let is_idle = self.outstanding < room / 2;
        self.expect(taken, 0);
        self.rate.on_bytes(bytes, is_idle, self.round_trip(), now);
        let round = Round {
            bytes: room as f64 + self.view_size,
            time: self.round_trip().max(MIN_ROUND_TRIP),
            view_size: self.view_size,
            rate: self.rate.get().filter(|_| self.rate.is_flat()),
            max,
        };
        self.overlap.on_bytes(bytes, is_idle, &round, now);
    }

    /// A view is complete.
    pub(crate) fn on_complete(&mut self, now: Duration) {
        self.rate.on_view(now);
    }

    fn round_trip(&self) -> Duration {
        Duration::try_from_secs_f64(self.latency.get().unwrap_or(0.0)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
