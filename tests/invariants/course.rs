//! Courses as values that shrink: a file, a network, readers; and what came of one.

use std::{cell::Cell, future::pending, ops::Range, rc::Rc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{Either, join_all, select},
};
use kelp_stream::{
    Error, Kind, Plan, Reader, prefetch,
    read::{session::Session, stats::StatsHandle},
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
    network::{self, MOST_PASSES, Network, Notebook},
    support::MS,
};

#[derive(Clone, Debug)]
pub struct Course {
    pub nodes: Vec<Node>,
    pub network: Network,
    pub settings: Settings,
    /// Those who read at the same time, of one pool.
    pub habits: Vec<Habit>,
}

/// Options as values.
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
    /// Whether readers share what they know of chunk manifests.
    pub shared_lists: bool,
}

/// How somebody reads.
#[derive(Clone, Debug)]
pub struct Habit {
    /// The range, in thousandths of a file that is a little longer; all of it otherwise.
    pub part: Option<(u64, u64)>,
    /// Milliseconds before the first read.
    pub wait_ms: u32,
    /// Milliseconds before each further read, over and over.
    pub pauses_ms: Vec<u32>,
    pub stop: Stop,
    pub priority: Priority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Never,
    /// The reader is dropped after so many reads.
    Reads(usize),
    /// It is dropped at this time, perhaps in the middle of a read.
    At(u32),
    /// Its handle makes it fail at this time, in milliseconds.
    Fail(u32),
}

/// What a reader saw.
#[derive(Debug)]
pub struct Reading {
    pub range: Range<u64>,
    pub bytes: Vec<u8>,
    pub end: End,
    pub meter: StatsHandle,
    /// Requests that were sent before the first read.
    pub early: u64,
    /// The first thing that must never be and was, while it read.
    pub wrong: Option<&'static str>,
    /// The most bytes that were received and not delivered, at any delivery.
    pub most_ahead: u64,
    /// Its driver has come to its end.
    pub is_driver_done: Rc<Cell<bool>>,
}

#[derive(Debug)]
pub enum End {
    Whole,
    Failed(Error),
    Cancelled,
}

/// What came of a course.
#[derive(Debug)]
pub struct Outcome {
    pub file: File,
    pub world: World,
    pub notebook: Notebook,
    pub pool: Pool,
    pub readings: Vec<Reading>,
    /// Per reading, the bytes as they must be, and whose they are.
    pub models: Vec<(Vec<u8>, Vec<Owner>)>,
}

impl Course {
    /// Runs it; `None` if it hangs.
    pub fn run(&self) -> Option<Outcome> {
        let file = File::new(&self.nodes);
        let world = World::new();
        let ranges: Vec<_> = self.habits.iter().map(|habit| habit.range(file.end())).collect();
        let notebook = self.network.build(&world, &file, &ranges, self.settings.verify);
        let pool = Pool::new(self.settings.pool);
        let readings = self.read(&world, &file, &ranges, &pool)?;
        let models = ranges.iter().map(|range| file.model(range)).collect();
        Some(Outcome { file, world, notebook, pool, readings, models })
    }

    /// Makes it one that is read to the end, and well.
    pub fn is_to_succeed(&mut self) {
        self.network.saved.get_or_insert(0);
        self.network.lost_token = None;
        self.network.tell_one_version();
        self.settings.holes = Holes::Zero;
        for habit in &mut self.habits {
            habit.stop = Stop::Never;
        }
    }

    /// All readers read, in a world that may have seen others.
    pub fn read(
        &self,
        world: &World,
        file: &File,
        ranges: &[Range<u64>],
        pool: &Pool,
    ) -> Option<Vec<Reading>> {
        let mut readers = Vec::new();
        let lists = Session::default().manifests;
        for (habit, range) in self.habits.iter().zip(ranges) {
            let mut session = self.settings.session(pool);
            session.options.priority = habit.priority;
            if self.settings.shared_lists {
                session.manifests = lists.clone();
            }
            let meter = session.stats.clone();
            let plan = Plan::new(self.network.chunks(file).into(), range.clone());
            let (driver, reader) = prefetch(plan, world.host(), session);
            let is_done = Rc::new(Cell::new(false));
            world.spawn({
                let is_done = Rc::clone(&is_done);
                async move {
                    driver.await;
                    is_done.set(true);
                }
            });
            readers.push(habit.clone().read(world.clone(), reader, range.clone(), meter, is_done));
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

impl Habit {
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
        meter: StatsHandle,
        is_driver_done: Rc<Cell<bool>>,
    ) -> Reading {
        let handle = reader.handle();
        let mut reading = Reading {
            bytes: Vec::new(),
            end: End::Cancelled,
            early: 0,
            wrong: None,
            most_ahead: 0,
            range,
            meter,
            is_driver_done,
        };
        let timer = world.clone();
        let mut stop = Box::pin(async move {
            match self.stop {
                Stop::At(ms) | Stop::Fail(ms) => timer.sleep(MS * ms).await,
                Stop::Never | Stop::Reads(_) => pending().await,
            }
        })
        .fuse();
        let mut pauses = self.pauses_ms.iter().copied().cycle();
        let mut pause = self.wait_ms;
        let early = Cell::new(0);
        for reads in 0.. {
            if self.stop == Stop::Reads(reads) {
                break;
            }
            let next = async {
                if pause > 0 {
                    world.sleep(MS * pause).await;
                }
                if reads == 0 {
                    early.set(reading.meter.stats().requests);
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
                    // The second is too late.
                    handle.fail(Error::new(Kind::Internal, "it was closed again"));
                    reader.next().await
                }
            };
            match item {
                Some(Ok(piece)) => reading.take(&piece, reader.position()),
                Some(Err(error)) => {
                    handle.fail(Error::new(Kind::Internal, "too late"));
                    reading.check_sticky(&mut reader, &error).await;
                    reading.end = End::Failed(error);
                    break;
                }
                None => {
                    handle.fail(Error::new(Kind::Internal, "too late"));
                    if reader.next().await.is_some() {
                        reading.wrong = Some("I13: something came after the end");
                    }
                    reading.end = End::Whole;
                    break;
                }
            }
            pause = pauses.next().unwrap_or(0);
        }
        reading.early = early.get();
        drop(reader);
        // Twice is as good as once.
        handle.fail(Error::new(Kind::Internal, "too late"));
        if !handle.is_over() {
            reading.wrong = Some("I13: a stream is not over when it is dropped");
        }
        reading
    }
}

impl Reading {
    fn take(&mut self, piece: &[u8], position: u64) {
        let stats = self.meter.stats();
        self.bytes.extend_from_slice(piece);
        if piece.is_empty() {
            self.wrong = Some("I6: a read brought nothing");
        }
        if position != self.range.start + self.bytes.len() as u64 {
            self.wrong = Some("I6: the position is not behind what was read");
        }
        if stats.bytes_delivered != self.bytes.len() as u64 {
            self.wrong = Some("I23: other bytes are counted than were delivered");
        }
        self.most_ahead = self.most_ahead.max(stats.bytes_received.saturating_sub(stats.bytes_delivered));
    }

    async fn check_sticky(&mut self, reader: &mut Reader<SimHost>, error: &Error) {
        let told = |error: &Error| format!("{error:?}");
        for _ in 0..2 {
            match reader.next().await {
                Some(Err(again)) if told(&again) == told(error) => {}
                _ => self.wrong = Some("I26: an error did not stay"),
            }
        }
    }
}

/// Courses with as many readers as this.
pub fn course(readers: Range<usize>) -> impl Strategy<Value = Course> {
    let habits = prop::collection::vec(habit(), readers);
    (file::nodes(), network::network(), settings(), habits).prop_map(
        |(nodes, mut network, settings, habits)| {
            let most = settings.retry.passes as usize - 1;
            network.lost_lookups = network.lost_lookups.min(most);
            if let Some(saved) = &mut network.saved {
                *saved = most.min(*saved);
                network.tell_one_version();
            }
            Course { nodes, network, settings, habits }
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
    let retry = (1..MOST_PASSES as u32 + 1, ms(0..500), ms(0..5000))
        .prop_map(|(passes, base_delay, max_delay)| RetryPolicy { passes, base_delay, max_delay });
    let checks = (
        prop_oneof![4 => Just(Holes::Zero), 1 => Just(Holes::Error)],
        prop_oneof![3 => Just(Verify::Stream), 2 => Just(Verify::Strict), 1 => Just(Verify::Off)],
    );
    let pool = (budget(), limit(), prop_oneof![2 => Just(64_usize), 1 => 1..6_usize]).prop_map(
        |(max_bytes, per_host, max_concurrency)| PoolLimits { max_bytes, per_host, max_concurrency },
    );
    let timeouts = (ms(1000..20_000), ms(1000..20_000));
    let width = prop_oneof![
        1 => (1..9_usize).prop_map(Concurrency::Fixed),
        1 => (1..65_usize).prop_map(|max| Concurrency::Auto { max }),
    ];
    let width = (width, any::<bool>());
    (width, limit(), budget(), checks, retry, timeouts, pool, any::<bool>()).prop_map(
        |(width, per_host, max_bytes_ahead, checks, retry, timeouts, pool, shared_lists)| Settings {
            concurrency: width.0,
            hedge: width.1,
            per_host,
            max_bytes_ahead,
            holes: checks.0,
            verify: checks.1,
            retry,
            headers_timeout: timeouts.0,
            idle_timeout: timeouts.1,
            pool,
            shared_lists,
        },
    )
}

fn habit() -> impl Strategy<Value = Habit> {
    let part = prop::option::of((0..1001_u64, 0..1001_u64));
    let pauses = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(pause(), 1..5)];
    let stop = prop_oneof![
        6 => Just(Stop::Never),
        1 => (0..12_usize).prop_map(Stop::Reads),
        1 => (0..6000_u32).prop_map(Stop::At),
        1 => (0..6000_u32).prop_map(Stop::Fail),
    ];
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    (part, pause(), pauses, stop, priority).prop_map(|(part, wait_ms, pauses_ms, stop, priority)| Habit {
        part,
        wait_ms,
        pauses_ms,
        stop,
        priority,
    })
}

/// Mostly none; now and then longer than any timeout.
fn pause() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 2 => 1..100_u32, 1 => 100..60_000_u32]
}
