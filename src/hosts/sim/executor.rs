//! Runs futures on one thread, in the order in which they are woken.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Runs spawned futures. They need not be `Send`, because they stay in a thread-local variable.
#[derive(Clone, Debug, Default)]
pub(super) struct Executor {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    woken: Mutex<Woken>,
}

/// The futures to poll, each once, in the order of their first wakeup.
#[derive(Debug, Default)]
struct Woken {
    order: VecDeque<usize>,
    members: HashSet<usize>,
}

struct Task {
    id: usize,
    queue: Arc<Queue>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut woken = self.queue.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.members.insert(self.id) {
            woken.order.push_back(self.id);
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", self.id)
    }
}

type Spawned = Pin<Box<dyn Future<Output = ()>>>;

/// The futures of all worlds of this thread, by id.
#[derive(Default)]
struct Futures {
    /// The id of the newest future.
    last_id: usize,
    running: std::collections::HashMap<usize, Spawned>,
}

thread_local! {
    static FUTURES: std::cell::RefCell<Futures> = std::cell::RefCell::default();
}

impl Executor {
    pub(super) fn spawn(&self, future: Spawned) {
        let id = FUTURES.with_borrow_mut(|futures| {
            futures.last_id += 1;
            futures.running.insert(futures.last_id, future);
            futures.last_id
        });
        self.waker(id).wake();
    }

    /// Runs until `main` is done. `idle` is called when there is nothing to poll, and returns whether that
    /// has changed.
    pub(super) fn run<T>(&self, main: impl Future<Output = T>, idle: impl Fn() -> bool) -> Option<T> {
        let mut main = pin!(main);
        self.waker(MAIN).wake();
        loop {
            match self.next() {
                Some(MAIN) => {
                    let waker = self.waker(MAIN);
                    if let Poll::Ready(value) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                        self.settle();
                        return Some(value);
                    }
                }
                Some(id) => self.poll(id),
                None if idle() => {}
                None => return None,
            }
        }
    }

    /// Polls what has been woken before, so that a cancelled driver ends.
    fn settle(&self) {
        while let Some(id) = self.next() {
            if id != MAIN {
                self.poll(id);
            }
        }
    }

    fn poll(&self, id: usize) {
        // It is removed while it is polled, because it may spawn others.
        let Some(mut future) = FUTURES.with_borrow_mut(|futures| futures.running.remove(&id)) else {
            return;
        };
        let waker = self.waker(id);
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            FUTURES.with_borrow_mut(|futures| futures.running.insert(id, future));
        }
    }

    fn next(&self) -> Option<usize> {
        let mut woken = self.queue.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let id = woken.order.pop_front()?;
        woken.members.remove(&id);
        Some(id)
    }

    fn waker(&self, id: usize) -> Waker {
        Arc::new(Task { id, queue: Arc::clone(&self.queue) }).into()
    }
}

/// The id of the future that `run` waits for.
const MAIN: usize = 0;
