//! The timers of a stream, or of a file that is being opened: one `setTimeout` for all of them.
//!
//! A stream has two deadlines for each request, of which almost none comes. A [`Sleep`] is an entry in a list, and a timeout is
//! set only if it ends before the one that is set already. The timeout that is set may end before every sleep that is left: then
//! it is set again for the next one.
//!
//! The list belongs to one stream, not to the module: at the edge a timer belongs to the request in which it was set.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use wasm_bindgen::prelude::*;

use super::turn::{Turn, now};
use crate::time::Duration;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// The timers of one stream.
#[derive(Clone, Default)]
pub struct Timers(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    sleeps: Vec<Entry>,
    /// The number of the next sleep.
    next: u32,
    set: Option<Set>,
    /// Calls [`fire`]. One for all timeouts.
    callback: Option<Closure<dyn Fn()>>,
}

struct Entry {
    number: u32,
    end: Duration,
    waker: Waker,
}

/// The timeout that is set.
struct Set {
    id: JsValue,
    end: Duration,
}

/// A longer timeout would fire at once: it is a signed 32-bit number of milliseconds (HTML, timers).
const MAX_TIME: Duration = Duration::from_millis(2_147_483_647);

impl Timers {
    /// A timer. It starts when it is first polled; dropping it stops it.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        Sleep { timers: self.clone(), time, number: None }
    }

    /// Clears the timeout if no sleep needs it. It would keep a program in Node from ending.
    pub(super) fn tidy(&self) {
        let mut state = self.0.borrow_mut();
        if state.sleeps.is_empty() {
            state.clear();
        }
    }
}

impl State {
    fn add(&mut self, time: Duration, waker: Waker, timers: &Timers) -> u32 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        let end = now().saturating_add(time);
        self.sleeps.push(Entry { number, end, waker });
        self.set(end, timers);
        number
    }

    /// Sets the timeout, if it is not set to an earlier time.
    fn set(&mut self, end: Duration, timers: &Timers) {
        if self.set.as_ref().is_some_and(|set| set.end <= end) {
            return;
        }
        self.clear();
        let now = now();
        let time = end.saturating_sub(now).min(MAX_TIME);
        let callback = self.callback.get_or_insert_with(|| {
            let state = Rc::downgrade(&timers.0);
            Closure::new(move || fire(&state))
        });
        // Rounded up: a timeout of part of a millisecond fires at once, and would have to be set again.
        let id = set_timeout(callback.as_ref(), (time.as_secs_f64() * 1000.0).ceil());
        self.set = Some(Set { id, end: now.saturating_add(time) });
    }

    fn clear(&mut self) {
        if let Some(set) = self.set.take() {
            clear_timeout(&set.id);
        }
    }
}

/// The timeout has ended.
fn fire(state: &Weak<RefCell<State>>) {
    let _turn = Turn::begin();
    let Some(timers) = state.upgrade().map(Timers) else { return };
    let due: Vec<Entry> = {
        let mut state = timers.0.borrow_mut();
        // Some clocks stand still while a task runs, and some timeouts fire a little early.
        let end = state.set.take().map_or_else(now, |set| set.end.max(now()));
        let (ended, left) = mem::take(&mut state.sleeps).into_iter().partition(|sleep| sleep.end <= end);
        state.sleeps = left;
        if let Some(next) = state.sleeps.iter().map(|sleep| sleep.end).min() {
            state.set(next, &timers);
        }
        ended
    };
    // Not while the list is borrowed.
    due.into_iter().for_each(|Entry { waker, .. }| waker.wake());
}

impl Drop for State {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}

/// A timer of [`Timers::sleep`].
#[derive(Debug)]
pub struct Sleep {
    timers: Timers,
    time: Duration,
    /// Its entry, once it runs.
    number: Option<u32>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let timers = self.timers.clone();
        let mut state = timers.0.borrow_mut();
        let Some(number) = self.number else {
            self.number = Some(state.add(self.time, cx.waker().clone(), &timers));
            return Poll::Pending;
        };
        match state.sleeps.iter_mut().find(|sleep| sleep.number == number) {
            Some(sleep) => sleep.waker.clone_from(cx.waker()),
            None => return Poll::Ready(()),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timers.0.borrow_mut().sleeps.retain(|sleep| sleep.number != number);
        }
    }
}
