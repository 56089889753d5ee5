//! The monotonic clock, and timers as futures.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    bindings::wasi::clocks::monotonic_clock,
    wasi::{Timer, timer},
};

/// Time of the monotonic clock.
pub(super) fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// A timer. It starts when it is first polled, and dropping it stops it.
pub struct Sleep {
    time: Duration,
    timer: Option<Timer>,
}

impl Sleep {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let nanos = u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX).min(MAX_NANOS);
        Pin::new(self.timer.get_or_insert_with(|| timer(nanos))).poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("time", &self.time).finish_non_exhaustive()
    }
}

/// A year. Hosts add the time to their clock, and a larger one could overflow it.
const MAX_NANOS: u64 = 365 * 24 * 3600 * 1_000_000_000;
