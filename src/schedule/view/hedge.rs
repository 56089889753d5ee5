//! Hedging: a second request, to another replica, for a view that is overdue.
//!
//! Dean and Barroso, The Tail at Scale (CACM 56-2, 2013): a hedged request after the time that most
//! requests take costs a few per cent of requests and cuts off the tail.
//!
//! All decisions about hedges are made here and in `hedge_watch`. The pool has the numbers, because it knows the
//! hosts of all streams:
//!
//! - *When.* A view fetch says what it expects of a host ([`Expectation`]): a response, then the bytes of
//!   the body. The stream's `HedgeWatch` compares that with what the pool knows of the host
//!   (`Pool::hedge_delay`), for the views that the reader waits for, or soon will.
//! - *Whether.* A view is hedged once, at another host, if the pool's budget allows it and the host takes
//!   one more request (`choose`).
//! - *Who wins.* A hedge wins with its first byte, never with its headers alone (`wins`). Then the
//!   primary request is cancelled, and the hedge continues where that one was.
//!
//! ```text
//!  primary   request ────────────────── headers ── bytes …        ╳ cancelled
//!  expected  a response ── overdue!                               │
//!  hedge                   └ token ── request ── headers ── first byte: wins ── bytes … end
//! ```

use std::{mem, sync::Arc};

use super::{
    blob_range::BlobRange,
    body::BodyProgress,
    io::{Action, Actions, Context, Expectation, Input, ResponseStart, Role, Update},
    progress::Progress,
    replicas::{Replicas, TokenStep},
    request::ReplicaRequest,
    target::Target,
};
use crate::{
    error::Kind,
    host::{
        Piece,
        event::{Event, EventKind},
        rare,
    },
    http::url,
    schedule::options::Options,
    time::Duration,
};

/// A body that will end within this many seconds is not taken over by a hedge.
const NEAR_END: f64 = 0.02;

/// The hedge of one view.
#[derive(Debug, Default)]
pub(super) struct Hedge {
    /// A view is hedged once.
    was_sent: bool,
    /// The stream's watch has an expectation of this view.
    is_expecting: bool,
    /// In this attempt another host has the chunk, and a hedge is allowed.
    is_possible: bool,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// There is no hedge, and there will be none in this attempt.
    #[default]
    Off,
    /// There will be one when the primary request is overdue.
    Armed,
    /// It waits for the token of this request.
    AwaitingToken(ReplicaRequest),
    /// It waits for the response to this request, which was sent at `since`.
    AwaitingResponse { request: ReplicaRequest, since: Duration },
    /// It waits for the first byte of this response.
    AwaitingByte(Box<HedgeResponse>),
}

/// The response to a hedge.
#[derive(Debug)]
pub(super) struct HedgeResponse {
    pub(super) request: ReplicaRequest,
    pub(super) start: ResponseStart,
    /// When the response began, since 1970.
    pub(super) unix_time: Duration,
}

/// A hedge that brought its first byte.
#[derive(Debug)]
pub(super) struct HedgeWon<P> {
    pub(super) response: Box<HedgeResponse>,
    /// The first bytes of the body.
    pub(super) first: P,
}

/// What a hedge has to know of its view.
pub(super) struct View<'a, 'b, P: Piece> {
    pub(super) target: &'a Target,
    pub(super) options: &'a Options,
    pub(super) replicas: &'a Replicas,
    pub(super) progress: &'a Progress,
    /// The ETag of the blob that was begun.
    pub(super) etag: Option<&'a String>,
    /// The body of the primary request, if it has begun.
    pub(super) body: Option<&'a BodyProgress>,
    /// The host of the primary request.
    pub(super) primary: &'a str,
    pub(super) cx: &'a Context<'b, P>,
}

impl Hedge {
    /// An attempt begins, with a request to this host. Unless `is_allowed`, the view is not hedged.
    pub(super) fn arm(&mut self, is_allowed: bool, primary: &str, target: &Target, replicas: &Replicas) {
        let is_elsewhere = |url: &String| is_elsewhere(url, primary);
        self.is_possible = is_allowed && target.index.is_some() && replicas.urls().iter().any(is_elsewhere);
        self.stage = if self.is_possible && !self.was_sent { Stage::Armed } else { Stage::Off };
    }

    /// Expects a response, or this many bytes, of the host of the primary request, if another host could
    /// send them.
    pub(super) fn expect<P: Piece>(
        &mut self,
        host: &Arc<str>,
        bytes: Option<u64>,
        now: Duration,
        actions: &mut Actions<P>,
    ) {
        if self.is_possible && !self.was_sent {
            let expectation = Expectation { host: Arc::clone(host), since: now, bytes };
            actions.update(Update::Expect(expectation));
            self.is_expecting = true;
        }
    }

    /// Whether a hedge is sent as soon as the view is overdue.
    pub(super) fn is_armed(&self) -> bool {
        matches!(self.stage, Stage::Armed)
    }

    /// The primary request has ended.
    pub(super) fn end<P: Piece>(&mut self, actions: &mut Actions<P>) {
        if !matches!(self.stage, Stage::Off | Stage::Armed) {
            actions.push(Action::Cancel(Role::Hedge));
        }
        self.stage = Stage::Off;
        self.expect_nothing(actions);
    }

    fn expect_nothing<P: Piece>(&mut self, actions: &mut Actions<P>) {
        if std::mem::take(&mut self.is_expecting) {
            actions.update(Update::ExpectNothing);
        }
    }

    /// Takes what happened to the hedge; returns the hedge once it has won. A failure ends the hedge and does
    /// not affect the primary request.
    pub(super) fn handle<P: Piece>(
        &mut self,
        input: Input<P>,
        view: &View<'_, '_, P>,
        actions: &mut Actions<P>,
    ) -> Option<HedgeWon<P>> {
        match (mem::take(&mut self.stage), input) {
            (Stage::Armed, Input::Overdue { unix_time }) => {
                match choose(view, unix_time) {
                    Some((request, step)) => self.get_token(request, step, view, actions),
                    // Not now, but perhaps later.
                    None => {
                        self.stage = Stage::Armed;
                        let bytes = view.body.map(|_| view.progress.left());
                        self.expect(&view.primary.into(), bytes, view.cx.now, actions);
                    }
                }
            }
            (Stage::AwaitingToken(request), Input::Token(Ok(token))) => {
                self.send(request, token, view, actions);
            }
            (
                Stage::AwaitingResponse { request, since },
                Input::Response { response: Ok(start), at, unix_time, .. },
            ) => {
                request.on_response(&start, since..at, view.target, view.cx, actions);
                if start.body_start(&request.range, unix_time).is_ok() {
                    self.stage =
                        Stage::AwaitingByte(Box::new(HedgeResponse { request, start: *start, unix_time }));
                } else {
                    actions.push(Action::Cancel(Role::Hedge));
                }
            }
            (Stage::AwaitingByte(response), Input::Piece(first)) => {
                if wins(&response.start, view) {
                    return Some(HedgeWon { response, first });
                }
                actions.push(Action::Cancel(Role::Hedge));
            }
            (
                Stage::AwaitingToken(_) | Stage::AwaitingResponse { .. } | Stage::AwaitingByte(_),
                Input::Token(_)
                | Input::Response { .. }
                | Input::Prepared(_)
                | Input::BodyEnd
                | Input::BodyError { .. },
            ) => actions.push(Action::Cancel(Role::Hedge)),
            (stage, _) => self.stage = stage,
        }
        None
    }

    fn get_token<P: Piece>(
        &mut self,
        request: ReplicaRequest,
        step: TokenStep<P>,
        view: &View<'_, '_, P>,
        actions: &mut Actions<P>,
    ) {
        match step {
            TokenStep::Known(token) => self.send(request, token, view, actions),
            TokenStep::Ask(operation) => {
                actions.start(Role::Hedge, operation);
                self.stage = Stage::AwaitingToken(request);
            }
            // By the time of another lookup the primary request is likely to have ended.
            TokenStep::Relocate => {}
        }
    }

    fn send<P: Piece>(
        &mut self,
        mut request: ReplicaRequest,
        token: Option<String>,
        view: &View<'_, '_, P>,
        actions: &mut Actions<P>,
    ) {
        let View { target, progress, cx, .. } = view;
        request.range = BlobRange::new(&target.chunk, &target.view, target.mode, progress.hedge_at());
        self.was_sent = true;
        self.expect_nothing(actions);
        let event = target.host_event(EventKind::Hedge, &request.host);
        actions.report(Event { reason: Some(Kind::Timeout.code()), ..event });
        request.send(Role::Hedge, token, None, target, actions);
        self.stage = Stage::AwaitingResponse { request, since: cx.now };
    }
}

/// Whether a hedge that brought its first byte takes over: its bytes continue those that have arrived, and the
/// primary request is not about to end.
fn wins<P: Piece>(start: &ResponseStart, view: &View<'_, '_, P>) -> bool {
    let View { target, progress, etag, body, cx, .. } = view;
    let is_fit = !progress.has_begun() || start.is_same_copy(*etag);
    is_fit && !body.is_some_and(|body| body.is_near_end(target.chunk.size, NEAR_END, cx.now))
}

/// The replica at another host that will deliver soonest, if it may be asked now, and how to get a token
/// for it.
fn choose<P: Piece>(view: &View<'_, '_, P>, unix_time: Duration) -> Option<(ReplicaRequest, TokenStep<P>)> {
    let View { target, options, replicas, cx, .. } = view;
    let is_elsewhere = |url: &&String| is_elsewhere(url, view.primary);
    let mut urls: Vec<_> = replicas.urls().iter().filter(is_elsewhere).cloned().collect();
    cx.pool.rank(&mut urls, target.chunk.size, false, cx.now);
    let name = urls.into_iter().next()?;
    let replica = replicas.urls().iter().position(|url| *url == name)?;
    let at = match target.chunk.stored {
        Some(_) => rare::call(|| cx.validators.at(&name)),
        None => name.clone(),
    };
    let host: Arc<str> = url::host(&at).unwrap_or_default().into();
    let permit = cx.pool.try_acquire(&host, options.per_host)?;
    if !cx.pool.take_hedge_token() {
        return None;
    }
    let step = replicas.hedge_token_step(&target.chunk.source, &at, unix_time);
    let mut request = ReplicaRequest::new(replica, name, at, host);
    request.permit = Some(permit);
    Some((request, step))
}

fn is_elsewhere(url: &str, host: &str) -> bool {
    url::host_key(url::host(url).unwrap_or_default()) != url::host_key(host)
}
