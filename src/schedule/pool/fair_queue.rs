//! Which stream is to start its next view.
//!
//! Streams of a higher priority come first; a stream that has waited for a second with nothing in
//! flight counts as one of the highest, so none starves. Among those of one priority each has its share of
//! the views in flight, and who has had the fewest bytes comes first: start-time fair queueing (Goyal,
//! Vin, Cheng, SIGCOMM 1996). A stream that is new, or was idle, is let through until it has had its
//! first bytes: somebody waits for them.

use std::{task::Waker, time::Duration};

use crate::schedule::options::{Concurrency, Priority};

/// What a stream, or all of them, have now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes held or promised.
    pub(crate) bytes: u64,
    /// Views in flight.
    pub(crate) in_flight: usize,
    /// Of these, how many a server is, or should be, sending.
    pub(crate) fetching: usize,
    /// Of these, how many have not been answered.
    pub(crate) awaited: usize,
}

/// A view that a stream wants to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartRequest {
    /// Bytes that are fetched for it.
    pub(crate) len: u64,
    /// Bytes that it holds at most.
    pub(crate) cost: u64,
    /// Its stream waits for nothing else.
    pub(crate) head: bool,
    /// When it was asked for.
    pub(crate) at: Duration,
}

/// The streams of a pool.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    count: usize,
    taken: Vec<Entry>,
    /// The latest time that was told.
    now: Duration,
}

#[derive(Debug)]
struct Entry {
    number: usize,
    priority: Priority,
    width: Concurrency,
    share: Usage,
    /// Bytes that it has started to fetch, less what it has not missed while it was idle.
    had: u64,
    /// Bytes that it may still fetch before others.
    first: u64,
    waiting: Option<Waiting>,
    /// When it had to wait first since it has started anything.
    since: Option<Duration>,
}

#[derive(Debug)]
struct Waiting {
    ask: StartRequest,
    /// Its stream has nothing in flight, and has just begun, or begun again, or has waited for long.
    urgent: bool,
    waker: Waker,
    /// It was woken, and will ask again.
    called: bool,
}

/// What a stream that is new is let through with, in bytes.
const FIRST: u64 = 2 << 20;

/// Who has waited for so long with nothing in flight waits no longer.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(1);

impl FairQueue {
    pub(super) fn add(&mut self, priority: Priority, width: Concurrency) -> usize {
        self.count += 1;
        self.taken.push(Entry {
            number: self.count,
            priority,
            width,
            share: Usage::default(),
            had: 0,
            first: FIRST,
            waiting: None,
            since: None,
        });
        self.count
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.taken.retain(|taken| taken.number != number);
    }

    /// It wants to start this; says whether it has just begun, or begun again.
    pub(super) fn wait(&mut self, number: usize, ask: StartRequest, waker: &Waker) -> bool {
        self.now = self.now.max(ask.at);
        let least = self.least_had();
        let Some(taken) = self.get(number) else { return false };
        if !taken.is_active() {
            taken.had = taken.had.max(least);
            taken.first = FIRST;
        }
        taken.since.get_or_insert(ask.at);
        // What is in flight may hang: who has waited long enough does not wait for that.
        let is_starved = taken.since.is_some_and(|since| ask.at.saturating_sub(since) >= MAX_WAIT);
        let is_new = taken.first == FIRST && taken.priority != Priority::Low;
        let urgent = taken.share.in_flight == 0 && (is_new || is_starved);
        taken.waiting = Some(Waiting { ask, urgent, waker: waker.clone(), called: false });
        urgent
    }

    /// It starts what it wanted.
    pub(super) fn start(&mut self, number: usize, ask: &StartRequest) {
        if let Some(taken) = self.get(number) {
            (taken.waiting, taken.since) = (None, None);
            taken.had = taken.had.saturating_add(ask.len);
            taken.first = taken.first.saturating_sub(ask.len);
        }
    }

    /// It does not want to start anything.
    pub(super) fn quit(&mut self, number: usize) {
        if let Some(taken) = self.get(number) {
            (taken.waiting, taken.since) = (None, None);
        }
    }

    /// What wakes it, unless it was woken already: it will ask again.
    pub(super) fn call(&mut self, number: usize) -> Option<Waker> {
        let waiting = self.get(number)?.waiting.as_mut()?;
        (!std::mem::replace(&mut waiting.called, true)).then(|| waiting.waker.clone())
    }

    /// From now on it has this; returns what it had.
    pub(super) fn has(&mut self, number: usize, share: Usage, now: Duration) -> Usage {
        self.now = self.now.max(now);
        self.get(number).map_or(Usage::default(), |taken| std::mem::replace(&mut taken.share, share))
    }

    /// The stream whose turn it is, of those that wait and `fits`; so many views may be in flight in all.
    pub(super) fn first(
        &self,
        views: usize,
        fits: impl Fn(Concurrency, &StartRequest, bool) -> bool,
    ) -> Option<usize> {
        let active = self.taken.iter().filter(|taken| taken.is_active()).count();
        let fair = views.div_ceil(active.max(1));
        let waiting = self.taken.iter().filter(|taken| {
            taken.waiting.as_ref().is_some_and(|waiting| fits(taken.width, &waiting.ask, waiting.urgent))
        });
        waiting.min_by_key(|taken| self.rank(taken, fair)).map(|taken| taken.number)
    }

    fn rank(&self, taken: &Entry, fair: usize) -> (Priority, bool, u64) {
        let since = taken.since.filter(|_| taken.share.in_flight == 0);
        let is_starved = since.is_some_and(|since| self.now.saturating_sub(since) >= MAX_WAIT);
        let priority = if is_starved { Priority::High } else { taken.priority };
        (priority, taken.first == 0 && taken.share.in_flight >= fair, taken.had)
    }

    fn get(&mut self, number: usize) -> Option<&mut Entry> {
        self.taken.iter_mut().find(|taken| taken.number == number)
    }

    /// What the one has had that has had least, of those that read.
    fn least_had(&self) -> u64 {
        let active = self.taken.iter().filter(|taken| taken.is_active());
        active.map(|taken| taken.had).min().unwrap_or(0)
    }
}

impl Entry {
    /// Whether somebody reads it.
    fn is_active(&self) -> bool {
        self.waiting.is_some() || self.share.in_flight > 0
    }
}
