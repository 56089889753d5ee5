//! A deterministic host: a virtual clock, replicas that follow a script, and no I/O.
//!
//! It is where scheduling is designed: minutes of network pass in microseconds, the same each
//! time, with any latency, rate and fault.
//!
//! ```
//! use kelp_stream::{Plan, Session, model::ranges, prefetch, sim::{Script, World, collect}};
//! use std::time::Duration;
//!
//! let world = World::new();
//! world.store("http://a/file", vec![7; 10_000]);
//! world.script(|_| Script::default().latency(Duration::from_millis(20)));
//! let chunks = ranges::ranges_of("http://a/file", 10_000, 1_000);
//! let (driver, reader) = prefetch(Plan::new(chunks.into(), 0..10_000), world.host(), Session::default());
//! world.spawn(driver);
//! let bytes = world.run(collect(reader)).expect("it does not hang").expect("it is read whole");
//! assert_eq!(bytes, vec![7; 10_000]);
//! assert_eq!(world.now(), Duration::from_millis(40), "ten requests, six at a time");
//! ```

mod clock;
mod content;
mod executor;
mod host;
mod link;
mod network;
mod server;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;

pub use self::{
    clock::Sleep,
    host::SimHost,
    link::{Busy, Link, Protocol, Shared, Stalls},
    server::{Asked, Body, Logged, Outcome, Script},
};
use self::{clock::Timers, content::Content, executor::Executor, network::Network};
use crate::{
    error::Error,
    host::{Host, LocateError, event::Event},
    model::location::Location,
    read::Reader,
};

/// A network of stores, and the time that passes in it. Clones are handles on the same world.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

type Sizes = Box<dyn Fn(&str) -> Option<u64> + Send>;
type Scripter = Box<dyn Fn(&Asked) -> Script + Send>;
type Locator = Box<dyn Fn(&str, bool) -> Result<Location, LocateError> + Send>;
type FilerTokens = Box<dyn Fn() -> Result<Option<String>, LocateError> + Send>;
type Tokens = Box<dyn Fn(&str, &str) -> Result<Option<String>, LocateError> + Send>;

struct State {
    now: Duration,
    /// When no timer rings: the page is frozen.
    frozen: Range<Duration>,
    /// When there is no network.
    offline: Range<Duration>,
    timers: Timers,
    executor: Executor,
    blobs: HashMap<String, Content>,
    /// The sizes of blobs that are not stored.
    sizes: Sizes,
    network: Network,
    /// What a request costs the client, which does one thing at a time; until when it is busy.
    request_time: Duration,
    client_busy: Duration,
    script: Scripter,
    locator: Locator,
    tokens: Tokens,
    filer_tokens: FilerTokens,
    locate_time: Duration,
    token_time: Duration,
    decode_time: Duration,
    /// The wall clock at time zero.
    epoch: Duration,
    seed: u64,
    /// Whether requests and events are kept, beside being counted.
    keeps: bool,
    counts: Counts,
    log: Vec<Logged>,
    /// How often each URL was asked.
    asked: HashMap<String, usize>,
    events: Vec<Event>,
}

/// 1 January 2026, unless a test sets another.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

impl World {
    /// An empty world at time zero: blobs are to be stored, and served at once.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Duration::ZERO,
            frozen: Duration::ZERO..Duration::ZERO,
            offline: Duration::ZERO..Duration::ZERO,
            timers: Timers::default(),
            executor: Executor::default(),
            blobs: HashMap::new(),
            sizes: Box::new(|_| None),
            network: Network::default(),
            request_time: Duration::ZERO,
            client_busy: Duration::ZERO,
            script: Box::new(|_| Script::default()),
            locator: Box::new(|_, _| Err(LocateError { cause: None })),
            tokens: Box::new(|_, _| Ok(None)),
            filer_tokens: Box::new(|| Ok(None)),
            locate_time: Duration::ZERO,
            token_time: Duration::ZERO,
            decode_time: Duration::ZERO,
            epoch: EPOCH,
            seed: 1,
            keeps: true,
            counts: Counts::default(),
            log: Vec::new(),
            asked: HashMap::new(),
            events: Vec::new(),
        })))
    }

    /// Stores a blob at a URL, query excluded.
    pub fn store(&self, url: &str, bytes: impl Into<Bytes>) {
        self.lock().blobs.insert(url.to_owned(), Content::Bytes(bytes.into()));
    }

    /// Sizes of blobs of zeros, by URL, query excluded. Nobody stores them: a terabyte costs
    /// nothing.
    pub fn sizes(&self, sizes: impl Fn(&str) -> Option<u64> + Send + 'static) {
        self.lock().sizes = Box::new(sizes);
    }

    /// Puts a host, by its name and port, behind a link. Others answer as their script says, without
    /// one.
    pub fn link(&self, host: &str, link: Link) {
        self.lock().network.link(host, link);
    }

    /// A link of so many bytes per second that hosts may share: the reader's own, above all.
    #[must_use]
    pub fn shared(&self, bandwidth: u64) -> Shared {
        self.lock().network.share(bandwidth)
    }

    /// What each request to a host behind a link costs the client, which does them one after
    /// another. Chromium takes about 0.8 ms.
    pub fn request_time(&self, time: Duration) {
        self.lock().request_time = time;
    }

    /// Keeps neither log nor events from now on, only counts: for millions of requests.
    pub fn keep_nothing(&self) {
        let mut state = self.lock();
        state.keeps = false;
        state.log = Vec::new();
        state.events = Vec::new();
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let state = self.lock();
        let (bytes_sent, bytes_abandoned) = state.network.sent();
        Counts { bytes_sent, bytes_abandoned, ..state.counts }
    }

    /// How servers answer, from now on.
    pub fn script(&self, script: impl Fn(&Asked) -> Script + Send + 'static) {
        self.lock().script = Box::new(script);
    }

    /// Where chunks are, by file id; the second argument asks for fresh locations.
    pub fn locator(&self, locator: impl Fn(&str, bool) -> Result<Location, LocateError> + Send + 'static) {
        self.lock().locator = Box::new(locator);
    }

    /// Read tokens, by file id and origin.
    pub fn tokens(
        &self,
        tokens: impl Fn(&str, &str) -> Result<Option<String>, LocateError> + Send + 'static,
    ) {
        self.lock().tokens = Box::new(tokens);
    }

    /// Read tokens of the filer.
    pub fn filer_tokens(&self, tokens: impl Fn() -> Result<Option<String>, LocateError> + Send + 'static) {
        self.lock().filer_tokens = Box::new(tokens);
    }

    /// How long the locator takes; [`Duration::MAX`]: it never settles.
    pub fn locate_time(&self, time: Duration) {
        self.lock().locate_time = time;
    }

    /// How long a token takes; [`Duration::MAX`]: it never comes.
    pub fn token_time(&self, time: Duration) {
        self.lock().token_time = time;
    }

    /// Sets the wall clock: the time since 1970 at time zero.
    pub fn epoch(&self, epoch: Duration) {
        self.lock().epoch = epoch;
    }

    /// How long it takes to decode a chunk.
    pub fn decode_time(&self, time: Duration) {
        self.lock().decode_time = time;
    }

    /// At these times nothing happens: what is due then happens at their end.
    pub fn freeze(&self, times: Range<Duration>) {
        self.lock().frozen = times;
    }

    /// At these times there is no network, and the platform knows it. Requests that are sent then
    /// fail.
    pub fn offline(&self, times: Range<Duration>) {
        self.lock().offline = times;
    }

    /// Another course of chance.
    pub fn seed(&self, seed: u64) {
        self.lock().seed = seed | 1;
    }

    /// A host in this world.
    #[must_use]
    pub fn host(&self) -> SimHost {
        SimHost::new(self.clone())
    }

    /// Lets a future go on by itself while `run` runs.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let executor = self.lock().executor.clone();
        executor.spawn(Box::pin(future));
    }

    /// Runs until `future` is done, moving the clock on whenever nothing else can happen. `None`:
    /// it waits for what can never happen.
    pub fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Option<T> {
        let executor = self.lock().executor.clone();
        executor.run(future, || self.advance())
    }

    /// Runs all that was spawned until nothing can happen before `time` has passed.
    pub fn run_for(&self, time: Duration) {
        let world = self.clone();
        // A timer is always due in the end.
        let _: Option<()> = self.run(async move { world.sleep(time).await });
    }

    /// Resolves when `time` has passed.
    #[must_use]
    pub fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(self.clone(), time)
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// The time since 1970, by the wall clock.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        let state = self.lock();
        state.epoch.saturating_add(state.now)
    }

    /// The requests so far, in the order in which they were sent.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        self.lock().log.clone()
    }

    /// How many requests are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().counts.open
    }

    /// The most requests that were open at one time.
    #[must_use]
    pub fn most_open(&self) -> usize {
        let log = self.log();
        let at =
            |time| log.iter().filter(|l| l.at <= time && l.ended.is_none_or(|ended| ended > time)).count();
        log.iter().map(|logged| at(logged.at)).max().unwrap_or_default()
    }

    /// How many timers are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.lock().timers.len()
    }

    /// What hosts were told, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// Moves the clock to the next timer, or to what a link brings next, and wakes who waits for it;
    /// `false` if there is nothing to wait for.
    fn advance(&self) -> bool {
        let due = {
            let mut state = self.lock();
            let timer = state.timers.next();
            let Some(time) = timer.into_iter().chain(state.network.next()).min() else {
                return false;
            };
            let now = if state.frozen.contains(&time) { state.frozen.end } else { time };
            let now = state.now.max(now);
            state.now = now;
            state.network.advance(now);
            std::iter::from_fn(|| state.timers.take(time)).collect::<Vec<_>>()
        };
        due.into_iter().for_each(std::task::Waker::wake);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that are open now, and at most.
    pub open: usize,
    /// The most that were open at one time.
    pub most_open: usize,
    /// Requests that were dropped before their bodies had come to their ends.
    pub aborted: u64,
    /// Bytes that servers behind links sent.
    pub bytes_sent: u64,
    /// Those of them that came when their request had been dropped.
    pub bytes_abandoned: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Reads to the end.
///
/// # Errors
///
/// That of the stream.
pub async fn collect<H: Host<Piece = Bytes>>(mut reader: Reader<H>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}
