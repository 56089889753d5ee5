//! The clocks of WASI, and timers.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::component::bindings::wasi::clocks::{monotonic_clock, system_clock};

/// Time since some moment.
pub(crate) fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Time since 1970.
pub(crate) fn unix_time() -> Duration {
    let now = system_clock::now();
    Duration::from_secs(u64::try_from(now.seconds).unwrap_or_default())
        + Duration::from_nanos(now.nanoseconds.into())
}

/// Resolves after its time, which begins when it is first polled.
pub struct Sleep {
    time: Duration,
    running: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Sleep {
    pub(crate) fn new(time: Duration) -> Self {
        Self { time, running: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let nanos = u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        self.running.get_or_insert_with(|| Box::pin(monotonic_clock::wait_for(nanos))).as_mut().poll(cx)
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("time", &self.time).finish_non_exhaustive()
    }
}

/// A year: hosts add it to the time that it is.
const LONGEST: u64 = 365 * 24 * 3600 * 1_000_000_000;
