//! Arithmetic on bytes and times that tolerates rounding.

use std::time::Duration;

/// Bytes that rounding may lose.
pub(super) const EPSILON: f64 = 1e-3;

/// `now` plus `seconds`, rounded up, so that what is expected at that time has happened.
pub(super) fn after(now: Duration, seconds: f64) -> Duration {
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    now.saturating_add(time).saturating_add(Duration::from_nanos(1))
}
