//! Which stream, or file that is being opened, is at work: each poll of its future is a turn of it. After a trap its number says
//! what has to fail.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
};

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{
    timer::Timers,
    turn::{self, Turn},
};

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
    turn::abandon();
    // The queue of futures was left in the middle. What is behind the one that trapped runs with the next that is scheduled.
    spawn_local(async {});
    AT_WORK.take()
}
