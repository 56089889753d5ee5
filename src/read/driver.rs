//! The driver of a stream: starts fetches, polls them, and checks for those that are overdue.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    StreamExt,
    future::{AbortHandle, abortable},
    stream::FuturesUnordered,
};

use super::{
    admission::Step,
    fetch_view::{FetchOutcome, fetch_view},
    shared::Shared,
};
use crate::{host::Host, schedule::window::Job};

/// A fetch under way.
struct InFlight {
    number: usize,
    /// The place of the view in the plan. A chunk manifest has none: what it lists is behind all views
    /// in flight.
    index: Option<usize>,
    handle: AbortHandle,
}

/// Gives the place in the pool's queue back when the driver ends, however it ends.
struct QueueGuard<H: Host>(Arc<Shared<H>>);

impl<H: Host> Drop for QueueGuard<H> {
    fn drop(&mut self) {
        self.0.seat.pass();
    }
}

/// Fetches ahead until everything is fetched, or the stream has ended.
pub(super) async fn drive<H: Host>(shared: Arc<Shared<H>>) {
    let _guard = QueueGuard(Arc::clone(&shared));
    let start = |number, job| {
        let shared = Arc::clone(&shared);
        abortable(async move { (number, fetch_view(shared, job).await) })
    };
    let mut fetches = FuturesUnordered::new();
    let mut in_flight: VecDeque<InFlight> = VecDeque::new();
    let mut started = 0;
    let mut hedge_timer = HedgeTimer::default();
    let poll = |cx: &mut Context<'_>| {
        loop {
            let step = shared.step(cx);
            let all_started = matches!(step, Step::AllStarted);
            match step {
                Step::Stop => {
                    fetches.clear();
                    return Poll::Ready(());
                }
                Step::Start(job) => {
                    started += 1;
                    let index = index_of(&job);
                    let (fetch, handle) = start(started, job);
                    fetches.push(fetch);
                    in_flight.push_back(InFlight { number: started, index, handle });
                    continue;
                }
                Step::Wait | Step::AllStarted if fetches.is_empty() => {}
                Step::Wait | Step::AllStarted => {
                    if let Poll::Ready(Some(ended)) = fetches.poll_next_unpin(cx) {
                        // An aborted fetch is an error here, and of no interest.
                        if let Ok((number, outcome)) = ended {
                            on_outcome(&mut in_flight, number, &outcome);
                        }
                        continue;
                    }
                }
            }
            if hedge_timer.poll_due(&shared, cx) {
                continue;
            }
            return if fetches.is_empty() && all_started { Poll::Ready(()) } else { Poll::Pending };
        }
    };
    poll_fn(poll).await;
}

fn index_of(job: &Job) -> Option<usize> {
    match job {
        Job::View { index, .. } => Some(*index),
        Job::Manifest(_) => None,
    }
}

/// A fetch has ended. If it failed, what is behind it will never be read.
fn on_outcome(in_flight: &mut VecDeque<InFlight>, number: usize, outcome: &FetchOutcome) {
    in_flight.retain(|other| other.number != number);
    if let FetchOutcome::Failed(index) = outcome {
        let is_behind = |other: &&InFlight| other.index.is_none_or(|other| other > *index);
        in_flight.iter().filter(is_behind).for_each(|other| other.handle.abort());
    }
}

/// The timer by which a stream's driver checks for views that are overdue: a check for each piece would
/// cost too much.
struct HedgeTimer<S> {
    sleep: Option<S>,
}

impl<S> Default for HedgeTimer<S> {
    fn default() -> Self {
        Self { sleep: None }
    }
}

impl<S: Future<Output = ()> + Unpin> HedgeTimer<S> {
    /// Checks when it is time to; returns whether it was, and a new check is due.
    fn poll_due<H: Host<Sleep = S>>(&mut self, shared: &Shared<H>, cx: &mut Context<'_>) -> bool {
        if self.sleep.is_none() {
            let at = shared.check_overdue();
            self.sleep = at.map(|at| shared.host.sleep(at.saturating_sub(shared.host.now())));
        }
        let Some(sleep) = &mut self.sleep else { return false };
        let is_due = Pin::new(sleep).poll(cx).is_ready();
        if is_due {
            self.sleep = None;
        }
        is_due
    }
}
