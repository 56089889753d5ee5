//! `setTimeout` as a future, and the clock.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &JsValue, ms: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Time since the page or worker started.
pub(super) fn now() -> Duration {
    Duration::from_secs_f64((performance_now() / 1000.0).max(0.0))
}

/// A timer. It starts when it is first polled; dropping it clears the timeout.
pub struct Sleep {
    time: Duration,
    running: Option<Running>,
}

struct Running {
    id: JsValue,
    state: Rc<RefCell<State>>,
    _callback: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    has_fired: bool,
    waker: Option<Waker>,
}

impl Sleep {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, running: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.time;
        let running = self.running.get_or_insert_with(|| Running::start(time));
        let mut state = running.state.borrow_mut();
        if state.has_fired {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Running {
    fn start(time: Duration) -> Self {
        let state = Rc::<RefCell<State>>::default();
        let shared = Rc::clone(&state);
        let callback = Closure::<dyn FnMut()>::new(move || {
            let waker = {
                let mut state = shared.borrow_mut();
                state.has_fired = true;
                state.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        });
        let id = set_timeout(callback.as_ref(), (time.as_secs_f64() * 1000.0).min(MAX_MS));
        Self { id, state, _callback: callback }
    }
}

/// A longer timeout would fire at once: it is a signed 32-bit number of milliseconds (HTML, timers).
const MAX_MS: f64 = 2_147_483_647.0;

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            clear_timeout(&running.id);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("time", &self.time).finish_non_exhaustive()
    }
}
