use super::*;

const MS: Duration = Duration::from_millis(1);
const KIB: u64 = 1 << 10;

/// A link in rounds: as many views are in flight as may be, and with each round trip as many of them
/// come as the link brings in it.
struct Rounds {
    pace: ConcurrencyController,
    now: Duration,
    latency: Duration,
    size: u64,
    /// Views that come in a round trip at most.
    most: usize,
    in_flight: usize,
}

impl Rounds {
    fn new(latency: Duration, size: u64, most: usize) -> Self {
        Self {
            pace: ConcurrencyController::default(),
            now: Duration::ZERO,
            latency,
            size,
            most,
            in_flight: 0,
        }
    }

    /// The width in this round.
    fn round(&mut self) -> usize {
        let width = self.pace.width(self.size, 64);
        (self.in_flight..width).for_each(|_| self.pace.started(self.size));
        self.in_flight = self.in_flight.max(width);
        self.pace.flying(self.in_flight, self.now);
        self.now += self.latency;
        let done = self.in_flight.min(self.most);
        for _ in 0..done {
            self.pace.answered(self.latency, self.now);
            self.pace.arrived(self.size, self.now, 64);
            self.pace.served(self.size, Duration::ZERO, self.now, 64);
        }
        self.in_flight -= done;
        width
    }

    fn rounds(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.round()).collect()
    }
}

#[test]
fn it_begins_with_a_mebibyte_and_with_two_views_at_least() {
    let pace = ConcurrencyController::default();
    let widths = [4 * KIB, 64 * KIB, 200 * KIB, 1024 * KIB, 4096 * KIB, u64::MAX, 0];
    assert_eq!(widths.map(|len| pace.width(len, 64)), [8, 8, 5, 2, 2, 2, 8]);
    assert_eq!(pace.width(KIB, 3), 3);
}

#[test]
fn it_doubles_with_each_round_trip_while_that_brings_more() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, usize::MAX);
    assert_eq!(link.rounds(5), [8, 16, 32, 64, 64]);
}

#[test]
fn it_comes_back_to_what_is_enough() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, 6);
    link.rounds(200);
    // Now and then another width is tried.
    let mut widths = link.rounds(31);
    widths.sort_unstable();
    assert!((6..=11).contains(&widths[15]), "{widths:?}");
}

#[test]
fn it_notices_that_there_is_more_to_be_had() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, 6);
    link.rounds(60);
    link.most = 40;
    link.rounds(200);
    assert!(link.round() >= 32, "{}", link.round());
}

#[test]
fn a_server_that_refuses_is_asked_for_less_once_a_round_and_not_for_more_for_a_while() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, usize::MAX);
    link.rounds(6);
    (0..10).for_each(|_| link.pace.refused(link.now));
    assert_eq!(link.pace.width(64 * KIB, 64), 48);
    link.rounds(20);
    assert!(link.pace.width(64 * KIB, 64) <= 48);
    link.pace.refused(link.now);
    assert!(link.pace.width(64 * KIB, 64) <= 36);
}

#[test]
fn what_is_measured_while_something_else_holds_views_back_says_nothing() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, usize::MAX);
    link.rounds(1);
    let width = link.pace.current();
    for _ in 0..50 {
        link.pace.flying(1, link.now);
        link.now += 50 * MS;
        link.pace.answered(50 * MS, link.now);
        link.pace.arrived(64 * KIB, link.now, 64);
        link.pace.served(64 * KIB, MS, link.now, 64);
    }
    assert_eq!(link.pace.current(), width);
}

#[test]
fn large_views_are_awaited_in_turn_and_small_ones_together() {
    let mut pace = ConcurrencyController::default();
    assert_eq!((pace.unanswered(4096 * KIB), pace.unanswered(64 * KIB)), (1, usize::MAX));
    pace.started(4096 * KIB);
    pace.answered(20 * MS, 20 * MS);
    pace.served(4096 * KIB, 33 * MS, 53 * MS, 64);
    assert_eq!((pace.unanswered(4096 * KIB), pace.unanswered(64 * KIB)), (1, usize::MAX));
}

#[test]
fn no_numbers_make_it_panic() {
    let numbers = [0, 1, 64 * KIB, 1 << 40, u64::MAX];
    let times = [Duration::ZERO, MS, Duration::from_secs(14), Duration::from_secs(1 << 40), Duration::MAX];
    let mut state = 1_u64;
    let mut jitter = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % sides
    };
    for _ in 0..300 {
        let mut pace = ConcurrencyController::default();
        for _ in 0..40 {
            let (len, time, now) = (numbers[jitter(5)], times[jitter(5)], times[jitter(5)]);
            let most = [1, 64, usize::MAX][jitter(3)];
            match jitter(6) {
                0 => pace.started(len),
                1 => pace.flying(jitter(100), now),
                2 => pace.answered(time, now),
                3 => pace.arrived(len / 4, now, most),
                4 => pace.served(len, time, now, most),
                _ => pace.refused(now),
            }
            assert!(pace.width(len, most) >= 1);
            assert!(pace.unanswered(len) >= 1);
        }
    }
}
