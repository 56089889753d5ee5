//! The requests under way: which of them are late, and which hosts are slow.
//!
//! Both are found by comparison, so that a slow line, a busy page or a page that slept makes nothing late: something else
//! must have arrived meanwhile. A request that may wait in the platform for a connection is not late either.
//!
//! - A request is **late** if the pool received bytes for a *silence* (`concurrency`) in which this request got none. It
//!   counts neither as a view in flight nor as bytes under way until it gets some: a server that hangs costs its own
//!   stream's time, and no other's.
//! - A host is **slow** if it answered nothing in a time in which the other hosts usually answer, and one of them did answer
//!   a later request; or if its bodies together bring less than half of what one body of another host does.
//!
//! # Example
//!
//! Three hosts usually answer within 20 ms, and are late after 60 ms. `b` becomes slow:
//!
//! | time | event | |
//! |---|---|---|
//! | 0 ms | requests to `a`, `b`, `c` | |
//! | 20 ms | `a` and `c` answer | |
//! | 50 ms | judged | `b` has been quiet for 50 ms |
//! | 75 ms | judged | `b` has been quiet for 75 ms: it is slow |

use super::{host_limit::CONNECTIONS, host_stats::HostStats};
use crate::time::Duration;

/// The requests under way, each in its slot.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    slots: Vec<Option<Request>>,
    /// How many of them are late.
    late: usize,
    /// When bytes last arrived.
    heard: Duration,
    judged: Duration,
    /// When the period began over which bodies are compared, and what came from each host since.
    period: Duration,
    arrived: Vec<(String, u64)>,
}

/// One request, or a view without one.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// The key of its host; empty before the first request.
    pub(super) host: String,
    /// When it was sent, and when something of it last arrived.
    asked: Duration,
    heard: Duration,
    is_answered: bool,
    is_late: bool,
    /// It is not counted: the reader has no room for it.
    pub(super) is_parked: bool,
    /// Bytes that are expected.
    pub(super) left: u64,
    /// Its body was open at the start of the period.
    was_open: bool,
}

/// Requests and hosts are judged at most this often.
const EVERY: Duration = Duration::from_millis(20);

/// After a longer time without a judgement the page may have been busy or asleep. Then hosts are compared from now on.
const ASLEEP: Duration = Duration::from_millis(60);

/// Bodies are compared over this time.
const PERIOD: Duration = Duration::from_millis(40);

/// A body is slow if it brings less than that of another host divided by this.
const SLOW_BODY: f64 = 8.0;

/// A body that has brought nothing may have this many bytes on their way.
const PIECE: u64 = 64 << 10;

impl Request {
    /// It is sent to a host.
    pub(super) fn ask(&mut self, host: String, left: u64, now: Duration) {
        *self = Self { host, asked: now, heard: now, left, ..Self::default() };
    }

    /// Its response has begun.
    pub(super) fn answer(&mut self, now: Duration) {
        (self.heard, self.is_answered, self.is_late) = (now, true, false);
    }

    /// Bytes arrived; returns how many of them were expected.
    fn take(&mut self, bytes: u64, now: Duration) -> u64 {
        self.answer(now);
        let taken = bytes.min(self.left);
        self.left -= taken;
        taken
    }

    /// The bytes that count as under way.
    fn counted(&self) -> u64 {
        if self.is_late || self.is_parked { 0 } else { self.left }
    }

    fn is_waited_for(&self) -> bool {
        self.left > 0 && !self.is_parked && !self.host.is_empty()
    }
}

impl UnderWay {
    /// Adds a view of this many bytes, and returns its slot.
    pub(super) fn add(&mut self, left: u64) -> usize {
        let request = Some(Request { left, ..Request::default() });
        match self.slots.iter_mut().enumerate().find(|(_, slot)| slot.is_none()) {
            Some((at, slot)) => {
                *slot = request;
                at
            }
            None => {
                self.slots.push(request);
                self.slots.len() - 1
            }
        }
    }

    /// Removes a view.
    pub(super) fn remove(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = None;
        }
    }

    /// Changes a request; returns the bytes that counted as under way before, and those that count now.
    pub(super) fn change(&mut self, at: usize, change: &mut dyn FnMut(&mut Request)) -> (u64, u64) {
        let Some(Some(request)) = self.slots.get_mut(at) else { return (0, 0) };
        let (before, was_late) = (request.counted(), request.is_late);
        change(request);
        self.heard = self.heard.max(request.heard);
        request.is_late &= request.is_waited_for();
        self.late = self.late + usize::from(request.is_late) - usize::from(was_late);
        (before, request.counted())
    }

    /// Bytes of a request arrived. Returns how many of them were expected, and as [`Self::change`].
    pub(super) fn take(&mut self, at: usize, bytes: u64, now: Duration) -> (u64, (u64, u64)) {
        let mut taken = 0;
        let counted = self.change(at, &mut |request| taken = request.take(bytes, now));
        if let Some(Some(Request { host, .. })) = self.slots.get(at) {
            match self.arrived.iter_mut().find(|(known, _)| known == host) {
                Some((_, arrived)) => *arrived += bytes,
                None => self.arrived.push((host.clone(), bytes)),
            }
        }
        (taken, counted)
    }

    /// How many requests are late.
    pub(super) fn late(&self) -> usize {
        self.late
    }

    /// Whether it is time for another judgement and, if so, whether the page was awake since the one before.
    pub(super) fn is_due(&mut self, now: Duration) -> Option<bool> {
        let time = now.saturating_sub(self.judged);
        if time < EVERY {
            return None;
        }
        self.judged = now;
        if time > ASLEEP {
            self.begin_period(now);
        }
        Some(time <= ASLEEP)
    }

    /// Finds requests that are late after this silence; returns the bytes that count no longer. `may_queue`: whether a
    /// request to a host may wait in the platform.
    pub(super) fn find_late(&mut self, silence: Duration, may_queue: impl Fn(&str) -> bool) -> u64 {
        let mut bytes = 0;
        for request in self.slots.iter_mut().flatten() {
            let is_silent = self.heard.saturating_sub(request.heard) > silence;
            if !request.is_late
                && is_silent
                && request.is_waited_for()
                && (request.is_answered || !may_queue(&request.host))
            {
                bytes += request.counted();
                request.is_late = true;
                self.late += 1;
            }
        }
        bytes
    }

    /// Finds the hosts that are slow.
    pub(super) fn find_slow(&mut self, hosts: &mut HostStats, now: Duration) {
        let is_over = now.saturating_sub(self.period) >= PERIOD;
        let names = hosts.names();
        let seen: Vec<_> = names.iter().map(|host| self.see(host)).collect();
        for (host, (since, own)) in names.iter().zip(&seen) {
            let peers =
                names.iter().zip(&seen).filter(|(peer, _)| *peer != host && !hosts.is_known_slow(peer));
            let best = peers.map(|(_, (_, peer))| peer.of_one()).reduce(f64::max);
            let is_outrun = is_over && best.is_some_and(|best| own.is_outrun(best));
            hosts.judge(host, *since, is_outrun, now);
        }
        if is_over {
            self.begin_period(now);
        }
    }

    /// Since when a request to a host waits for its response, and not for a connection; and what came from the host.
    fn see(&self, host: &str) -> (Option<Duration>, Bodies) {
        let arrived = self.arrived.iter().find(|(known, _)| known == host).map_or(0, |(_, arrived)| *arrived);
        let (mut since, mut bodies) = (None::<Duration>, Bodies { arrived, ..Bodies::default() });
        for request in self.slots.iter().flatten().filter(|it| it.host == host && it.is_waited_for()) {
            if request.is_answered {
                bodies.open += 1;
                bodies.throughout += usize::from(request.was_open);
            } else {
                since = Some(since.map_or(request.asked, |since| since.min(request.asked)));
            }
        }
        // All connections of the platform may be busy with bodies.
        (since.filter(|_| bodies.open < CONNECTIONS), bodies)
    }

    fn begin_period(&mut self, now: Duration) {
        self.period = now;
        self.arrived.clear();
        for request in self.slots.iter_mut().flatten() {
            request.was_open = request.is_answered;
        }
    }
}

/// The bodies of a host in a period.
#[derive(Debug, Default)]
struct Bodies {
    /// The bytes of all of them.
    arrived: u64,
    /// How many are open now, and how many of these were at its start.
    open: usize,
    throughout: usize,
}

impl Bodies {
    /// What one of them brought.
    fn of_one(&self) -> f64 {
        self.arrived as f64 / self.open.max(1) as f64
    }

    /// Whether they brought much less than `best`, which one body of another host did.
    fn is_outrun(&self, best: f64) -> bool {
        let factor = (SLOW_BODY / self.throughout as f64).max(2.0);
        self.throughout > 0 && (self.arrived + PIECE) as f64 * factor < best
    }
}
