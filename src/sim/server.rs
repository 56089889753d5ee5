//! Servers that follow a script.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;

use super::{World, clock::Sleep};
use crate::{
    host::{Answer, ByteRange, FetchError, Headers, Request},
    locate,
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
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        let now = state.now;
        if let Some(logged) = state.log.get_mut(self.index) {
            logged.ended = Some(now);
            logged.aborted = !self.complete;
        }
    }
}

pub(super) async fn fetch(world: World, request: Request) -> Result<Answer<Body>, FetchError> {
    let (script, blob, mut open) = ask(&world, &request);
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
    let (status, bytes, mut headers) = match (script.outcome.clone(), blob) {
        (Outcome::Status(status), _) => (status, Bytes::new(), Headers::default()),
        (Outcome::Body(body), _) => (200, body, Headers::default()),
        (_, None) => (404, Bytes::new(), Headers::default()),
        (Outcome::Flip(at), Some(blob)) => {
            let mut flipped = blob.to_vec();
            if let Some(byte) = flipped.get_mut(at) {
                *byte ^= 1;
            }
            cut(flipped.into(), request.range.filter(|_| script.ranges))
        }
        (_, Some(blob)) => cut(blob, request.range.filter(|_| script.ranges)),
    };
    if let Some(scripted) = script.headers {
        headers = scripted;
    }
    let start = world.now();
    let body = Body {
        start,
        rate: script.rate,
        piece: script.piece,
        sent: 0,
        timer: None,
        open,
        ..Body::of(world, bytes, script.outcome)
    };
    Ok(Answer { status, headers, url: script.redirect, body })
}

fn ask(world: &World, request: &Request) -> (Script, Option<Bytes>, Open) {
    let mut state = world.lock();
    let url = locate::without_query(&request.url).to_owned();
    let count = state.asked.entry(url.clone()).or_default();
    let nth = *count;
    *count += 1;
    let asked = Asked {
        query: request.url.get(url.len()..).unwrap_or_default().trim_start_matches('?').to_owned(),
        host: locate::host(&url).unwrap_or_default().to_owned(),
        range: request.range,
        nth,
        at: state.now,
        url,
    };
    let script = (state.script)(&asked);
    let blob = match &script.redirect {
        Some(url) => state.blobs.get(locate::without_query(url)).cloned(),
        None => state.blobs.get(&asked.url).cloned(),
    };
    let at = state.now;
    state.log.push(Logged { asked, at, ended: None, aborted: false });
    let open = Open { world: world.clone(), index: state.log.len() - 1, complete: false };
    (script, blob, open)
}

/// As a volume server answers: `a == size` is an empty 206, beyond that 416.
fn cut(blob: Bytes, range: Option<ByteRange>) -> (u16, Bytes, Headers) {
    let Some(range) = range else {
        let content_length = Some(blob.len() as u64);
        return (200, blob, Headers { content_length, ..Headers::default() });
    };
    let size = blob.len() as u64;
    if range.start > size {
        return (416, Bytes::new(), Headers::default());
    }
    let end = range.end.unwrap_or(size).min(size);
    let content_range = format!("bytes {}-{}/{size}", range.start, end as i64 - 1);
    let bytes = blob.slice(range.start as usize..end.max(range.start) as usize);
    let content_length = Some(bytes.len() as u64);
    (206, bytes, Headers { content_range: Some(content_range), content_length, ..Headers::default() })
}

/// A body that arrives as its script says.
#[derive(Debug)]
pub struct Body {
    world: World,
    bytes: Bytes,
    outcome: Outcome,
    start: Duration,
    rate: Option<u64>,
    piece: usize,
    sent: usize,
    timer: Option<Sleep>,
    open: Open,
}

impl Body {
    fn of(world: World, bytes: Bytes, outcome: Outcome) -> Self {
        let bytes = match outcome {
            Outcome::Cut(n) | Outcome::End(n) | Outcome::Stall(n) => bytes.slice(..n.min(bytes.len())),
            Outcome::Extra(n) => [&bytes[..], &vec![0xee; n]].concat().into(),
            _ => bytes,
        };
        let start = world.now();
        let open = Open { world: world.clone(), index: usize::MAX, complete: true };
        Self { world, bytes, outcome, start, rate: None, piece: 1, sent: 0, timer: None, open }
    }

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
        if self.bytes.is_empty() {
            return self.end();
        }
        let n = self.piece.min(self.bytes.len());
        if let Some(rate) = self.rate {
            let due = self.start + Duration::from_secs_f64((self.sent + n) as f64 / rate as f64);
            let world = self.world.clone();
            let timer = self.timer.get_or_insert_with(|| Sleep::until(world, due));
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
        self.sent += n;
        Poll::Ready(Some(Ok(self.bytes.split_to(n))))
    }
}
