//! Scenarios: a file, a network, and readers with their options. And the outcome of a run.

use std::{cell::Cell, future::pending, ops::Range, rc::Rc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{Either, join_all, select},
};
use kelp_stream::{
    Error, Kind, Plan, Reader, prefetch_keeping,
    read::{Handle, KeptChunks, session::Session, stats::StatsHandle},
    schedule::{
        options::{Concurrency, Holes, Priority, Verify},
        pool::{Pool, PoolLimits},
        retry::RetryPolicy,
    },
    sim::{SimHost, World},
};
use proptest::prelude::*;

use super::{
    file::{self, File, Node, Owner},
    network::{self, MAX_PASSES, Network, Recorder},
    support::MS,
};

#[derive(Clone, Debug)]
pub struct Scenario {
    pub nodes: Vec<Node>,
    pub network: Network,
    pub settings: Settings,
    /// The readers, which read at the same time and share a pool.
    pub behaviors: Vec<Behavior>,
}

/// Options.
#[derive(Clone, Debug)]
pub struct Settings {
    pub concurrency: Concurrency,
    pub hedge: bool,
    pub per_host: usize,
    pub max_bytes_ahead: u64,
    pub holes: Holes,
    pub verify: Verify,
    pub retry: RetryPolicy,
    pub headers_timeout: Duration,
    pub idle_timeout: Duration,
    pub pool: PoolLimits,
    /// Whether readers share a cache of chunk manifests.
    pub shared_manifests: bool,
}

/// How a reader behaves.
#[derive(Clone, Debug)]
pub struct Behavior {
    /// The range, in thousandths of a file that is a little longer; `None`: the whole file.
    pub part: Option<(u64, u64)>,
    /// Milliseconds before the first read.
    pub wait_ms: u32,
    /// Milliseconds before each further read, repeated.
    pub pauses_ms: Vec<u32>,
    pub stop: Stop,
    pub priority: Priority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Never,
    /// The reader is dropped after this many reads.
    Reads(usize),
    /// It is dropped at this time, perhaps during a read.
    At(u32),
    /// Its handle fails it at this time, in milliseconds.
    Fail(u32),
}

/// What a reader observed.
#[derive(Debug)]
pub struct Reading {
    pub range: Range<u64>,
    pub bytes: Vec<u8>,
    pub end: End,
    pub stats: StatsHandle,
    /// Requests that were sent before the first read.
    pub early: Cell<u64>,
    /// A property that was violated during the reading.
    pub wrong: Option<&'static str>,
    /// The most bytes that were received but not delivered, at any delivery.
    pub most_ahead: u64,
    /// Whether its driver has ended.
    pub is_driver_done: Rc<Cell<bool>>,
}

#[derive(Debug)]
pub enum End {
    Whole,
    Failed(Error),
    Cancelled,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    pub file: File,
    pub world: World,
    pub recorder: Recorder,
    pub pool: Pool,
    pub readings: Vec<Reading>,
    /// For each reading, the expected bytes, and the layer that each is of.
    pub models: Vec<(Vec<u8>, Vec<Owner>)>,
}

impl Scenario {
    /// Runs the scenario; `None` if it hangs.
    pub fn run(&self) -> Option<Outcome> {
        let file = File::new(&self.nodes);
        let world = World::new();
        let ranges: Vec<_> = self.behaviors.iter().map(|behavior| behavior.range(file.end())).collect();
        let recorder = self.network.build(&world, &file, &ranges, self.settings.verify);
        let pool = Pool::new(self.settings.pool);
        let readings = self.read(&world, &file, &ranges, &pool)?;
        let models = ranges.iter().map(|range| file.model(range)).collect();
        Some(Outcome { file, world, recorder, pool, readings, models })
    }

    /// Changes the scenario so that the file is read to its end without an error.
    pub fn make_readable(&mut self) {
        self.network.saved.get_or_insert(0);
        self.network.lost_token = None;
        self.network.send_no_etags();
        self.network.keep_passes();
        self.settings.holes = Holes::Zero;
        for behavior in &mut self.behaviors {
            behavior.stop = Stop::Never;
        }
    }

    /// Lets all readers read, in a world in which others may have read before.
    pub fn read(
        &self,
        world: &World,
        file: &File,
        ranges: &[Range<u64>],
        pool: &Pool,
    ) -> Option<Vec<Reading>> {
        let mut readers = Vec::new();
        let manifests = Session::default().manifests;
        let kept = KeptChunks::new(self.settings.pool.max_cache_bytes);
        for (behavior, range) in self.behaviors.iter().zip(ranges) {
            let mut session = self.settings.session(pool);
            session.options.priority = behavior.priority;
            if self.settings.shared_manifests {
                session.manifests = manifests.clone();
            }
            let stats = session.stats.clone();
            let plan = Plan::new(self.network.chunks(file).into(), range.clone());
            let (driver, reader) = prefetch_keeping(plan, world.host(), session, kept.clone());
            let is_done = Rc::new(Cell::new(false));
            world.spawn({
                let is_done = Rc::clone(&is_done);
                async move {
                    driver.await;
                    is_done.set(true);
                }
            });
            readers.push(behavior.clone().read(world.clone(), reader, range.clone(), stats, is_done));
        }
        world.run(join_all(readers))
    }
}

impl Settings {
    fn session(&self, pool: &Pool) -> Session {
        let mut session = Session::default();
        session.options.concurrency = self.concurrency;
        session.options.hedge = self.hedge;
        session.options.per_host = self.per_host;
        session.options.max_bytes_ahead = self.max_bytes_ahead;
        session.options.holes = self.holes;
        session.options.verify = self.verify;
        session.options.retry = self.retry;
        session.options.timeout.headers = self.headers_timeout;
        session.options.timeout.idle = self.idle_timeout;
        session.pool = pool.clone();
        session
    }
}

impl Behavior {
    pub fn range(&self, end: u64) -> Range<u64> {
        let Some((a, b)) = self.part else { return 0..end };
        let at = |thousandths: u64| (end + 40) * thousandths / 1000;
        at(a.min(b))..at(a.max(b))
    }

    async fn read(
        self,
        world: World,
        mut reader: Reader<SimHost>,
        range: Range<u64>,
        stats: StatsHandle,
        is_driver_done: Rc<Cell<bool>>,
    ) -> Reading {
        let handle = reader.handle();
        let mut reading = Reading::new(range, stats, is_driver_done);
        let mut stop = Box::pin(self.stop.elapsed(world.clone())).fuse();
        let mut pauses = self.pauses_ms.iter().copied().cycle();
        let mut pause = self.wait_ms;
        for reads in 0.. {
            if self.stop == Stop::Reads(reads) {
                break;
            }
            let next = async {
                if pause > 0 {
                    world.sleep(MS * pause).await;
                }
                if reads == 0 {
                    reading.early.set(reading.stats.stats().requests);
                }
                reader.next().await
            };
            let item = match select(Box::pin(next), &mut stop).await {
                Either::Left((item, _)) => Some(item),
                Either::Right(_) => None,
            };
            let item = match item {
                Some(item) => item,
                None if matches!(self.stop, Stop::At(_)) => break,
                None => {
                    handle.fail(Error::new(Kind::Closed, "it was closed"));
                    // The second call must have no effect.
                    handle.fail(Error::new(Kind::Internal, "it was closed again"));
                    reader.next().await
                }
            };
            match item {
                Some(Ok(piece)) => reading.take(&piece, reader.position()),
                end => {
                    reading.end(end.and_then(Result::err), &mut reader, &handle).await;
                    break;
                }
            }
            pause = pauses.next().unwrap_or(0);
        }
        drop(reader);
        // A further call must have no effect.
        handle.fail(Error::new(Kind::Internal, "too late"));
        if !handle.is_over() {
            reading.wrong = Some("I13: a dropped stream is not over");
        }
        reading
    }
}

impl Stop {
    /// Resolves at the time at which the reader stops, if it stops at a time.
    async fn elapsed(self, world: World) {
        match self {
            Self::At(ms) | Self::Fail(ms) => world.sleep(MS * ms).await,
            Self::Never | Self::Reads(_) => pending().await,
        }
    }
}

impl Reading {
    fn new(range: Range<u64>, stats: StatsHandle, is_driver_done: Rc<Cell<bool>>) -> Self {
        Self {
            range,
            bytes: Vec::new(),
            end: End::Cancelled,
            stats,
            early: Cell::new(0),
            wrong: None,
            most_ahead: 0,
            is_driver_done,
        }
    }

    /// The stream ended, perhaps with an error: nothing may change that.
    async fn end(&mut self, error: Option<Error>, reader: &mut Reader<SimHost>, handle: &Handle<SimHost>) {
        handle.fail(Error::new(Kind::Internal, "too late"));
        self.end = match error {
            Some(error) => {
                self.check_sticky(reader, &error).await;
                End::Failed(error)
            }
            None => {
                if reader.next().await.is_some() {
                    self.wrong = Some("I13: something was delivered after the end");
                }
                End::Whole
            }
        };
    }

    fn take(&mut self, piece: &[u8], position: u64) {
        let stats = self.stats.stats();
        self.bytes.extend_from_slice(piece);
        if piece.is_empty() {
            self.wrong = Some("I6: a read delivered an empty piece");
        }
        if position != self.range.start + self.bytes.len() as u64 {
            self.wrong = Some("I6: the position is wrong");
        }
        if stats.bytes_delivered != self.bytes.len() as u64 {
            self.wrong = Some("I23: the count of delivered bytes is wrong");
        }
        self.most_ahead = self.most_ahead.max(stats.bytes_received.saturating_sub(stats.bytes_delivered));
    }

    async fn check_sticky(&mut self, reader: &mut Reader<SimHost>, error: &Error) {
        let text = |error: &Error| format!("{error:?}");
        for _ in 0..2 {
            match reader.next().await {
                Some(Err(again)) if text(&again) == text(error) => {}
                _ => self.wrong = Some("I26: an error was not final"),
            }
        }
    }
}

/// Scenarios with this many readers.
pub fn scenario(readers: Range<usize>) -> impl Strategy<Value = Scenario> {
    let behaviors = prop::collection::vec(behavior(), readers);
    (file::nodes(), network::network(), settings(), behaviors).prop_map(
        |(nodes, mut network, settings, behaviors)| {
            let most = settings.retry.passes as usize - 1;
            network.lost_lookups = network.lost_lookups.min(most);
            if let Some(saved) = &mut network.saved {
                *saved = most.min(*saved);
                network.send_no_etags();
                network.keep_passes();
            }
            Scenario { nodes, network, settings, behaviors }
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    let ms = |range: Range<u64>| range.prop_map(Duration::from_millis);
    let limit = || prop_oneof![2 => Just(usize::MAX), 1 => 1..4_usize];
    let budget = || {
        prop_oneof![
            1 => Just(1),
            3 => 2..200_u64,
            3 => 200..3000_u64,
            1 => Just((1 << 20) + 500),
            2 => Just(32 << 20),
        ]
    };
    let retry = (1..MAX_PASSES as u32 + 1, ms(0..500), ms(0..5000))
        .prop_map(|(passes, base_delay, max_delay)| RetryPolicy { passes, base_delay, max_delay });
    let checks = (
        prop_oneof![4 => Just(Holes::Zero), 1 => Just(Holes::Error)],
        prop_oneof![
            3 => Just(Verify::Stream),
            2 => Just(Verify::Transit),
            2 => Just(Verify::Strict),
            1 => Just(Verify::Off),
        ],
    );
    let kept = prop_oneof![1 => Just(0), 1 => 1..2000_u64];
    let pool = (budget(), limit(), prop_oneof![2 => Just(64_usize), 1 => 1..6_usize], kept).prop_map(
        |(max_bytes, per_host, max_concurrency, max_cache_bytes)| PoolLimits {
            max_bytes,
            per_host,
            max_concurrency,
            max_cache_bytes,
            ..PoolLimits::default()
        },
    );
    let timeouts = (ms(1000..20_000), ms(1000..20_000));
    let concurrency = prop_oneof![
        1 => (1..9_usize).prop_map(Concurrency::Fixed),
        1 => (1..65_usize).prop_map(|max| Concurrency::Auto { max }),
    ];
    let concurrency = (concurrency, any::<bool>());
    (concurrency, limit(), budget(), checks, retry, timeouts, pool, any::<bool>()).prop_map(
        |(concurrency, per_host, max_bytes_ahead, checks, retry, timeouts, pool, shared_manifests)| {
            Settings {
                concurrency: concurrency.0,
                hedge: concurrency.1,
                per_host,
                max_bytes_ahead,
                holes: checks.0,
                verify: checks.1,
                retry,
                headers_timeout: timeouts.0,
                idle_timeout: timeouts.1,
                pool,
                shared_manifests,
            }
        },
    )
}

fn behavior() -> impl Strategy<Value = Behavior> {
    let part = prop::option::of((0..1001_u64, 0..1001_u64));
    let pauses = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(pause(), 1..5)];
    let stop = prop_oneof![
        6 => Just(Stop::Never),
        1 => (0..12_usize).prop_map(Stop::Reads),
        1 => (0..6000_u32).prop_map(Stop::At),
        1 => (0..6000_u32).prop_map(Stop::Fail),
    ];
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    (part, pause(), pauses, stop, priority).prop_map(|(part, wait_ms, pauses_ms, stop, priority)| Behavior {
        part,
        wait_ms,
        pauses_ms,
        stop,
        priority,
    })
}

/// Mostly zero; sometimes longer than any timeout.
fn pause() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 2 => 1..100_u32, 1 => 100..60_000_u32]
}
