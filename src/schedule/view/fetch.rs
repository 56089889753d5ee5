//! The state of a view fetch, and which input leads where.

use std::{mem, sync::Arc};

use super::{
    body::{Body, StreamSink},
    hedge::Hedge,
    io::{Action, Actions, Context, Input, ResponseStart, Role, Update},
    replicas::Replicas,
    request::ReplicaRequest,
    stream::ViewStream,
    target::Target,
};
use crate::{
    error::Error,
    host::Piece,
    model::chunk::Compression,
    schedule::{
        options::Options,
        pool::Flight,
        retry::{Abilities, AttemptError, RetryState},
        validators::Validators,
        window::{Job, JobId},
    },
    time::Duration,
};

/// The fetch of one view or of one chunk manifest.
#[derive(Debug)]
pub(crate) struct ViewFetch<'a, P: Piece> {
    pub(super) target: Target,
    /// What the pool counts for it.
    pub(super) flight: Flight,
    pub(super) options: &'a Options,
    /// The locator retries by itself before it reports a failure.
    pub(super) locator_retries: bool,
    pub(super) replicas: Replicas,
    pub(super) retry: RetryState,
    /// The retries of the current lookup.
    pub(super) lookup_retry: RetryState,
    /// The last attempt that failed.
    pub(super) failure: Failure,
    pub(super) stream: ViewStream<P>,
    /// The most bytes that had arrived, including those that were dropped since.
    pub(super) farthest: u64,
    /// The ETag of the blob that was begun. A response that continues it must have the same.
    pub(super) etag: Option<String>,
    /// The bytes of two replicas did not fit together: from now on each attempt starts over.
    pub(super) must_restart: bool,
    /// The validators of a chunk that is the whole of its URL: only a resumed body could mix versions.
    pub(super) own_validators: Validators,
    /// The whole chunk comes although a part of it is wanted, and is checked as if the whole were.
    pub(super) is_widened: bool,
    /// The time since 1970 at time zero, by the last response.
    pub(super) wall_clock: Duration,
    /// How often the decoder stopped.
    pub(super) interruptions: u32,
    /// The request of the current attempt.
    pub(super) request: Option<ReplicaRequest>,
    pub(super) hedge: Hedge,
    /// No server is asked for the view.
    is_idle: bool,
    /// It was taken from a slow host, which happens once.
    pub(super) is_rerouted: bool,
    pub(super) state: State<P>,
    pub(super) actions: Actions<P>,
}

/// What a fetch waits for.
#[derive(Debug)]
pub(super) enum State<P: Piece> {
    /// For a lookup of the replicas.
    Locating(Purpose),
    /// For a permit of the replica's host.
    Acquiring,
    /// For the token of the request.
    AwaitingToken,
    /// For the head of the response to a request that was sent at this time.
    AwaitingResponse { since: Duration },
    /// For the codec, before a body is digested that was not expected to be.
    Widening(Box<Widened<P>>),
    /// For the next piece of a body, or its end.
    ReadingBody(Box<Body<P>>),
    /// For the codec, before a key stream is removed from content of the metadata.
    Preparing,
    /// For the decoded chunk.
    Decoding,
    /// For the value of a digest.
    Digesting(Box<AfterDigest<P>>),
    /// For the bytes in gzip that the platform left as it was.
    Inflating(Box<StreamSink<P>>),
    /// For the window to drop the view, because a digest was lost.
    Restarting,
    /// For the network, after an attempt failed.
    Offline(FailedAttempt),
    /// For what a decision about a failed attempt needs.
    Recovering(FailedAttempt),
    /// For what a decision about a failed lookup needs.
    RecoveringLookup(Purpose, Error),
    /// For room in the window, without a request. A chunk manifest ends here.
    Parked,
    /// For a pause to end.
    Pausing(AfterPause),
    /// For nothing.
    Done,
}

/// A response that brings a whole chunk although a part of it is wanted.
#[derive(Debug)]
pub(super) struct Widened<P: Piece> {
    pub(super) start: ResponseStart,
    /// Where in the blob its body begins.
    pub(super) at: u64,
    pub(super) md5: [u8; 16],
    /// Its first bytes, if they are here.
    pub(super) first: Option<P>,
}

/// What the value of a digest decides.
#[derive(Debug)]
pub(super) enum AfterDigest<P: Piece> {
    /// Whether a view is what it should be. All of it has arrived.
    Complete,
    /// Whether a body was complete that broke off in this way.
    Broken { error: AttemptError, circumstance: Circumstance },
    /// Whether a body that goes on beyond the size of the chunk has brought all of it.
    Surplus(Box<Body<P>>),
    /// Whether what this body held back has this MD5, so that it is no gzip.
    Sniffed { sink: StreamSink<P>, plain: [u8; 16] },
}

/// What a lookup is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The first attempt.
    Start,
    /// A token, because the one of the last lookup is about to expire.
    Token,
    /// A token, because the server refused the one of the last lookup; then this replica.
    Renewal { replica: usize },
    /// Other replicas, because all known ones failed. `random` is for the decision if there are none.
    Relocation { random: f64 },
}

/// What follows a pause.
#[derive(Debug)]
pub(super) enum AfterPause {
    Lookup(Purpose),
    /// `is_retry`: at the same replica as before.
    Attempt {
        replica: usize,
        is_retry: bool,
    },
}

/// What events say of a failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) replica: usize,
    pub(super) host: Arc<str>,
    pub(super) reason: &'static str,
}

/// What a decision about a failed attempt needs.
#[derive(Debug)]
pub(super) struct FailedAttempt {
    /// The URL of the replica in the location.
    pub(super) name: String,
    /// The URL that was requested.
    pub(super) url: String,
    pub(super) error: AttemptError,
    /// The replica's bytes do not continue those that have arrived.
    pub(super) is_other_copy: bool,
    /// The body was too slow: what it brought renews no passes.
    pub(super) is_drip: bool,
    /// Another request was in flight at the host meanwhile.
    pub(super) was_shared: bool,
}

/// What a decision about a failure has to know beside its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circumstance {
    Online,
    /// The platform has no network.
    Offline,
    /// The replica's bytes do not continue those that have arrived.
    OtherCopy,
    /// The body was too slow to be waited for.
    Dripping,
}

impl Circumstance {
    pub(super) fn of_network(is_offline: bool) -> Self {
        if is_offline { Self::Offline } else { Self::Online }
    }
}

impl<'a, P: Piece> ViewFetch<'a, P> {
    /// Begins the fetch of a job that a window named. `locator_retries`: the locator retries by itself before it
    /// reports a failure. `is_kept`: the chunk is kept once it is here, if it fits.
    pub(crate) fn new(
        job: Job,
        flight: Flight,
        options: &'a Options,
        locator_retries: bool,
        is_kept: bool,
        cx: &Context<'_, P>,
    ) -> Self {
        let target = Target::new(job, options, is_kept);
        let mut fetch = Self {
            stream: ViewStream::new(&target),
            retry: RetryState::new(options.retry, 0, Abilities::default()),
            lookup_retry: RetryState::new(options.retry, 0, Abilities::default()),
            failure: Failure { replica: 0, host: "".into(), reason: "" },
            target,
            flight,
            options,
            locator_retries,
            replicas: Replicas::new(),
            farthest: 0,
            etag: None,
            must_restart: false,
            is_widened: false,
            wall_clock: Duration::ZERO,
            interruptions: 0,
            own_validators: Validators::default(),
            request: None,
            hedge: Hedge::default(),
            is_idle: false,
            is_rerouted: false,
            state: State::Done,
            actions: Actions::new(),
        };
        fetch.start(cx);
        fetch
    }

    /// The next thing to do. After [`Action::End`] there is none.
    pub(crate) fn next_action(&mut self) -> Option<Action<P>> {
        self.actions.pop()
    }

    /// Its body waits until the reader has room.
    pub(crate) fn park(&self) {
        self.flight.park();
    }

    /// Whether the rest of its body can be requested later: the server sends ranges, or has not been asked for one.
    pub(crate) fn may_give_back(&self) -> bool {
        let is_stream = matches!(&self.state, State::ReadingBody(body) if body.sink.is_stream());
        let is_part = self.request.as_ref().is_some_and(|request| {
            request.status == Some(206) || request.range.header.is_none() && !self.is_widened
        });
        is_stream && is_part && self.target.chunk.compression != Compression::ByServer
    }

    /// Whether it waits for room in the window, without a request.
    pub(crate) fn has_given_back(&self) -> bool {
        matches!(self.state, State::Parked)
    }

    /// Whether [`Input::Overdue`] is of interest.
    pub(crate) fn is_hedge_armed(&self) -> bool {
        self.hedge.is_armed()
    }

    /// The place of the view in the plan; a chunk manifest has none.
    pub(crate) fn index(&self) -> Option<usize> {
        self.target.index
    }

    /// What the window knows the fetch by.
    pub(crate) fn job_id(&self) -> JobId<'_> {
        self.target.job_id()
    }

    /// From now on no server is asked for the view, or one is again.
    pub(super) fn set_idle(&mut self, is_idle: bool) {
        if is_idle {
            self.flight.expect_at_most(0);
        }
        if mem::replace(&mut self.is_idle, is_idle) != is_idle {
            self.actions.update(Update::Idle(is_idle));
        }
    }

    /// Takes what happened to one of the two requests. An input that nothing waits for is ignored.
    pub(crate) fn handle(&mut self, role: Role, input: Input<P>, cx: &Context<'_, P>) {
        match (role, input) {
            (Role::Primary, Input::Overdue { .. }) => {}
            (Role::Primary, Input::Piece(piece)) => self.on_piece(piece, cx),
            (Role::Primary, input) => self.on_primary(input, cx),
            (Role::Hedge, input) => self.on_hedge(input, cx),
        }
    }

    pub(super) fn on_primary(&mut self, input: Input<P>, cx: &Context<'_, P>) {
        match (mem::replace(&mut self.state, State::Done), input) {
            (State::Locating(purpose), Input::Located(found)) => self.on_located(purpose, found, cx),
            (State::Acquiring, Input::Permit { permit, unix_time }) => self.on_permit(permit, unix_time, cx),
            (State::Acquiring, Input::Queued) => {
                self.set_idle(true);
                self.state = State::Acquiring;
            }
            (State::AwaitingToken, Input::Token(token)) => self.on_token(token, cx),
            (State::AwaitingResponse { since }, Input::Response { response, at, unix_time, is_offline }) => {
                match response {
                    Ok(start) => self.on_response(*start, since..at, unix_time, cx),
                    Err(error) => self.on_attempt_failed(error, Circumstance::of_network(is_offline), cx),
                }
            }
            (State::ReadingBody(_), Input::Parked) => self.give_back(),
            (State::ReadingBody(body), input) => self.on_body(body, input, cx),
            (State::Parked, Input::Resumed) => self.attempt_again(self.failure.replica, true, cx),
            (State::Widening(widened), Input::Prepared(prepared)) => {
                self.after_prepared(*widened, prepared.is_ok(), cx);
            }
            (State::AwaitingResponse { .. } | State::Preparing, Input::Prepared(Err(error))) => {
                self.fail_without_codec(error);
            }
            (State::Preparing, Input::Prepared(Ok(()))) => self.deliver_inline(cx),
            (State::Decoding, Input::Decoded(decoded)) => self.on_decoded(decoded, cx),
            (State::Digesting(after), Input::Digested { digest, value }) => {
                self.on_digested(*after, digest, value, cx);
            }
            (State::Inflating(sink), Input::Decoded(inflated)) => self.on_inflated(*sink, inflated, cx),
            (State::Restarting, Input::Recovered { is_restarted, .. }) => {
                self.after_restart(is_restarted, cx);
            }
            (State::Offline(failed), Input::Network(is_back)) => self.on_network(failed, is_back, cx),
            (State::Recovering(failed), Input::Recovered { is_restarted, random }) => {
                self.after_failed_attempt(failed, is_restarted, random, cx);
            }
            (State::RecoveringLookup(purpose, error), Input::Recovered { random, .. }) => {
                self.after_failed_lookup(purpose, error, random, cx);
            }
            (State::Pausing(after), Input::Timer) => self.after_pause(after, cx),
            (state, _) => self.state = state,
        }
    }
}
