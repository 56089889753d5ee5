//! A simulated network and the state of everything in it.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use bytes::Bytes;

use super::{
    clock::{Clock, Sleep},
    codec::{Codec, CodecTimes, Job},
    content::Content,
    executor::Executor,
    link::{Link, Shared},
    network::Network,
    script::{Logged, Script, SimRequest},
};
use crate::{
    host::{LocateError, event::Event},
    model::location::Location,
};

/// A network of servers, and the time that passes in it. Clones are handles to the same world.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

type Sizes = Box<dyn Fn(&str) -> Option<u64> + Send>;
type Scripter = Box<dyn Fn(&SimRequest) -> Script + Send>;
type Locator = Box<dyn Fn(&str, bool) -> Result<Location, LocateError> + Send>;
type FilerTokens = Box<dyn Fn() -> Result<Option<String>, LocateError> + Send>;
type Tokens = Box<dyn Fn(&str, &str) -> Result<Option<String>, LocateError> + Send>;

pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) network: Network,
    /// When no timer fires, because the page is frozen.
    frozen: Range<Duration>,
    /// When there is no network.
    pub(super) offline: Range<Duration>,
    executor: Executor,
    pub(super) blobs: HashMap<String, Content>,
    /// The sizes of blobs that consist of zeros.
    pub(super) sizes: Sizes,
    /// The time that each stage takes for a request on its way out.
    request_time: Duration,
    /// When each stage is free. One request at a time is in a stage.
    stages_busy_until: Vec<Duration>,
    /// Draws the times of the stages, if there are several.
    stage_seed: u64,
    pub(super) script: Scripter,
    pub(super) locator: Locator,
    pub(super) tokens: Tokens,
    pub(super) filer_tokens: FilerTokens,
    pub(super) locate_time: Duration,
    pub(super) token_time: Duration,
    pub(super) codec: Codec,
    /// The wall clock at time zero.
    epoch: Duration,
    seed: u64,
    /// Whether requests and events are kept, besides being counted.
    pub(super) is_logging: bool,
    pub(super) counts: Counts,
    pub(super) log: Vec<Logged>,
    /// How many requests there were for each URL.
    pub(super) requests_by_url: HashMap<String, usize>,
    /// How many requests are open at each host.
    pub(super) open_by_host: HashMap<String, usize>,
    pub(super) events: Vec<Event>,
}

/// The wall clock at time zero, unless a test sets another: 1 January 2026.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

impl Default for State {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            network: Network::default(),
            frozen: Duration::ZERO..Duration::ZERO,
            offline: Duration::ZERO..Duration::ZERO,
            executor: Executor::default(),
            blobs: HashMap::new(),
            sizes: Box::new(|_| None),
            request_time: Duration::ZERO,
            stages_busy_until: vec![Duration::ZERO],
            stage_seed: 1,
            script: Box::new(|_| Script::default()),
            locator: Box::new(|_, _| Err(LocateError { cause: None })),
            tokens: Box::new(|_, _| Ok(None)),
            filer_tokens: Box::new(|| Ok(None)),
            locate_time: Duration::ZERO,
            token_time: Duration::ZERO,
            codec: Codec::default(),
            epoch: EPOCH,
            seed: 1,
            is_logging: true,
            counts: Counts::default(),
            log: Vec::new(),
            requests_by_url: HashMap::new(),
            open_by_host: HashMap::new(),
            events: Vec::new(),
        }
    }
}

impl State {
    /// When the next request has passed all stages. The only one of one stage takes the same time for each request;
    /// of several, each takes a random time with an exponential distribution.
    pub(super) fn client_ready_at(&mut self) -> Duration {
        let is_random = self.stages_busy_until.len() > 1;
        let mut at = self.clock.now();
        for busy_until in &mut self.stages_busy_until {
            let times = if is_random { -(1.0 - random(&mut self.stage_seed)).max(1e-9).ln() } else { 1.0 };
            at = at.max(*busy_until).saturating_add(self.request_time.mul_f64(times));
            *busy_until = at;
        }
        at
    }

    /// A random number from 0 to 1. It comes from xorshift64*, so that a run can be repeated.
    pub(super) fn random(&mut self) -> f64 {
        random(&mut self.seed)
    }
}

fn random(seed: &mut u64) -> f64 {
    let mut x = *seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Sets up a world.
impl World {
    /// An empty world at time zero. Servers respond at once to requests for what is stored.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State::default())))
    }

    /// Stores a blob at a URL without a query.
    pub fn store(&self, url: &str, bytes: impl Into<Bytes>) {
        self.lock().blobs.insert(url.to_owned(), Content::Bytes(bytes.into()));
    }

    /// Stores blobs of zeros of these sizes, by URL without a query. They take no memory, so a terabyte costs
    /// nothing.
    pub fn sizes(&self, sizes: impl Fn(&str) -> Option<u64> + Send + 'static) {
        self.lock().sizes = Box::new(sizes);
    }

    /// Puts a host, by its name and port, behind a link. Hosts without a link respond as their script says.
    pub fn link(&self, host: &str, link: Link) {
        self.lock().network.link(host, link);
    }

    /// A link of this many bytes per second that hosts may share, for example the reader's own.
    #[must_use]
    pub fn shared(&self, bandwidth: u64) -> Shared {
        self.lock().network.share(bandwidth)
    }

    /// The time that the client takes for each request to a host behind a link. It sends one request at a
    /// time. Chromium takes about 0.8 ms.
    pub fn request_time(&self, time: Duration) {
        self.lock().request_time = time;
    }

    /// This many stages, one after another, take [`World::request_time`] each, for one request at a time. In Chromium they
    /// are the page, the process that does the network I/O, the kernel and a server on the same machine.
    pub fn request_stages(&self, stages: usize) {
        self.lock().stages_busy_until = vec![Duration::ZERO; stages.max(1)];
    }

    /// Stops keeping requests and events, and only counts them, for millions of requests.
    pub fn disable_log(&self) {
        let mut state = self.lock();
        state.is_logging = false;
        state.log = Vec::new();
        state.events = Vec::new();
    }

    /// How servers respond from now on.
    pub fn script(&self, script: impl Fn(&SimRequest) -> Script + Send + 'static) {
        self.lock().script = Box::new(script);
    }

    /// Where chunks are, by file id. The second argument asks for fresh locations.
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

    /// How long the locator takes. With [`Duration::MAX`] it never settles.
    pub fn locate_time(&self, time: Duration) {
        self.lock().locate_time = time;
    }

    /// How long a token takes. With [`Duration::MAX`] it never arrives.
    pub fn token_time(&self, time: Duration) {
        self.lock().token_time = time;
    }

    /// How long the codec takes.
    pub fn codec_times(&self, times: CodecTimes) {
        self.lock().codec.times = times;
    }

    /// Which jobs the codec does not finish, as if a worker died.
    pub fn codec_stops(&self, stops: impl Fn(Job) -> bool + Send + 'static) {
        self.lock().codec.stops = Box::new(stops);
    }

    /// The codec computes the value of a digest only when a reader waits for one, as a host may that computes several
    /// together.
    pub fn codec_is_lazy(&self) {
        self.lock().codec.is_lazy = true;
    }

    /// The codec cannot be loaded.
    pub fn remove_codec(&self) {
        self.lock().codec.is_missing = true;
    }

    /// Sets the wall clock: the time since 1970 at time zero.
    pub fn epoch(&self, epoch: Duration) {
        self.lock().epoch = epoch;
    }

    /// Freezes the page: what is due at these times happens at their end.
    pub fn freeze(&self, times: Range<Duration>) {
        self.lock().frozen = times;
    }

    /// At these times there is no network, and the platform knows it. Requests that are sent then fail.
    pub fn offline(&self, times: Range<Duration>) {
        self.lock().offline = times;
    }

    /// Seeds the random numbers.
    pub fn seed(&self, seed: u64) {
        self.lock().seed = seed | 1;
    }
}

/// Runs a world.
impl World {
    /// Adds a future that makes progress while `run` runs.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let executor = self.lock().executor.clone();
        executor.spawn(Box::pin(future));
    }

    /// Runs until `future` is done. The clock moves on whenever nothing else can happen. `None`: the future
    /// waits for something that never happens.
    pub fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Option<T> {
        let executor = self.lock().executor.clone();
        executor.run(future, || self.advance())
    }

    /// Runs the spawned futures for this time.
    pub fn run_for(&self, time: Duration) {
        let world = self.clone();
        // The timer is always due in the end, so this is never `None`.
        let _: Option<()> = self.run(async move { world.sleep(time).await });
    }

    /// Resolves when `time` has passed.
    #[must_use]
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.clock().sleep(time)
    }

    /// Moves the clock to the next timer or network event, and wakes what waits for it. Returns `false` if
    /// there is nothing to wait for.
    fn advance(&self) -> bool {
        let due: Vec<Waker> = {
            let mut state = self.lock();
            let timer = state.clock.next_timer();
            let Some(time) = timer.into_iter().chain(state.network.next_event()).min() else {
                return false;
            };
            let now = if state.frozen.contains(&time) { state.frozen.end } else { time };
            let now = state.clock.now().max(now);
            state.clock.set(now);
            state.network.advance(now);
            state.clock.take_due(time)
        };
        due.into_iter().for_each(Waker::wake);
        true
    }
}

/// Inspects a world.
impl World {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock().now()
    }

    /// The time since 1970, by the wall clock.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        let state = self.lock();
        state.epoch.saturating_add(state.clock.now())
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let state = self.lock();
        let (bytes_sent, bytes_abandoned) = state.network.sent();
        Counts { bytes_sent, bytes_abandoned, ..state.counts }
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

    /// The most bytes of chunks that were being decoded at one time: stored and decoded ones.
    #[must_use]
    pub fn most_bytes_decoding(&self) -> u64 {
        self.lock().codec.most_held
    }

    /// How many timers are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.clock().timers()
    }

    /// The events that hosts received, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    pub(super) fn is_offline(&self) -> bool {
        let state = self.lock();
        state.offline.contains(&state.clock.now())
    }

    pub(super) fn clock(&self) -> Clock {
        self.lock().clock.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that are open now.
    pub open: usize,
    /// The most requests that were open at one time.
    pub most_open: usize,
    /// Requests that were dropped before their bodies ended.
    pub aborted: u64,
    /// Bytes that servers behind links sent.
    pub bytes_sent: u64,
    /// Those of them that arrived after their request was dropped.
    pub bytes_abandoned: u64,
}

impl Counts {
    pub(super) fn add_request(&mut self) {
        self.requests += 1;
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
    }
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
