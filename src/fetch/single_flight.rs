//! Shares one lookup among the callers that need it at the same time, and caches the result.
//!
//! The first caller runs the lookup in its own future, and the others wait for the result. So there is no task to
//! spawn, and the lookup stops when no caller is left. If the first caller is dropped, another one starts anew.

use std::{
    fmt,
    future::{Future, poll_fn},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::time::Duration;

/// The result of a lookup: servers, a token, or both.
#[derive(Clone, Default)]
pub(crate) struct LookupResult {
    /// The URLs of the servers, without a slash at the end.
    pub(crate) servers: Vec<String>,
    /// Their URLs inside the cluster, where these are other ones.
    pub(crate) internal: Vec<String>,
    pub(crate) token: Option<String>,
}

/// Results by key, and the callers that wait for one.
pub(crate) struct SingleFlight<T>(Mutex<State<T>>);

struct State<T> {
    lookups: Vec<Lookup<T>>,
    waiting: Vec<Waker>,
}

struct Lookup<T> {
    key: String,
    /// The latest result, and when it arrived.
    result: Option<(T, Duration)>,
    /// How many results have arrived.
    rounds: u64,
    /// Whether a caller is looking it up.
    is_running: bool,
}

/// The most results that are kept; the oldest is dropped first. A file has at most some hundred volumes, and its tokens
/// live for seconds.
const MAX_LOOKUPS: usize = 512;

impl<T: Clone> SingleFlight<T> {
    /// The result for a key: a cached one that is usable, by its value and the time when it arrived; else that of the
    /// lookup that another caller runs already; else that of `lookup`.
    pub(crate) async fn ask(
        &self,
        key: &str,
        now: impl Fn() -> Duration,
        is_usable: impl Fn(&T, Duration) -> bool,
        lookup: impl Future<Output = T>,
    ) -> T {
        let mut joined = None;
        if let Some(result) = poll_fn(|cx| self.poll_result(key, &mut joined, &is_usable, cx)).await {
            return result;
        }
        let running = RunningLookup { shared: self, key };
        let result = lookup.await;
        running.finish(result.clone(), now());
        result
    }

    /// The result, once there is one; `None` if the caller must run the lookup. `joined`: the round that was running
    /// when the caller started to wait. Its result is used in any case.
    fn poll_result(
        &self,
        key: &str,
        joined: &mut Option<u64>,
        is_usable: &dyn Fn(&T, Duration) -> bool,
        cx: &Context<'_>,
    ) -> Poll<Option<T>> {
        let mut state = self.lock();
        let lookup = state.find(key);
        if let Some((result, at)) = &lookup.result
            && (is_usable(result, *at) || joined.is_some_and(|round| round != lookup.rounds))
        {
            return Poll::Ready(Some(result.clone()));
        }
        if lookup.is_running {
            *joined = joined.or(Some(lookup.rounds));
            if !state.waiting.iter().any(|known| known.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            return Poll::Pending;
        }
        lookup.is_running = true;
        Poll::Ready(None)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn find(&mut self, key: &str) -> &mut Lookup<T> {
        let at = self.lookups.iter().position(|lookup| lookup.key == key).unwrap_or_else(|| {
            if self.lookups.len() >= MAX_LOOKUPS
                && let Some(oldest) = self.lookups.iter().position(|lookup| !lookup.is_running)
            {
                self.lookups.remove(oldest);
            }
            self.lookups.push(Lookup { key: key.to_owned(), result: None, rounds: 0, is_running: false });
            self.lookups.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index was just found")]
        &mut self.lookups[at]
    }
}

/// A lookup that a caller runs. Dropping it lets another caller run it.
struct RunningLookup<'a, T: Clone> {
    shared: &'a SingleFlight<T>,
    key: &'a str,
}

impl<T: Clone> RunningLookup<'_, T> {
    fn finish(self, result: T, now: Duration) {
        let mut state = self.shared.lock();
        let lookup = state.find(self.key);
        lookup.result = Some((result, now));
        lookup.rounds += 1;
    }
}

impl<T: Clone> Drop for RunningLookup<'_, T> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.lock();
            state.find(self.key).is_running = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::new(State { lookups: Vec::new(), waiting: Vec::new() }))
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    /// Without the results, which may be tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::{FutureExt, channel::oneshot, future::join};

    use super::*;

    const NOW: fn() -> Duration = || Duration::ZERO;

    fn never_usable(_: &u32, _: Duration) -> bool {
        false
    }

    #[test]
    fn concurrent_callers_share_one_lookup() {
        let shared = SingleFlight::default();
        let (sender, result) = oneshot::channel();
        let first = shared.ask("q", NOW, never_usable, async { result.await.unwrap() });
        let second = shared.ask("q", NOW, never_usable, async { panic!("another caller runs the lookup") });
        let mut both = Box::pin(join(first, second));
        assert!(both.as_mut().now_or_never().is_none());
        sender.send(7).unwrap();
        assert_eq!(both.now_or_never(), Some((7, 7)));
    }

    #[test]
    fn another_key_does_not_wait() {
        let shared = SingleFlight::default();
        let first = shared.ask("q", NOW, never_usable, std::future::pending());
        let mut first = Box::pin(first);
        assert!(first.as_mut().now_or_never().is_none());
        assert_eq!(shared.ask("r", NOW, never_usable, async { 1 }).now_or_never(), Some(1));
    }

    #[test]
    fn a_cached_result_is_used_while_it_is_usable() {
        let shared = SingleFlight::default();
        let count = Cell::new(0);
        let ask = |usable: bool| {
            let lookup = async {
                count.set(count.get() + 1);
                count.get()
            };
            shared.ask("q", NOW, move |_, _| usable, lookup).now_or_never()
        };
        assert_eq!([ask(true), ask(true), ask(false), ask(true)], [Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn if_the_first_caller_is_dropped_another_starts_anew() {
        let shared = SingleFlight::default();
        let mut first = Box::pin(shared.ask("q", NOW, never_usable, std::future::pending()));
        let mut second = Box::pin(shared.ask("q", NOW, never_usable, async { 2 }));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(second.now_or_never(), Some(2));
    }

    #[test]
    fn the_number_of_cached_results_is_bounded() {
        let shared = SingleFlight::default();
        for i in 0..MAX_LOOKUPS + 100 {
            let key = i.to_string();
            shared.ask(&key, NOW, never_usable, async { 0 }).now_or_never().unwrap();
        }
        assert_eq!(shared.lock().lookups.len(), MAX_LOOKUPS);
    }
}
