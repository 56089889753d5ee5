//! The fetches of chunks that others may wait for, and who waits.

use std::{
    mem,
    ops::Range,
    task::{Context, Poll, Waker},
};

use super::{copies::copied, identity::Identity};
use crate::{host::Piece, read::stats::StatsHandle};

/// Which fetch of which stream: a number for the stream, and the place of the view in its plan.
pub(crate) type Owner = (usize, usize);

/// How the fetch of another view ended.
pub(crate) enum Outcome<P> {
    /// With the chunk: here are the bytes that were waited for.
    Chunk(Vec<P>),
    /// It was cancelled.
    Left,
    /// It failed.
    Failed,
}

/// The fetches, and those who wait for one. Each has a number.
pub(super) struct Flights<P> {
    flights: Vec<Flight>,
    waiters: Vec<Waiter<P>>,
    numbers: u64,
}

struct Flight {
    number: u64,
    owner: Owner,
    identity: Identity,
    /// Of the stream that has ended, and goes on for others only.
    waker: Option<Waker>,
}

struct Waiter<P> {
    number: u64,
    flight: u64,
    file: StatsHandle,
    within: Range<u64>,
    /// A piece has arrived since the waiter asked.
    has_progressed: bool,
    outcome: Option<Outcome<P>>,
    waker: Option<Waker>,
}

impl<P: Piece> Flights<P> {
    /// Waits for a fetch that serves, or leads one. Returns its number, and whether it leads.
    pub(super) fn join(&mut self, wanted: Identity, within: &Range<u64>, owner: Owner) -> (u64, bool) {
        self.numbers += 1;
        let number = self.numbers;
        let flight = self.flights.iter().find(|flight| flight.identity.serves(&wanted));
        let Some(flight) = flight.map(|flight| flight.number) else {
            self.flights.push(Flight { number, owner, identity: wanted, waker: None });
            return (number, true);
        };
        let (file, within) = (wanted.file().clone(), within.clone());
        let (has_progressed, outcome, waker) = (false, None, None);
        self.waiters.push(Waiter { number, flight, file, within, has_progressed, outcome, waker });
        (number, false)
    }

    /// A piece of the chunk arrived.
    pub(super) fn progress(&mut self, flight: u64) {
        let waiters = self.waiters.iter_mut().filter(|waiter| waiter.flight == flight);
        waiters.for_each(|waiter| waiter.has_progressed = true);
    }

    /// A chunk was decoded: those who wait for it get their bytes. Returns whom to wake.
    pub(super) fn serve(&mut self, decoded: &Identity, pieces: &[P]) -> Vec<Waker> {
        let Self { flights, waiters, .. } = self;
        let is_served = |waiter: &Waiter<P>| {
            let flight = flights.iter().find(|flight| flight.number == waiter.flight);
            flight.is_some_and(|flight| decoded.serves(&flight.identity))
        };
        settle(waiters, &is_served, &|within| Outcome::Chunk(copied(pieces, within)))
    }

    /// A fetch has ended, or one waits no more. Returns whom to wake.
    pub(super) fn end(&mut self, number: u64, has_failed: bool) -> Vec<Waker> {
        let Some(at) = self.flights.iter().position(|flight| flight.number == number) else {
            return self.leave(number).into_iter().collect();
        };
        self.flights.swap_remove(at);
        let outcome = |_: &_| if has_failed { Outcome::Failed } else { Outcome::Left };
        settle(&mut self.waiters, &|waiter| waiter.flight == number, &outcome)
    }

    /// Whether another stream of the file waits for this fetch.
    pub(super) fn is_lent(&mut self, owner: Owner, file: &StatsHandle, waker: &Waker) -> bool {
        let Self { flights, waiters, .. } = self;
        let Some(flight) = flights.iter_mut().find(|flight| flight.owner == owner) else { return false };
        flight.waker = Some(waker.clone());
        let waits = |waiter: &Waiter<P>| waiter.flight == flight.number && waiter.outcome.is_none();
        waiters.iter().any(|waiter| waits(waiter) && waiter.file.is(file))
    }

    /// How the fetch has ended that this one waits for, once it has.
    pub(super) fn poll_outcome(&mut self, number: u64, cx: &mut Context<'_>) -> Poll<Outcome<P>> {
        let Some(waiter) = self.waiter(number) else { return Poll::Ready(Outcome::Left) };
        waiter.waker = Some(cx.waker().clone());
        waiter.outcome.take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Whether pieces have arrived since the last call.
    pub(super) fn has_progressed(&mut self, number: u64) -> bool {
        self.waiter(number).is_some_and(|waiter| mem::take(&mut waiter.has_progressed))
    }

    /// One waits no more. Returns whom to wake.
    fn leave(&mut self, number: u64) -> Option<Waker> {
        let at = self.waiters.iter().position(|waiter| waiter.number == number)?;
        let left = self.waiters.swap_remove(at).flight;
        let flight = self.flights.iter_mut().find(|flight| flight.number == left)?;
        flight.waker.take()
    }

    fn waiter(&mut self, number: u64) -> Option<&mut Waiter<P>> {
        self.waiters.iter_mut().find(|waiter| waiter.number == number)
    }
}

/// Gives those who wait, and are chosen, this outcome. Returns whom to wake.
fn settle<P>(
    waiters: &mut [Waiter<P>],
    is_chosen: &dyn Fn(&Waiter<P>) -> bool,
    outcome: &dyn Fn(&Range<u64>) -> Outcome<P>,
) -> Vec<Waker> {
    let mut wakers = Vec::new();
    for waiter in waiters {
        if waiter.outcome.is_none() && is_chosen(waiter) {
            waiter.outcome = Some(outcome(&waiter.within));
            wakers.extend(waiter.waker.take());
        }
    }
    wakers
}

impl<P> Default for Flights<P> {
    fn default() -> Self {
        Self { flights: Vec::new(), waiters: Vec::new(), numbers: 0 }
    }
}
