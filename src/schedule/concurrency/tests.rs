use super::*;

const MS: Duration = Duration::from_millis(1);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A link of this many bytes per second, and views of one size over it that are received one after another.
struct Line {
    controller: ConcurrencyController,
    now: Duration,
    latency: Duration,
    rate: f64,
    size: u64,
}

impl Line {
    fn new(latency: Duration, rate: f64, size: u64) -> Self {
        Self { controller: ConcurrencyController::default(), now: Duration::ZERO, latency, rate, size }
    }

    /// Requests views as long as one may start.
    fn start(&mut self) -> usize {
        let mut started = 0;
        while started < 1000 && self.controller.allows(self.size, false, false) {
            self.controller.on_request(self.now);
            self.controller.on_start(self.size);
            started += 1;
        }
        started
    }

    /// A view arrives, in pieces of at most 16 KiB.
    fn receive(&mut self) {
        let mut left = self.size;
        while left > 0 {
            let piece = left.min(16 * KIB);
            self.now += Duration::from_secs_f64(piece as f64 / self.rate);
            self.controller.on_bytes(piece, piece, self.now, 64);
            left -= piece;
        }
        self.controller.on_complete(self.now);
    }

    /// The first view alone, then `views` more on a full link.
    fn run(&mut self, views: usize) {
        self.start();
        self.now += self.latency;
        for _ in 0..=views {
            self.controller.on_response(self.latency, self.now);
            self.receive();
            self.start();
        }
    }

    fn room(&self) -> u64 {
        self.controller.room(self.size)
    }
}

#[test]
fn before_anything_is_measured_a_view_comes_alone() {
    let starts = |size| Line::new(MS, 1e6, size).start();
    assert_eq!([4 * KIB, 16 * KIB, 64 * KIB, 4 * MIB, u64::MAX].map(starts), [8, 2, 1, 1, 1]);
}

#[test]
fn the_example_of_the_module_documentation_is_right() {
    let mut line = Line::new(40 * MS, 1e6, MIB);
    line.run(3);
    assert!((75_000..95_000).contains(&line.room()), "{}", line.room());
    assert_eq!(line.controller.current(), 2);
    let mut line = Line::new(40 * MS, 125e6, MIB);
    line.run(100);
    assert!((9 << 20..13 << 20).contains(&line.room()), "{}", line.room());
}

#[test]
fn the_first_bytes_of_a_view_say_how_many_follow() {
    let mut line = Line::new(50 * MS, 300e6, 4 * MIB);
    line.start();
    line.now += line.latency;
    line.controller.on_response(line.latency, line.now);
    line.controller.on_bytes(MIB, MIB, line.now + 3 * MS, 64);
    assert!((7..=12).contains(&line.start()), "{}", line.controller.current());
}

#[test]
fn a_link_that_grows_gets_twice_as_much_and_then_less() {
    let mut line = Line::new(100 * MS, 1e6, 64 * KIB);
    line.run(2);
    let of_link = |line: &Line| line.controller.of_link().expect("it is known") as u64;
    assert!(of_link(&line) > 200_000, "{}", of_link(&line));
    line.run(10);
    assert!(of_link(&line) < 180_000, "{}", of_link(&line));
}

#[test]
fn a_slow_reader_does_not_lower_the_rate() {
    let mut line = Line::new(20 * MS, 10e6, 64 * KIB);
    line.run(200);
    let before = line.room();
    line.controller.expect(line.controller.outstanding, 0);
    for _ in 0..100 {
        line.now += 100 * MS;
        line.controller.on_start(64 * KIB);
        line.controller.on_response(20 * MS, line.now);
        line.receive();
    }
    assert!(line.room() * 10 > before * 8, "{} before, then {}", before, line.room());
}

// F154
#[test]
fn after_a_silence_another_view_may_start() {
    let mut line = Line::new(50 * MS, 50e6, 64 * KIB);
    line.run(10);
    assert!(!line.controller.allows(64 * KIB, false, false));
    line.controller.on_request(line.now + line.controller.silence() - MS);
    assert!(!line.controller.allows(64 * KIB, false, false));
    line.controller.on_request(line.now + line.controller.silence());
    assert!(line.controller.allows(64 * KIB, false, false));
    assert_eq!(line.start(), 1);
}

#[test]
fn a_slow_link_is_not_silent() {
    let mut line = Line::new(40 * MS, 30e3, 64 * KIB);
    line.run(2);
    assert!(line.controller.silence() > Duration::from_secs(3), "{:?}", line.controller.silence());
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
            match jitter(6) {
                0 => controller.on_start(len),
                1 => controller.on_request(now),
                2 => controller.on_response(time, now),
                3 => controller.on_bytes(len / 4, len / 8, now, max),
                4 => controller.on_complete(now),
                _ => controller.expect(len, numbers[jitter(5)]),
            }
            controller.allows(len, jitter(2) == 0, jitter(2) == 0);
            assert!(controller.silence() > Duration::ZERO);
            controller.current();
        }
    }
}
