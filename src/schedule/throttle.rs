//! So many bytes a second and no more, evenly.

use std::time::Duration;

/// Bytes are let go in portions of so much time's worth, so that what is slow is not jerky too. A
/// reader that paused is let have one portion at once, and no more to make up for it.
const PORTION: Duration = Duration::from_millis(50);

/// Spaces out what leaves; time is an argument.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    /// Bytes per second.
    rate: f64,
    /// What has left so far would have taken until then.
    paid: Duration,
}

impl Throttle {
    /// At most `rate` bytes a second. A rate that is no positive number is taken for the least.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate: rate.max(f64::MIN_POSITIVE), paid: Duration::ZERO }
    }

    /// How many bytes may leave now, at least one; else how long to wait.
    pub(crate) fn grant(&self, now: Duration) -> Result<u64, Duration> {
        match self.paid.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(((self.rate * PORTION.as_secs_f64()) as u64).max(1)),
        }
    }

    /// So many bytes left.
    pub(crate) fn record(&mut self, bytes: u64, now: Duration) {
        let time = Duration::try_from_secs_f64(bytes as f64 / self.rate).unwrap_or(Duration::MAX);
        self.paid = self.paid.max(now.saturating_sub(PORTION)).saturating_add(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When each of so many bytes leaves at this rate, the reader being always there.
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
    fn bytes_leave_evenly_and_at_the_rate() {
        let times = times(1000.0, 5000);
        assert!(times.iter().all(|(_, bytes)| *bytes == 50), "{times:?}");
        let gaps: Vec<Duration> = times.windows(2).skip(1).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(gaps.iter().all(|gap| *gap == 50 * MS), "{gaps:?}");
        assert_eq!(times.last().unwrap().0, 4900 * MS, "5 s less what is let have at once");
    }

    // F112
    #[test]
    fn a_rate_below_a_byte_a_portion_lets_single_bytes_go() {
        assert_eq!(times(2.0, 3).iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(Throttle::new(0.0).grant(Duration::ZERO).is_ok());
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
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
