//! Time, and timers.

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

/// Time since some moment.
pub(super) fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Resolves after its time, which begins when it is first polled.
pub struct Sleep {
    time: Duration,
    running: Option<Timer>,
}

impl Sleep {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, running: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let nanos = u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        Pin::new(self.running.get_or_insert_with(|| timer(nanos))).poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("time", &self.time).finish_non_exhaustive()
    }
}

/// A year: hosts add it to the time that it is.
const LONGEST: u64 = 365 * 24 * 3600 * 1_000_000_000;
