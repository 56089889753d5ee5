//! The driver of a stream: starts fetches, polls them, and checks for those that are overdue.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    StreamExt,
    future::{AbortHandle, Abortable, OptionFuture, abortable},
    stream::FuturesUnordered,
};

use super::{
    admission::Step,
    fetch_view::{FetchOutcome, fetch_view},
    shared::Shared,
};
use crate::{
    host::Host,
    schedule::{pool::Flight, view::CHECK_AGAIN, window::Job},
    time::Duration,
};

/// Fetches ahead until everything is fetched, or the stream has ended.
pub(super) async fn drive<H: Host>(shared: Arc<Shared<H>>) {
    let _guard = QueueGuard(Arc::clone(&shared));
    let fetch = |number, job, flight| {
        let shared = Arc::clone(&shared);
        async move { (number, fetch_view(shared, job, flight).await) }
    };
    let mut fetches = Fetches::new();
    let mut hedge_timer = HedgeTimer::default();
    let mut turn = pin!(OptionFuture::from(None));
    let poll = |cx: &mut Context<'_>| {
        loop {
            let step = match turn.as_mut().poll(cx) {
                Poll::Pending => shared.step_between(cx),
                Poll::Ready(_) => {
                    turn.set(None.into());
                    shared.step(cx)
                }
            };
            let has_started_all = matches!(step, Step::AllStarted);
            match step {
                Step::Stop if fetches.keep_lent(|index| shared.is_lent(index, cx)) => {
                    if fetches.poll_ended(cx) {
                        continue;
                    }
                    return Poll::Pending;
                }
                Step::Stop => {
                    fetches.cancel();
                    return Poll::Ready(());
                }
                Step::Start(job, flight) => {
                    fetches.start(job, flight, fetch);
                    continue;
                }
                Step::Yield => {
                    turn.set(Some(shared.host.turn()).into());
                    continue;
                }
                Step::Wait | Step::AllStarted if fetches.poll_ended(cx) => continue,
                Step::Wait | Step::AllStarted => {}
            }
            if hedge_timer.poll_due(&shared, cx) {
                continue;
            }
            return if has_started_all && fetches.is_empty() { Poll::Ready(()) } else { Poll::Pending };
        }
    };
    poll_fn(poll).await;
}

/// Gives the place in the pool's queue back when the driver ends, however it ends, and drops a body that no view
/// continues.
struct QueueGuard<H: Host>(Arc<Shared<H>>);

impl<H: Host> Drop for QueueGuard<H> {
    fn drop(&mut self) {
        self.0.seat.withdraw();
        self.0.bodies.clear();
    }
}

/// The fetches under way.
struct Fetches<F> {
    futures: FuturesUnordered<Abortable<F>>,
    /// In the order in which they started.
    handles: VecDeque<FetchHandle>,
    started: usize,
}

/// The handle of one fetch.
struct FetchHandle {
    number: usize,
    /// The place of the view in the plan. A chunk manifest has none: what it lists is behind all views
    /// in flight.
    index: Option<usize>,
    abort: AbortHandle,
}

impl<F: Future<Output = (usize, FetchOutcome)>> Fetches<F> {
    fn new() -> Self {
        Self { futures: FuturesUnordered::new(), handles: VecDeque::new(), started: 0 }
    }

    fn start(&mut self, job: Job, flight: Flight, fetch: impl Fn(usize, Job, Flight) -> F) {
        self.started += 1;
        let index = match job {
            Job::View { index, .. } => Some(index),
            Job::Manifest(_) => None,
        };
        let (future, abort) = abortable(fetch(self.started, job, flight));
        self.futures.push(future);
        self.handles.push_back(FetchHandle { number: self.started, index, abort });
    }

    /// Polls the fetches; returns whether one has ended.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> bool {
        match self.futures.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok((number, outcome)))) => self.on_outcome(number, &outcome),
            Poll::Ready(Some(Err(_aborted))) => {}
            Poll::Ready(None) | Poll::Pending => return false,
        }
        true
    }

    /// A fetch has ended. If it failed, what is behind it will never be read.
    fn on_outcome(&mut self, number: usize, outcome: &FetchOutcome) {
        self.handles.retain(|other| other.number != number);
        if let FetchOutcome::Failed(index) = outcome {
            let is_behind = |other: &&FetchHandle| other.index.is_none_or(|other| other > *index);
            self.handles.iter().filter(is_behind).for_each(|other| other.abort.abort());
        }
    }

    /// Cancels those that no other stream waits for; returns whether any is left.
    fn keep_lent(&mut self, is_lent: impl Fn(Option<usize>) -> bool) -> bool {
        self.handles.retain(|handle| {
            let is_lent = is_lent(handle.index);
            if !is_lent {
                handle.abort.abort();
            }
            is_lent
        });
        !self.handles.is_empty()
    }

    fn cancel(&mut self) {
        self.futures.clear();
    }

    fn is_empty(&self) -> bool {
        self.futures.is_empty()
    }
}

/// The timer by which a stream's driver checks for views that are overdue: a check for each piece would
/// cost too much.
struct HedgeTimer<S> {
    /// With the time of the check.
    sleep: Option<(Duration, S)>,
}

impl<S> Default for HedgeTimer<S> {
    fn default() -> Self {
        Self { sleep: None }
    }
}

impl<S: Future<Output = ()> + Unpin> HedgeTimer<S> {
    /// Checks when it is time to; returns whether it was, and a new check is due.
    fn poll_due<H: Host<Sleep = S>>(&mut self, shared: &Shared<H>, cx: &mut Context<'_>) -> bool {
        let now = shared.host.now();
        let set = self.sleep.as_ref().map(|(at, _)| *at);
        // A stream that waits for others sets a late one. What it starts then may be overdue before.
        if set.is_none_or(|at| at > now + CHECK_AGAIN) {
            let earlier = shared.check_overdue().filter(|at| set.is_none_or(|set| *at < set));
            if let Some(at) = earlier {
                self.sleep = Some((at, shared.host.sleep(at.saturating_sub(now))));
            }
        }
        let Some((_, sleep)) = &mut self.sleep else { return false };
        let is_due = Pin::new(sleep).poll(cx).is_ready();
        if is_due {
            self.sleep = None;
        }
        is_due
    }
}
