//! A turn: one call of this module by JavaScript. The clock is read once in it.
//!
//! To read the clock is a call out of the module, and the core asks for the time at every step. A turn takes less than a
//! millisecond, and what its steps compare is not closer than that. Where no turn is known the clock is read each time.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};

use js_sys::Date;
use wasm_bindgen::prelude::*;

use super::timer::Timers;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

#[derive(Clone, Copy)]
enum Clock {
    /// No turn is known.
    Outside,
    /// A turn in which nobody has asked yet.
    Unread,
    /// The time of the turn.
    Read(Duration),
}

thread_local! {
    static CLOCK: Cell<Clock> = const { Cell::new(Clock::Outside) };
    /// The monotonic time and that since 1970, read together.
    static UNIX_TIME: Cell<Option<(Duration, Duration)>> = const { Cell::new(None) };
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    outer: Clock,
}

impl Turn {
    /// A turn begins. One within another has a time of its own.
    pub(super) fn begin() -> Self {
        Self { outer: CLOCK.replace(Clock::Unread) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CLOCK.set(self.outer);
    }
}

/// The future, each of whose polls is a turn of what has this number. `timers`: those that it sleeps by.
pub(super) async fn in_turns<T>(timers: Timers, number: u32, future: impl Future<Output = T>) -> T {
    let result = {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _turn = Turn::begin();
            let outer = AT_WORK.replace(number);
            let poll = future.as_mut().poll(cx);
            timers.tidy();
            AT_WORK.set(outer);
            poll
        })
        .await
    };
    // What the future still slept for has gone with it.
    timers.tidy();
    result
}

thread_local! {
    /// The number of the stream, or of the file being opened, that is at work; 0 if none is.
    static AT_WORK: Cell<u32> = const { Cell::new(0) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// A number for a stream or a file that is being opened.
pub(super) fn next_number() -> u32 {
    let number = LAST.get().wrapping_add(1).max(1);
    LAST.set(number);
    number
}

/// After a trap: ends its turn, and returns the number of what was at work, 0 if that is not known.
#[wasm_bindgen(js_name = takeNumberAtWork)]
#[must_use]
pub fn take_number_at_work() -> u32 {
    CLOCK.set(Clock::Outside);
    AT_WORK.take()
}

/// Time since the page or worker started, as of this turn.
pub(super) fn now() -> Duration {
    if let Clock::Read(time) = CLOCK.get() {
        return time;
    }
    let time = Duration::from_secs_f64((performance_now() / 1000.0).max(0.0));
    if let Clock::Unread = CLOCK.get() {
        CLOCK.set(Clock::Read(time));
    }
    time
}

/// How long the wall clock is assumed to go as the monotonic one does.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Time since 1970. A step of the wall clock is seen within a second.
pub(super) fn unix_time() -> Duration {
    let now = now();
    if let Some((at, unix_time)) = UNIX_TIME.get()
        && let Some(age) = now.checked_sub(at).filter(|age| *age < MAX_AGE)
    {
        return unix_time + age;
    }
    let unix_time = Duration::try_from_secs_f64(Date::now() / 1000.0).unwrap_or_default();
    UNIX_TIME.set(Some((now, unix_time)));
    unix_time
}
