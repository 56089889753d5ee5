//! A connection, whose window opens round trip by round trip.

use std::time::Duration;

use super::{EPSILON, after};
use crate::hosts::sim::link::Link;

/// A connection to a host.
#[derive(Debug)]
pub(super) struct Connection {
    /// When it can be used first.
    pub(super) ready: Duration,
    /// Requests that have it now.
    pub(super) users: usize,
    /// It takes no more requests: one was given up.
    pub(super) closed: bool,
    /// Since when nobody has had it.
    pub(super) idle: Duration,
    /// Bytes that a round trip may bring; then what is left of them in this one, which ends when.
    window: f64,
    left: f64,
    round_ends: Duration,
    /// Bodies that it brings now, and bytes per second of all of them.
    pub(super) moving: usize,
    pub(super) rate: f64,
}

impl Connection {
    pub(super) fn new(ready: Duration, link: &Link) -> Self {
        let window = link.initial_window as f64;
        Self {
            ready,
            users: 0,
            closed: false,
            idle: ready,
            window,
            left: window,
            round_ends: ready,
            moving: 0,
            rate: 0.0,
        }
    }

    /// Somebody has it from now on.
    pub(super) fn enter(&mut self, now: Duration, link: &Link) {
        if self.users == 0 && now.saturating_sub(self.idle) > link.keep_window {
            self.window = link.initial_window as f64;
            self.left = self.window;
        }
        self.users += 1;
    }

    /// So many bytes came by.
    pub(super) fn took(&mut self, bytes: f64) {
        self.left -= bytes;
    }

    /// Begins another round trip where one has ended.
    pub(super) fn turn(&mut self, now: Duration, link: &Link) {
        let over = now >= self.round_ends;
        if !over && !self.is_open(link) {
            return;
        }
        // Linux lets a window grow of which more than half was used.
        if over && self.left * 2.0 <= self.window {
            self.window *= 2.0;
        }
        self.left = self.window;
        self.round_ends = now + link.round_trip;
    }

    /// Whether this round trip may bring more.
    pub(super) fn has_left(&self, link: &Link) -> bool {
        link.round_trip.is_zero() || self.left > EPSILON
    }

    /// When its window opens or closes next.
    pub(super) fn next(&self, now: Duration, link: &Link) -> Option<Duration> {
        if self.is_open(link) || (self.rate == 0.0 && self.left > EPSILON) {
            None
        } else if self.left <= EPSILON {
            Some(self.round_ends)
        } else {
            Some(self.round_ends.min(after(now, self.left / self.rate)))
        }
    }

    /// Whether the window is so wide that it does not count, and does not grow.
    fn is_open(&self, link: &Link) -> bool {
        link.round_trip.is_zero()
            || self.rate * link.round_trip.as_secs_f64() * 2.0 < self.window && self.rate > 0.0
    }
}
