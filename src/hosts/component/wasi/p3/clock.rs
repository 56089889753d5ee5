//! The clocks of WASI 0.3.

use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::hosts::component::bindings::wasi::clocks::{monotonic_clock, system_clock};

/// A timer as a future.
pub(crate) type Timer = LocalBoxFuture<'static, ()>;

pub(crate) fn timer(nanos: u64) -> Timer {
    Box::pin(monotonic_clock::wait_for(nanos))
}

/// Time since 1970 of the system clock.
pub(crate) fn unix_time() -> Duration {
    let now = system_clock::now();
    Duration::from_secs(u64::try_from(now.seconds).unwrap_or_default())
        + Duration::from_nanos(now.nanoseconds.into())
}
