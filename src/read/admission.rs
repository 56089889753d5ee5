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
        pool::{Flight, Rejected, StartRequest},
        window::{Job, Next, Window},
    },
};

/// What the driver is to do.
pub(super) enum Step {
    /// Fetch this. The bytes are counted until the fetch ends.
    Start(Job, Flight),
    /// Wait until something may start.
    Wait,
    /// Let other tasks have their turn: what may start has not been found yet.
    Yield,
    /// Nothing will start any more.
    AllStarted,
    /// The stream has ended.
    Stop,
}

/// Until a stream has delivered this many bytes, its views come one after another, as far as the link is full with one.
const EARLY_BYTES: u64 = 1 << 20;

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
        if self.deliver_if_kept(state, &next) {
            self.seat.withdraw();
            (state.admission.is_blocked, state.admission.is_held) = (false, false);
            return (Step::Yield, false);
        }
        let mut admission = self.admit(&next, &state.window, cx);
        if admission.is_err() {
            next = state.window.next_start_in_order();
            admission = self.admit(&next, &state.window, cx);
        }
        let full = admission.as_ref().err().copied();
        if !matches!(next, Next::Start { .. }) {
            self.seat.withdraw();
        }
        state.admission.is_blocked = next == Next::TooManyBytes || full == Some(Rejected::Bytes);
        state.admission.is_held = full == Some(Rejected::Views);
        let is_full = next == Next::TooManyViews && state.window.digesting() > 0;
        let step = match (next, admission) {
            (Next::Start { job, cost, .. }, Ok(Some(flight))) => {
                state.admission.last_cost = cost;
                state.window.start(&job, cost);
                Step::Start(job, flight)
            }
            (Next::Nothing, _) => Step::AllStarted,
            (Next::Planning, _) => Step::Yield,
            _ => Step::Wait,
        };
        (step, is_full)
    }

    /// Delivers the view that comes next, if its chunk is kept. Then it takes nothing of the pool.
    fn deliver_if_kept(&self, state: &mut State<H::Piece>, next: &Next) -> bool {
        let Next::Start { job: job @ Job::View { index, view, chunk }, .. } = next else { return false };
        let Some(identity) = self.identity(chunk, view) else { return false };
        let Some(pieces) = self.kept.get(&identity, &view.within) else { return false };
        state.window.start(job, view.len());
        pieces.into_iter().for_each(|piece| state.window.push(*index, piece));
        state.window.finish(*index, Some(view.len()));
        self.session.stats.lock().cache_hits += 1;
        true
    }

    /// Lets this start, if it is something that may start, or says why the pool does not.
    fn admit(
        &self,
        next: &Next,
        window: &Window<H::Piece>,
        cx: &Context<'_>,
    ) -> Result<Option<Flight>, Rejected> {
        let Next::Start { job, cost, head } = next else { return Ok(None) };
        let len = match job {
            Job::View { chunk, .. } if chunk.is_decoded_whole() => chunk.size,
            Job::View { view, .. } => view.len(),
            Job::Manifest(_) => *cost,
        };
        let is_early = window.delivered() < EARLY_BYTES;
        let ask = StartRequest { len, cost: *cost, head: *head, is_early, at: self.host.now() };
        self.seat.try_start(ask, cx.waker()).map(Some)
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
        let auto = match self.session.options.concurrency {
            Concurrency::Auto { max } => Some(max),
            Concurrency::Fixed(_) => None,
        };
        // The pool counts bytes, and half of each view may have arrived.
        let views = auto.map_or(concurrency, |max| (2 * concurrency + 1).min(max));
        let idle = auto.map_or(0, |_| state.window.decoding() + state.window.digesting());
        state.window.update_limits(views.max(1) + idle, state.read_rate.target_bytes(for_link));
        let before = std::mem::replace(&mut state.admission.concurrency, concurrency);
        if before == concurrency {
            return None;
        }
        self.session.stats.lock().concurrency = concurrency;
        auto.map(|_| concurrency)
    }
}
