//! The clocks of WASI, and timers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::executor::Readiness;
use crate::component::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// Time since some moment.
pub(crate) fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Time since 1970.
pub(crate) fn unix_time() -> Duration {
    let now = wall_clock::now();
    Duration::from_secs(now.seconds) + Duration::from_nanos(now.nanoseconds.into())
}

/// Resolves after its time, which begins when it is first polled.
#[derive(Debug)]
pub struct Sleep {
    time: Duration,
    running: Option<Readiness>,
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
        let start = || Readiness::new(monotonic_clock::subscribe_duration(nanos));
        Pin::new(self.running.get_or_insert_with(start)).poll(cx)
    }
}

/// A year: hosts add it to the time that it is.
const LONGEST: u64 = 365 * 24 * 3600 * 1_000_000_000;
