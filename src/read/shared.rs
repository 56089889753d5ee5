//! Where driver and reader meet: the window under a lock, the wakers, the counters.
//!
//! Every change goes through [`Shared::with`]. It makes the change, wakes the reader if there is something
//! to read now, and reports to the pool and the counters what the stream holds and waits for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{
    hedging::Hedging,
    kept::{Identity, KeptChunks, Owner},
    session::Session,
    shared_body::SharedBodies,
    waits::{WaitClock, Waiting},
};
use crate::{
    error::Error,
    host::{
        Host, Piece,
        event::{Event, EventKind},
    },
    model::chunk::{Chunk, Source},
    schedule::{
        options::Verify,
        plan::{Plan, View},
        pool::{MAX_WAIT, StreamSlot, Usage},
        read_rate::ReadRate,
        view::{FailureLimit, Update},
        window::{Head, JobId, Limits, Window},
    },
    time::Duration,
};

/// What the driver and the reader of a stream share.
pub(super) struct Shared<H: Host> {
    pub(super) host: H,
    /// Position in the file one past the last byte that was planned.
    pub(super) end: u64,
    pub(super) session: Session,
    pub(super) failures: FailureLimit,
    /// The stream's place in the pool.
    pub(super) seat: StreamSlot,
    pub(super) bodies: Arc<SharedBodies<H>>,
    pub(super) kept: KeptChunks<H::Piece>,
    state: Mutex<State<H::Piece>>,
}

/// The state of a stream.
pub(super) struct State<P> {
    pub(super) window: Window<P>,
    /// How the stream ended.
    pub(super) outcome: Option<Result<(), Error>>,
    pub(super) wakers: Wakers,
    pub(super) admission: Admission,
    pub(super) read_rate: ReadRate,
    hedging: Hedging,
    wait_clock: WaitClock,
    /// What was last reported to the pool and the counters.
    reported: Usage,
}

/// What a stream wants to start, and what keeps it from that.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// The reader has read: from now on there is look-ahead.
    pub(super) is_reading: bool,
    /// Look-ahead waits for room in the window.
    pub(super) is_blocked: bool,
    /// Look-ahead waits for the pool.
    pub(super) is_held: bool,
    /// A body waits for room in the window: no server is busy with it.
    pub(super) is_parked: bool,
    /// How many views were decoded or digested at the last change.
    pub(super) computing: usize,
    /// The reader waits for a view that is decoded or digested.
    pub(super) is_urgent: bool,
    /// The last concurrency; 0 before the first.
    pub(super) concurrency: usize,
    /// The cost of the view that started last.
    pub(super) last_cost: u64,
}

/// Who waits to be woken.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// The driver, for something to start.
    driver: Option<Waker>,
    /// The reader, for something to read.
    pub(super) reader: Option<Waker>,
    /// The reader while the throttle holds it back, in case the stream ends.
    pub(super) throttled: Option<Waker>,
    /// A body, for room in the window.
    body: Option<Waker>,
    /// Fetches, for news of what was dropped because there was no room.
    dropped: Vec<Waker>,
}

impl Wakers {
    pub(super) fn wake_driver(&mut self) {
        wake(&mut self.driver);
    }

    fn wait_for_news(&mut self, cx: &Context<'_>) {
        if !self.dropped.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.dropped.push(cx.waker().clone());
        }
    }

    pub(super) fn set_driver(&mut self, cx: &Context<'_>) {
        self.driver = Some(cx.waker().clone());
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl<H: Host> Shared<H> {
    pub(super) fn new(plan: &Plan, host: H, session: Session, kept: KeptChunks<H::Piece>) -> Self {
        let options = &session.options;
        let seat = session.pool.join(options);
        let limits = Limits { views: seat.concurrency().max(1), bytes: options.max_bytes_ahead };
        let end = plan.range().end;
        let is_strict = options.verify == Verify::Strict;
        let state = State {
            window: Window::new(plan, session.manifests.clone(), limits, is_strict).keeping(kept.max_bytes()),
            outcome: None,
            wakers: Wakers::default(),
            admission: Admission::default(),
            read_rate: ReadRate::default(),
            hedging: Hedging::default(),
            wait_clock: WaitClock::default(),
            reported: Usage::default(),
        };
        let failures = FailureLimit::new(options.retry.passes, options.concurrency.limit());
        let (bodies, state) = (Arc::default(), Mutex::new(state));
        Self { host, end, session, failures, seat, bodies, kept, state }
    }

    /// What the chunk of a view is kept as, if it is one that can be.
    pub(super) fn identity(&self, chunk: &Chunk, view: &View) -> Option<Identity> {
        let is_whole = chunk.is_decoded_whole() || view.is_kept_whole(chunk, self.kept.max_bytes());
        let may_be_kept = is_whole && self.kept.is_on() && !matches!(chunk.source, Source::Inline(_));
        may_be_kept.then(|| Identity::new(chunk, &self.session))
    }

    /// A chunk was decoded: keeps it if there is room, and returns the bytes of a view; else returns the whole.
    pub(super) fn keep(
        &self,
        chunk: &Chunk,
        view: &View,
        pieces: Vec<H::Piece>,
    ) -> Result<Vec<H::Piece>, Vec<H::Piece>> {
        match self.identity(chunk, view) {
            Some(identity) => self.kept.publish(identity, &view.within, pieces),
            None => Err(pieces),
        }
    }

    /// What the fetch of a view is known by.
    pub(super) fn owner(&self, index: usize) -> Owner {
        (std::ptr::from_ref(self).addr(), index)
    }

    /// Whether another stream of the file waits for the fetch of a view.
    pub(super) fn is_lent(&self, index: Option<usize>, cx: &Context<'_>) -> bool {
        index.is_some_and(|index| self.kept.is_lent(self.owner(index), &self.session.stats, cx.waker()))
    }

    /// Changes the state, then reports what came of it.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut State<H::Piece>) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        if !state.wakers.dropped.is_empty() && state.window.take_news() {
            state.wakers.dropped.drain(..).for_each(Waker::wake);
        }
        state.wake_reader();
        state.wake_idle_driver();
        self.report_state(&mut state);
        if state.is_reader_urgent() {
            self.host.hurry();
        }
        result
    }

    /// The state, to look at; changes go through [`Self::with`]. There are thousands of pieces, and a look
    /// must not cost a reading of the clock.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<H::Piece>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes news of a view, or of a chunk manifest.
    pub(super) fn update(&self, job: JobId<'_>, update: Update<H::Piece>) {
        self.with(|State { window, hedging, .. }| match (job, update) {
            (JobId::View(index), Update::Begin) => window.on_response(index),
            (JobId::View(index), Update::Deliver(piece)) => window.push(index, piece),
            (JobId::View(index), Update::Finish(holds)) => window.finish(index, holds),
            (JobId::View(index), Update::Expect(expectation)) => hedging.watch.expect(index, expectation),
            (JobId::View(index), Update::ExpectNothing) => hedging.forget(index),
            (JobId::Manifest(manifest), Update::Learn(chunks)) => window.on_manifest(manifest, Ok(chunks)),
            (job, Update::Idle(is_idle)) => window.set_idle(job, is_idle),
            (job, Update::Decoding(is_decoding)) => window.set_decoding(job, is_decoding),
            (job, Update::Digesting(is_digesting)) => window.set_digesting(job, is_digesting),
            // Neither does a view have chunks, nor a chunk manifest a place in the window.
            _ => {}
        });
    }

    /// A view, or a chunk manifest, cannot be had.
    pub(super) fn fail(&self, job: JobId<'_>, error: Error) {
        self.with(|state| match job {
            JobId::View(index) => state.window.fail(index, error),
            JobId::Manifest(manifest) => state.window.on_manifest(manifest, Err(error)),
        });
    }

    /// Drops what arrived of a view, unless some of it has reached the reader; returns whether it did.
    pub(super) fn restart(&self, index: usize) -> bool {
        self.with(|state| state.window.discard(index))
    }

    /// A job takes at least this much memory. If not, there is no room for it, and it has to be dropped.
    pub(super) fn outgrow(&self, job: JobId<'_>, bytes: u64) -> bool {
        let room = self.session.pool.room();
        self.with(|state| state.window.raise_cost(job, bytes, room))
    }

    /// Whether a chunk manifest is fetched no more. If not, the task is woken when that changes.
    pub(super) fn is_dropped(&self, job: JobId<'_>, cx: &Context<'_>) -> bool {
        let JobId::Manifest(manifest) = job else { return false };
        let mut state = self.lock();
        state.wakers.wait_for_news(cx);
        state.window.is_dropped(manifest)
    }

    /// Resolves when there is room for more bytes of a view, or for half of its budget if it has no connection.
    /// `is_blocked` is set as soon as they have to wait.
    pub(super) fn poll_room(
        &self,
        index: usize,
        has_connection: bool,
        is_blocked: &mut bool,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut state = self.lock();
        if state.window.is_postponed(index) {
            *is_blocked = true;
            state.wakers.wait_for_news(cx);
            return Poll::Pending;
        }
        let is_full = match has_connection {
            true => state.window.is_full(index),
            false => state.window.is_half_full(index),
        };
        if !is_full {
            if *is_blocked {
                state.admission.is_parked = false;
                state.wake_reader();
                self.report_state(&mut state);
            }
            return Poll::Ready(());
        }
        *is_blocked = true;
        state.wakers.body = Some(cx.waker().clone());
        if !std::mem::replace(&mut state.admission.is_parked, true) {
            self.report_state(&mut state);
        }
        Poll::Pending
    }

    /// Whether the reader waits for a view.
    pub(super) fn is_awaited(&self, index: usize) -> bool {
        self.lock().window.holds_up_reader(index, 1)
    }

    /// Resolves when a view is overdue.
    pub(super) fn poll_overdue(&self, index: usize, cx: &Context<'_>) -> Poll<()> {
        self.lock().hedging.poll_overdue(index, cx)
    }

    /// Looks for views that are overdue; returns when to look again, if there is a reason to.
    pub(super) fn check_overdue(&self) -> Option<Duration> {
        let mut state = self.lock();
        let now = self.host.now();
        if state.admission.is_held && state.window.in_flight() == 0 {
            // A stream that has waited this long may start something even if it is not its turn.
            return Some(now + MAX_WAIT);
        }
        let State { window, hedging, admission, .. } = &mut *state;
        // So may one that waits for servers that hang.
        let silent = admission.is_held.then(|| now.saturating_add(self.seat.silence()));
        hedging.check(window, &self.session.pool, now).into_iter().chain(silent).min()
    }

    /// Ends the stream from outside, which cancels what is under way.
    pub(super) fn end(&self, outcome: Result<(), Error>) {
        let reason = outcome.as_ref().err().map_or("cancelled", |error| error.kind().code());
        let has_ended_now = self.with(|state| {
            let has_ended_now = state.outcome.is_none();
            if has_ended_now {
                let at = state.window.position();
                state.end(outcome.map_err(|error| error.at(at)));
            }
            has_ended_now
        });
        if has_ended_now {
            self.emit(Event { kind: EventKind::End, reason: Some(reason), ..Event::default() });
        }
    }

    /// Counts an event of a fetch, and reports it to the host, unless the stream has ended and the fetch goes on for others.
    pub(super) fn report(&self, event: Event) {
        self.session.stats.lock().count(&event);
        if !self.kept.is_on() || self.lock().outcome.is_none() {
            self.emit(event);
        }
    }

    /// Reports an event to the host. Never with the lock held: the host may call back.
    pub(super) fn emit(&self, event: Event) {
        self.host.event(event);
    }

    fn report_state(&self, state: &mut State<H::Piece>) {
        let share = state.share();
        let before = std::mem::replace(&mut state.reported, share);
        let now = self.host.now();
        let waited = state.wait_clock.change(now, state.waiting());
        if share == before && waited.is_none() {
            return;
        }
        if share != before {
            self.seat.update_usage(share, now);
        }
        let mut stats = self.session.stats.lock();
        stats.bytes_ahead = stats.bytes_ahead.saturating_sub(before.bytes).saturating_add(share.bytes);
        stats.in_flight = stats.in_flight.saturating_sub(before.in_flight).saturating_add(share.in_flight);
        stats.peak_bytes_ahead = stats.peak_bytes_ahead.max(stats.bytes_ahead);
        if let Some(waited) = waited {
            waited.add_to(&mut stats.waits);
        }
    }
}

impl<P: Piece> State<P> {
    pub(super) fn end(&mut self, outcome: Result<(), Error>) {
        self.outcome = Some(outcome);
        self.window.clear();
        self.admission.is_parked = false;
        self.admission.is_held = false;
        self.wakers.wake_driver();
        wake(&mut self.wakers.reader);
        wake(&mut self.wakers.throttled);
    }

    /// The reader took bytes, which makes room.
    pub(super) fn on_read(&mut self, bytes: u64, now: Duration) {
        self.read_rate.on_read(bytes, now);
        wake(&mut self.wakers.body);
        if self.admission.is_blocked || self.window.in_flight() == 0 {
            self.wakers.wake_driver();
        }
    }

    /// Wakes the reader if there is something for it.
    fn wake_reader(&mut self) {
        if self.wakers.reader.is_some() && self.window.head() == Head::Ready {
            wake(&mut self.wakers.reader);
        }
    }

    /// Wakes the driver if servers have become idle because views are decoded or digested.
    fn wake_idle_driver(&mut self) {
        let computing = self.window.decoding() + self.window.digesting();
        if std::mem::replace(&mut self.admission.computing, computing) < computing {
            self.wakers.wake_driver();
        }
    }

    /// Whether the reader has begun to wait for a view that is decoded or digested.
    fn is_reader_urgent(&mut self) -> bool {
        let is_urgent = self.wakers.reader.is_some() && self.window.head() == Head::Decoding;
        !std::mem::replace(&mut self.admission.is_urgent, is_urgent) && is_urgent
    }

    /// What the stream has of the pool.
    fn share(&self) -> Usage {
        let in_flight = self.window.in_flight();
        // No server is busy with these.
        let computing = self.window.decoding() + self.window.digesting();
        let idle = computing + self.window.idle() + usize::from(self.admission.is_parked);
        Usage {
            bytes: self.window.bytes(),
            in_flight,
            fetching: in_flight.saturating_sub(idle),
            awaited: self.window.awaiting_response(),
        }
    }

    fn waiting(&self) -> Waiting {
        if self.outcome.is_some() {
            return Waiting::default();
        }
        let head = self.window.head();
        Waiting {
            reader: self.wakers.reader.is_some().then_some(head),
            window: self.admission.is_blocked.then_some(head),
        }
    }
}
