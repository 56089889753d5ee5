//! What streams share: bytes, views in flight, requests to one host, and what is known of the link.

mod fair_queue;
mod host_limit;
mod host_stats;

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use self::{fair_queue::FairQueue, host_limit::HostLimiter, host_stats::HostStats};
pub(crate) use self::{
    fair_queue::{MAX_WAIT, StartRequest, Usage},
    host_limit::Permit,
};
use crate::{
    error::Kind,
    schedule::{
        concurrency::ConcurrencyController,
        options::{Concurrency, Options},
        retry::AttemptError,
    },
};

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

impl PoolLimits {
    /// The default of [`PoolLimits::max_bytes`]: 64 MiB.
    pub const DEFAULT_MAX_BYTES: u64 = 64 << 20;

    /// The default of [`PoolLimits::max_concurrency`].
    pub const DEFAULT_MAX_CONCURRENCY: usize = Concurrency::DEFAULT_MAX;
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_bytes: Self::DEFAULT_MAX_BYTES,
            per_host: usize::MAX,
            max_concurrency: Self::DEFAULT_MAX_CONCURRENCY,
        }
    }
}

/// What several streams share. Clones are handles on the same pool.
///
/// A stream's head is exempt from the limit on bytes, so an idle stream never starves another.
/// Which stream may start its next view is decided by priority, then by what each has had (`seats`).
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: PoolLimits,
    share: Usage,
    peak_bytes: u64,
    seats: FairQueue,
    pace: ConcurrencyController,
    turns: HostLimiter,
    health: HostStats,
    /// Second requests that may be sent now.
    hedges: f64,
}

/// So many second requests may be sent in a row, and so many for each first one in the long run.
const HEDGES: f64 = 16.0;
const HEDGES_PER_REQUEST: f64 = 0.03;

impl Default for State {
    fn default() -> Self {
        Self {
            limits: PoolLimits::default(),
            share: Usage::default(),
            peak_bytes: 0,
            seats: FairQueue::default(),
            pace: ConcurrencyController::default(),
            turns: HostLimiter::default(),
            health: HostStats::default(),
            hedges: HEDGES,
        }
    }
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
        self.lock().share.bytes
    }

    /// The most that `bytes` has been.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.lock().peak_bytes
    }

    /// Views in flight now, over all streams.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lock().share.in_flight
    }

    /// Takes a stream in.
    pub(crate) fn join(&self, options: &Options) -> StreamSlot {
        let number = self.lock().seats.add(options.priority, options.concurrency);
        StreamSlot { pool: self.clone(), number, width: options.concurrency }
    }

    /// Waits for a turn at a host, however it is spelt; at most `cap` requests are under way there.
    pub(crate) fn acquire(&self, host: &str, cap: usize) -> impl Future<Output = Permit> + '_ {
        host_limit::enter(self, host, cap)
    }

    /// A turn at a host that can be had at once.
    pub(crate) fn try_acquire(&self, host: &str, cap: usize) -> Option<Permit> {
        host_limit::try_enter(self, host, cap)
    }

    /// A host answered so long after it was asked.
    pub(crate) fn on_response(&self, host: &str, time: Duration, now: Duration) {
        let mut state = self.lock();
        state.health.answered(host, time);
        state.pace.on_response(time, now);
    }

    /// Bytes of a body arrived.
    pub(crate) fn on_bytes(&self, bytes: u64, now: Duration) {
        self.lock().pace(|pace, most| pace.on_bytes(bytes, now, most));
    }

    /// A host served a chunk to its end: so many bytes of its last body, in so much time.
    pub(crate) fn on_complete(&self, host: &str, bytes: u64, time: Duration, now: Duration) {
        let mut state = self.lock();
        state.health.served(host, bytes, time);
        state.pace(|pace, most| pace.on_complete(bytes, time, now, most));
    }

    /// An attempt at a host failed.
    pub(crate) fn on_failure(&self, host: &str, failure: &AttemptError, now: Duration) {
        let mut state = self.lock();
        state.health.failed(host, failure, now);
        if let Kind::Http(429 | 503) = failure.kind {
            state.pace.on_congestion(now);
        }
    }

    /// A host had not done so much after this time as it usually has.
    pub(crate) fn on_late(&self, host: &str, time: Duration, now: Duration) {
        self.lock().health.late(host, time, now);
    }

    /// When what was sent to a host is late: by then it usually has answered, or sent so many
    /// bytes. `None`: nothing is known of any host.
    pub(crate) fn hedge_delay(&self, host: &str, bytes: Option<u64>) -> Option<Duration> {
        self.lock().health.patience(host, bytes)
    }

    /// Takes leave to send a second request, if there have not been too many.
    pub(crate) fn take_hedge_token(&self) -> bool {
        let mut state = self.lock();
        let may = state.hedges >= 1.0 && state.share.in_flight < state.limits.max_concurrency;
        if may {
            state.hedges -= 1.0;
        }
        may
    }

    /// Orders replicas of a chunk of so many bytes: the one that is likely to deliver it soonest comes first.
    pub(crate) fn rank(&self, urls: &mut Vec<String>, bytes: u64, now: Duration) {
        let state = self.lock();
        state.health.rank(urls, bytes, now, |host| state.turns.at(host));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells the pace something; if that lets more go, somebody goes.
    fn pace(&mut self, tell: impl FnOnce(&mut ConcurrencyController, usize)) {
        let before = self.pace.current();
        tell(&mut self.pace, self.limits.max_concurrency);
        if self.pace.current() > before {
            self.kick();
        }
    }

    /// Wakes the stream whose turn it is, if there is one for whose view there is room.
    fn kick(&mut self) {
        if let Some(waker) = self.first().and_then(|number| self.seats.call(number)) {
            waker.wake();
        }
    }

    /// The stream that is to start next, of those that wait and have room.
    fn first(&self) -> Option<usize> {
        let views = self.pace.current().min(self.limits.max_concurrency);
        self.seats.first(views, |width, ask, urgent| self.has_room(width, ask, urgent).is_ok())
    }

    /// Whether a view may start now, as far as all streams together go.
    fn has_room(&self, width: Concurrency, ask: &StartRequest, urgent: bool) -> Result<(), Rejected> {
        let (views, unanswered) = match width {
            Concurrency::Fixed(_) => (usize::MAX, usize::MAX),
            Concurrency::Auto { max } => (self.pace.limit(ask.len, max), self.pace.max_awaiting(ask.len)),
        };
        // Somebody waits for the first bytes of a stream that is new: a place is made for it.
        let is_full = match urgent {
            true => self.share.fetching > views,
            false => self.share.fetching >= views || self.share.awaited >= unanswered,
        };
        if self.share.in_flight >= self.limits.max_concurrency || is_full {
            Err(Rejected::Views)
        } else if !ask.head && self.share.bytes.saturating_add(ask.cost) > self.limits.max_bytes {
            Err(Rejected::Bytes)
        } else {
            Ok(())
        }
    }
}

/// Why nothing may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Too many bytes are held or promised.
    Bytes,
    /// Too many views are in flight, or it is another stream's turn.
    Views,
}

/// A stream's place in a pool; dropping it gives back what it had.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    pool: Pool,
    number: usize,
    width: Concurrency,
}

impl StreamSlot {
    /// Views that may be in flight now, as far as this stream is concerned.
    pub(crate) fn concurrency(&self) -> usize {
        match self.width {
            Concurrency::Fixed(views) => views.max(1),
            Concurrency::Auto { max } => self.pool.lock().pace.current().clamp(1, max.max(1)),
        }
    }

    /// Whether a view may start now. If not, the waker is woken when it may; and then it must ask
    /// again, or say that it does not want any more.
    pub(crate) fn try_start(&self, ask: StartRequest, waker: &Waker) -> Result<(), Rejected> {
        let mut state = self.pool.lock();
        let urgent = state.seats.wait(self.number, ask, waker);
        let mut room = state.has_room(self.width, &ask, urgent);
        if room.is_ok() && state.first() != Some(self.number) {
            room = Err(Rejected::Views);
        }
        match room {
            Ok(()) => {
                state.seats.start(self.number, &ask);
                state.pace.on_start(ask.len);
                state.hedges = (state.hedges + HEDGES_PER_REQUEST).min(HEDGES);
            }
            Err(_) => state.kick(),
        }
        room
    }

    /// It does not want to start anything now: another may.
    pub(crate) fn withdraw(&self) {
        let mut state = self.pool.lock();
        state.seats.quit(self.number);
        state.kick();
    }

    /// Takes note of what this stream has now.
    pub(crate) fn update_usage(&self, share: Usage, now: Duration) {
        let mut state = self.pool.lock();
        let before = state.seats.has(self.number, share, now);
        let all = &mut state.share;
        all.bytes = all.bytes.saturating_sub(before.bytes).saturating_add(share.bytes);
        all.in_flight = all.in_flight.saturating_sub(before.in_flight).saturating_add(share.in_flight);
        all.fetching = all.fetching.saturating_sub(before.fetching).saturating_add(share.fetching);
        all.awaited = all.awaited.saturating_sub(before.awaited).saturating_add(share.awaited);
        let (bytes, fetching) = (all.bytes, all.fetching);
        state.peak_bytes = state.peak_bytes.max(bytes);
        if before.fetching != share.fetching {
            state.pace.on_in_flight(fetching, now);
        }
        if share.bytes < before.bytes
            || share.in_flight < before.in_flight
            || share.fetching < before.fetching
        {
            state.kick();
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.pool.lock().seats.remove(self.number);
        self.pool.lock().kick();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn only_the_head_may_pass_the_limit_on_bytes() {
        let pool = Pool::new(PoolLimits { max_bytes: 10, ..PoolLimits::default() });
        let seat = pool.join(&Options::default());
        seat.update_usage(Usage { bytes: 8, in_flight: 1, fetching: 1, awaited: 0 }, Duration::ZERO);
        let ask = |cost, head| {
            let ask = StartRequest { len: cost, cost, head, at: Duration::ZERO };
            seat.try_start(ask, Waker::noop())
        };
        assert_eq!(ask(3, false), Err(Rejected::Bytes));
        assert_eq!(ask(3, true), Ok(()));
        assert_eq!(ask(2, false), Ok(()));
    }

    #[test]
    fn a_host_takes_as_many_requests_as_it_may() {
        let pool = Pool::default();
        let first = pool.acquire("a", 1).now_or_never();
        assert!(first.is_some());
        assert!(pool.acquire("a", 1).now_or_never().is_none());
        assert!(pool.acquire("A.:80", 1).now_or_never().is_none());
        assert!(pool.try_acquire("a", 1).is_none());
        assert!(pool.acquire("b", 1).now_or_never().is_some());
        drop(first);
        assert!(pool.acquire("a", 1).now_or_never().is_some());
    }
}
