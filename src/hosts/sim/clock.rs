//! Timers of a virtual clock.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::World;

/// Who waits, by time, and by number among those of one time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    waiting: BTreeMap<(Duration, u64), Waker>,
    count: u64,
}

impl Timers {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The earliest time.
    pub(super) fn next(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((time, _), _)| *time)
    }

    /// Takes a timer of this time or before.
    pub(super) fn take(&mut self, now: Duration) -> Option<Waker> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(super) fn set(&mut self, time: Duration, waker: Waker) -> (Duration, u64) {
        self.count += 1;
        self.waiting.insert((time, self.count), waker);
        (time, self.count)
    }

    pub(super) fn unset(&mut self, key: (Duration, u64)) {
        self.waiting.remove(&key);
    }
}

/// Resolves when its time has come; dropping it unsets its timer.
#[derive(Debug)]
pub struct Sleep {
    world: World,
    until: Duration,
    key: Option<(Duration, u64)>,
}

impl Sleep {
    pub(super) fn new(world: World, time: Duration) -> Self {
        let until = world.now().saturating_add(time);
        Self { world, until, key: None }
    }

    pub(super) fn until(world: World, until: Duration) -> Self {
        Self { world, until, key: None }
    }

    fn unset(&mut self) {
        if let Some(key) = self.key.take() {
            self.world.lock().timers.unset(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.unset();
        if self.world.now() >= self.until {
            return Poll::Ready(());
        }
        let key = self.world.lock().timers.set(self.until, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.unset();
    }
}
