//! Events of a stream, for waterfall diagrams and bug reports.

use std::sync::Arc;

use crate::model::chunk::Source;

/// An event of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The chunk concerned; its `name` is safe to show.
    pub chunk: Option<Source>,
    /// Index of the view or hole in the plan, from 0.
    pub index: Option<usize>,
    /// Host and port.
    pub host: Option<Arc<str>>,
    /// A number of bytes: of the request, the piece or the hole.
    pub bytes: Option<u64>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The reason: the code of an error, or a word.
    pub reason: Option<&'static str>,
    /// The new concurrency.
    pub width: Option<usize>,
}

/// The kinds of events; `name` is what JavaScript sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventKind {
    /// A view entered the window.
    #[default]
    Queue,
    /// A request is sent.
    Request,
    /// The headers of its response arrived.
    Headers,
    /// The first byte of its body arrived.
    FirstByte,
    /// A piece of a body arrived.
    Body,
    /// A chunk was decoded.
    Decoded,
    /// Bytes were delivered to the reader.
    Delivered,
    /// Another attempt on the same replica.
    Retry,
    /// An attempt on another replica.
    Failover,
    /// A second request to another replica, because the first one is late.
    Hedge,
    /// Replicas are looked up again.
    Relookup,
    /// A hole was delivered as zeros.
    Hole,
    /// The concurrency changed: the number of views that may be in flight.
    Width,
    /// A pause before the next pass.
    Wait,
    /// The stream ended.
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
