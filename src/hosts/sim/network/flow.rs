//! The transfer of one body.

use std::{task::Waker, time::Duration};

use super::rounding::{EPSILON, after};
use crate::hosts::sim::link::Link;

/// How long the platform waits for a full piece before it delivers a smaller one.
const PIECE_DELAY: Duration = Duration::from_millis(20);

/// The same for the first piece of a body.
const FIRST_PIECE_DELAY: Duration = Duration::from_millis(1);

/// The transfer of one body.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) server: usize,
    pub(super) connection: usize,
    /// The bytes of the body; those that arrived; those that were read.
    pub(super) len: f64,
    pub(super) arrived: f64,
    read: f64,
    /// Bytes per second now.
    pub(super) rate: f64,
    /// The reader that waits for the next piece, and since when.
    waiting: Option<(Waker, Duration)>,
    /// At this byte the transfer pauses for this long.
    stall: Option<(f64, Duration)>,
    /// When the pause ends.
    paused_until: Option<Duration>,
    /// The request was dropped. The server sends until it learns of that, at this time.
    pub(super) abandoned_until: Option<Duration>,
}

impl Flow {
    pub(super) fn new(server: usize, connection: usize, len: u64, stall: Option<(f64, Duration)>) -> Self {
        Self {
            server,
            connection,
            len: len as f64,
            arrived: 0.0,
            read: 0.0,
            rate: 0.0,
            waiting: None,
            stall,
            paused_until: None,
            abandoned_until: None,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.arrived >= self.len
    }

    /// Transfers at the current rate for some time, and returns how many bytes arrived.
    pub(super) fn transfer(&mut self, seconds: f64, link: &Link) -> f64 {
        let before = self.arrived;
        let arrived = before + self.rate * seconds;
        let bound = self.bound(link);
        // Times are rounded up, so the bytes beyond the bound did not arrive.
        self.arrived = if arrived + EPSILON >= bound { bound.max(before) } else { arrived };
        self.arrived - before
    }

    /// The byte at which it ends, stalls, or has filled the platform's buffer.
    fn bound(&self, link: &Link) -> f64 {
        let stall = self.stall.map_or(f64::INFINITY, |(at, _)| at);
        let full =
            if self.abandoned_until.is_some() { f64::INFINITY } else { self.read + link.buffer as f64 };
        self.len.min(stall).min(full)
    }

    /// Starts and ends pauses.
    pub(super) fn update_pause(&mut self, now: Duration) {
        if let Some((at, pause)) = self.stall
            && self.arrived + EPSILON >= at
        {
            self.stall = None;
            self.paused_until = Some(now + pause);
        }
        self.paused_until = self.paused_until.filter(|until| *until > now);
    }

    /// Whether its bytes may arrive now.
    pub(super) fn is_moving(&self, link: &Link) -> bool {
        !self.is_complete() && self.paused_until.is_none() && !self.is_full(link)
    }

    /// Whether the platform's buffer is full.
    pub(super) fn is_full(&self, link: &Link) -> bool {
        self.abandoned_until.is_none() && self.arrived - self.read + EPSILON >= link.buffer as f64
    }

    /// Reads the next piece and returns its length. If there is none, `waker` is woken when there is.
    pub(super) fn take_piece(&mut self, now: Duration, link: &Link, waker: &Waker) -> Option<usize> {
        let since = self.waiting.as_ref().map_or(now, |(_, since)| *since);
        if self.has_piece(now, link, since) {
            let len = (self.arrived - self.read + EPSILON).floor().min(link.piece as f64);
            self.read += len;
            self.waiting = None;
            return Some(len as usize);
        }
        self.waiting = Some((waker.clone(), since));
        None
    }

    /// Wakes the reader if there is a piece for it.
    pub(super) fn wake(&self, now: Duration, link: &Link) {
        if let Some((waker, since)) = &self.waiting
            && self.has_piece(now, link, *since)
        {
            waker.wake_by_ref();
        }
    }

    fn has_piece(&self, now: Duration, link: &Link, since: Duration) -> bool {
        let buffered = self.arrived - self.read + EPSILON;
        buffered >= self.full_piece(link) || (buffered >= 1.0 && now >= since + self.piece_delay())
    }

    fn piece_delay(&self) -> Duration {
        if self.read == 0.0 { FIRST_PIECE_DELAY } else { PIECE_DELAY }
    }

    /// The bytes of a full piece.
    fn full_piece(&self, link: &Link) -> f64 {
        (link.piece.max(1) as f64).min(self.len - self.read)
    }

    /// When something happens to it next, if its rate does not change.
    pub(super) fn next_event(&self, now: Duration, link: &Link) -> Option<Duration> {
        let pauses = [self.paused_until, self.abandoned_until].into_iter().flatten().min();
        if self.rate == 0.0 {
            // The bytes that arrived before a pause are delivered during it.
            let deadline = self.piece_deadline(now, link).filter(|_| self.arrived - self.read >= 1.0);
            return pauses.into_iter().chain(deadline).min();
        }
        let mut bound = self.bound(link);
        if self.waiting.is_some() {
            let piece = self.read + self.full_piece(link);
            // A reader that was woken and has not read yet is not woken again.
            if piece > self.arrived + EPSILON {
                bound = bound.min(piece);
            }
        }
        let bound_reached = after(now, (bound - self.arrived) / self.rate);
        let first_byte = after(now, (self.read + 1.0 - self.arrived).max(0.0) / self.rate);
        let deadline = self.piece_deadline(now, link).map(|deadline| deadline.max(first_byte));
        pauses.into_iter().chain(deadline).chain([bound_reached]).min()
    }

    /// When the waiting reader gets a piece even if it is not full.
    fn piece_deadline(&self, now: Duration, link: &Link) -> Option<Duration> {
        let (_, since) = self.waiting.as_ref()?;
        let deadline = *since + self.piece_delay();
        let is_woken = self.has_piece(now, link, *since);
        (!is_woken).then_some(deadline.max(now))
    }
}
