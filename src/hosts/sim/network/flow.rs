//! A body on its way.

use std::{task::Waker, time::Duration};

use super::{EPSILON, after};
use crate::hosts::sim::link::Link;

/// What came in so long is handed on, however little it is; and the first bytes sooner.
const GRAIN: Duration = Duration::from_millis(20);
const FIRST_GRAIN: Duration = Duration::from_millis(1);

/// A body on its way.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) host: usize,
    pub(super) connection: usize,
    /// Its bytes, those that arrived, and those that were read.
    pub(super) len: f64,
    pub(super) arrived: f64,
    taken: f64,
    /// Bytes per second now.
    pub(super) rate: f64,
    /// Who waits for the next piece, and since when.
    waiting: Option<(Waker, Duration)>,
    /// At this byte it pauses for so long.
    stall: Option<(f64, Duration)>,
    /// Until when it pauses.
    paused: Option<Duration>,
    /// Nobody wants it: until the server has heard of that, it goes on.
    pub(super) abandoned: Option<Duration>,
}

impl Flow {
    pub(super) fn new(host: usize, connection: usize, len: u64, stall: Option<(f64, Duration)>) -> Self {
        Self {
            host,
            connection,
            len: len as f64,
            arrived: 0.0,
            taken: 0.0,
            rate: 0.0,
            waiting: None,
            stall,
            paused: None,
            abandoned: None,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.arrived >= self.len
    }

    /// Time passed at its rate; returns how many bytes came.
    pub(super) fn pass(&mut self, seconds: f64, link: &Link) -> f64 {
        let before = self.arrived;
        let arrived = before + self.rate * seconds;
        let bound = self.bound(link);
        // Times are rounded up: what is beyond did not come.
        self.arrived = if arrived + EPSILON >= bound { bound.max(before) } else { arrived };
        self.arrived - before
    }

    /// The byte at which it ends, stalls, or has filled the platform's buffer.
    fn bound(&self, link: &Link) -> f64 {
        let stall = self.stall.map_or(f64::INFINITY, |(at, _)| at);
        let full = if self.abandoned.is_some() { f64::INFINITY } else { self.taken + link.buffer as f64 };
        self.len.min(stall).min(full)
    }

    /// Begins and ends pauses.
    pub(super) fn turn(&mut self, now: Duration) {
        if let Some((at, pause)) = self.stall
            && self.arrived + EPSILON >= at
        {
            self.stall = None;
            self.paused = Some(now + pause);
        }
        self.paused = self.paused.filter(|until| *until > now);
    }

    /// Whether bytes of it may come now.
    pub(super) fn is_moving(&self, link: &Link) -> bool {
        !self.is_complete() && self.paused.is_none() && !self.is_full(link)
    }

    /// Whether as much is here and not read as the platform takes in.
    pub(super) fn is_full(&self, link: &Link) -> bool {
        self.abandoned.is_none() && self.arrived - self.taken + EPSILON >= link.buffer as f64
    }

    /// Takes the next piece: its length. If there is none, `waker` is woken when there is.
    pub(super) fn take(&mut self, now: Duration, link: &Link, waker: &Waker) -> Option<usize> {
        let since = self.waiting.as_ref().map_or(now, |(_, since)| *since);
        if self.has_piece(now, link, since) {
            let here = (self.arrived - self.taken + EPSILON).floor().min(link.piece as f64);
            self.taken += here;
            self.waiting = None;
            return Some(here as usize);
        }
        self.waiting = Some((waker.clone(), since));
        None
    }

    /// Wakes who waits for a piece that is here.
    pub(super) fn wake(&self, now: Duration, link: &Link) {
        if let Some((waker, since)) = &self.waiting
            && self.has_piece(now, link, *since)
        {
            waker.wake_by_ref();
        }
    }

    fn has_piece(&self, now: Duration, link: &Link, since: Duration) -> bool {
        let here = self.arrived - self.taken + EPSILON;
        here >= self.wanted(link) || (here >= 1.0 && now >= since + self.patience())
    }

    fn patience(&self) -> Duration {
        if self.taken == 0.0 { FIRST_GRAIN } else { GRAIN }
    }

    /// The bytes of a full piece.
    fn wanted(&self, link: &Link) -> f64 {
        (link.piece.max(1) as f64).min(self.len - self.taken)
    }

    /// When something happens to it next, if its rate stays.
    pub(super) fn next(&self, now: Duration, link: &Link) -> Option<Duration> {
        let pauses = [self.paused, self.abandoned].into_iter().flatten().min();
        if self.rate == 0.0 {
            // What came before a pause is handed on meanwhile.
            let grain = self.grain(now, link).filter(|_| self.arrived - self.taken >= 1.0);
            return pauses.into_iter().chain(grain).min();
        }
        let mut at = self.bound(link);
        if self.waiting.is_some() {
            let piece = self.taken + self.wanted(link);
            // Who was woken and has not come yet is not woken again.
            if piece > self.arrived + EPSILON {
                at = at.min(piece);
            }
        }
        let reached = after(now, (at - self.arrived) / self.rate);
        let byte = after(now, (self.taken + 1.0 - self.arrived).max(0.0) / self.rate);
        let grain = self.grain(now, link).map(|grain| grain.max(byte));
        pauses.into_iter().chain(grain).chain([reached]).min()
    }

    /// When who waits has waited long enough for any bytes.
    fn grain(&self, now: Duration, link: &Link) -> Option<Duration> {
        let (_, since) = self.waiting.as_ref()?;
        let grain = *since + self.patience();
        let woken = self.has_piece(now, link, *since);
        (!woken).then_some(grain.max(now))
    }
}
