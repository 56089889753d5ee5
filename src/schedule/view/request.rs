//! One request to one replica, and what its response head says.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    blob_range::BlobRange,
    io::{Actions, Context, Operation, ResponseStart, Role},
    target::Target,
};
use crate::{
    error::Kind,
    host::{
        Piece, Request,
        event::{Event, EventKind},
    },
    http::{content_range, url},
    schedule::{pool::Permit, retry::AttemptError},
};

/// A server that ignores `Range` sends the whole blob. Up to this many bytes before the requested ones are
/// skipped; beyond that the response is an error.
const MAX_SKIP: u64 = 64 << 20;

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

    /// Sends it with a token, if it needs one.
    pub(super) fn send<P: Piece>(
        &self,
        role: Role,
        token: Option<String>,
        target: &Target,
        actions: &mut Actions<P>,
    ) {
        let event = target.host_event(EventKind::Request, &self.host);
        let bytes = Some(self.range.expected_len(target.chunk.size));
        actions.report(Event { bytes, ..event });
        let url = token.map_or_else(|| self.url.clone(), |token| url::with_token(&self.url, &token));
        let request = Request { url, range: self.range.header };
        actions.start(role, Operation::Send { request, needs_codec: target.needs_codec() });
    }

    /// The head of its response has arrived. `time`: when it was sent, and when the head arrived.
    pub(super) fn on_response<P: Piece>(
        &self,
        status: u16,
        time: Range<Duration>,
        target: &Target,
        cx: &Context<'_, P>,
        actions: &mut Actions<P>,
    ) {
        cx.pool.on_response(&self.host, time.end.saturating_sub(time.start), cx.now);
        let event = target.host_event(EventKind::Headers, &self.host);
        actions.report(Event { status: Some(status), ..event });
    }
}

impl ResponseStart {
    /// Where in the blob the body begins, if the response fits the request. `unix_time` is for
    /// `Retry-After`, which may be a date.
    pub(super) fn body_start(&self, range: &BlobRange, unix_time: Duration) -> Result<u64, AttemptError> {
        match (self.status, range.header) {
            (200, None) => Ok(0),
            (200, Some(_)) if range.start <= MAX_SKIP => Ok(0),
            (200, Some(_)) => Err(wrong("the server ignores Range requests")),
            (206, None) => Err(wrong("the server sent a part in response to a request for the whole")),
            (206, Some(asked)) => self.part_start(asked.start, asked.end),
            _ => Err(AttemptError::status(self.status, self.headers.retry_after.as_deref(), unix_time)),
        }
    }

    /// Whether the response may be of the blob with this ETag: the ETags, if both are known, are the same.
    pub(super) fn is_same_copy(&self, etag: Option<&String>) -> bool {
        etag.zip(self.headers.etag.as_ref()).is_none_or(|(begun, other)| begun == other)
    }

    /// Where the body of a 206 begins, if it is a body for this range.
    fn part_start(&self, start: u64, end: Option<u64>) -> Result<u64, AttemptError> {
        match self.headers.content_range.as_deref().map(content_range::parse) {
            _ if self.headers.is_encoded() => Err(wrong("the server sent a part of compressed bytes")),
            // RFC 9110, 14.6: several parts have a range each, and are not bytes of a file.
            None if self.headers.is_in_parts() => Err(wrong("the server sent multipart/byteranges")),
            None => Ok(start),
            Some(Some(sent)) if sent.start == start && end.is_none_or(|end| sent.end <= end) => Ok(start),
            Some(_) => Err(wrong("the server sent another range than the requested one")),
        }
    }
}

fn wrong(message: &str) -> AttemptError {
    AttemptError::new(Kind::Range, message)
}
