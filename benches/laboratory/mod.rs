//! Simulated networks, the streams that are read over them, and what is measured.

pub mod browser;
pub mod grid;
pub mod narrow;
pub mod readers;
pub mod scenes;
pub mod slow;

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use futures::StreamExt;
use kelp_stream::{
    Plan,
    model::chunk::{Chunk, Source},
    prefetch,
    read::session::Session,
    schedule::{
        options,
        pool::{Pool, PoolLimits},
    },
    sim::{Link, Protocol, World},
};

/// Automatic or fixed concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    Auto,
    Fixed(usize),
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// HTTP/1.1: this many hosts, each chunk at one of them.
    Http1(usize),
    /// One host, HTTP/2.
    Http2,
    /// HTTP/1.1: this many hosts, each chunk at two of them.
    Replicas(usize),
    /// HTTP/1.1: this many hosts, each chunk at all of them.
    Copies(usize),
}

/// A network, and what is read over it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Bytes per second of the reader's link.
    pub bandwidth: u64,
    /// Bytes per second of a connection.
    pub per_connection: u64,
    pub round_trip: Duration,
    pub chunk: u64,
    pub hosts: Hosts,
    /// Bytes per second that each reader reads.
    pub reader: u64,
    pub streams: usize,
    /// Bytes of each stream.
    pub size: u64,
    /// The byte budget of each stream.
    pub max_bytes_ahead: u64,
    /// The limits over all streams.
    pub pool: PoolLimits,
    /// From this time on this host is slower by this factor.
    pub slow: Option<(usize, Duration, f64)>,
    /// This host has none of the chunks.
    pub absent: Option<usize>,
    /// What a request costs in a browser, instead of a link with TCP.
    pub browser: Option<browser::Costs>,
    /// Views are delivered only when they are complete, as if they were encrypted.
    pub strict: bool,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            bandwidth: 12_500_000,
            per_connection: u64::MAX,
            round_trip: Duration::from_millis(20),
            chunk: 1 << 20,
            hosts: Hosts::Http1(1),
            reader: u64::MAX,
            streams: 1,
            size: 64 << 20,
            max_bytes_ahead: 32 << 20,
            pool: PoolLimits::default(),
            slow: None,
            absent: None,
            browser: None,
            strict: false,
        }
    }
}

/// The result of reading all streams of a cell once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The time until the last stream ended.
    pub time: Duration,
    pub most_open: usize,
    pub peak_bytes: u64,
    pub requests: u64,
    /// Bytes that servers sent and that were not delivered.
    pub wasted: u64,
    /// When the first stream ended: the least bytes of a stream, as a fraction of the bytes of the first one.
    pub fairness: f64,
}

/// The simulation of a cell.
pub struct Lab {
    pub world: World,
    pub pool: Pool,
    cell: Cell,
    concurrency: Concurrency,
}

/// The progress of a stream: when it was opened, when its first byte and its first MiB were delivered, and
/// when it ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub bytes: u64,
    pub opened: Duration,
    pub first_byte: Option<Duration>,
    pub first_mib: Option<Duration>,
    pub ended: Option<Duration>,
}

/// The progress of a stream that is being read.
pub type Watched = Rc<RefCell<Progress>>;

impl Lab {
    pub fn new(cell: &Cell, concurrency: Concurrency) -> Self {
        let world = World::new();
        world.disable_log();
        world.sizes(|_| Some(1 << 45));
        world.request_time(Duration::from_micros(800));
        let shared = Some(world.shared(cell.bandwidth));
        let protocol = match cell.hosts {
            Hosts::Http2 => Protocol::Http2(100),
            _ => Protocol::Http1(6),
        };
        for host in 0..cell.hosts.count() {
            let link = Link {
                round_trip: cell.round_trip,
                server_time: Duration::from_millis(1),
                per_connection: cell.per_connection,
                shared,
                protocol,
                // TCP and TLS 1.3.
                handshake: 2,
                slower: cell
                    .slow
                    .filter(|slow| slow.0 == host)
                    .map(|(_, at, times)| (at, times))
                    .into_iter()
                    .collect(),
                ..Link::default()
            };
            let link =
                if let Some(costs) = &cell.browser { costs.shape(link, cell.chunk, &world) } else { link };
            world.link(&format!("h{host}"), link);
        }
        Self { world, pool: Pool::new(cell.pool), cell: cell.clone(), concurrency }
    }

    fn session(&self) -> Session {
        let mut session = Session::default();
        session.options.max_bytes_ahead = self.cell.max_bytes_ahead;
        session.pool = self.pool.clone();
        if self.cell.strict {
            session.options.verify = options::Verify::Strict;
        }
        session.options.concurrency = match self.concurrency {
            Concurrency::Auto => options::Concurrency::Auto { max: self.cell.pool.max_concurrency },
            Concurrency::Fixed(views) => views.into(),
        };
        session
    }

    /// Opens a stream of the file from `start` on and reads it until its end, or until its progress is
    /// dropped.
    pub fn stream(&self, start: u64, size: u64) -> Watched {
        let plan = Plan::new(self.cell.chunks(start + size).into(), start..start + size);
        let (driver, mut reader) = prefetch(plan, self.world.host(), self.session());
        self.world.spawn(driver);
        let opened = self.world.now();
        let progress = Rc::new(RefCell::new(Progress { opened, ..Progress::default() }));
        let (world, watched, rate) = (self.world.clone(), Rc::clone(&progress), self.cell.reader);
        self.world.spawn(async move {
            // The stream is read while the caller holds its progress.
            while Rc::strong_count(&watched) > 1
                && let Some(piece) = reader.next().await
            {
                let len = piece.expect("no fault is scripted").len() as u64;
                watched.borrow_mut().record(len, world.now());
                if rate < u64::MAX {
                    world.sleep(Duration::from_secs_f64(len as f64 / rate as f64)).await;
                }
            }
            watched.borrow_mut().ended = Some(world.now());
        });
        progress
    }

    /// Opens all streams of the cell and reads them to their ends.
    pub fn round(&self) -> Outcome {
        let before = (self.world.now(), self.world.counts());
        let size = self.cell.size;
        let streams: Vec<_> = (0..self.cell.streams as u64).map(|_| self.stream(0, size)).collect();
        let mut fairness = None;
        while streams.iter().any(|stream| stream.borrow().ended.is_none()) {
            self.world.run_for(Duration::from_millis(10));
            if fairness.is_none() && streams.iter().any(|stream| stream.borrow().ended.is_some()) {
                let least = streams.iter().map(|stream| stream.borrow().bytes).min().unwrap_or(0);
                fairness = Some(least as f64 / size as f64);
            }
        }
        let ended = streams.iter().filter_map(|stream| stream.borrow().ended).max().unwrap_or_default();
        let counts = self.world.counts();
        Outcome {
            time: ended - before.0,
            most_open: counts.most_open,
            peak_bytes: self.pool.peak_bytes(),
            requests: counts.requests - before.1.requests,
            wasted: (counts.bytes_sent - before.1.bytes_sent).saturating_sub(size * streams.len() as u64),
            fairness: fairness.unwrap_or(1.0),
        }
    }
}

impl Progress {
    fn record(&mut self, bytes: u64, now: Duration) {
        self.bytes += bytes;
        self.first_byte.get_or_insert(now);
        if self.bytes >= 1 << 20 {
            self.first_mib.get_or_insert(now);
        }
    }
}

impl Hosts {
    fn count(self) -> usize {
        match self {
            Self::Http1(hosts) | Self::Replicas(hosts) | Self::Copies(hosts) => hosts,
            Self::Http2 => 1,
        }
    }

    pub fn name(self) -> String {
        match self {
            Self::Http1(hosts) => format!("{hosts}h1"),
            Self::Http2 => "1h2".to_owned(),
            Self::Replicas(hosts) => format!("{hosts}r2"),
            Self::Copies(hosts) => format!("{hosts}r{hosts}"),
        }
    }

    /// The sources of chunks; chunk n has the source n modulo their number.
    fn sources(self, absent: Option<usize>) -> Vec<Source> {
        let url = |host: usize| format!("http://h{host}/file");
        let copies = match self {
            Self::Http1(_) | Self::Http2 => 1,
            Self::Replicas(_) => 2,
            Self::Copies(hosts) => hosts,
        };
        let source = |host: usize| {
            let hosts = (host..host + copies).map(|host| host % self.count());
            hosts.filter(|host| Some(*host) != absent).map(url).collect::<Vec<_>>()
        };
        (0..self.count()).map(|host| Source::Urls(Arc::from(source(host)))).collect()
    }
}

impl Cell {
    /// The chunks of a file of `size` bytes.
    fn chunks(&self, size: u64) -> Vec<Chunk> {
        let sources = self.hosts.sources(self.absent);
        (0..size.div_ceil(self.chunk))
            .map(|index| {
                let start = index * self.chunk;
                let end = (start + self.chunk).min(size);
                let source = sources[index as usize % sources.len()].clone();
                Chunk { stored: Some(start..end), ..Chunk::plain(source, start, end - start) }
            })
            .collect()
    }
}

/// A number of bytes in a short form.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}KiB", bytes >> 10),
        _ => format!("{}MiB", bytes >> 20),
    }
}
