//! Requests under way at each host.

use std::{
    future::{Future, poll_fn},
    task::{Poll, Waker},
};

use super::Pool;
use crate::http::url::host_key;

#[derive(Debug, Default)]
pub(super) struct HostLimiter {
    hosts: Vec<(String, usize)>,
    waiting: Vec<Waker>,
}

/// A request under way at a host; dropping it lets the next one go.
#[derive(Debug)]
pub(crate) struct Permit {
    pool: Pool,
    host: String,
}

pub(super) fn enter<'a>(pool: &'a Pool, host: &str, cap: usize) -> impl Future<Output = Permit> + use<'a> {
    let host = host_key(host);
    poll_fn(move |cx| match take(pool, &host, cap, Some(cx.waker())) {
        true => Poll::Ready(Permit { pool: pool.clone(), host: host.clone() }),
        false => Poll::Pending,
    })
}

pub(super) fn try_enter(pool: &Pool, host: &str, cap: usize) -> Option<Permit> {
    let host = host_key(host);
    take(pool, &host, cap, None).then(|| Permit { pool: pool.clone(), host })
}

/// Whether one more may go; if not, the waker is woken when there is one fewer somewhere.
fn take(pool: &Pool, host: &str, cap: usize, waker: Option<&Waker>) -> bool {
    let mut state = pool.lock();
    let cap = cap.min(state.limits.per_host);
    let turns = &mut state.turns;
    match turns.hosts.iter_mut().find(|(name, _)| *name == host) {
        Some((_, busy)) if *busy >= cap => {
            turns.wait(waker);
            return false;
        }
        Some((_, busy)) => *busy += 1,
        None => turns.hosts.push((host.to_owned(), 1)),
    }
    true
}

impl HostLimiter {
    /// How many requests are under way at a host, by its key.
    pub(super) fn at(&self, host: &str) -> usize {
        self.hosts.iter().find(|(name, _)| name == host).map_or(0, |(_, busy)| *busy)
    }

    fn wait(&mut self, waker: Option<&Waker>) {
        if let Some(waker) = waker
            && !self.waiting.iter().any(|known| known.will_wake(waker))
        {
            self.waiting.push(waker.clone());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let turns = &mut self.pool.lock().turns;
        if let Some(at) = turns.hosts.iter().position(|(name, _)| *name == self.host) {
            if let Some((_, busy)) = turns.hosts.get_mut(at) {
                *busy -= 1;
            }
            if turns.hosts.get(at).is_some_and(|(_, busy)| *busy == 0) {
                turns.hosts.swap_remove(at);
            }
        }
        turns.waiting.drain(..).for_each(Waker::wake);
    }
}
