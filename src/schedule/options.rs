//! The options of a stream, and their defaults.

use crate::{
    http::origins::Origins, model::limit::MAX_METADATA_BYTES, schedule::retry::RetryPolicy, time::Duration,
};

/// How far a stream reads ahead, how long it waits and retries, and what it verifies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Views in flight. Defaults to what the link needs, as measured, at most 64.
    pub concurrency: Concurrency,
    /// The priority among the streams of a pool.
    pub priority: Priority,
    /// Whether another replica is requested too if the host of the first one takes longer than it usually
    /// does.
    pub hedge: bool,
    /// Requests in flight at one host. No limit by default: platforms have their own.
    pub per_host: usize,
    /// Bytes held or promised but not yet read, including the memory that decoding takes. Defaults to 32 MiB.
    /// The view that the reader waits for is fetched even if it is larger.
    pub max_bytes_ahead: u64,
    /// What to do with holes: positions that no chunk holds. Defaults to zeros.
    pub holes: Holes,
    /// What is verified before bytes are delivered. Defaults to [`Verify::Stream`].
    pub verify: Verify,
    /// The most bytes per second that are delivered, evenly. No limit by default.
    pub throttle: Option<f64>,
    /// When a failed attempt is repeated.
    pub retry: RetryPolicy,
    /// How long a server may be silent.
    pub timeout: Timeout,
    /// The longest entry, and the longest decoded chunk manifest, in bytes. A longer one is [`crate::Kind::Limit`].
    /// Defaults to 64 MiB, which is the most; gateways accept 8 MiB.
    pub max_metadata_bytes: u64,
    /// The origins that requests may go to, whatever an entry, a lookup, a chunk manifest or a redirect names. Another
    /// one is [`crate::Kind::Unsupported`]. All by default.
    pub origins: Origins,
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
            max_metadata_bytes: MAX_METADATA_BYTES,
            origins: Origins::default(),
        }
    }
}

/// How many views may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the link needs, measured while it is used. All such streams of a pool share one limit.
    Auto {
        /// The most views in flight, at least 1.
        max: usize,
    },
    /// This many, at least 1.
    Fixed(usize),
}

impl Concurrency {
    /// The default limit of [`Concurrency::Auto`]: HTTP/2 with a round trip of 50 ms uses 64 views in flight.
    pub const DEFAULT_MAX: usize = 64;

    /// The most views that can be in flight.
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

/// The priority of a stream among the streams of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A person waits for it.
    High,
    /// The default.
    #[default]
    Normal,
    /// In the background: it starts views when no other stream wants to start one, and one per second in any
    /// case.
    Low,
}

/// What to do with holes: positions that no chunk holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holes {
    /// They read as zeros, as in SeaweedFS. They are counted and reported by an event.
    #[default]
    Zero,
    /// They fail the stream with [`crate::error::Kind::Hole`].
    Error,
}

/// What is verified before bytes are delivered. Encrypted chunks are always decrypted and authenticated as a
/// whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Known digests are computed while bytes are delivered; the stream fails before its end if one does not
    /// match.
    #[default]
    Stream,
    /// As [`Verify::Stream`], but where a SeaweedFS server sends the CRC-32C of a chunk as its `ETag`, that is
    /// computed instead of the MD5, which takes more time. It shows damage on the server's disk and on the way,
    /// but not damage from before the server stored the chunk. It is used for a plain chunk that is read whole
    /// and whose `ETag` is visible; for others the MD5 is.
    Transit,
    /// Chunks are fetched as a whole and held until their digest matches, so nothing unverified is delivered.
    Strict,
    /// Digests are ignored.
    Off,
}

/// How long a server may be silent before an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Until the headers of a response. Defaults to 15 s.
    pub headers: Duration,
    /// Until the next bytes of a body. Defaults to 20 s.
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
