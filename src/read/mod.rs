//! Runs a window against a host: a driver that fetches ahead, and a reader.
//!
//! Fetching ahead must go on while nobody reads, so it is a future that the platform spawns;
//! reading is a stream. Their only meeting point is the window (`shared`). A chunk's way through
//! its replicas is in `flight`, where these are in `place`, one request in `attempt`, and what its body
//! becomes in `lane`.

mod attempt;
mod doubt;
mod flight;
mod lane;
pub mod open;
mod place;
mod reader;
mod rival;
pub mod session;
mod shared;
pub mod stats;
#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "hosts use it")
)]
pub(crate) mod streams;

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

pub use self::reader::{Handle, Reader};
use self::{
    flight::Landed,
    session::Session,
    shared::{Shared, Step},
};
use crate::{
    host::Host,
    schedule::{plan::Plan, window::Job},
};

/// Opens a stream of a plan's bytes, in file order.
///
/// Nothing is fetched before the first read, nor unless the driver is polled: spawn it. From
/// then on it fetches ahead while nobody reads, as far as the options allow. It ends when all is
/// fetched, or when the reader is dropped, which cancels every request at once.
///
/// The driver is `Send` where the host, its bodies and its futures are.
#[must_use = "nothing is fetched unless the driver is polled"]
pub fn prefetch<H: Host>(plan: Plan, host: H, session: Session) -> (impl Future<Output = ()>, Reader<H>) {
    let shared = Arc::new(Shared::new(Arc::new(plan), host, session));
    (drive(Arc::clone(&shared)), Reader::new(shared))
}

/// A flight under way.
struct Launched {
    number: usize,
    /// Place of its view in the plan. A chunk manifest has none: what it lists lies behind all views
    /// in flight.
    index: Option<usize>,
    handle: AbortHandle,
}

/// The timer by which views are looked at that may be late.
struct Lookout<S> {
    rings: Option<S>,
}

impl<S> Default for Lookout<S> {
    fn default() -> Self {
        Self { rings: None }
    }
}

impl<S: Future<Output = ()> + Unpin> Lookout<S> {
    /// Looks, when it is time to: not for each piece. Whether it was time.
    fn rang<H: Host<Sleep = S>>(&mut self, shared: &Shared<H>, cx: &mut Context<'_>) -> bool {
        if self.rings.is_none() {
            self.rings = shared.look_out().map(|at| shared.host.sleep(at.saturating_sub(shared.host.now())));
        }
        let Some(rings) = &mut self.rings else { return false };
        let rang = Pin::new(rings).poll(cx).is_ready();
        if rang {
            self.rings = None;
        }
        rang
    }
}

/// A driver that is gone wants nothing more, however it went.
struct Leaving<H: Host>(Arc<Shared<H>>);

impl<H: Host> Drop for Leaving<H> {
    fn drop(&mut self) {
        self.0.pass();
    }
}

async fn drive<H: Host>(shared: Arc<Shared<H>>) {
    let _leaving = Leaving(Arc::clone(&shared));
    let mut flights = FuturesUnordered::new();
    let mut handles: VecDeque<Launched> = VecDeque::new();
    let mut launched = 0;
    let mut lookout = Lookout::default();
    let mut step = |cx: &mut Context<'_>| {
        loop {
            let next = shared.step(cx);
            let all_started = matches!(next, Step::AllStarted);
            match next {
                Step::Stop => {
                    flights.clear();
                    return Poll::Ready(());
                }
                Step::Start(job) => {
                    let index = match job {
                        Job::View { index, .. } => Some(index),
                        Job::Manifest(_) => None,
                    };
                    launched += 1;
                    let (number, shared) = (launched, Arc::clone(&shared));
                    let (flight, handle) = abortable(async move { (number, flight::fly(shared, job).await) });
                    flights.push(flight);
                    handles.push_back(Launched { number, index, handle });
                    continue;
                }
                Step::Wait | Step::AllStarted if flights.is_empty() => {}
                Step::Wait | Step::AllStarted => match flights.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok((number, landed)))) => {
                        handles.retain(|other| other.number != number);
                        if let Landed::Lost(index) = landed {
                            // What lies behind a failure will never be read.
                            let behind = |other: &&Launched| other.index.is_none_or(|other| other > index);
                            handles.iter().filter(behind).for_each(|other| other.handle.abort());
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(_aborted))) => continue,
                    Poll::Ready(None) | Poll::Pending => {}
                },
            }
            if lookout.rang(&shared, cx) {
                continue;
            }
            return if flights.is_empty() && all_started { Poll::Ready(()) } else { Poll::Pending };
        }
    };
    poll_fn(&mut step).await;
}
