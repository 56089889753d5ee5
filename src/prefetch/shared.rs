//! Where driver and reader meet: the window under a lock, their wakers, the counters.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    error::Error,
    event::{Event, EventKind},
    host::Host,
    options::{Options, Verify},
    plan::Plan,
    pool::Full,
    window::{Head, Job, Limits, Next, Window},
};

pub(super) struct Shared<H: Host> {
    pub(super) host: H,
    /// Position in the file one past the last byte that was planned.
    pub(super) end: u64,
    pub(super) options: Options,
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
    /// The share of pool and meter that this stream has, as told last.
    told: (u64, usize),
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
    pub(super) fn new(plan: Arc<Plan>, host: H, options: Options) -> Self {
        let limits = Limits { views: options.concurrency.max(1), bytes: options.max_bytes_ahead };
        options.meter.lock().concurrency = limits.views;
        let end = plan.range().end;
        let lists = options.lists.clone();
        let state = State {
            window: Window::new(plan, lists, limits, options.verify == Verify::Strict),
            asked: false,
            ended: None,
            reader: None,
            throttled: None,
            driver: None,
            body: None,
            blocked: false,
            told: (0, 0),
            clock: Clock::default(),
            failures: 0,
            won_bytes: 0,
        };
        Self { host, end, options, state: Mutex::new(state) }
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
        self.with(|state| {
            if state.ended.is_some() {
                return Step::Stop;
            }
            state.driver = Some(cx.waker().clone());
            if !state.asked {
                return Step::Wait;
            }
            let mut next = state.window.upcoming();
            let mut full = self.full(&next);
            if full.is_some() {
                next = state.window.upcoming_in_turn();
                full = self.full(&next);
            }
            if full.is_some() {
                self.options.pool.wait(cx.waker());
            }
            state.blocked = next == Next::TooManyBytes || full == Some(Full::Bytes);
            match next {
                Next::Start { job, cost, .. } if full.is_none() => {
                    state.window.start(&job, cost);
                    Step::Start(job)
                }
                Next::Nothing => Step::AllStarted,
                _ => Step::Wait,
            }
        })
    }

    /// Why the pool does not let this start.
    fn full(&self, next: &Next) -> Option<Full> {
        match next {
            Next::Start { cost, head, .. } => self.options.pool.has_room(*cost, *head).err(),
            _ => None,
        }
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
            Poll::Pending
        })
        .await;
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
        let passes = usize::try_from(self.options.retry.passes).unwrap_or(usize::MAX).max(1);
        let views = self.options.concurrency.max(1).saturating_add(1);
        state.failures <= passes.saturating_mul(replicas.max(1)).saturating_mul(views).max(FAILURES)
    }

    /// Tells the host. Never with the lock held: it may call back.
    pub(super) fn emit(&self, event: Event) {
        self.host.event(event);
    }

    fn tell(&self, state: &mut State<H::Piece>) {
        let share = (state.window.bytes(), state.window.in_flight());
        let told = std::mem::replace(&mut state.told, share);
        let turn = state.clock.turn(self.host.now(), waited_for(state));
        if share == told && turn.is_none() {
            return;
        }
        if share != told {
            self.options.pool.changed(told, share);
        }
        let mut stats = self.options.meter.lock();
        stats.bytes_ahead = stats.bytes_ahead.saturating_sub(told.0).saturating_add(share.0);
        stats.in_flight = stats.in_flight.saturating_sub(told.1).saturating_add(share.1);
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

/// So many failures in a row are borne in any case.
const FAILURES: usize = 256;

/// So many bytes won of failing attempts renew patience.
const WORTH_PATIENCE: u64 = 64 << 10;

impl<P: crate::host::Piece> State<P> {
    pub(super) fn end(&mut self, how: Result<(), Error>) {
        self.ended = Some(how);
        self.window.clear();
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
    pub(super) fn room(&mut self) {
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

fn waited_for<P: crate::host::Piece>(state: &State<P>) -> Waiting {
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
