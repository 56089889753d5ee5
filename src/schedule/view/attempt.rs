//! The steps of an attempt up to its request: lookup, permit, token; and the end of a fetch.
//!
//! Each step leads to the next one or to the end of the fetch. `response` has the steps that follow, and `recovery` what
//! follows a failure.

use std::{mem, sync::Arc};

use super::{
    blob_range::BlobRange,
    fetch::{Purpose, State, ViewFetch},
    hedge::{self, HedgeResponse, HedgeWon},
    io::{Action, Context, Input, Operation, Role, Update},
    replicas::{Replicas, TokenStep},
    request::ReplicaRequest,
    stream::{decrypted_all, deliver_view},
    target::{BodyMode, Target},
};
use crate::{
    error::{Error, Kind},
    host::{Piece, event::EventKind},
    http::url,
    model::{chunk::Source, location::Location},
    schedule::{
        pool::Permit,
        retry::{Abilities, RetryState},
        validators::Validators,
    },
    time::Duration,
};

/// A slow body with no more than this to come is waited for.
const NEARLY_ALL: u64 = 16 << 10;

impl<P: Piece> ViewFetch<'_, P> {
    /// Begins the fetch.
    pub(super) fn start(&mut self, cx: &Context<'_, P>) {
        self.report(EventKind::Queue);
        if let Source::Inline(_) = self.target.chunk.source {
            if self.target.chunk.ctr.is_none() {
                return self.deliver_inline(cx);
            }
            self.actions.start(Role::Primary, Operation::Prepare);
            self.state = State::Preparing;
            return;
        }
        let (size, max) = (self.target.chunk.size, cx.pool.max_chunk_bytes());
        if self.target.mode == BodyMode::Buffer && size > max {
            let message = format!("the chunk has {size} bytes, and at most {max} are decoded in memory");
            return self.fail(Error::new(Kind::Limit, message).of_chunk(self.target.name()));
        }
        self.locate(Purpose::Start, false, cx);
    }

    /// Hands on content of the metadata.
    pub(super) fn deliver_inline(&mut self, cx: &Context<'_, P>) {
        let Target { chunk, view, .. } = &self.target;
        let Source::Inline(bytes) = &chunk.source else { return };
        let pieces = decrypted_all(chunk, vec![(cx.piece)(bytes)], cx);
        deliver_view(view, pieces, &mut self.actions);
        self.end(Some(0));
    }

    /// Looks up the replicas. `refresh`: the known location does not work.
    pub(super) fn locate(&mut self, purpose: Purpose, refresh: bool, cx: &Context<'_, P>) {
        self.lookup_retry = RetryState::new(self.options.retry, 1, Abilities::default());
        match Replicas::known(&self.target.chunk.source) {
            Some(location) => {
                let usable = Replicas::usable(location, &self.target, cx);
                self.after_lookup(purpose, usable, cx);
            }
            None => self.ask_locator(purpose, refresh),
        }
    }

    pub(super) fn ask_locator(&mut self, purpose: Purpose, refresh: bool) {
        let Source::FileId(file_id) = &self.target.chunk.source else { return };
        let stale = refresh.then_some(self.replicas.located_at());
        let is_unreachable = self.retry.is_unreachable();
        let operation = Operation::Locate { file_id: Arc::clone(file_id), stale, is_unreachable };
        self.actions.start(Role::Primary, operation);
        self.state = State::Locating(purpose);
    }

    pub(super) fn on_located(
        &mut self,
        purpose: Purpose,
        found: Result<Location, Error>,
        cx: &Context<'_, P>,
    ) {
        match found.and_then(|location| Replicas::usable(location, &self.target, cx)) {
            Ok(location) => {
                self.replicas.set_located_at(cx.now);
                self.after_lookup(purpose, Ok(location), cx);
            }
            Err(error) => self.on_lookup_failed(purpose, error.of_chunk(self.target.name())),
        }
    }

    /// A lookup for this purpose has ended for good.
    pub(super) fn after_lookup(
        &mut self,
        purpose: Purpose,
        found: Result<Location, Error>,
        cx: &Context<'_, P>,
    ) {
        match (purpose, found) {
            (Purpose::Start, Ok(location)) => self.begin(location, cx),
            (Purpose::Token, Ok(location)) => self.send(location.token, cx),
            (Purpose::Renewal { replica }, Ok(location)) => self.after_renewal(replica, location, cx),
            (Purpose::Relocation { random }, found) => self.after_relocation(random, found, cx),
            (_, Err(error)) => self.fail(error),
        }
    }

    /// The replicas are known: begins the first attempt.
    fn begin(&mut self, location: Location, cx: &Context<'_, P>) {
        let is_file_id = matches!(self.target.chunk.source, Source::FileId(_));
        let is_filer = matches!(self.target.chunk.source, Source::Filer(_));
        // Only a filer's chunks have a locator to be asked again, and only they and its files have tokens.
        let abilities = Abilities { refresh_token: is_file_id || is_filer, relookup: is_file_id };
        self.retry = RetryState::new(self.options.retry, location.urls.len(), abilities);
        self.replicas.replace(location);
        self.attempt(0, cx);
    }

    /// Begins an attempt at a replica.
    pub(super) fn attempt(&mut self, replica: usize, cx: &Context<'_, P>) {
        let name = self.replicas.url(replica).to_owned();
        let at = self.validators(cx).at(&name);
        let host: Arc<str> = url::host(&at).unwrap_or_default().into();
        self.actions.start(Role::Primary, Operation::Acquire(Arc::clone(&host)));
        self.request = Some(ReplicaRequest::new(replica, name, at, host));
        self.state = State::Acquiring;
    }

    /// Gets the token. It is requested only now, right before the request, because tokens live for seconds.
    pub(super) fn on_permit(&mut self, permit: Permit, unix_time: Duration, cx: &Context<'_, P>) {
        self.set_idle(false);
        let Some(request) = &mut self.request else { return };
        request.permit = Some(permit);
        match self.replicas.token_step(&self.target.chunk.source, &request.url, unix_time) {
            TokenStep::Known(token) => self.send(token, cx),
            TokenStep::Relocate => self.locate(Purpose::Token, true, cx),
            TokenStep::Ask(operation) => {
                self.actions.start(Role::Primary, operation);
                self.state = State::AwaitingToken;
            }
        }
    }

    pub(super) fn on_token(&mut self, token: Result<Option<String>, Error>, cx: &Context<'_, P>) {
        match token {
            Ok(token) => self.send(token, cx),
            Err(error) => self.fail(error.of_chunk(self.target.name())),
        }
    }

    /// Sends the request.
    pub(super) fn send(&mut self, token: Option<String>, cx: &Context<'_, P>) {
        self.replicas.set_token_at(cx.now);
        let from = self.stream.progress.resume_at();
        let range = BlobRange::new(&self.target.chunk, &self.target.view, self.target.mode, from);
        let Some(request) = &mut self.request else { return };
        request.range = range;
        self.flight.ask(&request.host, range.expected_len(self.target.chunk.size), cx.now);
        let part = request.part(&self.target, self.options.verify, cx);
        let waits = part.as_ref().is_some_and(|part| part.waits);
        let is_possible = self.options.hedge && !self.must_restart && !waits;
        self.hedge.arm(is_possible, &request.host, &self.target, &self.replicas);
        self.hedge.expect(&request.host, None, cx.now, &mut self.actions);
        request.send(Role::Primary, token, part, &self.target, &mut self.actions);
        self.state = State::AwaitingResponse { since: cx.now };
    }

    /// Something happened to the hedge.
    pub(super) fn on_hedge(&mut self, input: Input<P>, cx: &Context<'_, P>) {
        if matches!(input, Input::Overdue { .. }) && self.reroute(cx) {
            return;
        }
        let Some(request) = &self.request else { return };
        let body = match &self.state {
            State::ReadingBody(body) => Some(&body.progress),
            _ => None,
        };
        let view = hedge::View {
            target: &self.target,
            options: self.options,
            replicas: &self.replicas,
            progress: &self.stream.progress,
            etag: self.etag.as_ref(),
            body,
            primary: &request.host,
            cx,
        };
        if let Some(won) = self.hedge.handle(input, &view, &mut self.actions) {
            self.on_hedge_won(won, cx);
        }
    }

    /// The host is known to be slow: the request is cancelled, and another replica is asked for what is missing.
    fn reroute(&mut self, cx: &Context<'_, P>) -> bool {
        let is_worth_it = match &self.state {
            State::AwaitingResponse { .. } => true,
            // What was kept of a body would be lost.
            State::ReadingBody(body) => {
                let (size, count) = (self.target.chunk.size, body.progress.count());
                body.sink.is_stream() && self.stream.progress.left() > NEARLY_ALL || count * 2 < size
            }
            _ => false,
        };
        let Some(host) = self.request.as_ref().map(|request| Arc::clone(&request.host)) else { return false };
        if !is_worth_it || self.is_rerouted {
            return false;
        }
        let bytes = self.target.view.len();
        let Some(replica) = cx.pool.reroute(&host, self.replicas.urls(), bytes, cx.now) else { return false };
        self.is_rerouted = true;
        self.actions.push(Action::Cancel(Role::Primary));
        self.drop_request("slow");
        self.narrow();
        self.attempt_again(replica, false, cx);
        true
    }

    /// The hedge becomes the primary request.
    fn on_hedge_won(&mut self, won: HedgeWon<P>, cx: &Context<'_, P>) {
        let HedgeWon { response, first } = won;
        let HedgeResponse { request, start, unix_time } = *response;
        self.actions.push(Action::Promote);
        self.flight.answer(&request.host, cx.now);
        self.request = Some(request);
        self.narrow();
        self.begin_body(start, unix_time, cx);
        self.on_piece(first, cx);
    }

    /// The validators that the responses for this chunk have to match: those of the file if chunks share a URL.
    pub(super) fn validators<'c>(&'c self, cx: &'c Context<'_, P>) -> &'c Validators {
        if self.target.chunk.stored.is_some() { cx.validators } else { &self.own_validators }
    }

    /// Closes the body of the primary request, returns its permit, and ends its hedge.
    pub(super) fn close_request(&mut self) {
        self.flight.expect_at_most(0);
        if let Some(request) = &mut self.request {
            if mem::take(&mut request.is_open) {
                self.actions.push(Action::Cancel(Role::Primary));
            }
            // Decoding may take long, and the host can serve another request meanwhile.
            request.permit = None;
        }
        self.hedge.end(&mut self.actions);
    }

    /// The view is complete.
    pub(super) fn end(&mut self, holds: Option<u64>) {
        if self.target.index.is_some() {
            self.actions.update(Update::Finish(holds));
        }
        self.actions.push(Action::End(Ok(())));
        self.state = State::Done;
    }

    /// The view cannot be had.
    pub(super) fn fail(&mut self, error: Error) {
        self.request = None;
        self.actions.push(Action::End(Err(error)));
        self.state = State::Done;
    }

    pub(super) fn report(&mut self, kind: EventKind) {
        let event = self.target.event(kind);
        self.actions.report(event);
    }
}
