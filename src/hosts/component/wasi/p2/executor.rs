//! Runs futures on the pollables of WASI 0.2.
//!
//! WASI 0.2 has no callbacks: a call blocks until one of a list of pollables is ready. So each future that needs a
//! pollable adds it to one list ([`Readiness`]), and [`run`] blocks on the whole list. That is how many requests are
//! in flight at once. Tasks ([`spawn`]) run only while the component is called:
//!
//! 1. The host calls `body.read()`, which is `run(reader.next())`.
//! 2. The reader finds no piece and returns `Pending`. The driver, a task, is polled: it sends requests, and each adds
//!    a pollable.
//! 3. Nothing can go on, so `run` blocks in `wasi:io/poll` until a request has a response.
//! 4. Its future is woken, the driver reads the bytes, and the reader has a piece: `run` returns it.

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

use crate::hosts::component::bindings::wasi::{
    clocks::monotonic_clock,
    io::poll::{Pollable, poll},
};

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// The spawned tasks.
    static TASKS: RefCell<FuturesUnordered<Task>> = RefCell::default();
    /// The tasks that were spawned after `TASKS` was polled last.
    static SPAWNED: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    /// The pollables that futures wait for.
    static WAITERS: RefCell<Vec<Rc<Waiter>>> = const { RefCell::new(Vec::new()) };
    /// When the pollables were checked last.
    static CHECKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Adds a task. It runs during each later [`run`] and [`poll_once`].
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    SPAWNED.with_borrow_mut(|spawned| spawned.push(Box::pin(task)));
}

/// Runs a future to its end, and the tasks meanwhile. `None` if the future is pending and no pollable is left that
/// could wake it, which would be a bug.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    // Takes in what arrived since the last call, even if the future needs none of it.
    if is_check_due() {
        check_pollables(Block::Never);
    }
    loop {
        while flag.0.swap(false, Ordering::Relaxed) {
            let outcome = future.as_mut().poll(&mut cx);
            poll_tasks(&mut cx);
            if let Poll::Ready(value) = outcome {
                return Some(value);
            }
        }
        if !check_pollables(Block::UntilReady) {
            return None;
        }
    }
}

/// Polls the tasks once and does not block. After a value was dropped, its tasks notice and stop at once, not with
/// the next call of the component.
pub(crate) fn poll_once() {
    poll_tasks(&mut Context::from_waker(Waker::noop()));
}

fn poll_tasks(cx: &mut Context<'_>) {
    // Taken out while they run: a task may spawn another.
    let mut tasks = TASKS.take();
    loop {
        tasks.extend(SPAWNED.take());
        if !matches!(Pin::new(&mut tasks).poll_next(cx), Poll::Ready(Some(()))) {
            break;
        }
    }
    TASKS.set(tasks);
}

/// Whether the waker of [`run`] was called.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Never,
    UntilReady,
}

/// Wakes the futures whose pollables are ready. Returns `false` if there is no pollable.
fn check_pollables(block: Block) -> bool {
    let waiters = WAITERS.with_borrow(Vec::clone);
    if waiters.is_empty() {
        return false;
    }
    // A timer that is ready at once keeps `poll` from blocking.
    let at_once = (block == Block::Never).then(|| monotonic_clock::subscribe_duration(0));
    let pollables: Vec<&Pollable> = waiters.iter().map(|waiter| &waiter.pollable).chain(&at_once).collect();
    for ready in poll(&pollables) {
        if let Some(waiter) = waiters.get(ready as usize) {
            waiter.wake();
        }
    }
    CHECKED.set(now());
    true
}

/// Short enough that no connection idles because its bytes are not read, and long enough that the calls cost little.
const CHECK_EVERY: Duration = Duration::from_millis(2);

fn is_check_due() -> bool {
    now().saturating_sub(CHECKED.get()) >= CHECK_EVERY
}

fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// A pollable, and the future that waits for it.
struct Waiter {
    pollable: Pollable,
    is_ready: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    fn wake(&self) {
        self.is_ready.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// A future that resolves when its pollable is ready, and can then be polled again. It must be dropped before the
/// resource that the pollable belongs to.
pub(crate) struct Readiness {
    waiter: Rc<Waiter>,
    is_listed: bool,
}

impl Readiness {
    pub(crate) fn new(pollable: Pollable) -> Self {
        let waiter = Waiter { pollable, is_ready: Cell::new(false), waker: RefCell::default() };
        Self { waiter: Rc::new(waiter), is_listed: false }
    }

    fn unlist(&mut self) {
        if self.is_listed {
            WAITERS.with_borrow_mut(|all| all.retain(|other| !Rc::ptr_eq(other, &self.waiter)));
            self.is_listed = false;
        }
    }
}

impl Future for Readiness {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiter.is_ready.take() {
            self.unlist();
            return Poll::Ready(());
        }
        self.waiter.waker.replace(Some(cx.waker().clone()));
        if !self.is_listed {
            WAITERS.with_borrow_mut(|all| all.push(Rc::clone(&self.waiter)));
            self.is_listed = true;
        }
        Poll::Pending
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.unlist();
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("is_listed", &self.is_listed).finish_non_exhaustive()
    }
}
