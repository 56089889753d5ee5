//! Simulated servers: they look up what is stored and follow the world's script.

use std::{future::poll_fn, task::Poll};

use super::{
    body::Body,
    content::Content,
    network::{Lease, QueueTicket},
    open_request::OpenRequest,
    script::{Logged, Outcome, Script, SimRequest},
    world::World,
};
use crate::{
    host::{FetchError, Request, Response},
    http::{
        headers::{ByteRange, Headers},
        url,
    },
};

/// Sends a request and waits for the headers of the response.
pub(super) async fn fetch(world: World, request: Request) -> Result<Response<Body>, FetchError> {
    let Received { host, script, stored, mut open } = receive(&world, &request);
    open.lease = connect(&world, &host).await;
    if let Some(until) = open.headers_at() {
        world.clock().sleep_until(until).await;
    }
    if script.outcome == Outcome::Silent {
        std::future::pending::<()>().await;
    }
    world.sleep(script.latency).await;
    if script.outcome == Outcome::Refused || world.is_offline() {
        open.is_complete = true;
        return Err(FetchError { cause: None });
    }
    let (status, content, headers) = respond(&script, stored, request.range, open.rejection());
    let mut headers = script.headers.unwrap_or(headers);
    headers.etag = script.etag.or(headers.etag);
    headers.content_length = headers.content_length.map(|length| length.saturating_add_signed(script.claims));
    let content = apply(content, &script.outcome);
    open.start_body(content.len());
    let body = Body {
        content,
        outcome: script.outcome,
        start: world.now(),
        rate: script.rate,
        piece: script.piece,
        sent: 0,
        timer: None,
        request: open,
    };
    Ok(Response { status, headers, url: script.redirect, body })
}

/// A request that reached its server.
struct Received {
    host: String,
    script: Script,
    /// What is stored at its URL, or at the URL that it is redirected to.
    stored: Option<Content>,
    open: OpenRequest,
}

/// Counts and logs a request.
fn receive(world: &World, request: &Request) -> Received {
    let mut state = world.lock();
    let url = url::without_query(&request.url).to_owned();
    let count = state.requests_by_url.entry(url.clone()).or_default();
    let nth = *count;
    *count += 1;
    let at = state.clock.now();
    let host = url::host(&url).unwrap_or_default().to_owned();
    let count = state.open_by_host.entry(host.clone()).or_default();
    *count += 1;
    let open = *count;
    let asked = SimRequest {
        query: request.url.get(url.len()..).unwrap_or_default().trim_start_matches('?').to_owned(),
        host: host.clone(),
        range: request.range,
        nth,
        open,
        at,
        url,
    };
    let script = (state.script)(&asked);
    let target = script.redirect.as_deref().map_or(asked.url.as_str(), url::without_query);
    let stored = state.blobs.get(target).cloned();
    let stored = stored.or_else(|| (state.sizes)(target).map(Content::Zeros));
    let index = state.log.len();
    if state.is_logging {
        state.log.push(Logged { asked, at, ended: None, aborted: false });
    }
    state.counts.add_request();
    let open =
        OpenRequest { world: world.clone(), host: host.clone(), index, is_complete: false, lease: None };
    Received { host, script, stored, open }
}

/// Waits for a connection to a host, if it is behind a link.
async fn connect(world: &World, host: &str) -> Option<Lease> {
    let ticket = world.lock().network.queue(host)?;
    let until = world.lock().client_ready_at();
    world.clock().sleep_until(until).await;
    let queued = Queued { world: world.clone(), ticket };
    let lease = poll_fn(|cx| {
        let mut state = queued.world.lock();
        let now = state.clock.now();
        state.network.try_connect(ticket, now, cx.waker()).map_or(Poll::Pending, Poll::Ready)
    });
    Some(lease.await)
}

/// A request that waits for a connection. Dropping it removes it from the queue.
struct Queued {
    world: World,
    ticket: QueueTicket,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.world.lock().network.leave_queue(self.ticket);
    }
}

/// The status, body and headers of a response. `rejection`: what a busy server responds.
fn respond(
    script: &Script,
    stored: Option<Content>,
    range: Option<ByteRange>,
    rejection: Option<(u16, Option<String>)>,
) -> (u16, Content, Headers) {
    let range = range.filter(|_| script.ranges);
    let empty = |status| (status, Content::Zeros(0), Headers::default());
    if let Some((status, retry_after)) = rejection {
        return (status, Content::Zeros(0), Headers { retry_after, ..Headers::default() });
    }
    match (&script.outcome, stored) {
        (Outcome::Status(status), _) => empty(*status),
        (Outcome::Body(body), _) => (200, Content::Bytes(body.clone()), Headers::default()),
        (_, None) => empty(404),
        (Outcome::Flip(at), Some(stored)) => {
            let mut flipped = stored.bytes();
            if let Some(byte) = flipped.get_mut(*at) {
                *byte ^= 1;
            }
            select(Content::Bytes(flipped.into()), range)
        }
        (_, Some(stored)) => select(stored, range),
    }
}

/// Selects a range as a volume server does: a range that starts at the end is an empty 206, and one that
/// starts beyond it is a 416.
fn select(stored: Content, range: Option<ByteRange>) -> (u16, Content, Headers) {
    let size = stored.len();
    let Some(range) = range else {
        return (200, stored, Headers { content_length: Some(size), ..Headers::default() });
    };
    if range.start > size {
        return (416, Content::Zeros(0), Headers::default());
    }
    let end = range.end.unwrap_or(size).min(size);
    let content_range = format!("bytes {}-{}/{size}", range.start, end as i64 - 1);
    let content = stored.slice(range.start, end.max(range.start));
    let content_length = Some(content.len());
    (206, content, Headers { content_range: Some(content_range), content_length, ..Headers::default() })
}

/// The part of a body that arrives, with the fault of its script.
fn apply(content: Content, outcome: &Outcome) -> Content {
    match outcome {
        Outcome::Cut(n) | Outcome::End(n) | Outcome::Stall(n) => {
            let end = content.len().min(*n as u64);
            content.slice(0, end)
        }
        Outcome::Extra(n) => Content::Bytes([content.bytes(), vec![0xee; *n]].concat().into()),
        _ => content,
    }
}
