//! What streams share: bytes, views in flight, requests to one host.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use crate::{health::Health, locate::host_key, retry::Failure};

/// Limits over all streams that share a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Bytes held or promised but not yet read. Defaults to 64 MiB.
    pub max_bytes: u64,
    /// Requests to one host at a time. No limit by default: platforms have their own.
    pub per_host: usize,
    /// Views in flight. Defaults to 64.
    pub max_concurrency: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        // HTTP/2 at 50 ms uses 64 views in flight.
        Self { max_bytes: 64 << 20, per_host: usize::MAX, max_concurrency: 64 }
    }
}

/// What several streams share. Clones are handles on the same pool.
///
/// A stream's head is exempt from the limit on bytes, so an idle stream never starves another.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    limits: PoolLimits,
    bytes: u64,
    peak_bytes: u64,
    in_flight: usize,
    hosts: Vec<(String, usize)>,
    health: Health,
    waiting: Vec<Waker>,
}

impl Pool {
    /// A pool with these limits.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self(Arc::new(Mutex::new(State { limits, ..State::default() })))
    }

    /// Bytes held or promised now, over all streams.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// The most that `bytes` has been.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.lock().peak_bytes
    }

    /// Views in flight now, over all streams.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// Whether a view that costs `bytes` may start now; `head`: its stream waits for it.
    pub(crate) fn has_room(&self, bytes: u64, head: bool) -> Result<(), Full> {
        let state = self.lock();
        if state.in_flight >= state.limits.max_concurrency {
            Err(Full::Views)
        } else if !head && state.bytes.saturating_add(bytes) > state.limits.max_bytes {
            Err(Full::Bytes)
        } else {
            Ok(())
        }
    }

    /// Takes note of how a stream's share changed, from `(bytes, views in flight)` to another.
    pub(crate) fn changed(&self, from: (u64, usize), to: (u64, usize)) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(from.0).saturating_add(to.0);
        state.in_flight = state.in_flight.saturating_sub(from.1).saturating_add(to.1);
        state.peak_bytes = state.peak_bytes.max(state.bytes);
        if to.0 < from.0 || to.1 < from.1 {
            state.wake();
        }
    }

    /// Wakes this waker once there may be more room.
    pub(crate) fn wait(&self, waker: &Waker) {
        self.lock().wait(waker);
    }

    /// Waits for a turn at a host, however it is spelt; at most `cap` requests are under way there.
    pub(crate) fn enter(&self, host: &str, cap: usize) -> impl Future<Output = Turn> + '_ {
        let host = host_key(host);
        poll_fn(move |cx| {
            let mut state = self.lock();
            let cap = cap.min(state.limits.per_host);
            match state.hosts.iter_mut().find(|(name, _)| *name == host) {
                Some((_, busy)) if *busy >= cap => {
                    state.wait(cx.waker());
                    return Poll::Pending;
                }
                Some((_, busy)) => *busy += 1,
                None => state.hosts.push((host.clone(), 1)),
            }
            Poll::Ready(Turn { pool: self.clone(), host: host.clone() })
        })
    }

    /// A host answered so long after it was asked.
    pub(crate) fn answered(&self, host: &str, time: Duration) {
        self.lock().health.answered(host, time);
    }

    /// A host served a chunk to its end.
    pub(crate) fn served(&self, host: &str) {
        self.lock().health.served(host);
    }

    /// An attempt at a host failed.
    pub(crate) fn failed(&self, host: &str, failure: &Failure, now: Duration) {
        self.lock().health.failed(host, failure, now);
    }

    /// Orders replicas: the one that is most likely to serve soon comes first.
    pub(crate) fn rank(&self, urls: &mut Vec<String>, now: Duration) {
        self.lock().health.rank(urls, now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nothing may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Too many bytes are held or promised.
    Bytes,
    /// Too many views are in flight.
    Views,
}

impl State {
    fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    fn wake(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

/// A request under way at a host; dropping it lets the next one go.
#[derive(Debug)]
pub(crate) struct Turn {
    pool: Pool,
    host: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(at) = state.hosts.iter().position(|(name, _)| *name == self.host) {
            if let Some((_, busy)) = state.hosts.get_mut(at) {
                *busy -= 1;
            }
            if state.hosts.get(at).is_some_and(|(_, busy)| *busy == 0) {
                state.hosts.swap_remove(at);
            }
        }
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn only_the_head_may_pass_the_limit_on_bytes() {
        let pool = Pool::new(PoolLimits { max_bytes: 10, ..PoolLimits::default() });
        pool.changed((0, 0), (8, 1));
        assert_eq!(pool.has_room(3, false), Err(Full::Bytes));
        assert_eq!(pool.has_room(3, true), Ok(()));
        assert_eq!(pool.has_room(2, false), Ok(()));
    }

    #[test]
    fn a_host_takes_as_many_requests_as_it_may() {
        let pool = Pool::default();
        let first = pool.enter("a", 1).now_or_never();
        assert!(first.is_some());
        assert!(pool.enter("a", 1).now_or_never().is_none());
        assert!(pool.enter("A.:80", 1).now_or_never().is_none());
        assert!(pool.enter("b", 1).now_or_never().is_some());
        drop(first);
        assert!(pool.enter("a", 1).now_or_never().is_some());
    }
}
