//! What happens, as it happens: for waterfalls and bug reports.

use std::sync::Arc;

use crate::model::chunk::Source;

/// One thing that happened to a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What it was.
    pub kind: EventKind,
    /// The chunk that it is about; its `name` may be shown.
    pub chunk: Option<Source>,
    /// Place of the view or gap in the plan, from 0.
    pub index: Option<usize>,
    /// Host and port.
    pub host: Option<Arc<str>>,
    /// A number of bytes: of the request, the piece, the hole.
    pub bytes: Option<u64>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Why, by the code of an error or a word.
    pub reason: Option<&'static str>,
    /// The width that holds from now on.
    pub width: Option<usize>,
}

/// The kinds of events; `name` is what JavaScript sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventKind {
    /// A view entered the window.
    #[default]
    Queue,
    /// A request leaves.
    Request,
    /// Its status is known.
    Headers,
    /// The first byte of its body is there.
    FirstByte,
    /// A piece of a body arrived.
    Body,
    /// A chunk was decoded.
    Decoded,
    /// Bytes went to the reader.
    Delivered,
    /// Another attempt at the same replica.
    Retry,
    /// Another attempt at another replica.
    Failover,
    /// Another replica is asked for what is late.
    Hedge,
    /// Replicas are looked up again.
    Relookup,
    /// A gap was delivered as zeros.
    Hole,
    /// How many views may be in flight.
    Width,
    /// A pause before the next pass.
    Wait,
    /// The stream is over.
    End,
}

impl EventKind {
    /// The name that JavaScript sees.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Request => "request",
            Self::Headers => "headers",
            Self::FirstByte => "first-byte",
            Self::Body => "body",
            Self::Decoded => "decoded",
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Failover => "failover",
            Self::Hedge => "hedge",
            Self::Relookup => "relookup",
            Self::Hole => "hole",
            Self::Width => "width",
            Self::Wait => "wait",
            Self::End => "end",
        }
    }
}
