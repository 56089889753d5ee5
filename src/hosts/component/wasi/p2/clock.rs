//! The clocks of WASI 0.2.

use std::time::Duration;

use super::executor::Readiness;
use crate::hosts::component::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// A timer as a future.
pub(crate) type Timer = Readiness;

pub(crate) fn timer(nanos: u64) -> Timer {
    Readiness::new(monotonic_clock::subscribe_duration(nanos))
}

/// Time since 1970 of the wall clock.
pub(crate) fn unix_time() -> Duration {
    let now = wall_clock::now();
    Duration::from_secs(now.seconds) + Duration::from_nanos(now.nanoseconds.into())
}
