//! A connection, whose congestion window grows with each round trip.

use std::time::Duration;

use super::rounding::{EPSILON, after};
use crate::hosts::sim::link::Link;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection {
    /// When it is open.
    pub(super) ready: Duration,
    /// Requests that use it now.
    pub(super) users: usize,
    /// It takes no more requests, because one was aborted.
    pub(super) is_closed: bool,
    /// When it was last used.
    pub(super) idle_since: Duration,
    /// Bytes that one round trip may transfer, how many of them are left in the current one, and when that
    /// ends.
    window: f64,
    window_left: f64,
    round_ends: Duration,
    /// Bodies that it transfers now, and the bytes per second of all of them.
    pub(super) moving: usize,
    pub(super) rate: f64,
}

impl Connection {
    pub(super) fn new(ready: Duration, link: &Link) -> Self {
        let window = link.initial_window as f64;
        Self {
            ready,
            users: 0,
            is_closed: false,
            idle_since: ready,
            window,
            window_left: window,
            round_ends: ready,
            moving: 0,
            rate: 0.0,
        }
    }

    /// One more request uses it. After a long idle time it returns to slow start.
    pub(super) fn add_user(&mut self, now: Duration, link: &Link) {
        if self.users == 0 && now.saturating_sub(self.idle_since) > link.keep_window {
            self.window = link.initial_window as f64;
            self.window_left = self.window;
        }
        self.users += 1;
    }

    /// Counts transferred bytes against the window.
    pub(super) fn on_bytes(&mut self, bytes: f64) {
        self.window_left -= bytes;
    }

    /// Starts another round trip if the current one has ended.
    pub(super) fn update_round(&mut self, now: Duration, link: &Link) {
        let is_over = now >= self.round_ends;
        if !is_over && !self.is_unlimited(link) {
            return;
        }
        // Linux lets a window grow if more than half of it was used.
        if is_over && self.window_left * 2.0 <= self.window {
            self.window *= 2.0;
        }
        self.window_left = self.window;
        self.round_ends = now + link.round_trip;
    }

    /// Whether the current round trip may transfer more.
    pub(super) fn can_transfer(&self, link: &Link) -> bool {
        link.round_trip.is_zero() || self.window_left > EPSILON
    }

    /// When the window opens or closes next.
    pub(super) fn next_event(&self, now: Duration, link: &Link) -> Option<Duration> {
        if self.is_unlimited(link) || (self.rate == 0.0 && self.window_left > EPSILON) {
            None
        } else if self.window_left <= EPSILON {
            Some(self.round_ends)
        } else {
            Some(self.round_ends.min(after(now, self.window_left / self.rate)))
        }
    }

    /// Whether the window is so large that it neither limits the rate nor grows.
    fn is_unlimited(&self, link: &Link) -> bool {
        link.round_trip.is_zero()
            || self.rate * link.round_trip.as_secs_f64() * 2.0 < self.window && self.rate > 0.0
    }
}
