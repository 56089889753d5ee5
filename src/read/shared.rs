//! Where driver and reader meet: the window under a lock, their wakers, the counters.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    error::Error,
    host::{
        Host, Piece,
        event::{Event, EventKind},
    },
    read::session::Session,
    schedule::{
        options::{Concurrency, Verify},
        plan::Plan,
        pool::{PATIENCE, Rejected, StartRequest, StreamSlot, Usage},
        read_rate::ReadRate,
        window::{Expected, Head, Job, Limits, Next, Window},
    },
};

pub(super) struct Shared<H: Host> {
    pub(super) host: H,
    /// Position in the file one past the last byte that was planned.
    pub(super) end: u64,
    pub(super) session: Session,
    seat: StreamSlot,
    state: Mutex<State<H::Piece>>,
}

pub(super) struct State<P> {
    pub(super) window: Window<P>,
    /// Somebody has read: from now on there is look-ahead.
    pub(super) asked: bool,
    /// How the stream ended, for good.
    pub(super) ended: Option<Result<(), Error>>,
    /// The reader waits for this to be woken.
    pub(super) reader: Option<Waker>,
    /// The reader waits for the throttle, and is woken when the stream ends.
    pub(super) throttled: Option<Waker>,
    driver: Option<Waker>,
    /// A body waits until the reader has taken some of it.
    body: Option<Waker>,
    /// Look-ahead waits for room in the window.
    blocked: bool,
    /// It waits for its turn in the pool, and nothing is in flight.
    starving: bool,
    /// A body waits so: no server is busy with it.
    parked: bool,
    /// The share of pool and meter that this stream has, as told last.
    told: Usage,
    /// Views that may be in flight, as told last; 0 before that is known.
    width: usize,
    /// What views cost, the last one.
    cost: u64,
    pub(super) read_rate: ReadRate,
    /// Views that are late against what their host usually takes, and who is to be woken for which.
    late: Vec<usize>,
    watchers: Vec<(usize, Waker)>,
    clock: Clock,
    /// Failures since anything was won, and what was won of a little at a time.
    failures: usize,
    won_bytes: u64,
}

/// What the driver is to do.
pub(super) enum Step {
    Start(Job),
    Wait,
    AllStarted,
    Stop,
}

impl<H: Host> Shared<H> {
    pub(super) fn new(plan: Arc<Plan>, host: H, session: Session) -> Self {
        let seat = session.pool.join(&session.options);
        let limits = Limits { views: seat.width().max(1), bytes: session.options.max_bytes_ahead };
        let end = plan.range().end;
        let lists = session.manifests.clone();
        let state = State {
            window: Window::new(plan, lists, limits, session.options.verify == Verify::Strict),
            asked: false,
            ended: None,
            reader: None,
            throttled: None,
            driver: None,
            body: None,
            blocked: false,
            starving: false,
            parked: false,
            told: Usage::default(),
            width: 0,
            cost: 0,
            read_rate: ReadRate::default(),
            late: Vec::new(),
            watchers: Vec::new(),
            clock: Clock::default(),
            failures: 0,
            won_bytes: 0,
        };
        Self { host, end, session, seat, state: Mutex::new(state) }
    }

    /// Changes the state, then tells pool, meter and clocks what became of it.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut State<H::Piece>) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        state.wake_reader();
        self.tell(&mut state);
        result
    }

    /// The state, to look at: what changes it goes through `with`. Pieces come by in thousands, and
    /// looking must not cost a reading of the clock.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<H::Piece>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the driver is to do now; if nothing, it is woken when that changes.
    pub(super) fn step(&self, cx: &mut Context<'_>) -> Step {
        let (step, width) = self.with(|state| {
            let width = self.aim(state);
            (self.next_step(state, cx), width)
        });
        if let Some(width) = width {
            self.emit(Event { kind: EventKind::Width, width: Some(width), ..Event::default() });
        }
        step
    }

    fn next_step(&self, state: &mut State<H::Piece>, cx: &mut Context<'_>) -> Step {
        if state.ended.is_some() {
            return Step::Stop;
        }
        state.driver = Some(cx.waker().clone());
        if !state.asked {
            return Step::Wait;
        }
        let mut next = state.window.upcoming();
        let mut full = self.admit(&next, cx);
        if full.is_some() {
            next = state.window.upcoming_in_turn();
            full = self.admit(&next, cx);
        }
        if !matches!(next, Next::Start { .. }) {
            self.seat.pass();
        }
        state.blocked = next == Next::TooManyBytes || full == Some(Rejected::Bytes);
        state.starving = full == Some(Rejected::Views) && state.window.in_flight() == 0;
        match next {
            Next::Start { job, cost, .. } if full.is_none() => {
                state.cost = cost;
                state.window.start(&job, cost);
                Step::Start(job)
            }
            Next::Nothing => Step::AllStarted,
            _ => Step::Wait,
        }
    }

    /// Nothing is wanted of the pool any more: another stream may start something.
    pub(super) fn pass(&self) {
        self.seat.pass();
    }

    /// Why the pool does not let this start.
    fn admit(&self, next: &Next, cx: &Context<'_>) -> Option<Rejected> {
        let Next::Start { job, cost, head } = next else { return None };
        let len = match job {
            Job::View { chunk, .. } if chunk.is_decoded_whole() => chunk.size,
            Job::View { view, .. } => view.len(),
            Job::Manifest(_) => *cost,
        };
        let ask = StartRequest { len, cost: *cost, head: *head, at: self.host.now(), is_first: false };
        self.seat.admit(ask, cx.waker()).err()
    }

    /// Adapts the window to the link and to the reader; returns the width if it is another than before.
    fn aim(&self, state: &mut State<H::Piece>) -> Option<usize> {
        let width = self.seat.width();
        // A reader that never waits needs no more than it takes.
        let near = if state.read_rate.is_hungry(self.host.now()) {
            state.cost.saturating_mul(4 * width as u64)
        } else {
            0
        };
        // A fixed width counts all that is in flight, one that is found only what a server is busy with.
        let is_auto = matches!(self.session.options.concurrency, Concurrency::Auto { .. });
        let decoding = if is_auto { state.window.decoding_now() } else { 0 };
        state.window.aim(width.max(1) + decoding, state.read_rate.reach(near));
        let before = std::mem::replace(&mut state.width, width);
        if before == width {
            return None;
        }
        self.session.stats.lock().concurrency = width;
        is_auto.then_some(width)
    }

    /// Tells views that are late so, of those that hold the reader up; says when to look again.
    pub(super) fn look_out(&self) -> Option<Duration> {
        let mut state = self.lock();
        if state.starving {
            return Some(self.host.now() + PATIENCE);
        }
        state.window.expected().next()?;
        let now = self.host.now();
        let mut again = now + LOOK_AGAIN;
        let mut late = Vec::new();
        for (index, Expected { host, since, bytes }) in state.window.expected() {
            // As long as nothing is known of any host, nothing is late.
            let Some(patience) = self.session.pool.patience(host, *bytes) else { continue };
            let due = since.saturating_add(patience);
            if due <= now {
                self.session.pool.late(host, now.saturating_sub(*since), now);
                late.push(index);
            } else {
                again = again.min(due);
            }
        }
        for index in late {
            state.window.expect_nothing(index);
            state.late.push(index);
            if let Some(at) = state.watchers.iter().position(|(watched, _)| *watched == index) {
                state.watchers.swap_remove(at).1.wake();
            }
        }
        Some(again)
    }

    /// Resolves when a view is late.
    pub(super) async fn late(&self, index: usize) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(at) = state.late.iter().position(|late| *late == index) {
                state.late.swap_remove(at);
                return Poll::Ready(());
            }
            match state.watchers.iter_mut().find(|(watched, _)| *watched == index) {
                Some((_, waker)) => waker.clone_from(cx.waker()),
                None => state.watchers.push((index, cx.waker().clone())),
            }
            Poll::Pending
        })
        .await;
    }

    /// Nobody asks any more whether it is late.
    pub(super) fn unwatch(&self, index: usize) {
        let mut state = self.lock();
        state.late.retain(|late| *late != index);
        state.watchers.retain(|(watched, _)| *watched != index);
    }

    /// Ends the stream from outside: what is under way is cancelled.
    pub(super) fn end(&self, how: Result<(), Error>) {
        let reason = how.as_ref().err().map_or("cancelled", |error| error.kind().code());
        let ended_now = self.with(|state| {
            let ended_now = state.ended.is_none();
            if ended_now {
                let at = state.window.position();
                state.end(how.map_err(|error| error.at(at)));
            }
            ended_now
        });
        if ended_now {
            self.emit(Event { kind: EventKind::End, reason: Some(reason), ..Event::default() });
        }
    }

    /// Waits while a body has brought as much as may be held; says whether it had to.
    pub(super) async fn room_for(&self, index: usize) -> bool {
        let mut waited = false;
        poll_fn(|cx| {
            let mut state = self.lock();
            if !state.window.is_full(index) {
                return Poll::Ready(());
            }
            waited = true;
            state.body = Some(cx.waker().clone());
            if !std::mem::replace(&mut state.parked, true) {
                self.tell(&mut state);
            }
            Poll::Pending
        })
        .await;
        if waited {
            self.with(|state| state.parked = false);
        }
        waited
    }

    /// A view, or a chunk manifest, is here: patience is renewed.
    pub(super) fn won(&self) {
        let mut state = self.lock();
        (state.failures, state.won_bytes) = (0, 0);
    }

    /// An attempt that failed brought so many bytes.
    pub(super) fn won_bytes(&self, bytes: u64) {
        let mut state = self.lock();
        state.won_bytes += bytes;
        if state.won_bytes >= WORTH_PATIENCE {
            (state.failures, state.won_bytes) = (0, 0);
        }
    }

    /// Counts a failure; says whether another attempt may follow. As many may as every view in
    /// flight could need to try all its replicas in all passes: without this a server that gives
    /// a byte at a time would be asked without end.
    pub(super) fn may_fail_again(&self, replicas: usize) -> bool {
        let mut state = self.lock();
        state.failures += 1;
        let passes = usize::try_from(self.session.options.retry.passes).unwrap_or(usize::MAX).max(1);
        let views = self.session.options.concurrency.most().saturating_add(1);
        state.failures <= passes.saturating_mul(replicas.max(1)).saturating_mul(views).max(FAILURES)
    }

    /// Tells the host. Never with the lock held: it may call back.
    pub(super) fn emit(&self, event: Event) {
        self.host.event(event);
    }

    fn tell(&self, state: &mut State<H::Piece>) {
        let (bytes, in_flight) = (state.window.bytes(), state.window.in_flight());
        let idle = state.window.decoding_now() + usize::from(state.parked);
        let fetching = in_flight.saturating_sub(idle);
        let share = Usage { bytes, in_flight, fetching, awaited: state.window.awaited_now() };
        let told = std::mem::replace(&mut state.told, share);
        let now = self.host.now();
        let turn = state.clock.turn(now, waited_for(state));
        if share == told && turn.is_none() {
            return;
        }
        if share != told {
            self.seat.has(share, now);
        }
        let mut stats = self.session.stats.lock();
        stats.bytes_ahead = stats.bytes_ahead.saturating_sub(told.bytes).saturating_add(share.bytes);
        stats.in_flight = stats.in_flight.saturating_sub(told.in_flight).saturating_add(share.in_flight);
        stats.peak_bytes_ahead = stats.peak_bytes_ahead.max(stats.bytes_ahead);
        if let Some((waits, time)) = turn {
            let totals = &mut stats.waits;
            match waits.reader {
                Some(Head::Decoding) => totals.decode += time,
                Some(_) => totals.network += time,
                None => {}
            }
            match waits.window {
                Some(Head::Ready) => totals.reader += time,
                Some(_) => totals.budget += time,
                None => {}
            }
        }
    }
}

/// What is expected is looked at so often: not for each piece.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// So many failures in a row are borne in any case.
const FAILURES: usize = 256;

/// So many bytes won of failing attempts renew patience.
const WORTH_PATIENCE: u64 = 64 << 10;

impl<P: Piece> State<P> {
    pub(super) fn end(&mut self, how: Result<(), Error>) {
        self.ended = Some(how);
        self.window.clear();
        self.parked = false;
        self.starving = false;
        self.wake_driver();
        self.reader.take().into_iter().chain(self.throttled.take()).for_each(Waker::wake);
    }

    /// Something may start that could not before.
    pub(super) fn wake_driver(&mut self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }

    /// The reader took bytes: there is room.
    pub(super) fn room(&mut self, bytes: u64, now: Duration) {
        self.read_rate.took(bytes, now);
        if let Some(waker) = self.body.take() {
            waker.wake();
        }
        if self.blocked || self.window.in_flight() == 0 {
            self.wake_driver();
        }
    }

    /// Is there now what the reader waits for?
    fn wake_reader(&mut self) {
        if self.reader.is_some()
            && self.window.head() == Head::Ready
            && let Some(waker) = self.reader.take()
        {
            waker.wake();
        }
    }
}

/// Who waits now, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Waiting {
    /// The reader waits, for a head that is in this state.
    reader: Option<Head>,
    /// The window is full, before a head in this state.
    window: Option<Head>,
}

fn waited_for<P: Piece>(state: &State<P>) -> Waiting {
    if state.ended.is_some() {
        return Waiting::default();
    }
    let head = state.window.head();
    Waiting { reader: state.reader.is_some().then_some(head), window: state.blocked.then_some(head) }
}

/// Measures waits from change to change.
#[derive(Debug, Default)]
struct Clock {
    since: Duration,
    waiting: Waiting,
}

impl Clock {
    /// From `now` on it is `waiting`; returns what was waited for until now, and how long.
    fn turn(&mut self, now: Duration, waiting: Waiting) -> Option<(Waiting, Duration)> {
        let time = now.saturating_sub(self.since);
        let before = std::mem::replace(&mut self.waiting, waiting);
        self.since = now;
        (before != Waiting::default() && !time.is_zero()).then_some((before, time))
    }
}
