//! How to read.

use std::time::Duration;

use crate::schedule::retry::RetryPolicy;

/// How far to read ahead, how patient to be, what to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Views in flight. Defaults to what the link turns out to need, 64 at most.
    pub concurrency: Concurrency,
    /// Among the streams of a pool.
    pub priority: Priority,
    /// Whether another replica is asked when the head is late against what its host usually takes.
    pub hedge: bool,
    /// Requests to one host at a time. No limit of our own by default.
    pub per_host: usize,
    /// Bytes held or promised but not yet read, decoding included. Defaults to 32 MiB. The view
    /// that the reader waits for is fetched however large it is.
    pub max_bytes_ahead: u64,
    /// What to do with bytes that no chunk holds. Defaults to zeros.
    pub holes: Holes,
    /// Which bytes may leave unverified. Defaults to [`Verify::Stream`].
    pub verify: Verify,
    /// Bytes per second that leave at most, evenly; as fast as can be by default.
    pub throttle: Option<f64>,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long to wait for a server.
    pub timeout: Timeout,
}

impl Options {
    /// The default of [`Options::max_bytes_ahead`]: 32 MiB.
    pub const DEFAULT_MAX_BYTES_AHEAD: u64 = 32 << 20;

    /// The default length of the ranges in which a plain URL is read: 4 MiB, the size of the chunks into
    /// which a SeaweedFS filer splits a file.
    pub const DEFAULT_CHUNK_SIZE: u64 = 4 << 20;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            priority: Priority::default(),
            hedge: true,
            per_host: usize::MAX,
            max_bytes_ahead: Self::DEFAULT_MAX_BYTES_AHEAD,
            holes: Holes::default(),
            verify: Verify::default(),
            throttle: None,
            retry: RetryPolicy::default(),
            timeout: Timeout::default(),
        }
    }
}

/// How many views may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the link needs, found while it is used; one width for all such streams of a pool.
    Auto {
        /// The most views in flight, at least 1.
        max: usize,
    },
    /// So many, at least 1.
    Fixed(usize),
}

impl Concurrency {
    /// The default limit of [`Concurrency::Auto`]: HTTP/2 with a round trip of 50 ms uses 64 views in flight.
    pub const DEFAULT_MAX: usize = 64;

    /// The most views that may ever be in flight.
    #[must_use]
    pub fn limit(self) -> usize {
        let (Self::Auto { max } | Self::Fixed(max)) = self;
        max.max(1)
    }
}

impl From<usize> for Concurrency {
    fn from(views: usize) -> Self {
        Self::Fixed(views)
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::Auto { max: Self::DEFAULT_MAX }
    }
}

/// Which of the streams of a pool comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits for it.
    High,
    /// As most.
    #[default]
    Normal,
    /// In the background: it starts views when no other stream wants to, and one a second in any case.
    Low,
}

/// What to do with bytes that no chunk holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holes {
    /// They are zeros, as in SeaweedFS; counted, and told by an event.
    #[default]
    Zero,
    /// They end the stream with [`crate::error::Kind::Hole`].
    Error,
}

/// What is checked before bytes leave. Encrypted chunks are always whole and verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Each known digest is checked as bytes go by; a mismatch never ends cleanly.
    #[default]
    Stream,
    /// Nothing unverified leaves: chunks are fetched whole and held until their digest fits.
    Strict,
    /// Digests are not looked at.
    Off,
}

/// How long to wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// For the headers of an answer. Defaults to 15 s.
    pub headers: Duration,
    /// For the next bytes of a body. Defaults to 20 s.
    pub idle: Duration,
}

impl Timeout {
    /// The default of [`Timeout::headers`].
    pub const DEFAULT_HEADERS: Duration = Duration::from_secs(15);

    /// The default of [`Timeout::idle`].
    pub const DEFAULT_IDLE: Duration = Duration::from_secs(20);
}

impl Default for Timeout {
    fn default() -> Self {
        Self { headers: Self::DEFAULT_HEADERS, idle: Self::DEFAULT_IDLE }
    }
}
