//! The state of a simulated world's codec: how long it takes, when it stops, and what it holds.

use std::{fmt, task::Waker, time::Duration};

/// How long the codec of a world takes. By default it takes no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodecTimes {
    /// To load it, once.
    pub load: Duration,
    /// For each job.
    pub job: Duration,
    /// For each byte that is decoded or digested.
    pub byte: Duration,
}

/// A job of the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// How many jobs there were before.
    pub nth: usize,
    /// Whether it decodes a chunk; else it computes the value of a digest.
    pub decodes: bool,
    /// Bytes that go in.
    pub bytes: u64,
}

/// The codec of a world.
pub(super) struct Codec {
    pub(super) times: CodecTimes,
    pub(super) is_missing: bool,
    pub(super) stops: Box<dyn Fn(Job) -> bool + Send>,
    /// The value of a digest waits until a reader waits for one.
    pub(super) is_lazy: bool,
    /// When a reader last began to wait for a value, and who waits for that.
    pub(super) hurried_at: Option<Duration>,
    pub(super) lazy: Vec<Waker>,
    /// When it is loaded, once it was asked for.
    pub(super) loaded_at: Option<Duration>,
    pub(super) jobs: usize,
    /// Bytes of chunks that are being decoded, stored and decoded ones; and the most at one time.
    pub(super) held: u64,
    pub(super) most_held: u64,
}

impl Default for Codec {
    fn default() -> Self {
        Self {
            times: CodecTimes::default(),
            is_missing: false,
            is_lazy: false,
            hurried_at: None,
            lazy: Vec::new(),
            stops: Box::new(|_| false),
            loaded_at: None,
            jobs: 0,
            held: 0,
            most_held: 0,
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("times", &self.times).finish_non_exhaustive()
    }
}
