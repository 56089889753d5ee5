//! Runs a window against a host: a driver that fetches ahead, and a reader.
//!
//! Fetching ahead must go on while nobody reads, so it is a future that the platform spawns;
//! reading is a stream. Their only meeting point is the window (`shared`). A chunk's way through
//! its replicas is in `flight`, one request in `attempt`, what its body becomes in `lane`.

mod attempt;
mod flight;
mod lane;
mod reader;
mod shared;

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
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
    shared::{Shared, Step},
};
use crate::{host::Host, options::Options, plan::Plan, window::Job};

/// Opens a stream of a plan's bytes, in file order.
///
/// Nothing is fetched before the first read, nor unless the driver is polled: spawn it. From
/// then on it fetches ahead while nobody reads, as far as the options allow. It ends when all is
/// fetched, or when the reader is dropped, which cancels every request at once.
///
/// The driver is `Send` where the host, its bodies and its futures are.
#[must_use = "nothing is fetched unless the driver is polled"]
pub fn prefetch<H: Host>(plan: Plan, host: H, options: Options) -> (impl Future<Output = ()>, Reader<H>) {
    let shared = Arc::new(Shared::new(Arc::new(plan), host, options));
    (drive(Arc::clone(&shared)), Reader::new(shared))
}

async fn drive<H: Host>(shared: Arc<Shared<H>>) {
    let mut flights = FuturesUnordered::new();
    // Chunk manifests have no place in the plan: what they list lies behind all views in flight.
    let mut handles: VecDeque<(Option<usize>, AbortHandle)> = VecDeque::new();
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
                    let (flight, handle) = abortable(flight::fly(Arc::clone(&shared), job));
                    flights.push(flight);
                    handles.push_back((index, handle));
                    continue;
                }
                Step::Wait | Step::AllStarted if flights.is_empty() => {}
                Step::Wait | Step::AllStarted => match flights.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(landed))) => {
                        if let Landed::Lost(index) = landed {
                            // What lies behind a failure will never be read.
                            let behind = |other: &Option<usize>| other.is_none_or(|other| other > index);
                            handles
                                .iter()
                                .filter(|(other, _)| behind(other))
                                .for_each(|(_, handle)| handle.abort());
                        }
                        if let Landed::View(index) | Landed::Lost(index) = landed {
                            handles.retain(|(other, _)| *other != Some(index));
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(_aborted))) => continue,
                    Poll::Ready(None) | Poll::Pending => {}
                },
            }
            return if flights.is_empty() && all_started { Poll::Ready(()) } else { Poll::Pending };
        }
    };
    poll_fn(&mut step).await;
}
