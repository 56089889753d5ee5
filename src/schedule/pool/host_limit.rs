//! Limits how many requests are in flight at each host.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use crate::http::url::host_key;

/// The requests in flight at each host. Clones are handles to the same limiter.
#[derive(Clone, Debug, Default)]
pub(super) struct HostLimiter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Each host with at least one request in flight, by its key.
    hosts: Vec<(String, usize)>,
    waiting: Vec<Waker>,
}

/// The permission to have one request in flight at a host. Dropping it admits the next request.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: HostLimiter,
    host: String,
}

impl HostLimiter {
    /// Waits until fewer than `max` requests are in flight at the host. All spellings of a host count as one.
    pub(super) fn acquire(&self, host: &str, max: usize) -> impl Future<Output = Permit> + use<> {
        let (limiter, host) = (self.clone(), host_key(host));
        poll_fn(move |cx| match limiter.lock().acquire(&host, max, Some(cx.waker())) {
            true => Poll::Ready(Permit { limiter: limiter.clone(), host: host.clone() }),
            false => Poll::Pending,
        })
    }

    /// A permit, if fewer than `max` requests are in flight at the host now.
    pub(super) fn try_acquire(&self, host: &str, max: usize) -> Option<Permit> {
        let host = host_key(host);
        let is_acquired = self.lock().acquire(&host, max, None);
        is_acquired.then(|| Permit { limiter: self.clone(), host })
    }

    /// How many requests are in flight at a host, by its key.
    pub(super) fn in_flight(&self, host: &str) -> usize {
        self.lock().hosts.iter().find(|(name, _)| name == host).map_or(0, |(_, in_flight)| *in_flight)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts one more request at a host, if it may start. If not, wakes `waker` after any request ends.
    fn acquire(&mut self, host: &str, max: usize, waker: Option<&Waker>) -> bool {
        match self.hosts.iter_mut().find(|(name, _)| *name == host) {
            Some((_, in_flight)) if *in_flight >= max => {
                self.wait(waker);
                return false;
            }
            Some((_, in_flight)) => *in_flight += 1,
            None => self.hosts.push((host.to_owned(), 1)),
        }
        true
    }

    fn wait(&mut self, waker: Option<&Waker>) {
        if let Some(waker) = waker
            && !self.waiting.iter().any(|known| known.will_wake(waker))
        {
            self.waiting.push(waker.clone());
        }
    }

    fn release(&mut self, host: &str) {
        if let Some(at) = self.hosts.iter().position(|(name, _)| *name == host) {
            if let Some((_, in_flight)) = self.hosts.get_mut(at) {
                *in_flight -= 1;
            }
            if self.hosts.get(at).is_some_and(|(_, in_flight)| *in_flight == 0) {
                self.hosts.swap_remove(at);
            }
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.lock().release(&self.host);
    }
}
