//! A turn: one call of this module by JavaScript. The clock is read once in it.
//!
//! To read the clock is a call out of the module, and the core asks for the time at every step. A turn takes less than a
//! millisecond, and what its steps compare is not closer than that. Where no turn is known the clock is read each time.

use std::cell::Cell;

use crate::time::Duration;

use js_sys::Date;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

#[derive(Clone, Copy)]
enum Clock {
    /// No turn is known.
    Outside,
    /// A turn in which the clock was not read yet.
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

/// Ends the turn that a trap broke off.
pub(super) fn abandon() {
    CLOCK.set(Clock::Outside);
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
