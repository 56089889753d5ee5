//! Limits how many requests are in flight at each host.
//!
//! A host that refuses requests for its load (429, 503) gets no more at a time than it served when it refused. After a
//! number of complete bodies it gets one more; each refusal doubles that number. Other hosts are not affected.
//!
//! # Example
//!
//! A host serves two requests at a time:
//!
//! | happens | in flight | limit |
//! |---|---|---|
//! | four requests are sent | 4 | none |
//! | two are refused | 2 | 2 |
//! | eight bodies are complete | 2 | 3 |
//! | the third request at a time is refused | 2 | 2, for sixteen bodies |

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use crate::{http::url::host_key, time::Duration};

/// The connections that browsers open to one host at a time for HTTP/1.1.
pub(super) const CONNECTIONS: usize = 6;

/// The requests in flight at each host. Clones are handles to the same limiter.
#[derive(Clone, Debug, Default)]
pub(super) struct HostLimiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Each host with at least one request in flight.
    hosts: Vec<Busy>,
    /// The hosts that refused requests for load, the latest one last.
    narrow: Vec<Narrow>,
    waiting: Vec<Waker>,
}

/// A host with requests in flight.
#[derive(Debug)]
struct Busy {
    /// Its key.
    host: String,
    in_flight: usize,
    /// How many requests joined others there.
    joined: usize,
}

/// What a host that refused requests for its load gets.
#[derive(Debug)]
struct Narrow {
    /// Its key.
    host: String,
    /// Requests in flight.
    limit: usize,
    /// Complete bodies since the limit changed, and after how many the limit rises.
    complete: usize,
    step: usize,
    refused_at: Duration,
}

/// After this many complete bodies a host that refused gets one request more at a time.
const FIRST_STEP: usize = 8;

/// The largest such number.
const MAX_STEP: usize = 512;

/// A host that takes this many requests at a time is not limited any more.
const WIDE: usize = 64;

/// Refusals within this time have one cause.
const SAME_CAUSE: Duration = Duration::from_secs(1);

/// The most hosts that are remembered; the one that refused least recently is dropped.
const MAX_NARROW: usize = 64;

/// The permission to have one request in flight at a host. Dropping it admits the next request.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: HostLimiter,
    host: String,
    /// How many requests had joined others before it did; `None`: it was alone when it began.
    joined: Option<usize>,
}

impl Permit {
    /// Whether another request was in flight at the host since this one began.
    pub(crate) fn was_shared(&self) -> bool {
        self.joined != Some(self.limiter.lock().joined(&self.host))
    }
}

impl HostLimiter {
    /// Waits until fewer than `max` requests are in flight at the host, and than it takes. All spellings of a host count as one.
    pub(super) fn acquire(&self, host: &str, max: usize) -> impl Future<Output = Permit> + use<> {
        let (limiter, host) = (self.clone(), host_key(host));
        poll_fn(move |cx| match limiter.permit(&host, max, Some(cx.waker())) {
            Some(permit) => Poll::Ready(permit),
            None => Poll::Pending,
        })
    }

    /// A permit, if fewer than `max` requests are in flight at the host now.
    pub(super) fn try_acquire(&self, host: &str, max: usize) -> Option<Permit> {
        self.permit(&host_key(host), max, None)
    }

    fn permit(&self, host: &str, max: usize, waker: Option<&Waker>) -> Option<Permit> {
        let mut state = self.lock();
        let is_alone = state.busy(host).is_none();
        let is_acquired = state.acquire(host, max, waker);
        let joined = is_alone.then(|| state.joined(host));
        is_acquired.then(|| Permit { limiter: self.clone(), host: host.to_owned(), joined })
    }

    /// How many requests are in flight at a host, by its key.
    pub(super) fn in_flight(&self, host: &str) -> usize {
        self.lock().busy(host).map_or(0, |busy| busy.in_flight)
    }

    /// A host refused a request for its load; the request is no longer in flight.
    pub(super) fn on_refusal(&self, host: &str, now: Duration) {
        let host = host_key(host);
        let served = self.in_flight(&host).max(1);
        let mut state = self.lock();
        let at = state.narrow.iter().position(|known| known.host == host);
        let mut known = match at {
            Some(at) => state.narrow.remove(at),
            None => Narrow { host, limit: WIDE, complete: 0, step: FIRST_STEP / 2, refused_at: now },
        };
        if at.is_none() || now.saturating_sub(known.refused_at) > SAME_CAUSE {
            known.step = (known.step * 2).min(MAX_STEP);
        }
        (known.limit, known.complete, known.refused_at) = (known.limit.min(served), 0, now);
        if state.narrow.len() == MAX_NARROW {
            state.narrow.remove(0);
        }
        state.narrow.push(known);
    }

    /// A host sent a complete body.
    pub(super) fn on_complete(&self, host: &str) {
        let mut state = self.lock();
        if !state.narrow.is_empty() && state.on_complete(&host_key(host)) {
            state.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a complete body of a host; returns whether the host gets more requests at a time.
    fn on_complete(&mut self, host: &str) -> bool {
        let Some(known) = self.narrow.iter_mut().find(|known| known.host == host) else { return false };
        known.complete += 1;
        if known.complete < known.step {
            return false;
        }
        (known.limit, known.complete) = (known.limit + 1, 0);
        if known.limit >= WIDE {
            self.narrow.retain(|known| known.host != host);
        }
        true
    }

    /// Counts one more request at a host, if it may start. If not, wakes `waker` after any request ends.
    fn acquire(&mut self, host: &str, max: usize, waker: Option<&Waker>) -> bool {
        let narrow = self.narrow.iter().find(|known| known.host == host);
        let max = narrow.map_or(max, |narrow| narrow.limit.min(max));
        match self.hosts.iter_mut().find(|busy| busy.host == host) {
            Some(busy) if busy.in_flight >= max => {
                self.wait(waker);
                return false;
            }
            Some(busy) => (busy.in_flight, busy.joined) = (busy.in_flight + 1, busy.joined + 1),
            None => self.hosts.push(Busy { host: host.to_owned(), in_flight: 1, joined: 0 }),
        }
        true
    }

    fn busy(&self, host: &str) -> Option<&Busy> {
        self.hosts.iter().find(|busy| busy.host == host)
    }

    fn joined(&self, host: &str) -> usize {
        self.busy(host).map_or(0, |busy| busy.joined)
    }

    fn wait(&mut self, waker: Option<&Waker>) {
        if let Some(waker) = waker
            && !self.waiting.iter().any(|known| known.will_wake(waker))
        {
            self.waiting.push(waker.clone());
        }
    }

    fn release(&mut self, host: &str) {
        if let Some(busy) = self.hosts.iter_mut().find(|busy| busy.host == host) {
            busy.in_flight -= 1;
        }
        self.hosts.retain(|busy| busy.in_flight > 0);
        self.wake();
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.lock().release(&self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all permits that can be had.
    fn take(limiter: &HostLimiter) -> Vec<Permit> {
        std::iter::from_fn(|| limiter.try_acquire("a", 100)).collect()
    }

    // F138
    #[test]
    fn a_host_that_refuses_gets_as_many_requests_as_it_served() {
        let (limiter, mut now) = (HostLimiter::default(), Duration::ZERO);
        let mut permits = take(&limiter);
        assert_eq!(permits.len(), 100);
        while permits.len() > 2 {
            permits.pop();
            limiter.on_refusal("A:80", now);
        }
        permits.clear();
        assert_eq!((take(&limiter).len(), limiter.try_acquire("b", 1).is_some()), (2, true));
        for step in [8, 16, 32] {
            (1..step).for_each(|_| limiter.on_complete("a"));
            assert_eq!(take(&limiter).len(), 2);
            limiter.on_complete("a");
            let mut permits = take(&limiter);
            assert_eq!(permits.len(), 3);
            permits.pop();
            now += Duration::from_secs(2);
            limiter.on_refusal("a", now);
        }
    }

    // F138
    #[test]
    fn a_permit_knows_whether_others_were_in_flight() {
        let limiter = HostLimiter::default();
        let permit = || limiter.try_acquire("a", 9).unwrap();
        let first = permit();
        drop(limiter.try_acquire("b", 9));
        assert!(!first.was_shared());
        let second = permit();
        assert!(first.was_shared() && second.was_shared());
        drop(first);
        assert!(second.was_shared());
        drop(second);
        let third = permit();
        assert!(!third.was_shared());
        drop(permit());
        assert!(third.was_shared());
    }

    // F138
    #[test]
    fn a_host_that_refuses_no_more_is_not_limited() {
        let limiter = HostLimiter::default();
        limiter.on_refusal("a", Duration::ZERO);
        assert_eq!(take(&limiter).len(), 1, "it is asked all the same");
        (0..FIRST_STEP * WIDE).for_each(|_| limiter.on_complete("a"));
        assert_eq!(take(&limiter).len(), 100);
        (0..2 * MAX_NARROW).for_each(|i| limiter.on_refusal(&format!("h{i}"), Duration::ZERO));
        assert_eq!(limiter.lock().narrow.len(), MAX_NARROW);
    }
}
