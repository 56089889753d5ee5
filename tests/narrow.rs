//! Automatic concurrency on links whose rate is the limit, and on a machine whose processors are.
#![cfg(not(target_arch = "wasm32"))]

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, abortable},
};
use kelp_stream::{
    Plan,
    model::chunk::{Chunk, Source},
    prefetch,
    read::session::Session,
    schedule::{
        options::{Concurrency, Verify},
        pool::Pool,
    },
    sim::{Link, Outcome, Protocol, Script, World},
};

const MS: Duration = Duration::from_millis(1);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Files of chunks of one size, over one link.
struct Line {
    world: World,
    chunk: u64,
    session: Session,
}

/// A stream that is read until this is dropped: when it was opened, and when it had delivered each chunk.
struct Watched {
    opened: Duration,
    reading: AbortHandle,
    chunks: Rc<RefCell<Vec<Duration>>>,
}

impl Line {
    fn new(bandwidth: u64, round_trip: Duration, chunk: u64) -> Self {
        Self::with(
            Link { bandwidth, round_trip, protocol: Protocol::Http1(6), handshake: 2, ..Link::default() },
            chunk,
        )
    }

    fn with(link: Link, chunk: u64) -> Self {
        let world = World::new();
        world.sizes(move |_| Some(chunk));
        world.link("a", link);
        let mut session = Session::default();
        session.pool = Pool::default();
        Self { world, chunk, session }
    }

    /// Views are delivered when they are complete, as encrypted ones are.
    fn complete(mut self) -> Self {
        self.session.options.verify = Verify::Strict;
        self
    }

    fn fixed(mut self, views: usize) -> Self {
        self.session.options.concurrency = Concurrency::Fixed(views);
        self
    }

    /// Opens a stream of this many chunks.
    fn open(&self, count: u64) -> Watched {
        let chunk = self.chunk;
        let at = self.world.now().as_nanos();
        let url = |i| Source::Urls([format!("http://a/{at}-{i}")].into());
        let chunks: Vec<_> = (0..count).map(|i| Chunk::plain(url(i), i * chunk, chunk)).collect();
        let mut session = self.session.clone();
        session.stats = Default::default();
        let (driver, mut reader) =
            prefetch(Plan::new(chunks.into(), 0..count * chunk), self.world.host(), session);
        self.world.spawn(driver);
        let chunks = Rc::new(RefCell::new(Vec::new()));
        let (times, world) = (Rc::clone(&chunks), self.world.clone());
        let (reading, abort) = abortable(async move {
            let mut bytes = 0;
            while let Some(piece) = reader.next().await {
                bytes += piece.expect("no error is scripted").len() as u64;
                while times.borrow().len() as u64 * chunk + chunk <= bytes {
                    times.borrow_mut().push(world.now());
                }
            }
        });
        self.world.spawn(reading.map(drop));
        Watched { opened: self.world.now(), reading: abort, chunks }
    }

    /// After how long each chunk of a new stream was delivered.
    fn read(&self, count: u64) -> Vec<Duration> {
        let stream = self.open(count);
        while (stream.chunks.borrow().len() as u64) < count {
            self.world.run_for(MS);
        }
        stream.chunks.borrow().iter().map(|at| *at - stream.opened).collect()
    }

    fn requests(&self) -> u64 {
        self.world.counts().requests
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

fn over(time: Duration, other: Duration) -> f64 {
    time.as_secs_f64() / other.as_secs_f64()
}

// F155
#[test]
fn the_first_chunk_of_a_narrow_line_comes_as_if_alone() {
    for (bandwidth, chunk) in
        [(30_000, 64 * KIB), (120_000, 64 * KIB), (1_000_000, MIB), (1_000_000, 4 * MIB)]
    {
        let line = || Line::new(bandwidth, 40 * MS, chunk).complete();
        let (auto, alone) = (line().read(4), line().fixed(1).read(4));
        let first = over(auto[0], alone[0]);
        assert!(first <= 1.15, "{bandwidth} {chunk}: {first}");
        assert!(auto[3] <= alone[3] + MS * 40, "{bandwidth} {chunk}: {auto:?}, {alone:?}");
    }
}

// F156
#[test]
fn a_slow_living_line_loses_no_attempt() {
    for bandwidth in [30_000, 40_000] {
        let line = Line::new(bandwidth, 40 * MS, 64 * KIB);
        line.read(60);
        assert_eq!(line.requests(), 60, "{bandwidth}");
    }
}

// F160
#[test]
fn a_request_that_waits_for_a_connection_is_not_late() {
    // Six bodies at a time take ten seconds, so the last of twenty requests leave after thirty.
    let line = Line::new(40_000, 40 * MS, 64 * KIB).fixed(20);
    line.read(40);
    assert_eq!(line.requests(), 40);
}

// F157
#[test]
fn a_seek_on_a_narrow_line_is_as_soon_as_a_start() {
    for (bandwidth, round_trip) in [(1_000_000, 40 * MS), (50_000_000, 20 * MS)] {
        let line = || Line::new(bandwidth, round_trip, MIB).complete();
        let alone = line().read(1)[0];
        let line = line();
        let before = line.open(1000);
        line.world.run_for(Duration::from_secs(7));
        drop(before);
        let sought = over(line.read(2)[0], alone);
        assert!(sought <= 1.3, "{bandwidth}: {sought}");
    }
}

// F158
#[test]
fn large_views_behind_a_late_server_fill_the_processors() {
    // As in Chromium with the server on the same machine: there is no slow start, and the delay is the server's.
    let cell = |delay| Link {
        server_time: delay * MS,
        round_trip: MS / 10,
        bandwidth: 600_000_000,
        per_connection: 350_000_000,
        initial_window: u64::MAX,
        ..Link::default()
    };
    for delay in [0, 5, 20, 50] {
        let last = |times: Vec<Duration>| *times.last().expect("there are chunks");
        let best = [4, 6, 8].map(|views| last(Line::with(cell(delay), 4 * MIB).fixed(views).read(24)));
        let best = best.into_iter().min().expect("there are widths");
        let line = Line::with(cell(delay), 4 * MIB);
        let (first, known) = (last(line.read(24)), last(line.read(24)));
        assert!(over(best, first) >= 0.8, "{delay} ms: {best:?}, the first {first:?}");
        assert!(over(best, known) >= 0.95, "{delay} ms: {best:?}, known {known:?}");
    }
}

// F159
#[test]
fn slow_connections_are_used_side_by_side() {
    let link =
        Link { per_connection: 2_000_000, bandwidth: 12_000_000, round_trip: 20 * MS, ..Link::default() };
    let line = || Line::with(Link { protocol: Protocol::Http1(6), ..link.clone() }, MIB);
    let auto = line();
    auto.read(40);
    let (auto, best) = (auto.read(40), line().fixed(6).read(40));
    assert!(over(best[39], auto[39]) >= 0.85, "{:?} {:?}", best[39], auto[39]);
}

// F154
#[test]
fn a_server_that_hangs_holds_up_no_other_view() {
    let world = World::new();
    world.sizes(|_| Some(4 * MIB));
    for host in ["a", "b"] {
        world.link(host, Link { round_trip: 20 * MS, bandwidth: 10_000_000, ..Link::default() });
    }
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().outcome(Outcome::Silent),
        _ => Script::default(),
    });
    let chunk = |i: u64| {
        let host = if i == 0 { "a" } else { "b" };
        Chunk::plain(Source::Urls([format!("http://{host}/{i}")].into()), i * 4 * MIB, 4 * MIB)
    };
    let plan = Plan::new((0..5).map(chunk).collect::<Vec<_>>().into(), 0..20 * MIB);
    let (driver, mut reader) = prefetch(plan, world.host(), Session::default());
    world.spawn(driver);
    world.spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.counts().requests, 5, "the others are read while the first hangs");
}
