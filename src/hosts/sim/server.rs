//! Servers that follow a script.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;

use super::{
    World,
    clock::Sleep,
    content::Content,
    network::{Place, Seat},
};
use crate::{
    host::{FetchError, Request, Response},
    http::{
        headers::{ByteRange, Headers},
        url,
    },
};

/// A request, as a script sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The URL without query.
    pub url: String,
    /// The query.
    pub query: String,
    /// Host and port.
    pub host: String,
    /// The bytes asked for.
    pub range: Option<ByteRange>,
    /// How often this URL was asked before.
    pub nth: usize,
    /// When.
    pub at: Duration,
}

/// How a server answers one request.
#[derive(Clone, Debug)]
pub struct Script {
    latency: Duration,
    rate: Option<u64>,
    piece: usize,
    headers: Option<Headers>,
    ranges: bool,
    redirect: Option<String>,
    outcome: Outcome,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered as it should be.
    Good,
    /// No connection.
    Refused,
    /// No answer, ever.
    Silent,
    /// This status and no body.
    Status(u16),
    /// 200 with this body, whatever is stored.
    Body(Bytes),
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
    /// The body ends cleanly after so many bytes.
    End(usize),
    /// The body stalls after so many bytes.
    Stall(usize),
    /// So many bytes too many.
    Extra(usize),
    /// A bit of this stored byte is flipped.
    Flip(usize),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            rate: None,
            piece: 16 << 10,
            headers: None,
            ranges: true,
            redirect: None,
            outcome: Outcome::Good,
        }
    }
}

impl Script {
    /// The time until the headers are there.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Bytes per second of the body.
    #[must_use]
    pub fn rate(self, rate: u64) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Bytes per piece of the body.
    #[must_use]
    pub fn piece(self, piece: usize) -> Self {
        Self { piece: piece.max(1), ..self }
    }

    /// These headers, whatever was asked.
    #[must_use]
    pub fn headers(self, headers: Headers) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// `Range` is not understood: 200 and the whole.
    #[must_use]
    pub fn no_ranges(self) -> Self {
        Self { ranges: false, ..self }
    }

    /// A redirect to another URL, which answers.
    #[must_use]
    pub fn redirect(self, url: impl Into<String>) -> Self {
        Self { redirect: Some(url.into()), ..self }
    }

    /// What becomes of the request.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub struct Logged {
    /// What was asked.
    pub asked: Asked,
    /// When it was sent.
    pub at: Duration,
    /// When it ended, and so made way for others.
    pub ended: Option<Duration>,
    /// It was dropped before its body had come to its end.
    pub aborted: bool,
}

/// A request under way; it is logged when it ends.
#[derive(Debug)]
struct Open {
    world: World,
    index: usize,
    complete: bool,
    /// Its place at a host behind a link.
    seat: Option<Seat>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        let now = state.now;
        state.counts.open -= 1;
        state.counts.aborted += u64::from(!self.complete);
        if let Some(seat) = &mut self.seat {
            state.network.leave(seat, !self.complete, now);
        }
        if let Some(logged) = state.log.get_mut(self.index) {
            logged.ended = Some(now);
            logged.aborted = !self.complete;
        }
    }
}

pub(super) async fn fetch(world: World, request: Request) -> Result<Response<Body>, FetchError> {
    let (host, script, blob, mut open) = ask(&world, &request);
    open.seat = sit(&world, &host).await;
    if let Some(until) = open.answered() {
        Sleep::until(world.clone(), until).await;
    }
    if script.outcome == Outcome::Silent {
        std::future::pending::<()>().await;
    }
    world.sleep(script.latency).await;
    let offline = {
        let state = world.lock();
        state.offline.contains(&state.now)
    };
    if script.outcome == Outcome::Refused || offline {
        open.complete = true;
        return Err(FetchError { cause: None });
    }
    let empty = || Content::Zeros(0);
    let (status, content, mut headers) = match (script.outcome.clone(), blob) {
        _ if let Some((status, retry_after)) = open.busy() => {
            (status, empty(), Headers { retry_after, ..Headers::default() })
        }
        (Outcome::Status(status), _) => (status, empty(), Headers::default()),
        (Outcome::Body(body), _) => (200, Content::Bytes(body), Headers::default()),
        (_, None) => (404, empty(), Headers::default()),
        (Outcome::Flip(at), Some(blob)) => {
            let mut flipped = blob.bytes();
            if let Some(byte) = flipped.get_mut(at) {
                *byte ^= 1;
            }
            cut(Content::Bytes(flipped.into()), request.range.filter(|_| script.ranges))
        }
        (_, Some(blob)) => cut(blob, request.range.filter(|_| script.ranges)),
    };
    if let Some(scripted) = script.headers {
        headers = scripted;
    }
    let content = brought(content, &script.outcome);
    open.start(content.len());
    let start = world.now();
    let body = Body {
        world,
        content,
        outcome: script.outcome,
        start,
        rate: script.rate,
        piece: script.piece,
        sent: 0,
        timer: None,
        open,
    };
    Ok(Response { status, headers, url: script.redirect, body })
}

/// Waits for a place at a host, if it is behind a link.
async fn sit(world: &World, host: &str) -> Option<Seat> {
    let place = world.lock().network.queue(host)?;
    let until = {
        let mut state = world.lock();
        state.client_busy = state.client_busy.max(state.now).saturating_add(state.request_time);
        state.client_busy
    };
    Sleep::until(world.clone(), until).await;
    let queued = Queued { world: world.clone(), place };
    let seat = poll_fn(|cx| {
        let mut state = queued.world.lock();
        let now = state.now;
        state.network.enter(place, now, cx.waker()).map_or(Poll::Pending, Poll::Ready)
    });
    Some(seat.await)
}

/// A request that waits for a connection; it makes way when it is dropped.
struct Queued {
    world: World,
    place: Place,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.world.lock().network.forget(self.place);
    }
}

impl Open {
    /// When the headers are there.
    fn answered(&self) -> Option<Duration> {
        let state = self.world.lock();
        self.seat.as_ref().map(|seat| state.network.answered(seat, state.now))
    }

    fn busy(&self) -> Option<(u16, Option<String>)> {
        self.seat.as_ref().and_then(|seat| self.world.lock().network.busy(seat))
    }

    /// The body begins to come.
    fn start(&mut self, len: u64) {
        let mut state = self.world.lock();
        let now = state.now;
        if let Some(seat) = self.seat.as_mut().filter(|_| len > 0) {
            state.network.start(seat, len, now);
        }
    }
}

fn ask(world: &World, request: &Request) -> (String, Script, Option<Content>, Open) {
    let mut state = world.lock();
    let url = url::without_query(&request.url).to_owned();
    let count = state.asked.entry(url.clone()).or_default();
    let nth = *count;
    *count += 1;
    let asked = Asked {
        query: request.url.get(url.len()..).unwrap_or_default().trim_start_matches('?').to_owned(),
        host: url::host(&url).unwrap_or_default().to_owned(),
        range: request.range,
        nth,
        at: state.now,
        url,
    };
    let script = (state.script)(&asked);
    let stored = script.redirect.as_deref().map_or(asked.url.as_str(), url::without_query);
    let blob = state.blobs.get(stored).cloned();
    let blob = blob.or_else(|| (state.sizes)(stored).map(Content::Zeros));
    let at = state.now;
    let host = asked.host.clone();
    let index = state.log.len();
    if state.keeps {
        state.log.push(Logged { asked, at, ended: None, aborted: false });
    }
    let counts = &mut state.counts;
    counts.requests += 1;
    counts.open += 1;
    counts.most_open = counts.most_open.max(counts.open);
    let open = Open { world: world.clone(), index, complete: false, seat: None };
    (host, script, blob, open)
}

/// As a volume server answers: `a == size` is an empty 206, beyond that 416.
fn cut(blob: Content, range: Option<ByteRange>) -> (u16, Content, Headers) {
    let Some(range) = range else {
        let content_length = Some(blob.len());
        return (200, blob, Headers { content_length, ..Headers::default() });
    };
    let size = blob.len();
    if range.start > size {
        return (416, Content::Zeros(0), Headers::default());
    }
    let end = range.end.unwrap_or(size).min(size);
    let content_range = format!("bytes {}-{}/{size}", range.start, end as i64 - 1);
    let content = blob.slice(range.start, end.max(range.start));
    let content_length = Some(content.len());
    (206, content, Headers { content_range: Some(content_range), content_length, ..Headers::default() })
}

/// A body that arrives as its script says.
#[derive(Debug)]
pub struct Body {
    world: World,
    content: Content,
    outcome: Outcome,
    start: Duration,
    rate: Option<u64>,
    piece: usize,
    sent: usize,
    timer: Option<Sleep>,
    open: Open,
}

/// What the body brings of what is stored.
fn brought(content: Content, outcome: &Outcome) -> Content {
    match outcome {
        Outcome::Cut(n) | Outcome::End(n) | Outcome::Stall(n) => {
            let end = content.len().min(*n as u64);
            content.slice(0, end)
        }
        Outcome::Extra(n) => Content::Bytes([content.bytes(), vec![0xee; *n]].concat().into()),
        _ => content,
    }
}

impl Body {
    fn end(&mut self) -> Poll<Option<Result<Bytes, FetchError>>> {
        match self.outcome {
            Outcome::Stall(_) => Poll::Pending,
            Outcome::Cut(_) => {
                self.open.complete = true;
                Poll::Ready(Some(Err(FetchError { cause: None })))
            }
            _ => {
                self.open.complete = true;
                Poll::Ready(None)
            }
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.content.len() == 0 {
            return self.end();
        }
        if let Some(seat) = &self.open.seat {
            let mut state = self.world.lock();
            let now = state.now;
            let Some(n) = state.network.take(seat, now, cx.waker()) else {
                return Poll::Pending;
            };
            drop(state);
            return Poll::Ready(Some(Ok(self.content.split_to(n))));
        }
        let n = self.piece.min(usize::try_from(self.content.len()).unwrap_or(usize::MAX));
        if let Some(rate) = self.rate {
            let due = self.start + Duration::from_secs_f64((self.sent + n) as f64 / rate as f64);
            let world = self.world.clone();
            let timer = self.timer.get_or_insert_with(|| Sleep::until(world, due));
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
        let piece = self.content.split_to(n);
        self.sent += piece.len();
        Poll::Ready(Some(Ok(piece)))
    }
}
