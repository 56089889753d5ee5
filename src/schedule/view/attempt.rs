//! The steps of an attempt: lookup, permit, token, request, response, body, decoding.
//!
//! Each step leads to the next one, to the end of the fetch, or to a failure, which `recovery` handles.

use std::{mem, sync::Arc, time::Duration};

use super::{
    blob_range::BlobRange,
    body::{Body, BodyProgress, BodySink, BufferSink, Flow},
    decoding,
    fetch::{Circumstance, Purpose, State, ViewFetch},
    hedge::{self, HedgeResponse, HedgeWon},
    io::{Action, Context, Input, Operation, ResponseStart, Role, Update},
    replicas::{Replicas, TokenStep},
    request::ReplicaRequest,
    stream::deliver_view,
    target::BodyMode,
};
use crate::{
    decode::MAX_CHUNK_BYTES,
    error::{Error, Kind},
    host::{
        DecodeError, Piece,
        event::{Event, EventKind},
    },
    http::url,
    model::{chunk::Source, location::Location},
    schedule::{
        pool::Permit,
        retry::{Abilities, AttemptError, RetryState},
        validators::{Seen, Validators},
    },
};

impl<P: Piece> ViewFetch<'_, P> {
    /// Begins the fetch.
    pub(super) fn start(&mut self, cx: &Context<'_, P>) {
        self.report(EventKind::Queue);
        if let Source::Inline(bytes) = &self.target.chunk.source {
            let piece = (cx.piece)(bytes);
            deliver_view(&self.target.chunk, &self.target.view, vec![piece], &mut self.actions);
            return self.end(Some(0));
        }
        let size = self.target.chunk.size;
        if self.target.mode == BodyMode::Buffer && size > MAX_CHUNK_BYTES {
            let message =
                format!("the chunk has {size} bytes, and at most {MAX_CHUNK_BYTES} are decoded in memory");
            return self.fail(Error::new(Kind::Limit, message).of_chunk(self.target.name()));
        }
        self.locate(Purpose::Start, false, cx);
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
        let operation = Operation::Locate { file_id: Arc::clone(file_id), stale };
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
        let is_possible = self.options.hedge && !self.must_restart;
        self.hedge.arm(is_possible, &request.host, &self.target, &self.replicas);
        self.hedge.expect(&request.host, None, cx.now, &mut self.actions);
        request.send(Role::Primary, token, &self.target, &mut self.actions);
        self.state = State::AwaitingResponse { since: cx.now };
    }

    /// The head of the response has arrived.
    pub(super) fn on_response(
        &mut self,
        start: ResponseStart,
        since: Duration,
        unix_time: Duration,
        cx: &Context<'_, P>,
    ) {
        if let Some(request) = &self.request {
            request.on_response(start.status, since, &self.target, cx, &mut self.actions);
            self.begin_body(start, unix_time, cx);
        }
    }

    /// Checks the head of a response, then reads its body.
    fn begin_body(&mut self, start: ResponseStart, unix_time: Duration, cx: &Context<'_, P>) {
        let Some(request) = &mut self.request else { return };
        (request.status, request.is_open) = (Some(start.status), true);
        let (range, host) = (request.range, Arc::clone(&request.host));
        let digested = self.stream.progress.digested();
        if start.status == 416 && digested.is_some_and(|digested| digested >= self.target.chunk.size) {
            // No byte follows those that have arrived.
            self.close_request();
            let finished = self.stream.finish(&mut self.actions);
            return self.on_stream_finished(finished, cx);
        }
        if self.target.index.is_some() {
            self.actions.update(Update::Begin);
        }
        let at = match self.check_head(&start, unix_time, cx) {
            Ok(at) => at,
            Err(error) => return self.on_attempt_failed(error, Circumstance::Online, cx),
        };
        if !self.continues_copy(&start) {
            let error =
                AttemptError::new(Kind::Range, "the replica has another copy than the one that was begun");
            return self.on_attempt_failed(error, Circumstance::OtherCopy, cx);
        }
        let bytes = Some(self.stream.progress.left());
        self.hedge.expect(&host, bytes, cx.now, &mut self.actions);
        let idle = self.options.timeout.idle;
        let progress = BodyProgress::new(at, idle, cx.now);
        let sink = BodySink::new(&self.target, range, start.status, start.headers, at);
        self.actions.push(Action::SetTimer(idle));
        self.state = State::ReadingBody(Box::new(Body { progress, sink }));
    }

    /// Where in the blob the body begins, if the response fits the request and is of the version that is
    /// read.
    fn check_head(
        &self,
        start: &ResponseStart,
        unix_time: Duration,
        cx: &Context<'_, P>,
    ) -> Result<u64, AttemptError> {
        let Some(ReplicaRequest { name, range, .. }) = &self.request else {
            return Err(AttemptError::new(Kind::Internal, "there is no request"));
        };
        let at = start.body_start(range, unix_time);
        // The bytes of a file id never change: a replica that differs is faulty.
        if let Source::FileId(_) = self.target.chunk.source {
            return at;
        }
        let validators = self.validators(cx);
        let at = at.map_err(|error| validators.refused(name, start.status, range.start).unwrap_or(error))?;
        // A filer's token must not be sent to another server, so redirects of a filer are not remembered.
        let may_move = matches!(self.target.chunk.source, Source::Urls(_));
        let moved = start.url.as_deref().filter(|_| may_move);
        let seen = Seen { range: range.header, status: start.status, headers: &start.headers, at: moved };
        validators.check(name, seen)?;
        Ok(at)
    }

    /// Whether a response continues the blob that was begun: bytes that follow those of another replica
    /// must be of the same stored blob.
    fn continues_copy(&mut self, start: &ResponseStart) -> bool {
        if self.stream.progress.has_begun() {
            return start.is_same_copy(self.etag.as_ref());
        }
        self.etag.clone_from(&start.headers.etag);
        true
    }

    /// The next bytes of the body.
    pub(super) fn on_piece(&mut self, piece: P, cx: &Context<'_, P>) {
        let (State::ReadingBody(body), Some(request)) = (&mut self.state, &self.request) else { return };
        let Body { progress, sink } = &mut **body;
        let len = piece.len() as u64;
        if progress.count() == 0 {
            let event = self.target.host_event(EventKind::FirstByte, &request.host);
            self.actions.report(event);
        }
        let at = progress.on_piece(len, cx.now);
        let event = self.target.host_event(EventKind::Body, &request.host);
        self.actions.report(Event { bytes: Some(len), ..event });
        cx.pool.on_bytes(len, cx.now);
        let taken = match sink {
            BodySink::Stream(sink) => sink.take(piece, &self.target, &mut self.stream, &mut self.actions),
            BodySink::Buffer(sink) => sink.take(piece, at, &mut self.actions),
        };
        match taken {
            Ok(Flow::More) => {}
            Ok(Flow::Enough) => self.on_primary(Input::BodyEnd, cx),
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    /// Handles the inputs of a body other than its pieces.
    pub(super) fn on_body(&mut self, mut body: Box<Body<P>>, input: Input<P>, cx: &Context<'_, P>) {
        match input {
            Input::BodyEnd => return self.on_body_end(*body, cx),
            Input::BodyError { error, is_offline } => {
                return self.on_body_broken(
                    body.sink,
                    error.into(),
                    Circumstance::of_network(is_offline),
                    cx,
                );
            }
            Input::Timer => match body.progress.idle.on_fire(cx.now) {
                Some(more) => self.actions.push(Action::SetTimer(more)),
                None => {
                    let error = AttemptError::new(Kind::Timeout, "the body stalled");
                    return self.on_body_broken(body.sink, error, Circumstance::Online, cx);
                }
            },
            Input::Resumed => body.progress.idle.on_progress(cx.now),
            _ => {}
        }
        self.state = State::ReadingBody(body);
    }

    /// A body ended, or no more of it is needed.
    fn on_body_end(&mut self, Body { progress, sink }: Body<P>, cx: &Context<'_, P>) {
        if let Some(ReplicaRequest { host, .. }) = &self.request {
            cx.pool.on_complete(host, progress.count(), progress.time(cx.now), cx.now);
        }
        self.on_body_complete(sink, cx);
    }

    /// A body broke off. If all needed bytes have arrived, that does not matter.
    fn on_body_broken(
        &mut self,
        sink: BodySink<P>,
        error: AttemptError,
        circumstance: Circumstance,
        cx: &Context<'_, P>,
    ) {
        match sink {
            BodySink::Stream(stream) if stream.has_all(&self.stream) => {
                self.on_body_complete(BodySink::Stream(stream), cx);
            }
            _ => self.on_attempt_failed(error, circumstance, cx),
        }
    }

    /// A body has no more bytes, or no more are needed.
    fn on_body_complete(&mut self, sink: BodySink<P>, cx: &Context<'_, P>) {
        self.close_request();
        match sink {
            BodySink::Stream(sink) => {
                let finished = sink.finish(&self.target, &mut self.stream, &mut self.actions, cx.piece);
                self.on_stream_finished(finished, cx);
            }
            BodySink::Buffer(sink) => match sink.check() {
                Ok(()) => self.decode(sink),
                Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
            },
        }
    }

    fn on_stream_finished(&mut self, finished: Result<(), AttemptError>, cx: &Context<'_, P>) {
        match finished {
            Ok(()) => {
                cx.failures.reset();
                self.end(None);
            }
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    fn decode(&mut self, sink: BufferSink<P>) {
        let BufferSink { stored, headers, .. } = sink;
        let params = decoding::params(&self.target, self.options.verify, &stored, &headers);
        self.actions.update(Update::Decoding(true));
        self.actions.start(Role::Primary, Operation::Decode { stored, params });
        self.state = State::Decoding;
    }

    pub(super) fn on_decoded(&mut self, decoded: Result<Vec<P>, DecodeError>, cx: &Context<'_, P>) {
        self.actions.update(Update::Decoding(false));
        match decoded.map_err(AttemptError::from).and_then(|pieces| self.accept(pieces)) {
            Ok(()) => cx.failures.reset(),
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    /// Hands on decoded bytes, if they are those of the chunk.
    fn accept(&mut self, pieces: Vec<P>) -> Result<(), AttemptError> {
        let event = self.target.event(EventKind::Decoded);
        let bytes = Some(decoding::len_of(&pieces));
        self.actions.report(Event { bytes, ..event });
        decoding::check(&self.target, self.options.verify, &pieces)?;
        if self.target.mode == BodyMode::Manifest {
            let chunks = decoding::manifest(&self.target.chunk, &pieces)?;
            self.actions.update(Update::Learn(chunks));
            self.end(None);
        } else {
            let holds = deliver_view(&self.target.chunk, &self.target.view, pieces, &mut self.actions);
            self.end(Some(holds));
        }
        Ok(())
    }

    /// Something happened to the hedge.
    pub(super) fn on_hedge(&mut self, input: Input<P>, cx: &Context<'_, P>) {
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

    /// The hedge becomes the primary request.
    fn on_hedge_won(&mut self, won: HedgeWon<P>, cx: &Context<'_, P>) {
        let HedgeWon { response, first } = won;
        let HedgeResponse { request, start, unix_time } = *response;
        self.actions.push(Action::Promote);
        self.request = Some(request);
        self.begin_body(start, unix_time, cx);
        self.on_piece(first, cx);
    }

    /// The validators that the responses for this chunk have to match: those of the file if chunks share a URL.
    pub(super) fn validators<'c>(&'c self, cx: &'c Context<'_, P>) -> &'c Validators {
        if self.target.chunk.stored.is_some() { cx.validators } else { &self.own_validators }
    }

    /// Closes the body of the primary request, and ends its hedge.
    pub(super) fn close_request(&mut self) {
        if self.request.as_mut().is_some_and(|request| mem::take(&mut request.is_open)) {
            self.actions.push(Action::Cancel(Role::Primary));
        }
        self.hedge.end(&mut self.actions);
    }

    /// The view is complete.
    fn end(&mut self, holds: Option<u64>) {
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
