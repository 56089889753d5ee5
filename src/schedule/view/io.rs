//! The inputs of a view fetch, and its actions.

use std::{collections::VecDeque, sync::Arc};

use super::failure_limit::FailureLimit;
use crate::{
    error::Error,
    host::{
        Algorithm, Checksum, DecodeError, DecodeParams, FetchError, Piece, PrepareError, Request,
        event::Event,
    },
    http::headers::Headers,
    model::{
        chunk::{Chunk, Ctr},
        location::Location,
    },
    schedule::{
        plan::View,
        pool::{Permit, Pool},
        retry::AttemptError,
        validators::Validators,
        window::JobId,
    },
    time::Duration,
};

/// Which of the two requests of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The request that the view waits for.
    Primary,
    /// A second request for the same bytes, because the first is overdue.
    Hedge,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input<P: Piece> {
    /// [`Operation::Locate`] has ended.
    Located(Result<Location, Error>),
    /// [`Operation::Acquire`] has ended.
    Permit {
        /// The right to send one request to the host.
        permit: Permit,
        /// Time since 1970.
        unix_time: Duration,
    },
    /// [`Operation::Acquire`] has to wait.
    Queued,
    /// [`Operation::Token`] or [`Operation::FilerToken`] has ended.
    Token(Result<Option<String>, Error>),
    /// [`Operation::Send`] has ended. The body of a response is read until [`Action::Cancel`].
    Response {
        /// Its head, or why there is none.
        response: Result<Box<ResponseStart>, AttemptError>,
        /// When it arrived. The codec may have been ready only later.
        at: Duration,
        /// Time since 1970.
        unix_time: Duration,
        /// Whether the platform has no network.
        is_offline: bool,
    },
    /// The next bytes of a body.
    Piece(P),
    /// A body has ended.
    BodyEnd,
    /// A body broke off.
    BodyError {
        /// Why.
        error: FetchError,
        /// Whether the platform has no network.
        is_offline: bool,
    },
    /// There is room for what had to wait for it: no server is to blame for the wait.
    Resumed,
    /// The body has waited long for the reader. It is dropped, if [`ViewFetch::may_give_back`](super::ViewFetch).
    Parked,
    /// [`Operation::Decode`] has ended.
    Decoded(Result<Vec<P>, DecodeError>),
    /// [`Operation::Digest`] has ended.
    Digested {
        /// The digest, which may be continued.
        digest: P::Digest,
        /// Its value.
        value: Result<Checksum, DecodeError>,
    },
    /// [`Operation::Prepare`] has ended, or [`Operation::Send`] because the codec cannot be had.
    Prepared(Result<(), PrepareError>),
    /// [`Operation::AwaitNetwork`] has ended: whether there is a network again.
    Network(bool),
    /// The time of [`Action::SetTimer`] has passed.
    Timer,
    /// The host has not done in time what [`Update::Expect`] says.
    Overdue {
        /// Time since 1970.
        unix_time: Duration,
    },
    /// The result of [`Action::Recover`].
    Recovered {
        /// Whether the window dropped the view, as asked.
        is_restarted: bool,
        /// A random number in `0.0..1.0`.
        random: f64,
    },
}

/// Something to do now. The order is that of the queue.
#[derive(Debug)]
pub(crate) enum Action<P: Piece> {
    /// Start this; its result is an input for the same request.
    Start(Role, Operation<P>),
    /// Stop what was started for this request, its body and, for the primary one, the timer.
    Cancel(Role),
    /// The hedge becomes the primary request, whose operation and timer stop.
    Promote,
    /// Set the timer, in place of the one before.
    SetTimer(Duration),
    /// An attempt failed: answer with [`Input::Recovered`].
    Recover {
        /// Drop the view from the window, if none of it has reached the reader.
        restart: bool,
    },
    /// Update what the stream knows of the view.
    Update(Update<P>),
    /// Count and report this event.
    Report(Event),
    /// The last action: the view is in the window, or why it cannot be.
    End(Result<(), Error>),
}

/// News of a view for its stream.
#[derive(Debug)]
pub(crate) enum Update<P> {
    /// A response has begun.
    Begin,
    /// The next bytes of the view.
    Deliver(P),
    /// Whether no server is asked for the view.
    Idle(bool),
    /// Whether the view is being decoded.
    Decoding(bool),
    /// Whether all bytes have arrived and their digest is being computed.
    Digesting(bool),
    /// The view is complete. It keeps this much memory, if it was decoded whole.
    Finish(Option<u64>),
    /// The chunks of a chunk manifest.
    Learn(Arc<[Chunk]>),
    /// If this does not happen in time, report [`Input::Overdue`].
    Expect(Expectation),
    /// Nothing is expected any more.
    ExpectNothing,
}

/// What is expected of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Host and port.
    pub(crate) host: Arc<str>,
    /// Since when.
    pub(crate) since: Duration,
    /// How many bytes of a body; `None` for a response.
    pub(crate) bytes: Option<u64>,
}

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseStart {
    /// Where in the blob the body of a 200 begins: at 0, unless another view has read some of it.
    pub(crate) at: u64,
    /// The body is one that another view has left, and no request was sent for it.
    pub(crate) is_continued: bool,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers that can be seen.
    pub(crate) headers: Headers,
    /// Where a redirect led, if one was followed.
    pub(crate) url: Option<String>,
}

/// A part of a blob that a view requests from a URL, of which other views may request other parts.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The URL of the replica.
    pub(crate) url: String,
    /// The place of the view in the plan.
    pub(crate) index: usize,
    /// The requested bytes.
    pub(crate) start: u64,
    /// One past the last of them.
    pub(crate) end: u64,
    /// The server has ignored `Range`. Views before this one are waited for, to continue their body.
    pub(crate) waits: bool,
    /// Reports a request for the part.
    pub(crate) event: Event,
}

impl Part {
    /// Whether it is before another part of the same blob, both in the file and in the blob.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.url == other.url && self.index < other.index && self.start <= other.start
    }
}

/// Something that takes time.
#[derive(Debug)]
pub(crate) enum Operation<P: Piece> {
    /// Find the replicas of a chunk. `stale`: what was known at this time does not do.
    Locate {
        /// The chunk.
        file_id: Arc<str>,
        /// The time.
        stale: Option<Duration>,
        /// Whether a replica that was known then could not be reached.
        is_unreachable: bool,
    },
    /// Get a token for a request for a chunk. `refused`: the one of this time was refused.
    Token {
        /// The chunk.
        file_id: Arc<str>,
        /// `scheme://host:port` of the request.
        origin: String,
        /// The time.
        refused: Option<Duration>,
    },
    /// Get a token for a request to the filer.
    FilerToken,
    /// Wait until one more request may go to this host.
    Acquire(Arc<str>),
    /// Send a GET request and wait for the head of its response.
    Send {
        /// The request.
        request: Request,
        /// About how many bytes it brings.
        len: u64,
        /// Whether its bytes are digested or decrypted as they arrive: wait for the codec too.
        needs_codec: bool,
        /// Which part of its URL it is for, if other views may continue its body.
        part: Option<Box<Part>>,
    },
    /// Wait for the codec.
    Prepare,
    /// Decode a chunk.
    Decode {
        /// Its stored bytes.
        stored: Vec<P>,
        /// How.
        params: DecodeParams,
    },
    /// Compute the value of a digest.
    Digest {
        /// The digest.
        digest: P::Digest,
        /// Whether it is needed before the reader comes to the view.
        is_urgent: bool,
    },
    /// Wait until the platform has a network, but not forever.
    AwaitNetwork,
}

/// Actions that were decided on and not yet taken.
#[derive(Debug)]
pub(super) struct Actions<P: Piece>(VecDeque<Action<P>>);

impl<P: Piece> Actions<P> {
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn push(&mut self, action: Action<P>) {
        self.0.push_back(action);
    }

    pub(super) fn pop(&mut self) -> Option<Action<P>> {
        self.0.pop_front()
    }

    pub(super) fn start(&mut self, role: Role, operation: Operation<P>) {
        self.push(Action::Start(role, operation));
    }

    pub(super) fn update(&mut self, update: Update<P>) {
        self.push(Action::Update(update));
    }

    pub(super) fn report(&mut self, event: Event) {
        self.push(Action::Report(event));
    }
}

/// Takes a decoded chunk; returns the bytes of a view if the chunk is kept, else the chunk.
type Keep<'a, P> = dyn Fn(&Chunk, &View, Vec<P>) -> Result<Vec<P>, Vec<P>> + 'a;

/// What a view fetch knows of the world at the time of an input.
pub(crate) struct Context<'a, P: Piece> {
    /// The time of the input.
    pub(crate) now: Duration,
    /// What all streams know of hosts, and what they may send.
    pub(crate) pool: &'a Pool,
    /// The versions of the file's URLs.
    pub(crate) validators: &'a Validators,
    /// The failures of the stream.
    pub(crate) failures: &'a FailureLimit,
    /// Makes a piece of bytes.
    pub(crate) piece: &'a dyn Fn(&[u8]) -> P,
    /// Takes a decoded chunk; returns the bytes of this view if the chunk is kept, else the chunk.
    pub(crate) keep: &'a Keep<'a, P>,
    /// Begins a digest.
    pub(crate) digest: &'a dyn Fn(Algorithm) -> P::Digest,
    /// Removes a key stream from a piece that starts at this byte of the chunk.
    pub(crate) apply_ctr: &'a dyn Fn(P, &Ctr, u64) -> P,
    /// A job takes at least this much memory. If not, what has arrived of it has to be dropped: there is no room.
    pub(crate) outgrow: &'a dyn Fn(JobId<'_>, u64) -> bool,
}
