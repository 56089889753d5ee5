//! One request to one replica, and what its response head says.

use std::{ops::Range, sync::Arc};

use super::{
    blob_range::BlobRange,
    io::{Actions, Context, Operation, Part, ResponseStart, Role},
    target::Target,
};
use crate::{
    error::Kind,
    host::{
        Piece, Request,
        event::{Event, EventKind},
        rare,
    },
    http::{content_range, url},
    model::chunk::Source,
    schedule::{options::Verify, pool::Permit, retry::AttemptError},
    time::Duration,
};

/// A request to a replica. Dropping it returns the permit of its host.
#[derive(Debug)]
pub(super) struct ReplicaRequest {
    /// The place of the replica in the location.
    pub(super) replica: usize,
    /// Its URL in the location.
    pub(super) name: String,
    /// The URL that is requested: the target of an earlier redirect, or `name`.
    pub(super) url: String,
    /// Host and port of `url`.
    pub(super) host: Arc<str>,
    /// The requested bytes.
    pub(super) range: BlobRange,
    /// The status of the response, if there is one.
    pub(super) status: Option<u16>,
    /// The response has begun, and its body is not closed.
    pub(super) is_open: bool,
    /// The permit of the host, held until the request ends.
    pub(super) permit: Option<Permit>,
}

impl ReplicaRequest {
    pub(super) fn new(replica: usize, name: String, url: String, host: Arc<str>) -> Self {
        let range = BlobRange { header: None, start: 0, end: None, base: 0 };
        Self { replica, name, url, host, range, status: None, is_open: false, permit: None }
    }

    /// Sends it with a token, if it needs one. `part`: if it is one of several of its URL.
    pub(super) fn send<P: Piece>(
        &self,
        role: Role,
        token: Option<String>,
        part: Option<Part>,
        target: &Target,
        actions: &mut Actions<P>,
    ) {
        if !part.as_ref().is_some_and(|part| part.waits) {
            actions.report(self.event(target));
        }
        let len = self.range.expected_len(target.chunk.size);
        let url = token.map_or_else(|| self.url.clone(), |token| url::with_token(&self.url, &token));
        let request = Request { url, range: self.range.header };
        actions.start(
            role,
            Operation::Send { request, len, needs_codec: target.needs_codec(), part: part.map(Box::new) },
        );
    }

    /// The event that says that it is sent.
    fn event(&self, target: &Target) -> Event {
        let bytes = Some(self.range.expected_len(target.chunk.size));
        Event { bytes, ..target.host_event(EventKind::Request, &self.host) }
    }

    /// Which part of its URL it is for, if other views may continue its body. A chunk that can be verified if the whole
    /// of it comes is such a part as a whole.
    pub(super) fn part<P: Piece>(
        &self,
        target: &Target,
        verify: Verify,
        cx: &Context<'_, P>,
    ) -> Option<Part> {
        let (stored, end) = (target.chunk.stored.as_ref()?, self.range.header?.end?);
        let (start, end) = match target.md5_of_whole(verify) {
            Some(_) => (stored.start, stored.end),
            None => (self.range.start, end),
        };
        let is_url = matches!(target.chunk.source, Source::Urls(_) | Source::Filer(_));
        let index = target.index.filter(|_| is_url)?;
        Some(rare::call(|| {
            let waits = cx.validators.ignores_ranges(&self.name);
            let event = self.event(target);
            Part { url: self.name.clone(), index, start, end, waits, event }
        }))
    }

    /// The head of its response has arrived. `time`: when it was sent, and when the head arrived.
    pub(super) fn on_response<P: Piece>(
        &self,
        start: &ResponseStart,
        time: Range<Duration>,
        target: &Target,
        cx: &Context<'_, P>,
        actions: &mut Actions<P>,
    ) {
        if start.is_continued {
            return;
        }
        cx.pool.on_response(&self.host, time.end.saturating_sub(time.start), cx.now);
        // A server that says that it has no such chunk, or no such range, is not too busy to answer.
        if matches!(start.status, 200..=299 | 404 | 410 | 416) {
            cx.pool.on_served(&self.host, cx.now);
        }
        let event = target.host_event(EventKind::Headers, &self.host);
        actions.report(Event { status: Some(start.status), ..event });
    }
}

impl ResponseStart {
    /// Where in the blob the body begins, if the response fits the request. `unix_time` is for
    /// `Retry-After`, which may be a date. A server that ignores `Range` sends the whole blob.
    pub(super) fn body_start(&self, range: &BlobRange, unix_time: Duration) -> Result<u64, AttemptError> {
        match self.status {
            200 => Ok(self.at),
            206 if self.headers.is_encoded() => Err(wrong("the server sent a part of compressed bytes")),
            206 => content_range::fault(&self.headers, range.header)
                .map_or(Ok(range.start), |why| Err(wrong(why))),
            _ => Err(AttemptError::status(self.status, self.headers.retry_after.as_deref(), unix_time)),
        }
    }

    /// Fails if a 200 to a request for this range is too short to be the whole blob: the server may have sent the range
    /// under the wrong status. `size`: of the chunk.
    pub(super) fn check_length(&self, range: &BlobRange, size: u64) -> Result<(), AttemptError> {
        let Some(asked) = range.header.filter(|_| self.status == 200) else { return Ok(()) };
        let needed = asked.end.unwrap_or(range.base.saturating_add(size));
        match self.headers.body_length().is_some_and(|length| length < needed) {
            true => Err(wrong("the server answered a range with 200 and a body that ends before it")),
            false => Ok(()),
        }
    }

    /// Whether the response may be of the blob with this ETag: the ETags, if both are known, are the same.
    pub(super) fn is_same_copy(&self, etag: Option<&String>) -> bool {
        etag.zip(self.headers.etag.as_ref()).is_none_or(|(begun, other)| begun == other)
    }
}

fn wrong(message: &str) -> AttemptError {
    AttemptError::new(Kind::Range, message)
}
