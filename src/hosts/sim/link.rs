//! The network between a client and a host: its delay, its bandwidth and its faults.

use std::time::Duration;

/// The link to one host, for [`World::link`](super::World::link). The latency of a script is added to that of
/// the link; the rate and pieces of a script are ignored.
///
/// The default is an HTTP/1.1 host without delay and with unlimited bandwidth.
#[derive(Clone, Debug)]
pub struct Link {
    /// A round trip. The headers of a response arrive after one round trip and the time of the server.
    pub round_trip: Duration,
    /// The time that the server takes before it responds.
    pub server_time: Duration,
    /// Bytes per second of all bodies of this host together.
    pub bandwidth: u64,
    /// Bytes per second of one connection, as limited by the server or on the way.
    pub per_connection: u64,
    /// A link that other hosts share.
    pub shared: Option<Shared>,
    /// The protocol, which decides what requests share.
    pub protocol: Protocol,
    /// Round trips before a new connection can be used: one for TCP, and one for TLS 1.3
    /// (RFC 8446). Zero by default.
    pub handshake: u32,
    /// Bytes that a new connection transfers in its first round trip. Each following round trip transfers
    /// twice as many, while the connection uses them (RFC 5681, 3.1). Defaults to ten segments of 1460 bytes
    /// (RFC 6928); with `u64::MAX` there is no slow start.
    pub initial_window: u64,
    /// A connection that was idle for longer returns to slow start (RFC 5681, 4.1). Defaults to one second,
    /// the minimum timeout of RFC 6298.
    pub keep_window: Duration,
    /// Bytes of a body that the platform buffers before they are read. Defaults to the 512 KiB of Chromium's
    /// data pipe.
    pub buffer: u64,
    /// The most bytes of a piece; at most 64 KiB, the default. A smaller piece is delivered after 20 ms, and
    /// the first one of a body after 1 ms.
    pub piece: u64,
    /// At these times the link becomes slower by these factors, relative to its start: in its delay, its
    /// bandwidth, and the bandwidth of each connection. In order of time.
    pub slower: Vec<(Duration, f64)>,
    /// Makes some bodies stall.
    pub stalls: Option<Stalls>,
    /// Makes the server reject requests.
    pub busy: Option<Busy>,
}

/// A link that several hosts share; made by [`World::shared`](super::World::shared).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared(pub(super) usize);

/// What requests to one host share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: each request uses a connection. Requests beyond this many connections wait in the browser.
    Http1(usize),
    /// HTTP/2: this many requests at a time share one connection; others wait in the browser.
    Http2(usize),
}

/// Some bodies stall for a while, as after the loss of the last segment of a flight, which no acknowledgement
/// reveals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalls {
    /// About one body in this many, chosen by a random number that is the same in every run.
    pub one_in: u64,
    /// For how long. The minimum timeout of Linux is 200 ms.
    pub pause: Duration,
}

/// A server that rejects requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// It serves this many at a time.
    pub above: usize,
    /// The status of the rejection: 429 or 503.
    pub status: u16,
    /// The `Retry-After` of the rejection.
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
    /// The factor by which it is slower at this time than at its start.
    pub(super) fn slowness(&self, now: Duration) -> f64 {
        self.slower.iter().take_while(|(at, _)| *at <= now).last().map_or(1.0, |(_, times)| *times)
    }

    /// When its speed changes next.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.slower.iter().map(|(at, _)| *at).find(|at| *at > now)
    }

    /// From the sending of a request on an open connection to the headers of the response.
    pub(super) fn latency(&self, now: Duration) -> Duration {
        (self.round_trip + self.server_time).mul_f64(self.slowness(now))
    }
}

impl Protocol {
    /// How many requests may be in flight.
    pub(super) fn slots(self) -> usize {
        match self {
            Self::Http1(slots) | Self::Http2(slots) => slots.max(1),
        }
    }
}
