use super::*;

const MS: Duration = Duration::from_millis(1);
const KIB: u64 = 1 << 10;

/// A link in rounds: each round starts as many views as the limit allows, and completes as many as the link
/// can deliver in a round trip.
struct Rounds {
    controller: ConcurrencyController,
    now: Duration,
    latency: Duration,
    size: u64,
    /// The most views that complete in a round trip.
    capacity: usize,
    in_flight: usize,
}

impl Rounds {
    fn new(latency: Duration, size: u64, capacity: usize) -> Self {
        Self {
            controller: ConcurrencyController::default(),
            now: Duration::ZERO,
            latency,
            size,
            capacity,
            in_flight: 0,
        }
    }

    /// Runs a round and returns its limit.
    fn round(&mut self) -> usize {
        let limit = self.controller.limit(self.size, 64);
        (self.in_flight..limit).for_each(|_| self.controller.on_start(self.size));
        self.in_flight = self.in_flight.max(limit);
        self.controller.on_in_flight(self.in_flight, self.now);
        self.now += self.latency;
        let done = self.in_flight.min(self.capacity);
        for _ in 0..done {
            self.controller.on_response(self.latency, self.now);
            self.controller.on_bytes(self.size, self.now, 64);
            self.controller.on_complete(self.size, Duration::ZERO, self.now, 64);
        }
        self.in_flight -= done;
        limit
    }

    fn rounds(&mut self, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.round()).collect()
    }
}

#[test]
fn the_initial_limit_is_a_mebibyte_and_at_least_two_views() {
    let controller = ConcurrencyController::default();
    let limits = [4 * KIB, 64 * KIB, 200 * KIB, 1024 * KIB, 4096 * KIB, u64::MAX, 0];
    assert_eq!(limits.map(|len| controller.limit(len, 64)), [8, 8, 5, 2, 2, 2, 8]);
    assert_eq!(controller.limit(KIB, 3), 3);
}

#[test]
fn slow_start_doubles_the_limit_while_the_rate_grows() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, usize::MAX);
    assert_eq!(link.rounds(5), [8, 16, 32, 64, 64]);
}

#[test]
fn the_limit_settles_near_the_smallest_good_one() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, 6);
    link.rounds(200);
    // Some of the rounds probe another limit.
    let mut limits = link.rounds(31);
    limits.sort_unstable();
    assert!((6..=11).contains(&limits[15]), "{limits:?}");
}

#[test]
fn probes_find_that_the_link_became_faster() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, 6);
    link.rounds(60);
    link.capacity = 40;
    link.rounds(200);
    assert!(link.round() >= 32, "{}", link.round());
}

#[test]
fn epochs_well_below_the_limit_are_ignored() {
    let mut link = Rounds::new(50 * MS, 64 * KIB, usize::MAX);
    link.rounds(1);
    let limit = link.controller.current();
    for _ in 0..50 {
        link.controller.on_in_flight(1, link.now);
        link.now += 50 * MS;
        link.controller.on_response(50 * MS, link.now);
        link.controller.on_bytes(64 * KIB, link.now, 64);
        link.controller.on_complete(64 * KIB, MS, link.now, 64);
    }
    assert_eq!(link.controller.current(), limit);
}

#[test]
fn large_views_are_requested_one_after_another() {
    let mut controller = ConcurrencyController::default();
    assert_eq!((controller.max_awaiting(4096 * KIB), controller.max_awaiting(64 * KIB)), (1, usize::MAX));
    controller.on_start(4096 * KIB);
    controller.on_response(20 * MS, 20 * MS);
    controller.on_complete(4096 * KIB, 33 * MS, 53 * MS, 64);
    assert_eq!((controller.max_awaiting(4096 * KIB), controller.max_awaiting(64 * KIB)), (1, usize::MAX));
}

#[test]
fn no_input_makes_it_panic() {
    let numbers = [0, 1, 64 * KIB, 1 << 40, u64::MAX];
    let times = [Duration::ZERO, MS, Duration::from_secs(14), Duration::from_secs(1 << 40), Duration::MAX];
    let mut state = 1_u64;
    let mut jitter = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % sides
    };
    for _ in 0..300 {
        let mut controller = ConcurrencyController::default();
        for _ in 0..40 {
            let (len, time, now) = (numbers[jitter(5)], times[jitter(5)], times[jitter(5)]);
            let max = [1, 64, usize::MAX][jitter(3)];
            match jitter(5) {
                0 => controller.on_start(len),
                1 => controller.on_in_flight(jitter(100), now),
                2 => controller.on_response(time, now),
                3 => controller.on_bytes(len / 4, now, max),
                _ => controller.on_complete(len, time, now, max),
            }
            assert!(controller.limit(len, max) >= 1);
            assert!(controller.max_awaiting(len) >= 1);
        }
    }
}

#[test]
fn the_example_of_the_module_documentation_is_right() {
    let mut link = Rounds::new(100 * MS, 64 * KIB, 16);
    assert_eq!(link.rounds(7), [8, 16, 32, 32, 32, 32, 21]);
    assert_eq!(link.controller.phase, Phase::Steady);
    link.rounds(13);
    assert_eq!(link.controller.phase, Phase::Probing { from: 22 });
    assert_eq!(link.round(), 27);
}
