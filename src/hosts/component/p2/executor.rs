//! Futures over what WASI lets one wait for.
//!
//! WASI 0.2 has no callbacks: whoever waits blocks. So there is one place that waits, for everything that any
//! future waits for, and this is what lets many requests be under way at once.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::stream::{FuturesUnordered, Stream};

use crate::hosts::component::{
    bindings::wasi::{
        clocks::monotonic_clock,
        io::poll::{Pollable, poll},
    },
    clock,
};

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// What runs by itself, as far as anybody calls.
    static TASKS: RefCell<FuturesUnordered<Task>> = RefCell::default();
    /// What was spawned since they were polled last.
    static SPAWNED: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static WAITING: RefCell<Vec<Rc<Waiting>>> = const { RefCell::new(Vec::new()) };
    static SWEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Lets a future run whenever somebody waits.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    SPAWNED.with_borrow_mut(|spawned| spawned.push(Box::pin(task)));
}

/// Runs a future to its end, and everything that was spawned meanwhile; `None` if it waits for what can never
/// happen, which would be a bug.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    // What came while nobody called is taken in even if there is an answer without it.
    if is_time_to_sweep() {
        wait(Wait::Not);
    }
    loop {
        while flag.0.swap(false, Ordering::Relaxed) {
            let outcome = future.as_mut().poll(&mut cx);
            poll_tasks(&mut cx);
            if let Poll::Ready(value) = outcome {
                return Some(value);
            }
        }
        if !wait(Wait::UntilSome) {
            return None;
        }
    }
}

/// Lets those run who can, without waiting: after something was dropped, so that what it stopped stops now.
pub(crate) fn turn() {
    poll_tasks(&mut Context::from_waker(Waker::noop()));
}

fn poll_tasks(cx: &mut Context<'_>) {
    // Not held while they run: a task may spawn another.
    let mut tasks = TASKS.take();
    loop {
        tasks.extend(SPAWNED.take());
        if !matches!(Pin::new(&mut tasks).poll_next(cx), Poll::Ready(Some(()))) {
            break;
        }
    }
    TASKS.set(tasks);
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Not,
    UntilSome,
}

/// Wakes those whose time has come; says whether there was anything to wait for.
fn wait(wait: Wait) -> bool {
    let waiting = WAITING.with_borrow(Vec::clone);
    if waiting.is_empty() {
        return false;
    }
    let at_once = (wait == Wait::Not).then(|| monotonic_clock::subscribe_duration(0));
    let all: Vec<&Pollable> = waiting.iter().map(|waiting| &waiting.pollable).chain(&at_once).collect();
    for ready in poll(&all) {
        if let Some(waiting) = waiting.get(ready as usize) {
            waiting.ring();
        }
    }
    SWEPT.set(clock::now());
    true
}

/// Often enough that no connection is idle for want of a reader, seldom enough to cost nothing.
const SWEEP_EVERY: Duration = Duration::from_millis(2);

fn is_time_to_sweep() -> bool {
    clock::now().saturating_sub(SWEPT.get()) >= SWEEP_EVERY
}

/// Something that somebody waits for.
struct Waiting {
    pollable: Pollable,
    rang: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Waiting {
    fn ring(&self) {
        self.rang.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// Resolves when a pollable is ready, again and again. It must be dropped before what the pollable is of.
pub(crate) struct Readiness {
    waiting: Rc<Waiting>,
    is_listed: bool,
}

impl Readiness {
    pub(crate) fn new(pollable: Pollable) -> Self {
        let waiting = Waiting { pollable, rang: Cell::new(false), waker: RefCell::default() };
        Self { waiting: Rc::new(waiting), is_listed: false }
    }

    fn leave(&mut self) {
        if self.is_listed {
            WAITING.with_borrow_mut(|all| all.retain(|other| !Rc::ptr_eq(other, &self.waiting)));
            self.is_listed = false;
        }
    }
}

impl Future for Readiness {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting.rang.take() {
            self.leave();
            return Poll::Ready(());
        }
        self.waiting.waker.replace(Some(cx.waker().clone()));
        if !self.is_listed {
            WAITING.with_borrow_mut(|all| all.push(Rc::clone(&self.waiting)));
            self.is_listed = true;
        }
        Poll::Pending
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("is_listed", &self.is_listed).finish_non_exhaustive()
    }
}
