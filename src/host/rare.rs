//! Calls of what few readers need.
//!
//! In the npm package, what only these functions lead to is a second wasm module (`scripts/split.mjs`), so that other pages do not load
//! it. Who calls one of them makes sure that the module is there: `js/open.js` loads it when an option needs it, for what an option says;
//! else the caller waits for [`Host::load_more`](super::Host::load_more). For other hosts they are plain calls.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// Calls a function.
#[inline(never)]
pub(crate) fn call<T>(function: impl FnOnce() -> T) -> T {
    function()
}

/// Waits for a future.
pub(crate) async fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| poll(future.as_mut(), cx)).await
}

#[inline(never)]
fn poll<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}
