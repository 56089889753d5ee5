//! The steps of an attempt from its response on: head and body.
//!
//! Each step leads to the next one, or to a failure, which `recovery` handles. After the body comes `verification`.
//!
//! A response may bring the whole chunk although a part of it is wanted: the server compresses it, or ignores `Range`.
//! If its MD5 is known, the view is widened: the chunk is read and checked as if the whole were wanted, until the
//! attempt ends.

use std::{mem, ops::Range, sync::Arc};

use super::{
    blob_range::BlobRange,
    body::{Body, BodyProgress, BodySink, Flow},
    fetch::{AfterDigest, Circumstance, State, ViewFetch, Widened},
    io::{Action, Context, Input, Operation, ResponseStart, Role, Update},
    request::ReplicaRequest,
    stream::Completeness,
    target::BodyMode,
    transit,
};
use crate::{
    error::Kind,
    host::{
        Piece,
        event::{Event, EventKind},
        rare,
    },
    model::chunk::Source,
    schedule::{idle_timer::IdleTimer, options::Verify, pace::Speed, retry::AttemptError, validators::Seen},
    time::Duration,
};

impl<P: Piece> ViewFetch<'_, P> {
    /// The head of the response has arrived. `time`: when the request was sent, and when the head arrived.
    pub(super) fn on_response(
        &mut self,
        start: ResponseStart,
        time: Range<Duration>,
        unix_time: Duration,
        cx: &Context<'_, P>,
    ) {
        if let Some(request) = &self.request {
            request.on_response(&start, time, &self.target, cx, &mut self.actions);
            self.flight.answer(&request.host, cx.now);
            self.begin_body(start, unix_time, cx);
        }
    }

    /// Checks the head of a response, then reads its body.
    pub(super) fn begin_body(&mut self, start: ResponseStart, unix_time: Duration, cx: &Context<'_, P>) {
        self.wall_clock = unix_time.saturating_sub(cx.now);
        let Some(request) = &mut self.request else { return };
        (request.status, request.is_open) = (Some(start.status), true);
        let host = Arc::clone(&request.host);
        let digested = self.stream.progress.digested();
        if start.status == 416 && digested.is_some_and(|digested| digested >= self.target.chunk.size) {
            // No byte follows those that have arrived.
            self.close_request();
            return self.check_stream(cx);
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
        let is_whole = start.status == 200 && self.request.as_ref().is_some_and(|it| at <= it.range.base);
        match self.target.md5_of_whole(self.options.verify).filter(|_| is_whole) {
            Some(md5) if self.target.needs_codec() => {
                self.widen(md5);
                self.read_body(start, at, cx);
            }
            Some(md5) => {
                self.actions.start(Role::Primary, Operation::Prepare);
                self.state = State::Widening(Box::new(Widened { start, at, md5, first: None }));
            }
            None => self.read_body(start, at, cx),
        }
    }

    /// The codec is there, or cannot be had: then the part is read as if only the part had come.
    pub(super) fn after_prepared(&mut self, widened: Widened<P>, is_there: bool, cx: &Context<'_, P>) {
        let Widened { start, at, md5, first } = widened;
        if is_there {
            self.widen(md5);
        }
        self.read_body(start, at, cx);
        if let Some(first) = first {
            self.on_piece(first, cx);
        }
    }

    /// From now on the whole chunk is read and checked.
    fn widen(&mut self, md5: [u8; 16]) {
        let Some(request) = &mut self.request else { return };
        request.range = request.range.of_whole(&self.target.chunk);
        self.target.mode = BodyMode::Stream { has_checksum: true };
        self.stream.begin_checksum(md5);
        self.is_widened = true;
    }

    /// The whole chunk comes no more: the part of it is read without its checksum, as before.
    pub(super) fn narrow(&mut self) {
        if mem::take(&mut self.is_widened) {
            self.target.mode = BodyMode::Stream { has_checksum: false };
            self.stream.end_checksum();
        }
    }

    /// Reads the body of a response, which begins at byte `at` of the blob.
    fn read_body(&mut self, start: ResponseStart, at: u64, cx: &Context<'_, P>) {
        let Some(ReplicaRequest { range, .. }) = self.request else { return };
        self.stream.is_exact = start.status == 206 && range.end.is_some();
        let is_whole = range.header.is_none() || self.is_widened;
        // What is compressed is shorter than the chunk.
        if let Some(len) = start.headers.content_length {
            self.flight.expect_at_most(len);
        }
        let of_server = transit::checksum(&self.target.chunk, &start, is_whole);
        self.stream.begin(of_server.filter(|_| self.options.verify == Verify::Transit), cx);
        let idle = self.options.timeout.idle;
        let progress = BodyProgress::new(at, idle, cx.pool.traffic(), cx.now);
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
            let at = at?;
            start.check_length(range, self.target.chunk.size)?;
            return Ok(at);
        }
        rare::call(|| self.check_version(name, *range, start, at, cx))
    }

    /// Compares the head of a response with the earlier ones of its URL.
    fn check_version(
        &self,
        name: &str,
        range: BlobRange,
        start: &ResponseStart,
        at: Result<u64, AttemptError>,
        cx: &Context<'_, P>,
    ) -> Result<u64, AttemptError> {
        let validators = self.validators(cx);
        let at = at.map_err(|error| validators.refused(name, start.status, range.start).unwrap_or(error))?;
        // A filer's token must not be sent to another server, so redirects of a filer are not remembered.
        let may_move = matches!(self.target.chunk.source, Source::Urls(_));
        let moved = start.url.as_deref().filter(|_| may_move);
        let seen = Seen { range: range.header, status: start.status, headers: &start.headers, at: moved };
        validators.check(name, seen)?;
        start.check_length(&range, self.target.chunk.size)?;
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
        if let State::Widening(widened) = &mut self.state {
            widened.first = Some(piece);
            return;
        }
        let (State::ReadingBody(body), Some(request)) = (&mut self.state, &self.request) else { return };
        let progress = &mut body.progress;
        let len = piece.len() as u64;
        if progress.count() == 0 {
            let event = self.target.host_event(EventKind::FirstByte, &request.host);
            self.actions.report(event);
        }
        let at = progress.on_piece(len, cx.now);
        if progress.is_news(cx.now) {
            cx.pool.on_served(&request.host, cx.now);
        }
        let event = self.target.host_event(EventKind::Body, &request.host);
        self.actions.report(Event { bytes: Some(len), ..event });
        cx.pool.on_bytes(&self.flight, len, cx.now);
        let speed = match progress.pace.on_bytes(len, cx.now) {
            true => progress.pace.judge(cx.pool.traffic(), cx.now),
            false => Speed::Fine,
        };
        self.take(piece, at, cx);
        match speed {
            Speed::Fine => {}
            Speed::Outrun => self.on_outrun(cx),
            Speed::Drip => self.on_drip(cx),
        }
    }

    /// The body is much slower than others: another replica is asked too, if a hedge is allowed.
    fn on_outrun(&mut self, cx: &Context<'_, P>) {
        if self.hedge.is_armed() && matches!(self.state, State::ReadingBody(_)) {
            self.on_hedge(Input::Overdue { unix_time: self.wall_clock.saturating_add(cx.now) }, cx);
        }
    }

    /// The body is too slow to be waited for.
    fn on_drip(&mut self, cx: &Context<'_, P>) {
        match mem::replace(&mut self.state, State::Done) {
            State::ReadingBody(body) => {
                let error = AttemptError::new(Kind::Timeout, "the body brings less than 1 KiB a second");
                self.on_body_broken(body.sink, error, Circumstance::Dripping, cx);
            }
            state => self.state = state,
        }
    }

    /// Takes a piece of the body that starts at byte `at` of the blob.
    fn take(&mut self, piece: P, at: u64, cx: &Context<'_, P>) {
        let State::ReadingBody(body) = &mut self.state else { return };
        let taken = match &mut body.sink {
            BodySink::Stream(sink) => sink.take(piece, &self.target, &mut self.stream, &mut self.actions, cx),
            BodySink::Buffer(sink) => sink.take(piece, at, &self.target, cx),
        };
        match taken {
            Ok(Flow::More) => {}
            Ok(Flow::Enough) => self.on_primary(Input::BodyEnd, cx),
            Ok(Flow::Check) => self.check_surplus(),
            Ok(Flow::NoRoom) => {
                self.give_back();
                self.set_idle(true);
            }
            Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
        }
    }

    /// The body goes on beyond the size of the chunk: computes the digest of the bytes up to there.
    fn check_surplus(&mut self) {
        if let State::ReadingBody(body) = mem::replace(&mut self.state, State::Done)
            && let Some(digest) = self.stream.take_digest()
        {
            // Without the digest no hedge could go on.
            self.hedge.end(&mut self.actions);
            self.compute(digest, AfterDigest::Surplus(body));
        }
    }

    /// The digest of the bytes up to the size of the chunk is computed: `is_right` ends the view. If not, more bytes
    /// belong to the chunk, as after a truncation, or it is damaged.
    pub(super) fn after_surplus(&mut self, mut body: Box<Body<P>>, is_right: bool, cx: &Context<'_, P>) {
        if is_right {
            self.count_body(&body.progress, cx);
            self.close_request();
            return self.end_stream(cx);
        }
        let idle = self.options.timeout.idle;
        body.progress.idle = IdleTimer::new(idle, cx.now);
        body.progress.pace.restart(cx.pool.traffic(), cx.now);
        self.actions.push(Action::SetTimer(idle));
        let surplus = match &mut body.sink {
            BodySink::Stream(sink) => sink.take_surplus(),
            BodySink::Buffer(_) => None,
        };
        self.state = State::ReadingBody(body);
        if let Some(surplus) = surplus {
            self.take(surplus, 0, cx);
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
            Input::Resumed => {
                self.flight.resume(cx.now);
                body.progress.idle.on_progress(cx.now);
                body.progress.pace.restart(cx.pool.traffic(), cx.now);
            }
            _ => {}
        }
        self.state = State::ReadingBody(body);
    }

    /// A body ended, or no more of it is needed.
    fn on_body_end(&mut self, Body { progress, sink }: Body<P>, cx: &Context<'_, P>) {
        self.count_body(&progress, cx);
        self.on_body_complete(sink, cx);
    }

    fn count_body(&self, progress: &BodyProgress, cx: &Context<'_, P>) {
        if let Some(ReplicaRequest { host, .. }) = &self.request {
            cx.pool.on_complete(host, progress.count(), progress.time(cx.now), cx.now);
        }
    }

    /// A body broke off. If all needed bytes have arrived, that does not matter.
    fn on_body_broken(
        &mut self,
        sink: BodySink<P>,
        error: AttemptError,
        circumstance: Circumstance,
        cx: &Context<'_, P>,
    ) {
        let completeness = match &sink {
            BodySink::Stream(stream) => stream.completeness(&self.stream),
            BodySink::Buffer(_) => Completeness::Incomplete,
        };
        match completeness {
            Completeness::Incomplete => self.on_attempt_failed(error, circumstance, cx),
            Completeness::CompleteIfMatching => {
                self.close_request();
                self.digest_stream(AfterDigest::Broken { error, circumstance }, cx);
            }
            Completeness::Complete => self.on_body_complete(sink, cx),
        }
    }

    /// A body has no more bytes, or no more are needed.
    fn on_body_complete(&mut self, sink: BodySink<P>, cx: &Context<'_, P>) {
        self.close_request();
        match sink {
            BodySink::Stream(sink) => self.on_stream_end(sink, cx),
            BodySink::Buffer(sink) => match sink.check() {
                Ok(()) => self.decode(sink),
                Err(error) => self.on_attempt_failed(error, Circumstance::Online, cx),
            },
        }
    }
}
