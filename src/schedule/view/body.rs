//! The body of a response, as its pieces arrive.

use super::{
    blob_range::BlobRange,
    gzip_sniffer::{GzipSniffer, Sniffed},
    io::{Actions, Context},
    stream::{Completeness, ViewStream},
    target::{BodyMode, Target},
};
use crate::{
    error::Kind,
    host::{DecodeParams, Piece},
    http::headers::Headers,
    model::{
        chunk::{Compression, GCM_OVERHEAD},
        limit::max_output,
    },
    schedule::{
        idle_timer::IdleTimer,
        pace::{Pace, Traffic},
        pool::SERVED_AGAIN,
        retry::AttemptError,
    },
    time::Duration,
};

/// How far a body has come.
///
/// One timer is enough for the whole body. It is set again only when it fires: a timer for each piece would
/// cost more than the piece.
#[derive(Debug)]
pub(super) struct BodyProgress {
    /// Where in the blob the next piece begins.
    at: u64,
    /// Bytes so far.
    count: u64,
    began: Duration,
    /// When the pool last learned that the host serves.
    reported: Duration,
    pub(super) idle: IdleTimer,
    pub(super) pace: Pace,
}

impl BodyProgress {
    /// A body that begins now, at byte `at` of the blob.
    pub(super) fn new(at: u64, idle: Duration, traffic: Traffic, now: Duration) -> Self {
        let (pace, idle) = (Pace::new(idle, traffic, now), IdleTimer::new(idle, now));
        Self { at, count: 0, began: now, reported: now, idle, pace }
    }

    /// Whether it is time to tell the pool again that the host serves.
    pub(super) fn is_news(&mut self, now: Duration) -> bool {
        let is_news = now.saturating_sub(self.reported) >= SERVED_AGAIN;
        if is_news {
            self.reported = now;
        }
        is_news
    }

    /// A piece of this length arrived; returns where in the blob it begins.
    pub(super) fn on_piece(&mut self, len: u64, now: Duration) -> u64 {
        self.idle.on_progress(now);
        self.count += len;
        let at = self.at;
        self.at = at.saturating_add(len);
        at
    }

    /// Bytes so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How long the body has taken.
    pub(super) fn time(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began)
    }

    /// Whether all `size` bytes will be here within this many seconds, at the rate so far.
    pub(super) fn is_near_end(&self, size: u64, seconds: f64, now: Duration) -> bool {
        let rest = size.saturating_sub(self.count) as f64;
        self.count > 0 && rest * self.time(now).as_secs_f64() < seconds * self.count as f64
    }
}

/// A body, and the way of its pieces.
#[derive(Debug)]
pub(super) struct Body<P> {
    pub(super) progress: BodyProgress,
    pub(super) sink: BodySink<P>,
}

/// The way of the pieces of a body.
#[derive(Debug)]
pub(super) enum BodySink<P> {
    /// They go on to the window.
    Stream(StreamSink<P>),
    /// They are kept until the body ends.
    Buffer(BufferSink<P>),
}

/// Whether more of a body is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    More,
    Enough,
    /// The body goes on beyond the size of the chunk: does its digest match already?
    Check,
    /// It is longer than expected, and there is no room for more.
    NoRoom,
}

impl<P: Piece> BodySink<P> {
    pub(super) fn new(target: &Target, range: BlobRange, status: u16, headers: Headers, at: u64) -> Self {
        match target.mode {
            BodyMode::Stream { .. } => Self::Stream(StreamSink {
                sniffer: GzipSniffer::new(&target.chunk, &headers),
                range,
                at,
                is_part: status == 206,
                max_end: range.base.saturating_add(max_output(&target.chunk)),
                is_complete: false,
                surplus: None,
                // Of what a server compressed the length is known only at the end.
                is_checked: target.chunk.compression == Compression::ByServer,
            }),
            BodyMode::Buffer | BodyMode::Manifest => Self::Buffer(BufferSink {
                range,
                stored: Vec::new(),
                len: 0,
                max_len: target.max_len.saturating_add(GCM_OVERHEAD),
                headers,
            }),
        }
    }
}

impl<P> BodySink<P> {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// Hands pieces on as they arrive.
#[derive(Debug)]
pub(super) struct StreamSink<P> {
    sniffer: GzipSniffer<P>,
    range: BlobRange,
    /// Where in the blob the next piece begins that the sniffer passes on.
    at: u64,
    /// The response is a part: it ends where the request ends.
    is_part: bool,
    /// The end of the longest acceptable body, if the request has no end.
    max_end: u64,
    /// No more bytes are needed.
    is_complete: bool,
    /// The first bytes beyond the size of the chunk, while the digest of those before is computed.
    surplus: Option<P>,
    /// That digest was computed, or needs not be.
    is_checked: bool,
}

impl<P: Piece> StreamSink<P> {
    /// Takes the next piece.
    pub(super) fn take(
        &mut self,
        piece: P,
        target: &Target,
        stream: &mut ViewStream<P>,
        actions: &mut Actions<P>,
        cx: &Context<'_, P>,
    ) -> Result<Flow, AttemptError> {
        if self.sniffer.is_decided() {
            return self.pass(piece, target, stream, actions, cx);
        }
        let pieces = self.sniffer.take(piece);
        self.pass_all(pieces, target, stream, actions, cx)
    }

    /// The body has ended: what the bytes are that were held back.
    pub(super) fn sniff(&mut self) -> Sniffed {
        self.sniffer.finish()
    }

    /// Registers the bytes that were held back with a digest.
    pub(super) fn digest_held(&mut self, digest: &mut P::Digest) {
        self.sniffer.digest(digest);
    }

    /// The bytes that were held back, and how to decode them if they are gzip.
    pub(super) fn take_held(&mut self) -> (Vec<P>, DecodeParams) {
        (self.sniffer.take_held(), self.sniffer.params())
    }

    /// Whether the body has brought all that is needed, as far as can be known.
    pub(super) fn completeness(&self, stream: &ViewStream<P>) -> Completeness {
        stream.completeness(&self.range)
    }

    /// The digest of the bytes up to the size of the chunk does not match. A truncation leaves more, which it covers.
    pub(super) fn take_surplus(&mut self) -> Option<P> {
        self.surplus.take()
    }

    /// Takes the last bytes of the body.
    pub(super) fn pass_all(
        &mut self,
        pieces: Vec<P>,
        target: &Target,
        stream: &mut ViewStream<P>,
        actions: &mut Actions<P>,
        cx: &Context<'_, P>,
    ) -> Result<Flow, AttemptError> {
        self.is_checked = true;
        for piece in pieces {
            if self.pass(piece, target, stream, actions, cx)? == Flow::Enough {
                return Ok(Flow::Enough);
            }
        }
        Ok(Flow::More)
    }

    fn pass(
        &mut self,
        mut piece: P,
        target: &Target,
        stream: &mut ViewStream<P>,
        actions: &mut Actions<P>,
        cx: &Context<'_, P>,
    ) -> Result<Flow, AttemptError> {
        let (at, size) = (self.at, self.range.base.saturating_add(target.chunk.size));
        let end = at.saturating_add(piece.len() as u64);
        if self.range.end.is_none() && stream.has_checksum() && !self.is_checked && end > size {
            if at < size {
                let rest = piece.split_to((size - at) as usize);
                let rest = std::mem::replace(&mut piece, rest);
                self.pass(piece, target, stream, actions, cx)?;
                piece = rest;
            }
            self.is_checked = true;
            if stream.has_digested(target.chunk.size) {
                self.surplus = Some(piece);
                return Ok(Flow::Check);
            }
        }
        let at = self.at;
        self.at = end;
        match self.range.end {
            // A digest decides for itself whether the bytes are right.
            Some(end) if self.is_part && self.at > end && !stream.has_checksum() => {
                stream.drop_held();
                return Err(AttemptError::new(Kind::LongBody, "the server sent more bytes than requested"));
            }
            None if self.at > self.max_end => return Err(too_long(target)),
            _ => {}
        }
        // Bytes that a truncation left beyond `size`, and the rest of a blob, are not needed.
        if self.is_complete && !piece.is_empty() {
            return Ok(Flow::Enough);
        }
        self.is_complete = !stream.take(piece, at, &self.range, &target.chunk, actions, cx);
        Ok(Flow::More)
    }
}

/// Keeps pieces until the body ends.
#[derive(Debug)]
pub(super) struct BufferSink<P> {
    range: BlobRange,
    pub(super) stored: Vec<P>,
    len: u64,
    max_len: u64,
    pub(super) headers: Headers,
}

impl<P: Piece> BufferSink<P> {
    /// Takes a piece that starts at byte `at` of the blob.
    pub(super) fn take(
        &mut self,
        mut piece: P,
        at: u64,
        target: &Target,
        cx: &Context<'_, P>,
    ) -> Result<Flow, AttemptError> {
        let end = at.saturating_add(piece.len() as u64);
        self.range.cut(&mut piece, at);
        self.len += piece.len() as u64;
        if self.len > self.max_len {
            return Err(too_long(target));
        }
        // A truncation leaves more stored than `size` says. It is held as stored and as decoded.
        let overhead = if target.chunk.key.is_some() { GCM_OVERHEAD } else { 0 };
        if !(cx.outgrow)(target.job_id(), self.len.saturating_mul(2).saturating_sub(overhead)) {
            return Ok(Flow::NoRoom);
        }
        if !piece.is_empty() {
            self.stored.push(piece);
        }
        let has_all = self.range.end.is_some_and(|needed| end > needed);
        Ok(if has_all { Flow::Enough } else { Flow::More })
    }

    /// The body has ended: is it long enough?
    pub(super) fn check(&self) -> Result<(), AttemptError> {
        let needed = self.range.end.map_or(0, |end| end.saturating_sub(self.range.start));
        if self.len < needed {
            let message = format!("the body ended after {} of {needed} bytes", self.len);
            return Err(AttemptError::new(Kind::ShortBody, message));
        }
        Ok(())
    }
}

/// A body that cannot be that of the chunk. A chunk manifest has no size that it could exceed.
fn too_long(target: &Target) -> AttemptError {
    if target.mode == BodyMode::Manifest {
        let message =
            format!("the chunk manifest is longer than {} bytes, which is the limit", target.max_len);
        return AttemptError::new(Kind::Limit, message);
    }
    AttemptError::new(Kind::LongBody, "the body goes on far beyond the size of the chunk")
}
