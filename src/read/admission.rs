//! What a stream may start next: the window names it, the pool admits it.

use std::task::Context;

use super::shared::{Shared, State};
use crate::{
    host::{
        Host,
        event::{Event, EventKind},
    },
    schedule::{
        options::Concurrency,
        pool::{Rejected, StartRequest},
        window::{Job, Next},
    },
};

/// What the driver is to do.
pub(super) enum Step {
    /// Fetch this.
    Start(Job),
    /// Wait until something may start.
    Wait,
    /// Let other tasks have their turn: what may start has not been found yet.
    Yield,
    /// Nothing will start any more.
    AllStarted,
    /// The stream has ended.
    Stop,
}

/// A reader that waits for the network gets this many times the bytes that are in flight.
const STARVED_FACTOR: u64 = 4;

impl<H: Host> Shared<H> {
    /// What the driver is to do now. If there is nothing, it is woken when that changes.
    pub(super) fn step(&self, cx: &mut Context<'_>) -> Step {
        let (step, concurrency, is_full) = self.with(|state| {
            let concurrency = self.update_limits(state);
            let (step, is_full) = self.next_step(state, cx);
            (step, concurrency, is_full)
        });
        if is_full {
            self.host.hurry();
        }
        if concurrency.is_some() {
            self.emit(Event { kind: EventKind::Width, width: concurrency, ..Event::default() });
        }
        step
    }

    /// What the driver is to do while other tasks have their turn.
    pub(super) fn step_between(&self, cx: &Context<'_>) -> Step {
        let mut state = self.lock();
        state.wakers.set_driver(cx);
        if state.outcome.is_some() { Step::Stop } else { Step::Wait }
    }

    /// The step, and whether look-ahead waits for views that are digested.
    fn next_step(&self, state: &mut State<H::Piece>, cx: &mut Context<'_>) -> (Step, bool) {
        if state.outcome.is_some() {
            return (Step::Stop, false);
        }
        state.wakers.set_driver(cx);
        if !state.admission.is_reading {
            return (Step::Wait, false);
        }
        let mut next = state.window.next_start();
        let mut full = self.admit(&next, cx);
        if full.is_some() {
            next = state.window.next_start_in_order();
            full = self.admit(&next, cx);
        }
        if !matches!(next, Next::Start { .. }) {
            self.seat.withdraw();
        }
        state.admission.is_blocked = next == Next::TooManyBytes || full == Some(Rejected::Bytes);
        state.admission.is_starving = full == Some(Rejected::Views) && state.window.in_flight() == 0;
        let is_full = next == Next::TooManyViews && state.window.digesting() > 0;
        let step = match next {
            Next::Start { job, cost, .. } if full.is_none() => {
                state.admission.last_cost = cost;
                state.window.start(&job, cost);
                Step::Start(job)
            }
            Next::Nothing => Step::AllStarted,
            Next::Planning => Step::Yield,
            _ => Step::Wait,
        };
        (step, is_full)
    }

    /// Why the pool does not let this start.
    fn admit(&self, next: &Next, cx: &Context<'_>) -> Option<Rejected> {
        let Next::Start { job, cost, head } = next else { return None };
        let len = match job {
            Job::View { chunk, .. } if chunk.is_decoded_whole() => chunk.size,
            Job::View { view, .. } => view.len(),
            Job::Manifest(_) => *cost,
        };
        let ask = StartRequest { len, cost: *cost, head: *head, at: self.host.now() };
        self.seat.try_start(ask, cx.waker()).err()
    }

    /// Adapts the window to the link and to the reader; returns the concurrency if it was found and is
    /// another than before.
    fn update_limits(&self, state: &mut State<H::Piece>) -> Option<usize> {
        let concurrency = self.seat.concurrency();
        // A reader that never waits needs no more than it takes.
        let for_link = if state.read_rate.is_starved(self.host.now()) {
            state.admission.last_cost.saturating_mul(STARVED_FACTOR * concurrency as u64)
        } else {
            0
        };
        // A fixed concurrency counts all views in flight, one that is found only those that a server is busy with.
        let is_auto = matches!(self.session.options.concurrency, Concurrency::Auto { .. });
        let idle = if is_auto { state.window.decoding() + state.window.digesting() } else { 0 };
        state.window.update_limits(concurrency.max(1) + idle, state.read_rate.target_bytes(for_link));
        let before = std::mem::replace(&mut state.admission.concurrency, concurrency);
        if before == concurrency {
            return None;
        }
        self.session.stats.lock().concurrency = concurrency;
        is_auto.then_some(concurrency)
    }
}
