//! How long a gateway waits for a client that reads slowly, or not at all.
//!
//! A client that takes nothing for [`stall`](Patience::stall) is stalled: the gateway gives back what the download holds, and
//! reads again from there when the client goes on. Each time it was waited for [`patience`](Patience::patience) in all, it must
//! have taken [`least_rate`](Patience::least_rate). Else it is ended. Time that the servers take does not count.

use std::time::Duration;

/// The limits, and what counts toward them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// How long a client may take nothing before it is stalled.
    pub(crate) stall: Duration,
    /// The time over which the rate is measured.
    pub(crate) patience: Duration,
    /// Bytes a second.
    pub(crate) least_rate: u64,
    waited: Duration,
    taken: u64,
}

impl Patience {
    /// Five seconds, and 1 KiB/s over a minute, with which a 16 KiB piece is taken four times.
    pub(crate) const DEFAULT: (u64, u64, u64) = (5, 60, 1024);

    pub(crate) fn new(stall: Duration, patience: Duration, least_rate: u64) -> Self {
        Self { stall, patience, least_rate, waited: Duration::ZERO, taken: 0 }
    }

    /// Counts bytes that the client took.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_add(bytes);
    }

    /// Counts time that the client was waited for. Returns whether it may go on.
    pub(crate) fn wait(&mut self, time: Duration) -> bool {
        self.waited += time;
        if self.waited < self.patience {
            return true;
        }
        let is_enough = self.taken as f64 >= self.least_rate as f64 * self.waited.as_secs_f64();
        (self.waited, self.taken) = (Duration::ZERO, 0);
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // F176
    #[test]
    fn a_client_below_the_least_rate_is_ended() {
        let second = Duration::from_secs(1);
        let mut patience = Patience::new(second, 10 * second, 100);
        patience.take(1000);
        assert!((0..10).all(|_| patience.wait(second)), "it took enough");
        patience.take(999);
        assert!((0..9).all(|_| patience.wait(second)));
        assert!(!patience.wait(second), "it did not");
    }
}
