//! What lies between a reader and a host: how far it is, how wide, and how it misbehaves.

use std::time::Duration;

/// The way to one host, for [`World::link`](super::World::link). What a script says of latency
/// is added to it; what it says of rate and pieces does not count there.
///
/// The default is an HTTP/1.1 host without any delay, and as fast as can be.
#[derive(Clone, Debug)]
pub struct Link {
    /// A round trip. The headers of an answer are there after one, and the time that the server
    /// takes.
    pub round_trip: Duration,
    /// What the server takes before it answers.
    pub server_time: Duration,
    /// Bytes per second of all bodies of this host together.
    pub bandwidth: u64,
    /// Bytes per second of one connection: what a server, or one on the way, grants it.
    pub per_connection: u64,
    /// A link that others share.
    pub shared: Option<Shared>,
    /// What requests share.
    pub protocol: Protocol,
    /// Round trips before a new connection can be used: one for TCP, and one for TLS 1.3
    /// (RFC 8446). Zero by default.
    pub handshake: u32,
    /// Bytes that a new connection brings in its first round trip; twice as many in each that
    /// follows, while it uses them (RFC 5681, 3.1). Defaults to ten segments of 1460 bytes
    /// (RFC 6928); `u64::MAX`: there is no slow start.
    pub initial_window: u64,
    /// A connection that was idle for longer starts slowly again (RFC 5681, 4.1). Defaults to a
    /// second, the least timeout of RFC 6298.
    pub keep_window: Duration,
    /// Bytes of a body that the platform takes in before they are read. Defaults to the 512 KiB of
    /// Chromium's data pipe.
    pub buffer: u64,
    /// Bytes of a piece at most; never more than its default, 64 KiB. What came in 20 ms, and the first
    /// bytes in 1 ms, is handed on however little it is.
    pub piece: u64,
    /// From then on it is so many times slower than it was at first: in its delay, in its
    /// bandwidth, and in each connection. In the order of time.
    pub slower: Vec<(Duration, f64)>,
    /// Some bodies stall for a while.
    pub stalls: Option<Stalls>,
    /// The server turns requests away.
    pub busy: Option<Busy>,
}

/// A link that several hosts share; made by [`World::shared`](super::World::shared).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared(pub(super) usize);

/// What requests to one host share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: a connection for each. Beyond so many of them, requests wait in the browser, where
    /// nobody sees them.
    Http1(usize),
    /// HTTP/2: all share one connection, so many at a time; others wait likewise.
    Http2(usize),
}

/// Some bodies stall for a while, as after a lost segment that no other one tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalls {
    /// About one body of so many, by a chance that is the same in each run.
    pub one_in: u64,
    /// For how long. The least timeout of Linux is 200 ms.
    pub pause: Duration,
}

/// A server that turns requests away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// It serves so many at a time.
    pub above: usize,
    /// What it answers others with: 429 or 503.
    pub status: u16,
    /// And this `Retry-After`.
    pub retry_after: Option<String>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            round_trip: Duration::ZERO,
            server_time: Duration::ZERO,
            bandwidth: u64::MAX,
            per_connection: u64::MAX,
            shared: None,
            protocol: Protocol::Http1(6),
            handshake: 0,
            initial_window: 10 * 1460,
            keep_window: Duration::from_secs(1),
            buffer: 512 << 10,
            piece: 64 << 10,
            slower: Vec::new(),
            stalls: None,
            busy: None,
        }
    }
}

impl Link {
    /// How many times slower than at first it is at this time.
    pub(super) fn slowness(&self, now: Duration) -> f64 {
        self.slower.iter().take_while(|(at, _)| *at <= now).last().map_or(1.0, |(_, times)| *times)
    }

    /// When its speed changes next.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.slower.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    /// From the moment that a request leaves on an open connection until its headers are there.
    pub(super) fn latency(&self, now: Duration) -> Duration {
        (self.round_trip + self.server_time).mul_f64(self.slowness(now))
    }
}

impl Protocol {
    /// How many requests may be under way.
    pub(super) fn slots(self) -> usize {
        match self {
            Self::Http1(slots) | Self::Http2(slots) => slots.max(1),
        }
    }
}
