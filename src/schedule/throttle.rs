//! Limits the rate at which a stream delivers bytes.
//!
//! The throttle keeps the time at which all bytes delivered so far are paid for at the given rate. Before
//! that time it grants nothing; after it, it grants one burst. With 1000 B/s, a burst is 50 bytes:
//!
//! ```text
//!  now     grant()          record()   paid_until
//!     0 ms  50 bytes         50 bytes       50 ms
//!    10 ms  wait 40 ms                      50 ms
//!    50 ms  50 bytes         20 bytes       70 ms
//!  9000 ms  50 bytes         50 bytes     9000 ms
//!  9000 ms  50 bytes         50 bytes     9050 ms   a pause earns one more burst, not 9000 bytes
//! ```

use crate::time::Duration;

/// Bytes are delivered in bursts of this duration's worth, so that a low rate is still smooth.
const BURST: Duration = Duration::from_millis(50);

/// Spaces out deliveries. Time is an argument.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    /// Bytes per second.
    rate: f64,
    /// When the bytes delivered so far have taken their time.
    paid_until: Duration,
}

impl Throttle {
    /// At most `rate` bytes per second. A rate that is not a positive number counts as the smallest one.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate: rate.max(f64::MIN_POSITIVE), paid_until: Duration::ZERO }
    }

    /// How many bytes may be delivered now, at least one; otherwise how long to wait.
    pub(crate) fn grant(&self, now: Duration) -> Result<u64, Duration> {
        match self.paid_until.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(((self.rate * BURST.as_secs_f64()) as u64).max(1)),
        }
    }

    /// Records a delivery. A reader that paused may take one more burst at once, but does not make up for the
    /// pause.
    pub(crate) fn record(&mut self, bytes: u64, now: Duration) {
        let time = Duration::try_from_secs_f64(bytes as f64 / self.rate).unwrap_or(Duration::MAX);
        self.paid_until = self.paid_until.max(now.saturating_sub(BURST)).saturating_add(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The times and sizes of the deliveries to a reader that never waits.
    fn times(rate: f64, bytes: u64) -> Vec<(Duration, u64)> {
        let mut throttle = Throttle::new(rate);
        let (mut now, mut left, mut times) = (Duration::from_secs(100), bytes, Vec::new());
        while left > 0 {
            match throttle.grant(now) {
                Ok(most) => {
                    let taken = most.min(left);
                    throttle.record(taken, now);
                    times.push((now - Duration::from_secs(100), taken));
                    left -= taken;
                }
                Err(wait) => now += wait,
            }
        }
        times
    }

    #[test]
    fn bytes_are_delivered_evenly_and_at_the_rate() {
        let times = times(1000.0, 5000);
        assert!(times.iter().all(|(_, bytes)| *bytes == 50), "{times:?}");
        let pauses: Vec<Duration> = times.windows(2).skip(1).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(pauses.iter().all(|pause| *pause == 50 * MS), "{pauses:?}");
        assert_eq!(times.last().unwrap().0, 4900 * MS, "5 s less two bursts");
    }

    // F112
    #[test]
    fn a_rate_below_a_byte_per_burst_delivers_single_bytes() {
        assert_eq!(times(2.0, 3).iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(Throttle::new(0.0).grant(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_pause_earns_one_more_burst() {
        let mut throttle = Throttle::new(1000.0);
        throttle.record(50, 1000 * MS);
        throttle.record(50, 60_000 * MS);
        assert_eq!(throttle.grant(60_000 * MS), Ok(50));
        throttle.record(50, 60_000 * MS);
        assert_eq!(throttle.grant(60_000 * MS), Err(50 * MS));
    }

    // F112
    #[test]
    fn no_rate_overflows() {
        let mut throttle = Throttle::new(f64::MIN_POSITIVE);
        throttle.record(u64::MAX, Duration::MAX);
        assert!(throttle.grant(Duration::ZERO).is_err());
        assert!(Throttle::new(f64::MAX).grant(Duration::ZERO).is_ok());
    }
}
