//! Decides which stream of a pool starts the next view.
//!
//! The rules, in order:
//!
//! 1. A stream of a higher priority comes first. A stream with nothing in flight that has waited for
//!    [`MAX_WAIT`] counts as one of the highest priority, so no stream starves.
//! 2. Among streams of one priority, a stream below its fair share of the views in flight comes before one
//!    that has reached its share. A stream that has startup credit counts as below its share, because its
//!    reader waits for the first bytes.
//! 3. Then the stream with the smallest virtual time comes first. The virtual time is the number of bytes
//!    that a stream has started to fetch. A stream that becomes active again continues at the smallest
//!    virtual time of the active streams, so it does not make up for the time it was idle. This is start-time
//!    fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996).
//!
//! # Example
//!
//! Two streams fetch views of 4 MiB, and four views may be in flight. A third stream joins:
//!
//! ```text
//!  stream  virtual time  credit  in flight
//!  a             40 MiB       0          2
//!  b             44 MiB       0          2
//!  c              0 MiB   2 MiB          0
//! ```
//!
//! 1. `c` requests its first view. It becomes active, so its virtual time rises to 40 MiB. The request is
//!    urgent, because nothing of `c` is in flight, so the pool admits it although four views are in flight
//!    already.
//! 2. `c` starts the view: its virtual time is 44 MiB, and its credit is spent. From here on it competes as
//!    the others.
//! 3. A view of `a` and a view of `b` complete, and all three request another. Each has one view in flight,
//!    and the share of each is two (four views among three streams, rounded up). `a` has the smallest virtual
//!    time and starts.
//! 4. `b` and `c` follow, because both are at 44 MiB and below their share. `b` comes first, because it
//!    joined first.

use std::task::Waker;

use crate::{
    schedule::options::{Concurrency, Priority},
    time::Duration,
};

/// What a stream, or all streams together, use now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes held or promised.
    pub(crate) bytes: u64,
    /// Views in flight.
    pub(crate) in_flight: usize,
    /// Views in flight that a server is sending or should be sending.
    pub(crate) fetching: usize,
    /// Views in flight whose responses have not begun.
    pub(crate) awaited: usize,
}

/// A view that a stream wants to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartRequest {
    /// Bytes that are fetched for it.
    pub(crate) len: u64,
    /// The most bytes that it holds.
    pub(crate) cost: u64,
    /// Whether the stream's reader waits for it.
    pub(crate) head: bool,
    /// Whether the stream has only begun, so that nothing should come beside its head.
    pub(crate) is_early: bool,
    /// The time of the request.
    pub(crate) at: Duration,
}

/// The streams of a pool.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    /// The id of the newest stream.
    last_id: usize,
    entries: Vec<Entry>,
    /// The latest time that was reported.
    now: Duration,
}

#[derive(Debug)]
struct Entry {
    id: usize,
    priority: Priority,
    concurrency: Concurrency,
    usage: Usage,
    /// Bytes that the stream has started to fetch, plus what it would have fetched while it was idle.
    virtual_time: u64,
    /// Bytes that it may still fetch ahead of its fair share.
    startup_credit: u64,
    waiting: Option<Waiting>,
    /// When it first had to wait since it last started a view.
    waiting_since: Option<Duration>,
}

#[derive(Debug)]
struct Waiting {
    request: StartRequest,
    is_urgent: bool,
    waker: Waker,
    /// The waker was taken: the stream will request again, or withdraw.
    is_woken: bool,
}

/// The credit of a stream that is new or was idle, in bytes.
const STARTUP_CREDIT: u64 = 2 << 20;

/// A stream that has waited this long with nothing in flight counts as one of the highest priority.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(1);

impl FairQueue {
    /// Adds a stream and returns its id.
    pub(super) fn add(&mut self, priority: Priority, concurrency: Concurrency) -> usize {
        self.last_id += 1;
        self.entries.push(Entry {
            id: self.last_id,
            priority,
            concurrency,
            usage: Usage::default(),
            virtual_time: 0,
            startup_credit: STARTUP_CREDIT,
            waiting: None,
            waiting_since: None,
        });
        self.last_id
    }

    pub(super) fn remove(&mut self, id: usize) {
        self.entries.retain(|entry| entry.id != id);
    }

    /// A stream wants to start a view. Returns whether the request is urgent: the stream has nothing in
    /// flight, and it has just become active or has waited for [`MAX_WAIT`].
    pub(super) fn request(&mut self, id: usize, request: StartRequest, waker: &Waker) -> bool {
        self.now = self.now.max(request.at);
        let min_virtual_time = self.min_virtual_time();
        let Some(entry) = self.get(id) else { return false };
        if !entry.is_active() {
            entry.virtual_time = entry.virtual_time.max(min_virtual_time);
            entry.startup_credit = STARTUP_CREDIT;
        }
        entry.waiting_since.get_or_insert(request.at);
        // The views in flight of other streams may hang, so a starved stream does not wait for them.
        let is_starved =
            entry.waiting_since.is_some_and(|since| request.at.saturating_sub(since) >= MAX_WAIT);
        let is_new = entry.startup_credit == STARTUP_CREDIT && entry.priority != Priority::Low;
        let is_urgent = entry.usage.in_flight == 0 && (is_new || is_starved);
        entry.waiting = Some(Waiting { request, is_urgent, waker: waker.clone(), is_woken: false });
        is_urgent
    }

    /// A stream starts the view that it requested.
    pub(super) fn start(&mut self, id: usize, len: u64) {
        if let Some(entry) = self.get(id) {
            (entry.waiting, entry.waiting_since) = (None, None);
            entry.virtual_time = entry.virtual_time.saturating_add(len);
            entry.startup_credit = entry.startup_credit.saturating_sub(len);
        }
    }

    /// A stream no longer wants to start a view.
    pub(super) fn withdraw(&mut self, id: usize) {
        if let Some(entry) = self.get(id) {
            (entry.waiting, entry.waiting_since) = (None, None);
        }
    }

    /// The waker of a waiting stream, unless it was taken before.
    pub(super) fn take_waker(&mut self, id: usize) -> Option<Waker> {
        let waiting = self.get(id)?.waiting.as_mut()?;
        (!std::mem::replace(&mut waiting.is_woken, true)).then(|| waiting.waker.clone())
    }

    /// Updates what a stream uses and returns what it used before.
    pub(super) fn update_usage(&mut self, id: usize, usage: Usage, now: Duration) -> Usage {
        self.now = self.now.max(now);
        self.get(id).map_or(Usage::default(), |entry| std::mem::replace(&mut entry.usage, usage))
    }

    /// The stream that starts the next view, among those that wait and whose request `fits`. `limit`: how
    /// many views may be in flight in all.
    pub(super) fn next(
        &self,
        limit: usize,
        fits: impl Fn(Concurrency, &StartRequest, bool) -> bool,
    ) -> Option<usize> {
        let active = self.entries.iter().filter(|entry| entry.is_active()).count();
        let share = limit.div_ceil(active.max(1));
        let can_start = |entry: &&Entry| {
            let fits = |waiting: &Waiting| fits(entry.concurrency, &waiting.request, waiting.is_urgent);
            entry.waiting.as_ref().is_some_and(fits)
        };
        let waiting = self.entries.iter().filter(can_start);
        waiting.min_by_key(|entry| self.sort_key(entry, share)).map(|entry| entry.id)
    }

    /// The order of the streams, as the module documentation states it.
    fn sort_key(&self, entry: &Entry, share: usize) -> (Priority, bool, u64) {
        let since = entry.waiting_since.filter(|_| entry.usage.in_flight == 0);
        let is_starved = since.is_some_and(|since| self.now.saturating_sub(since) >= MAX_WAIT);
        let priority = if is_starved { Priority::High } else { entry.priority };
        let has_its_share = entry.startup_credit == 0 && entry.usage.in_flight >= share;
        (priority, has_its_share, entry.virtual_time)
    }

    fn get(&mut self, id: usize) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// The smallest virtual time of the active streams.
    fn min_virtual_time(&self) -> u64 {
        let active = self.entries.iter().filter(|entry| entry.is_active());
        active.map(|entry| entry.virtual_time).min().unwrap_or(0)
    }
}

impl Entry {
    /// Whether the stream is being read.
    fn is_active(&self) -> bool {
        self.waiting.is_some() || self.usage.in_flight > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn usage(in_flight: usize) -> Usage {
        Usage { in_flight, fetching: in_flight, ..Usage::default() }
    }

    fn request(queue: &mut FairQueue, id: usize) -> bool {
        let request =
            StartRequest { len: 4 * MIB, cost: 4 * MIB, head: false, is_early: false, at: Duration::ZERO };
        queue.request(id, request, Waker::noop())
    }

    #[test]
    fn the_example_of_the_module_documentation_is_right() {
        let mut queue = FairQueue::default();
        let [a, b, c] = [(); 3].map(|()| queue.add(Priority::Normal, Concurrency::default()));
        let next = |queue: &FairQueue| queue.next(4, |_, _, _| true);
        for (id, len) in [(a, 40 * MIB), (b, 4 * MIB)] {
            request(&mut queue, id);
            queue.start(id, len);
            queue.update_usage(id, usage(2), Duration::ZERO);
        }
        assert!(request(&mut queue, c), "it is urgent");
        assert_eq!(next(&queue), Some(c));
        queue.start(c, 4 * MIB);
        for id in [a, b, c] {
            queue.update_usage(id, usage(1), Duration::ZERO);
        }
        assert_eq!([a, b, c].map(|id| request(&mut queue, id)), [false; 3]);
        for id in [a, b, c] {
            assert_eq!(next(&queue), Some(id));
            queue.start(id, 4 * MIB);
            queue.update_usage(id, usage(2), Duration::ZERO);
        }
    }
}
