//! A virtual clock and its timers.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Time moves only when the clock is set. Clones are handles to the same clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    /// The timers, by their time, and by their number among those of the same time.
    timers: BTreeMap<TimerKey, Waker>,
    /// How many timers there have been.
    count: u64,
}

type TimerKey = (Duration, u64);

impl Clock {
    pub(super) fn now(&self) -> Duration {
        self.lock().now
    }

    pub(super) fn set(&self, now: Duration) {
        self.lock().now = now;
    }

    /// How many timers are set.
    pub(super) fn timers(&self) -> usize {
        self.lock().timers.len()
    }

    /// The time of the earliest timer.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        self.lock().timers.first_key_value().map(|((time, _), _)| *time)
    }

    /// Removes the timers up to this time, the earliest first.
    pub(super) fn take_due(&self, time: Duration) -> Vec<Waker> {
        let mut state = self.lock();
        let mut due = Vec::new();
        while let Some(first) = state.timers.first_entry()
            && first.key().0 <= time
        {
            due.push(first.remove());
        }
        due
    }

    /// Resolves after `time`.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(time))
    }

    /// Resolves at a time.
    pub(super) fn sleep_until(&self, until: Duration) -> Sleep {
        Sleep { clock: self.clone(), until, key: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn set_timer(&mut self, time: Duration, waker: Waker) -> TimerKey {
        self.count += 1;
        self.timers.insert((time, self.count), waker);
        (time, self.count)
    }
}

/// Resolves at its time. Dropping it removes its timer.
#[derive(Debug)]
pub struct Sleep {
    clock: Clock,
    until: Duration,
    key: Option<TimerKey>,
}

impl Sleep {
    fn remove_timer(&mut self) {
        if let Some(key) = self.key.take() {
            self.clock.lock().timers.remove(&key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.remove_timer();
        if self.clock.now() >= self.until {
            return Poll::Ready(());
        }
        let key = self.clock.lock().set_timer(self.until, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.remove_timer();
    }
}
