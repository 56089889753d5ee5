//! What the streams of a pool share: a byte budget, a concurrency limit, limits per host, and what is known
//! of hosts.
//!
//! A stream joins a pool and gets a `StreamSlot`. Before it starts a view, it asks the slot for admission
//! (`StreamSlot::try_start`). The pool admits it if
//!
//! - no more bytes are under way than `schedule::concurrency` allows,
//! - the byte budget has room, or the stream's reader waits for the view, and
//! - no other waiting stream comes first (`fair_queue`).
//!
//! If not, the pool wakes the stream when that may have changed. Then the stream must either ask again or
//! withdraw, because the pool wakes one stream at a time.
//!
//! The pool also limits the requests in flight at each host (`host_limit`), to fewer after a host refused some for its
//! load, orders replicas by what their
//! hosts have done so far (`host_stats`), and limits how many hedged requests are sent.

mod fair_queue;
mod flight;
mod host_limit;
mod host_stats;
mod under_way;

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use self::{
    fair_queue::FairQueue,
    host_limit::{CONNECTIONS, HostLimiter},
    host_stats::HostStats,
    under_way::UnderWay,
};
pub(crate) use self::{
    fair_queue::{MAX_WAIT, StartRequest, Usage},
    flight::Flight,
    host_limit::Permit,
};
use crate::{
    http::url::{self, host_key},
    model::limit::MAX_CHUNK_BYTES,
    schedule::{
        concurrency::ConcurrencyController,
        options::{Concurrency, Options},
        pace::Traffic,
        retry::AttemptError,
    },
    time::Duration,
};

/// Limits over all streams that share a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Bytes held or promised but not yet read. Defaults to 64 MiB.
    pub max_bytes: u64,
    /// Requests in flight at one host. No limit by default: platforms have their own.
    pub per_host: usize,
    /// Views in flight. Defaults to 64.
    pub max_concurrency: usize,
    /// The largest chunk that is decoded in memory, which takes twice its size for a moment. A larger one is
    /// [`crate::Kind::Limit`], and is not requested. Defaults to 1 GiB.
    pub max_chunk_bytes: u64,
    /// Bytes of decoded chunks that are kept for reads that follow; they do not count as `max_bytes`. With 0, none is
    /// kept, and reads of one chunk do not share its fetch. Defaults to 32 MiB.
    pub max_cache_bytes: u64,
}

impl PoolLimits {
    /// The default of [`PoolLimits::max_bytes`]: 64 MiB.
    pub const DEFAULT_MAX_BYTES: u64 = 64 << 20;

    /// The default of [`PoolLimits::max_cache_bytes`]: 32 MiB.
    pub const DEFAULT_MAX_CACHE_BYTES: u64 = 32 << 20;

    /// The default of [`PoolLimits::max_concurrency`].
    pub const DEFAULT_MAX_CONCURRENCY: usize = Concurrency::DEFAULT_MAX;
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_bytes: Self::DEFAULT_MAX_BYTES,
            per_host: usize::MAX,
            max_concurrency: Self::DEFAULT_MAX_CONCURRENCY,
            max_chunk_bytes: MAX_CHUNK_BYTES,
            max_cache_bytes: Self::DEFAULT_MAX_CACHE_BYTES,
        }
    }
}

/// What several streams share. Clones are handles to the same pool.
///
/// The view that a stream's reader waits for is exempt from the byte budget, so an idle stream never blocks
/// another.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: PoolLimits,
    /// The sum over all streams.
    usage: Usage,
    peak_bytes: u64,
    /// Bytes of bodies, over all streams and all time.
    received: u64,
    queue: FairQueue,
    controller: ConcurrencyController,
    host_limiter: HostLimiter,
    host_stats: HostStats,
    under_way: UnderWay,
    /// Hedged requests that may be sent now; each first request adds a fraction of one.
    hedge_tokens: f64,
    /// Requests that may be taken from slow hosts now; each first request adds a fraction of one.
    reroute_tokens: f64,
}

/// A host that sends bytes counts as serving for twice this time at least.
pub(crate) const SERVED_AGAIN: Duration = Duration::from_secs(1);

/// The most hedged requests that may be sent in a row.
const MAX_HEDGE_TOKENS: f64 = 16.0;

/// Hedged requests for each first request in the long run.
const HEDGES_PER_REQUEST: f64 = 0.03;

/// The most requests that may be taken from slow hosts in a row: all of a stream.
const MAX_REROUTE_TOKENS: f64 = 64.0;

/// Requests that are taken from slow hosts for each first request in the long run.
const REROUTES_PER_REQUEST: f64 = 0.02;

impl Default for State {
    fn default() -> Self {
        Self {
            limits: PoolLimits::default(),
            usage: Usage::default(),
            peak_bytes: 0,
            received: 0,
            queue: FairQueue::default(),
            controller: ConcurrencyController::default(),
            host_limiter: HostLimiter::default(),
            host_stats: HostStats::default(),
            under_way: UnderWay::default(),
            hedge_tokens: MAX_HEDGE_TOKENS,
            reroute_tokens: MAX_REROUTE_TOKENS,
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
        self.lock().usage.bytes
    }

    /// The largest value that `bytes` has had.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.lock().peak_bytes
    }

    /// How many more bytes may be held or promised.
    pub(crate) fn room(&self) -> u64 {
        let state = self.lock();
        state.limits.max_bytes.saturating_sub(state.usage.bytes)
    }

    /// The largest chunk that is decoded in memory.
    pub(crate) fn max_chunk_bytes(&self) -> u64 {
        self.lock().limits.max_chunk_bytes
    }

    /// Views in flight now, over all streams.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.lock().usage.in_flight
    }

    /// Adds a stream.
    pub(crate) fn join(&self, options: &Options) -> StreamSlot {
        let id = self.lock().queue.add(options.priority, options.concurrency);
        StreamSlot { pool: self.clone(), id, concurrency: options.concurrency }
    }

    /// Waits until fewer than `max` requests are in flight at a host, and than the pool's limit per host. All
    /// spellings of a host count as one.
    pub(crate) fn acquire(&self, host: &str, max: usize) -> impl Future<Output = Permit> + use<> {
        let state = self.lock();
        state.host_limiter.acquire(host, max.min(state.limits.per_host))
    }

    /// A permit for a request to a host, if `acquire` would not have to wait.
    pub(crate) fn try_acquire(&self, host: &str, max: usize) -> Option<Permit> {
        let state = self.lock();
        state.host_limiter.try_acquire(host, max.min(state.limits.per_host))
    }

    /// A host responded `latency` after the request.
    pub(crate) fn on_response(&self, host: &str, latency: Duration, now: Duration) {
        let mut state = self.lock();
        state.host_stats.on_response(host, latency, now);
        state.controller.on_response(latency, now);
    }

    /// Bytes of a body arrived.
    pub(crate) fn on_bytes(&self, flight: &Flight, bytes: u64, now: Duration) {
        let mut state = self.lock();
        state.received = state.received.saturating_add(bytes);
        let (taken, (before, after)) = state.under_way.take(flight.at, bytes, now);
        state.update_controller(|controller, max| {
            controller.expect(before, after + taken);
            controller.on_bytes(bytes, taken, now, max);
        });
    }

    /// What is received in all.
    pub(crate) fn traffic(&self) -> Traffic {
        let state = self.lock();
        let bodies = state.usage.fetching.saturating_sub(state.usage.awaited);
        Traffic { bytes: state.received, bodies }
    }

    /// A host delivered a chunk; its last body brought `bytes` in `time`.
    pub(crate) fn on_complete(&self, host: &str, bytes: u64, time: Duration, now: Duration) {
        let mut state = self.lock();
        state.host_stats.on_complete(host, bytes, time, now);
        state.host_stats.on_served(host, now);
        state.host_limiter.on_complete(host);
        state.update_controller(|controller, _| controller.on_complete(now));
    }

    /// An attempt at a host failed.
    pub(crate) fn on_failure(&self, host: &str, error: &AttemptError, now: Duration) {
        let mut state = self.lock();
        state.host_stats.on_failure(host, error, now);
        if error.is_refusal() {
            state.host_limiter.on_refusal(host, now);
        }
    }

    /// A host sends bytes of a chunk. To be called at least every [`SERVED_AGAIN`] while it does.
    pub(crate) fn on_served(&self, host: &str, now: Duration) {
        self.lock().host_stats.on_served(host, now);
    }

    /// Whether a host serves views now, or has done so within this time.
    pub(crate) fn is_serving(&self, host: &str, within: Duration, now: Duration) -> bool {
        self.lock().host_stats.has_served(host, within.max(SERVED_AGAIN * 2), now)
    }

    /// As [`Self::is_serving`], as far as can be known: a request in flight that is not refused yet may be served.
    pub(crate) fn may_serve(&self, host: &str, within: Duration, now: Duration) -> bool {
        let in_flight = self.lock().host_limiter.in_flight(&host_key(host));
        in_flight > 0 || self.is_serving(host, within, now)
    }

    /// Whether a request to a host may wait for a connection in the platform: more requests are in flight there than a
    /// browser opens connections, and the host has sent bytes within this time.
    pub(crate) fn may_queue(&self, host: &str, within: Duration, now: Duration) -> bool {
        let in_flight = self.lock().host_limiter.in_flight(&host_key(host));
        in_flight > CONNECTIONS && self.is_serving(host, within, now)
    }

    /// A host took `time` without doing what it usually does in that time.
    pub(crate) fn on_late(&self, host: &str, time: Duration, now: Duration) {
        self.lock().host_stats.on_late(host, time, now);
    }

    /// The time after which a request to a host is late: by then it has usually responded or, if `bytes` is
    /// given, sent that many bytes. `None`: no host is known.
    pub(crate) fn hedge_delay(&self, host: &str, bytes: Option<u64>) -> Option<Duration> {
        self.lock().host_stats.hedge_delay(host, bytes)
    }

    /// Judges the requests under way, unless that was done just now. To be called often while requests are waited for;
    /// returns whether a host is slow.
    pub(crate) fn judge(&self, now: Duration) -> bool {
        let mut state = self.lock();
        state.judge(now);
        state.host_stats.has_slow()
    }

    /// Whether a host is known to be so slow beside others that what it was asked for `since` then should be had
    /// elsewhere: `bytes` of a body, or a response.
    pub(crate) fn is_slow(&self, host: &str, since: Duration, bytes: Option<u64>, now: Duration) -> bool {
        let state = self.lock();
        state.reroute_tokens >= 1.0 && state.host_stats.is_slow(host, since, bytes, now)
    }

    /// Which of these replicas to ask in place of a slow host, and counts that. `None`: none would be sooner.
    pub(crate) fn reroute(&self, from: &str, urls: &[String], bytes: u64, now: Duration) -> Option<usize> {
        let mut state = self.lock();
        let State { host_stats, host_limiter, reroute_tokens, .. } = &mut *state;
        let mut ranked = urls.to_vec();
        host_stats.rank(&mut ranked, bytes, now, false, |host| host_limiter.in_flight(host));
        let best = ranked.first()?;
        let host = url::host(best).unwrap_or_default();
        if *reroute_tokens < 1.0 || !host_stats.is_known_slow(from) || host_stats.is_known_slow(host) {
            return None;
        }
        *reroute_tokens -= 1.0;
        urls.iter().position(|url| url == best)
    }

    /// Whether a hedged request may be sent now; if so, counts it.
    pub(crate) fn take_hedge_token(&self) -> bool {
        let mut state = self.lock();
        let may_hedge = state.hedge_tokens >= 1.0 && state.usage.in_flight < state.limits.max_concurrency;
        if may_hedge {
            state.hedge_tokens -= 1.0;
        }
        may_hedge
    }

    /// Orders the replicas of a chunk of `bytes` bytes: the one that is likely to deliver it soonest comes
    /// first. `may_probe`: a slow host may be tried again.
    pub(crate) fn rank(&self, urls: &mut Vec<String>, bytes: u64, may_probe: bool, now: Duration) {
        let mut state = self.lock();
        let State { host_stats, host_limiter, .. } = &mut *state;
        host_stats.rank(urls, bytes, now, may_probe, |host| host_limiter.in_flight(host));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Updates the controller; wakes the next stream if there is room for its view now.
    fn update_controller(&mut self, update: impl FnOnce(&mut ConcurrencyController, usize)) {
        update(&mut self.controller, self.limits.max_concurrency);
        self.wake_next();
    }

    /// Judges the requests under way, and the hosts.
    fn judge(&mut self, now: Duration) {
        let Some(is_awake) = self.under_way.is_due(now) else { return };
        let silence = self.controller.silence();
        let Self { under_way, host_limiter, host_stats, .. } = self;
        let late = under_way.find_late(silence, |host| {
            host_limiter.in_flight(host) > CONNECTIONS
                && host_stats.has_served(host, silence.max(SERVED_AGAIN * 2), now)
        });
        if is_awake {
            under_way.find_slow(host_stats, now);
        }
        if late > 0 {
            self.update_controller(|controller, _| controller.expect(late, 0));
        }
    }

    /// Wakes the stream that may start the next view, if there is one.
    fn wake_next(&mut self) {
        if let Some(waker) = self.next_stream().and_then(|id| self.queue.take_waker(id)) {
            waker.wake();
        }
    }

    /// The stream that starts the next view, among those that wait and whose view the pool has room for.
    fn next_stream(&self) -> Option<usize> {
        let limit = self.controller.current().min(self.limits.max_concurrency);
        self.queue.next(limit, |concurrency, request, is_urgent| {
            self.check_room(concurrency, request, is_urgent).is_ok()
        })
    }

    /// Whether the limits over all streams allow a view to start now.
    fn check_room(
        &self,
        concurrency: Concurrency,
        request: &StartRequest,
        is_urgent: bool,
    ) -> Result<(), Rejected> {
        // Views that are late take no place, but never more of them than there are places.
        let late = self.under_way.late().min(self.limits.max_concurrency);
        let is_full = match concurrency {
            Concurrency::Fixed(_) => false,
            Concurrency::Auto { max } => {
                // A reader waits for the first bytes of an urgent stream, so one view more is allowed for it.
                self.usage.fetching.saturating_sub(late) > max.max(1) - usize::from(!is_urgent)
                    || !self.controller.allows(request.len, is_urgent, request.is_early)
            }
        };
        if self.usage.in_flight.saturating_sub(late) >= self.limits.max_concurrency || is_full {
            Err(Rejected::Views)
        } else if !request.head && self.usage.bytes.saturating_add(request.cost) > self.limits.max_bytes {
            Err(Rejected::Bytes)
        } else {
            Ok(())
        }
    }
}

/// Why a view may not start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Too many bytes are held or promised.
    Bytes,
    /// Too many views are in flight, or another stream comes first.
    Views,
}

/// The membership of a stream in a pool. Dropping it returns everything that the stream used.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    pool: Pool,
    id: usize,
    concurrency: Concurrency,
}

impl StreamSlot {
    /// How many views this stream may have in flight now.
    pub(crate) fn concurrency(&self) -> usize {
        match self.concurrency {
            Concurrency::Fixed(views) => views.max(1),
            Concurrency::Auto { max } => self.pool.lock().controller.current().clamp(1, max.max(1)),
        }
    }

    /// Starts a view if the pool has room for it and it is this stream's turn. If not, the waker is woken
    /// when that may have changed; then the stream must call this again or `withdraw`.
    pub(crate) fn try_start(&self, request: StartRequest, waker: &Waker) -> Result<Flight, Rejected> {
        let mut state = self.pool.lock();
        state.controller.on_request(request.at);
        state.judge(request.at);
        let is_urgent = state.queue.request(self.id, request, waker);
        let mut admission = state.check_room(self.concurrency, &request, is_urgent);
        if admission.is_ok() && state.next_stream() != Some(self.id) {
            admission = Err(Rejected::Views);
        }
        match admission {
            Ok(()) => {
                state.queue.start(self.id, request.len);
                state.controller.on_start(request.len);
                state.hedge_tokens = (state.hedge_tokens + HEDGES_PER_REQUEST).min(MAX_HEDGE_TOKENS);
                state.reroute_tokens = (state.reroute_tokens + REROUTES_PER_REQUEST).min(MAX_REROUTE_TOKENS);
                let at = state.under_way.add(request.len);
                Ok(Flight::new(self.pool.clone(), at))
            }
            Err(rejected) => {
                state.wake_next();
                Err(rejected)
            }
        }
    }

    /// After how long a silence of all servers another view may start.
    pub(crate) fn silence(&self) -> Duration {
        self.pool.lock().controller.silence()
    }

    /// Gives up the request to start a view, so that another stream may start one.
    pub(crate) fn withdraw(&self) {
        let mut state = self.pool.lock();
        state.queue.withdraw(self.id);
        state.wake_next();
    }

    /// Reports what this stream uses now.
    pub(crate) fn update_usage(&self, usage: Usage, now: Duration) {
        let mut state = self.pool.lock();
        let before = state.queue.update_usage(self.id, usage, now);
        let all = &mut state.usage;
        all.bytes = all.bytes.saturating_sub(before.bytes).saturating_add(usage.bytes);
        all.in_flight = all.in_flight.saturating_sub(before.in_flight).saturating_add(usage.in_flight);
        all.fetching = all.fetching.saturating_sub(before.fetching).saturating_add(usage.fetching);
        all.awaited = all.awaited.saturating_sub(before.awaited).saturating_add(usage.awaited);
        let bytes = all.bytes;
        state.peak_bytes = state.peak_bytes.max(bytes);
        if usage.bytes < before.bytes
            || usage.in_flight < before.in_flight
            || usage.fetching < before.fetching
        {
            state.wake_next();
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.pool.lock().queue.remove(self.id);
        self.pool.lock().wake_next();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn only_the_head_may_exceed_the_byte_budget() {
        let pool = Pool::new(PoolLimits { max_bytes: 10, ..PoolLimits::default() });
        let slot = pool.join(&Options::default());
        slot.update_usage(Usage { bytes: 8, in_flight: 1, fetching: 1, awaited: 0 }, Duration::ZERO);
        let try_start = |cost, head| {
            slot.try_start(
                StartRequest { len: cost, cost, head, is_early: false, at: Duration::ZERO },
                Waker::noop(),
            )
        };
        assert_eq!(try_start(3, false).err(), Some(Rejected::Bytes));
        assert!(try_start(3, true).is_ok());
        assert!(try_start(2, false).is_ok());
    }

    #[test]
    fn requests_to_a_host_are_limited() {
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
