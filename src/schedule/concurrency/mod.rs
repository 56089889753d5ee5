//! How many views should be in flight, found while they fly.
//!
//! Two things say it. **What is known of the link**: by Little's law a link that brings `rate` bytes a
//! second, and whose servers take `latency` to begin, is full while `rate * latency` bytes are asked for
//! beside the view that comes; BBR takes the same two estimates, the highest rate and the least
//! delay, for a TCP connection (Cardwell et al., ACM Queue 14-5, 2016). **What was tried**: each
//! width is remembered with the rate that it brought, and the smallest that brings as much as any is
//! taken. The first fits at once and is blind to what it does not model, the six connections of
//! HTTP/1.1, a limit to each, the time of a processor; the second sees everything, and takes time.
//!
//! It starts as TCP does (RFC 5681): the width doubles with each round trip until the rate no longer
//! grows. Time is an argument.

mod rate_table;
mod windowed_min;

use std::time::Duration;

use self::{
    rate_table::{RateTable, above, below},
    windowed_min::WindowedMin,
};

/// Finds a width. A stream's reader, its budget and its end may hold views back, too: what is
/// measured then says nothing of the width, and is not looked at.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyController {
    /// Views that may be in flight; 0 as long as nothing has started.
    width: usize,
    is_steady: bool,
    /// Epochs in a row that were no better than those before, while it grows.
    misses: u32,
    latency: WindowedMin,
    /// Seconds per byte of the quickest body.
    body: WindowedMin,
    /// Bytes of a view, smoothed.
    size: f64,
    /// That size when widths were tried.
    tried_size: f64,
    levels: RateTable,
    epoch: Epoch,
    /// Epochs until the next trial, and how many there are between two.
    rest: u32,
    pause: u32,
    /// The next trial is of a greater width.
    is_upward: bool,
    /// Where the trial under way started from.
    trial: Option<usize>,
    /// A server wanted fewer: no more than so many until then.
    ceiling: Option<(usize, Duration)>,
}

/// A stretch of time over which the rate is measured.
#[derive(Debug, Default)]
struct Epoch {
    since: Duration,
    width: usize,
    bytes: u64,
    views: usize,
    /// The width has just changed: what comes first was started with another.
    is_young: bool,
    /// Views in flight since `at`, and their time until then, in seconds.
    in_flight: usize,
    at: Duration,
    flown: f64,
}

/// Bytes that are asked for before anything is known.
const BLIND_BYTES: u64 = 1 << 20;

/// The least and the most views that are asked for then: the second must be under way when the
/// first ends, and eight small ones cost little where they are too many.
const BLIND: (usize, usize) = (2, 8);

/// A body that is shorter, or takes less time, does not say how fast bodies come.
const TELLING_BYTES: u64 = 256 << 10;
const TELLING_TIME: Duration = Duration::from_millis(1);

/// A rate that is better by less is no reason for more views.
const GAIN: f64 = 1.1;
const GAIN_LARGE: f64 = 1.3;

/// After so many epochs that are no better it grows no more: one may have had to open connections.
const MISSES: u32 = 2;

/// The least time over which a rate is measured.
const SHORTEST: Duration = Duration::from_millis(20);

/// The most epochs between two trials.
const LONGEST_PAUSE: u32 = 32;

/// For so long a server that wanted fewer is believed.
const CEILING: Duration = Duration::from_secs(10);

impl ConcurrencyController {
    /// Views that may be in flight at once, where the next one has so many bytes.
    pub(crate) fn width(&self, len: u64, most: usize) -> usize {
        let width = if self.width == 0 { Self::blind(len) } else { self.width };
        let ceiling = self.ceiling.map_or(usize::MAX, |(ceiling, _)| ceiling);
        width.min(ceiling).min(most).max(1)
    }

    /// Requests that may be without an answer at once, for views of so many bytes. Views that are asked
    /// for together come together, and end together, and then nothing comes until the next ones are
    /// answered: large ones are asked for one after the other, so that one comes while another is awaited.
    pub(crate) fn unanswered(&self, len: u64) -> usize {
        let Some((latency, byte)) = self.latency.get().zip(self.body.get()) else {
            return if len > BLIND_BYTES { 1 } else { usize::MAX };
        };
        let time = byte * len as f64;
        // Small ones are answered and gone: how they lie does not matter.
        if time <= latency {
            return usize::MAX;
        }
        // Their share of the views in flight, with something to spare.
        ((1.25 * self.width as f64 * latency / (latency + time)).ceil() as usize).max(1)
    }

    /// The width as it stands; 0 as long as nothing has started.
    pub(crate) fn current(&self) -> usize {
        self.width
    }

    /// A view of so many bytes starts.
    pub(crate) fn started(&mut self, len: u64) {
        if self.width == 0 {
            (self.width, self.size) = (Self::blind(len), len.max(1) as f64);
        }
        self.size += (len.max(1) as f64 - self.size) / 16.0;
    }

    fn blind(len: u64) -> usize {
        let views = BLIND_BYTES.checked_div(len.max(1)).unwrap_or_default();
        usize::try_from(views).unwrap_or(usize::MAX).clamp(BLIND.0, BLIND.1)
    }

    /// From now on so many views are in flight.
    pub(crate) fn flying(&mut self, in_flight: usize, now: Duration) {
        self.epoch.fly(in_flight, now);
        if self.epoch.width == 0 {
            self.begin(now);
        }
    }

    /// An answer began so long after it was asked for.
    pub(crate) fn answered(&mut self, latency: Duration, now: Duration) {
        self.latency.see(latency.as_secs_f64(), now);
    }

    /// Bytes of a body arrived.
    pub(crate) fn arrived(&mut self, bytes: u64, now: Duration, most: usize) {
        // What a large view was awaited says nothing of the rate at which it comes.
        if !self.is_steady
            && self.levels.best().is_none()
            && self.epoch.bytes == 0
            && self.size > BLIND_BYTES as f64
        {
            self.begin(now);
        }
        self.epoch.bytes = self.epoch.bytes.saturating_add(bytes);
        self.measure(now, most);
    }

    /// A view came to its end: so many bytes of its last body, in so much time.
    pub(crate) fn served(&mut self, bytes: u64, time: Duration, now: Duration, most: usize) {
        self.epoch.views += 1;
        if bytes > 0 {
            self.body.see(time.as_secs_f64() / bytes as f64, now);
        }
        if bytes >= TELLING_BYTES && time >= TELLING_TIME && !self.is_steady {
            self.widen(self.enough().unwrap_or(0), most);
        }
        self.measure(now, most);
    }

    /// A server said that there are too many requests, or that it cannot serve now.
    pub(crate) fn refused(&mut self, now: Duration) {
        // What was in flight at that time is refused, too.
        let has_just_been = self
            .ceiling
            .is_some_and(|(_, until)| until.saturating_add(self.round()) > now.saturating_add(CEILING));
        if self.width == 0 || has_just_been {
            return;
        }
        self.width = (self.width / 4 * 3 + self.width % 4 * 3 / 4).max(1);
        self.ceiling = Some((self.width, now.saturating_add(CEILING)));
        self.is_steady = true;
        self.trial = None;
        self.levels.forget_above(self.width);
        self.begin(now);
    }

    /// Widths that are enough by what the first body told: while it comes, the next ones must begin.
    fn enough(&self) -> Option<usize> {
        let views = self.latency.get()? / (self.body.get()? * self.size);
        Some((views.ceil() as usize).saturating_add(1))
    }

    /// The width that fills the link as it is known, if one body alone could: with something to spare, since
    /// views do not end evenly. Whether more are needed, only trying can say.
    fn model(&self) -> Option<usize> {
        let awaited = self.levels.best()? * self.latency.get()? / self.size;
        // Of large ones a second comes while another is awaited: they never fit each other's times.
        let (spare, second) = ((1.25 * awaited).ceil() as usize, awaited.ceil() as usize);
        Some(spare.saturating_add(1).max(second.saturating_add(2)))
    }

    fn widen(&mut self, width: usize, most: usize) {
        self.width = self.width.max(width.min(most));
    }

    /// The time in which a change of the width shows.
    fn round(&self) -> Duration {
        Duration::try_from_secs_f64(self.latency.get().unwrap_or(0.0)).unwrap_or_default().max(SHORTEST)
    }

    fn begin(&mut self, now: Duration) {
        let Epoch { in_flight, width, .. } = self.epoch;
        let is_young = self.is_steady && width != self.width;
        self.epoch =
            Epoch { since: now, at: now, width: self.width, is_young, in_flight, ..Epoch::default() };
    }

    /// Ends the epoch if it says something by now.
    fn measure(&mut self, now: Duration, most: usize) {
        let time = now.saturating_sub(self.epoch.since);
        if self.epoch.is_young && (self.epoch.views >= self.width || time >= self.round().saturating_mul(4)) {
            return self.begin(now);
        }
        let (views, round) =
            if self.is_steady { (4, self.round().saturating_mul(2)) } else { (1, self.round()) };
        if time < round
            || (self.epoch.views < self.epoch.width.saturating_mul(views) && time < round.saturating_mul(8))
        {
            return;
        }
        if self.ceiling.is_some_and(|(_, until)| now > until) {
            self.ceiling = None;
        }
        let most = self.ceiling.map_or(most, |(ceiling, _)| ceiling.min(most));
        self.epoch.fly(self.epoch.in_flight, now);
        let seconds = time.as_secs_f64();
        let flown = self.epoch.flown / seconds;
        // Something else held views back.
        if self.epoch.width == 0 || flown < 0.75 * self.epoch.width as f64 {
            return self.begin(now);
        }
        if self.is_steady {
            self.settle(time, now, most);
        } else {
            self.grow(flown, time, now, most);
        }
        self.begin(now);
    }

    /// An epoch while the width grows.
    fn grow(&mut self, flown: f64, time: Duration, now: Duration, most: usize) {
        let bytes = self.epoch.bytes;
        let rate = bytes as f64 / time.as_secs_f64();
        // Connections open slowly (RFC 5681): while large views come, much of what is gained is that.
        let gain = if self.size >= BLIND_BYTES as f64 { GAIN_LARGE } else { GAIN };
        let is_better = self.levels.best().is_none_or(|best| rate > best * gain);
        self.levels.see(flown.round() as usize, bytes, time, now);
        self.tried_size = self.size;
        self.misses = if is_better { 0 } else { self.misses + 1 };
        if is_better && self.width < most {
            self.width = self.width.saturating_mul(2).min(most);
        } else if self.width >= most || self.misses == MISSES {
            (self.is_steady, self.misses) = (true, 0);
            (self.rest, self.pause, self.is_upward) = (1, 1, true);
            self.take(now, most);
        }
    }

    /// An epoch of a width that is held.
    fn settle(&mut self, time: Duration, now: Duration, most: usize) {
        let ratio = self.size / self.tried_size.max(1.0);
        if !(0.5..=2.0).contains(&ratio) {
            // Views of another size: what was tried says nothing of them, the link is the same.
            self.width = self.model().unwrap_or(self.width).min(most);
            self.levels.clear();
            self.is_steady = false;
            self.trial = None;
            return;
        }
        let best = self.levels.best().unwrap_or(0.0);
        let rate = self.epoch.bytes as f64 / time.as_secs_f64();
        self.levels.see(self.epoch.width, self.epoch.bytes, time, now);
        if let Some(from) = self.trial.take() {
            if self.epoch.width > from && best > 0.0 && rate > best * GAIN {
                // There is more to be had: on, as at the start.
                self.is_steady = false;
                return;
            }
            self.take(now, most);
            self.pause = if self.width == from { (self.pause * 2).min(LONGEST_PAUSE) } else { 1 };
            self.rest = self.pause;
            // On in a direction that helps.
            self.is_upward ^= self.width != from;
            return;
        }
        self.take(now, most);
        self.rest = self.rest.saturating_sub(1);
        if self.rest == 0 {
            self.try_another(most);
        }
    }

    fn try_another(&mut self, most: usize) {
        self.is_upward = !self.is_upward;
        let model = self.model().unwrap_or(1).min(most);
        // Far above what the link should need: half the way down at once.
        let down = below(self.width).min(usize::midpoint(self.width, model)).max(model).max(BLIND.0);
        let other = if self.is_upward { above(self.width).min(most) } else { down.min(self.width) };
        if other == self.width {
            self.rest = self.pause;
            return;
        }
        self.trial = Some(std::mem::replace(&mut self.width, other));
    }

    /// Takes the smallest width that brings as much as any, and that the link can need.
    fn take(&mut self, now: Duration, most: usize) {
        self.levels.forget_old(now);
        let model = self.model().unwrap_or(1);
        let width = self.levels.smallest_good().unwrap_or(self.width);
        self.width = width.max(model).max(BLIND.0).min(most.max(1));
    }
}

impl Epoch {
    fn fly(&mut self, in_flight: usize, now: Duration) {
        self.flown += self.in_flight as f64 * now.saturating_sub(self.at).as_secs_f64();
        (self.in_flight, self.at) = (in_flight, now);
    }
}

#[cfg(test)]
mod tests;
