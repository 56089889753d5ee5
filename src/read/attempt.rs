//! One request, watched until its body has come by.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{Either, OptionFuture},
};

use super::{
    doubt::Doubt,
    flight::Flight,
    lane::{Lane, Wanted},
    shared::Shared,
};
use crate::{
    decode::{GCM_OVERHEAD, max_output},
    error::Kind,
    fetch::{timeout::within, validators::Seen},
    host::{
        FetchError, Host, Piece, Request, Response,
        event::{Event, EventKind},
    },
    http::{content_range, headers::Headers},
    model::{chunk::Source, location::Location},
    schedule::{idle_timer::IdleTimer, pool::Permit, retry::AttemptError},
};

/// A server that ignores `Range` sends the whole blob: so many bytes before the wanted ones are
/// worth skipping.
const MAX_SKIP: u64 = 64 << 20;

/// The replica that is asked, and the turn at its host.
pub(super) struct Leg {
    /// Its place in the location.
    pub(super) replica: usize,
    /// As the location has it.
    pub(super) name: String,
    pub(super) host: Arc<str>,
    pub(super) turn: Permit,
}

/// What came back: headers, and perhaps the first bytes of what follows.
pub(super) struct Arrival<H: Host> {
    pub(super) wanted: Wanted,
    pub(super) answer: Response<H::Body>,
    pub(super) first: Option<H::Piece>,
}

impl<H: Host> Flight<'_, H> {
    /// Asks one replica for what is still wanted, at `target`. When it is late, another is asked for the
    /// same; `leg` is that one then, if it was the first to deliver.
    pub(super) async fn attempt(
        &mut self,
        leg: &mut Leg,
        target: String,
        location: &Location,
    ) -> Result<(), AttemptError> {
        let wanted = self.wanted();
        let envoy = self.envoy();
        let mut rival = pin!(OptionFuture::from(self.rival(leg, location)));
        self.expect(leg, location, None);
        let mut arrival = {
            let host = Arc::clone(&leg.host);
            let mut sent = pin!(envoy.send(target, wanted, &host));
            loop {
                match answered(sent.as_mut(), rival.as_mut()).await {
                    Either::Left(answer) => break Arrival { wanted, answer: answer?, first: None },
                    Either::Right(Ok((other, arrival))) if self.is_fit(&arrival) => {
                        *leg = other;
                        rival.set(None.into());
                        break arrival;
                    }
                    // It did not help.
                    Either::Right(_) => rival.set(None.into()),
                }
            }
        };
        loop {
            let status = arrival.answer.status;
            let outcome = self.take(leg, arrival, location, rival.as_mut()).await;
            match outcome
                .map_err(|failure| AttemptError { status: failure.status.or(Some(status)), ..failure })?
            {
                None => return Ok(()),
                Some((other, overtaken)) => {
                    *leg = other;
                    rival.set(None.into());
                    arrival = overtaken;
                }
            }
        }
    }

    /// Takes what came back; returns what overtook it on the way.
    async fn take<R: Rival<H>>(
        &mut self,
        leg: &Leg,
        arrival: Arrival<H>,
        location: &Location,
        rival: Pin<&mut OptionFuture<R>>,
    ) -> Result<Option<Overtaken<H>>, AttemptError> {
        let Arrival { wanted, answer, first } = arrival;
        if answer.status == 416 && self.is_digested() && self.digested >= self.chunk.size {
            // Nothing follows what is here already.
            return self.flowed().map(|()| None);
        }
        if let Some(index) = self.index {
            self.shared.with(|state| state.window.begin(index));
        }
        let at = self.begin(&leg.name, &wanted, &answer)?;
        self.same_copy(&answer.headers)?;
        self.expect(leg, location, Some(self.view.len().saturating_sub(self.arrived())));
        let course = Course { at, wanted, host: Arc::clone(&leg.host), first };
        match self.lane {
            Lane::Flow { .. } => self.flows(answer, course, rival).await,
            Lane::Whole | Lane::List => self.whole(answer, course, rival).await,
        }
    }

    /// Where in the blob the body begins, if the answer is one to what was asked, and of the version
    /// that is read.
    fn begin(&self, replica: &str, wanted: &Wanted, answer: &Response<H::Body>) -> Result<u64, AttemptError> {
        let Response { status, headers, url, .. } = answer;
        let begun = begin(headers, *status, wanted, self.shared.host.unix_time());
        // What a file id names never changes: a replica that tells another story is a bad one.
        if let Source::FileId(_) = self.chunk.source {
            return begun;
        }
        let pins = self.pins();
        let at = begun.map_err(|failure| pins.refused(replica, *status, wanted.start).unwrap_or(failure))?;
        // A filer's token is for the filer, and not for where that leads.
        let may_move = matches!(self.chunk.source, Source::Urls(_));
        let moved = url.as_deref().filter(|_| may_move);
        pins.see(replica, Seen { range: wanted.range, status: *status, headers, at: moved })?;
        Ok(at)
    }

    /// What goes on where another replica broke off must be of the same stored bytes. If nothing
    /// has left yet, the next replica starts over; else only one with the same can go on.
    fn same_copy(&mut self, headers: &Headers) -> Result<(), AttemptError> {
        let begun = self.digested.max(self.arrived()) > 0;
        match (&self.etag, &headers.etag) {
            (Some(begun_etag), Some(told)) if begun && begun_etag != told => {
                self.alone |= !self.has_left();
                Err(AttemptError::new(Kind::Range, "it is another copy than the one that was begun"))
            }
            _ if begun => Ok(()),
            _ => {
                self.etag.clone_from(&headers.etag);
                Ok(())
            }
        }
    }

    /// Lets a body flow into the window.
    async fn flows<R: Rival<H>>(
        &mut self,
        answer: Response<H::Body>,
        course: Course<H>,
        rival: Pin<&mut OptionFuture<R>>,
    ) -> Result<Option<Overtaken<H>>, AttemptError> {
        let wanted = course.wanted;
        let exact = answer.status == 206;
        let most = wanted.base.saturating_add(max_output(&self.chunk));
        let mut complete = false;
        let mut doubt = Doubt::of(&self.chunk, &answer.headers);
        let mut flow = |flight: &mut Self, piece: H::Piece, at: u64| {
            let end = at + piece.len() as u64;
            if exact && wanted.end.is_some_and(|wanted| end > wanted) {
                return Err(AttemptError::new(Kind::LongBody, "more bytes came than were asked for"));
            }
            if wanted.end.is_none() && end > most {
                return Err(AttemptError::new(Kind::LongBody, "it goes on far beyond its size"));
            }
            // What a truncation left beyond `size`, or the rest of a blob, is of no use.
            if complete && !piece.is_empty() {
                return Ok(Flow::Enough);
            }
            complete = !flight.flow(piece, at, &wanted);
            Ok(Flow::More)
        };
        let shared = self.shared;
        let outcome = self
            .receive(answer.body, course, rival, |flight, piece, at| {
                match doubt.pass(piece, at, |bytes| shared.host.piece(bytes)) {
                    Some((piece, at)) => flow(flight, piece, at),
                    None => Ok(Flow::More),
                }
            })
            .await;
        match outcome {
            // All is here: how the connection ended is of no interest.
            Err(failure) if failure.kind != Kind::LongBody && self.has_it_all(&wanted) => {}
            Ok(Some(overtaken)) => return Ok(Some(overtaken)),
            outcome => drop(outcome?),
        }
        let held = doubt.end()?;
        if !held.is_empty() {
            flow(self, shared.host.piece(&held), 0)?;
        }
        self.flowed().map(|()| None)
    }

    /// Collects a body, then decodes it.
    async fn whole<R: Rival<H>>(
        &mut self,
        answer: Response<H::Body>,
        course: Course<H>,
        rival: Pin<&mut OptionFuture<R>>,
    ) -> Result<Option<Overtaken<H>>, AttemptError> {
        let Response { headers, body, .. } = answer;
        let wanted = course.wanted;
        let mut stored = Vec::new();
        let mut len = 0;
        let most = self.most().saturating_add(GCM_OVERHEAD);
        let overtaken = self
            .receive(body, course, rival, |flight, mut piece, at| {
                let end = at + piece.len() as u64;
                wanted.cut(&mut piece, at);
                len += piece.len() as u64;
                if len > most {
                    return Err(AttemptError::new(Kind::LongBody, "it goes on far beyond its size"));
                }
                // A truncation leaves more stored than its size says.
                flight.shared.with(|state| state.window.outgrow(flight.ticket(), len.saturating_mul(2)));
                if !piece.is_empty() {
                    stored.push(piece);
                }
                Ok(if wanted.end.is_some_and(|wanted| end > wanted) { Flow::Enough } else { Flow::More })
            })
            .await?;
        if overtaken.is_some() {
            return Ok(overtaken);
        }
        if wanted.end.is_some_and(|end| len < end.saturating_sub(wanted.start)) {
            return Err(AttemptError::new(Kind::ShortBody, format!("it ended after {len} bytes")));
        }
        self.decode(stored, &headers).await.map(|()| None)
    }

    /// Takes a body piece by piece, each with its place in the blob, until it ends, or enough is
    /// here, or nothing comes for too long, or another replica overtakes it.
    ///
    /// One timer watches over the whole body and is set again only when it rings: a timer for
    /// each piece would cost more than the piece.
    async fn receive<R: Rival<H>>(
        &mut self,
        mut body: H::Body,
        course: Course<H>,
        mut rival: Pin<&mut OptionFuture<R>>,
        mut take: impl FnMut(&mut Self, H::Piece, u64) -> Result<Flow, AttemptError>,
    ) -> Result<Option<Overtaken<H>>, AttemptError> {
        let shared = self.shared;
        let pool = &shared.session.pool;
        let Course { mut at, host, mut first, .. } = course;
        let (idle, begun) = (shared.session.options.timeout.idle, shared.host.now());
        let mut count = 0;
        let mut watch = IdleTimer::new(idle, begun);
        let mut rings = pin!(shared.host.sleep(idle));
        loop {
            // While the reader holds us up, no server is to blame.
            if self.room().await {
                watch.moved(shared.host.now());
            }
            let heard = match first.take() {
                Some(piece) => Heard::Body(Some(Ok(piece))),
                None => hear(&mut body, rings.as_mut(), rival.as_mut()).await,
            };
            let piece = match heard {
                Heard::Body(None) => {
                    let now = shared.host.now();
                    pool.served(&host, count, now.saturating_sub(begun), now);
                    return Ok(None);
                }
                Heard::Body(Some(piece)) => piece?,
                Heard::Rings => {
                    let Some(more) = watch.rang(shared.host.now()) else {
                        return Err(AttemptError::new(Kind::Timeout, "the body stalled"));
                    };
                    rings.set(shared.host.sleep(more));
                    continue;
                }
                Heard::Rival(Ok((leg, arrival))) if self.is_fit(&arrival) && !self.is_near(count, begun) => {
                    return Ok(Some((leg, arrival)));
                }
                Heard::Rival(_) => {
                    rival.set(None.into());
                    continue;
                }
            };
            let now = shared.host.now();
            watch.moved(now);
            let len = piece.len() as u64;
            self.received(len, &host, count == 0);
            pool.arrived(len, now);
            count += len;
            let start = at;
            at = at.saturating_add(len);
            if let Flow::Enough = take(self, piece, start)? {
                pool.served(&host, count, now.saturating_sub(begun), now);
                return Ok(None);
            }
        }
    }

    /// Whether it will be here in a moment, at the rate at which it has come.
    fn is_near(&self, count: u64, begun: Duration) -> bool {
        let time = self.shared.host.now().saturating_sub(begun).as_secs_f64();
        let rest = self.chunk.size.saturating_sub(count) as f64;
        count > 0 && rest * time < MOMENT * count as f64
    }

    /// Whether what a rival brings goes on with what is here.
    fn is_fit(&self, arrival: &Arrival<H>) -> bool {
        let begun = self.digested.max(self.arrived()) > 0;
        let told = &arrival.answer.headers.etag;
        !begun || self.etag.is_none() || told.is_none() || self.etag == *told
    }

    fn received(&self, bytes: u64, host: &Arc<str>, first: bool) {
        self.shared.session.stats.lock().bytes_received += bytes;
        let tell = |kind, bytes| {
            self.shared.emit(Event { host: Some(Arc::clone(host)), bytes, ..self.event(kind) });
        };
        if first {
            tell(EventKind::FirstByte, None);
        }
        tell(EventKind::Body, Some(bytes));
    }
}

/// Sends requests for a chunk, and tells of them.
pub(super) struct Envoy<'a, H: Host> {
    pub(super) shared: &'a Shared<H>,
    pub(super) event: Event,
    /// Bytes of the whole chunk.
    pub(super) size: u64,
}

impl<H: Host> Envoy<'_, H> {
    /// Sends a request and waits for its answer.
    pub(super) async fn send(
        &self,
        url: String,
        wanted: Wanted,
        host: &Arc<str>,
    ) -> Result<Response<H::Body>, AttemptError> {
        let shared = self.shared;
        let expected = wanted.end.unwrap_or(self.size).saturating_sub(wanted.start);
        shared.session.stats.lock().requests += 1;
        self.tell(EventKind::Request, host, |event| event.bytes = Some(expected));
        let sent = shared.host.now();
        let fetched = shared.host.fetch(Request { url, range: wanted.range });
        let answer =
            within(&shared.host, shared.session.options.timeout.headers, "no answer in time", fetched)
                .await??;
        let now = shared.host.now();
        shared.session.pool.answered(host, now.saturating_sub(sent), now);
        self.tell(EventKind::Headers, host, |event| event.status = Some(answer.status));
        Ok(answer)
    }

    pub(super) fn tell(&self, kind: EventKind, host: &Arc<str>, fill: impl FnOnce(&mut Event)) {
        let mut event = Event { kind, host: Some(Arc::clone(host)), ..self.event.clone() };
        fill(&mut event);
        self.shared.emit(event);
    }
}

/// A second request for what is late, which may overtake the first.
pub(super) trait Rival<H: Host>: Future<Output = Result<Overtaken<H>, AttemptError>> {}

impl<H: Host, F: Future<Output = Result<Overtaken<H>, AttemptError>>> Rival<H> for F {}

pub(super) type Overtaken<H> = (Leg, Arrival<H>);

/// How a body comes.
struct Course<H: Host> {
    /// Where in the blob it begins.
    at: u64,
    wanted: Wanted,
    host: Arc<str>,
    /// What has been read of it.
    first: Option<H::Piece>,
}

/// What happened first. It is taken apart at once.
#[expect(clippy::large_enum_variant, reason = "it lives for a moment, a piece at a time")]
enum Heard<H: Host> {
    Body(Option<Result<H::Piece, FetchError>>),
    Rings,
    Rival(Result<Overtaken<H>, AttemptError>),
}

/// The answer, or that of the rival.
async fn answered<H: Host, R: Rival<H>, A>(
    mut sent: Pin<&mut impl Future<Output = A>>,
    mut rival: Pin<&mut OptionFuture<R>>,
) -> Either<A, Result<Overtaken<H>, AttemptError>> {
    poll_fn(|cx| {
        if let Poll::Ready(answer) = sent.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(answer));
        }
        poll_rival(rival.as_mut(), cx).map(Either::Right)
    })
    .await
}

/// Where there is no rival, none ever comes.
fn poll_rival<H: Host, R: Rival<H>>(
    rival: Pin<&mut OptionFuture<R>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Overtaken<H>, AttemptError>> {
    match rival.poll(cx) {
        Poll::Ready(Some(overtaken)) => Poll::Ready(overtaken),
        Poll::Ready(None) | Poll::Pending => Poll::Pending,
    }
}

async fn hear<H: Host, R: Rival<H>>(
    body: &mut H::Body,
    mut rings: Pin<&mut H::Sleep>,
    mut rival: Pin<&mut OptionFuture<R>>,
) -> Heard<H> {
    poll_fn(|cx| {
        if let Poll::Ready(piece) = body.poll_next_unpin(cx) {
            return Poll::Ready(Heard::Body(piece));
        }
        if rings.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Heard::Rings);
        }
        poll_rival(rival.as_mut(), cx).map(Heard::Rival)
    })
    .await
}

/// What is here within so many seconds is not asked for anew.
const MOMENT: f64 = 0.02;

/// Where in the blob the body begins, if the answer is one to what was asked.
pub(super) fn begin(
    headers: &Headers,
    status: u16,
    wanted: &Wanted,
    unix_time: Duration,
) -> Result<u64, AttemptError> {
    let wrong = |message: &str| Err(AttemptError::new(Kind::Range, message));
    match (status, wanted.range) {
        (200, None) => Ok(0),
        (200, Some(_)) if wanted.start <= MAX_SKIP => Ok(0),
        (200, Some(_)) => wrong("the server ignores ranges"),
        (206, None) => wrong("the server answered with a part that nobody asked for"),
        (206, Some(range)) => match headers.content_range.as_deref().map(content_range::parse) {
            _ if headers.is_encoded() => wrong("the server cut packed bytes"),
            // RFC 9110, 14.6: several parts have a range each, and are not bytes of a file.
            None if headers.is_in_parts() => wrong("the server answered in several parts"),
            None => Ok(range.start),
            Some(Some(told)) if told.start == range.start && range.end.is_none_or(|end| told.end <= end) => {
                Ok(range.start)
            }
            Some(_) => wrong("the server answered with other bytes than were asked for"),
        },
        _ => Err(AttemptError::status(status, headers.retry_after.as_deref(), unix_time)),
    }
}

/// Whether a body is to be read on.
enum Flow {
    More,
    Enough,
}
