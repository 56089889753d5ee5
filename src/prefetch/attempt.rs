//! One request, watched until its body has come by.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    future::{Either, select},
};

use super::{
    flight::Flight,
    lane::{Lane, Wanted},
};
use crate::{
    chunk::Source,
    content_range,
    decode::{GCM_OVERHEAD, ceiling},
    error::Kind,
    event::{Event, EventKind},
    host::{Answer, Headers, Host, Piece, Request},
    pin::Seen,
    retrieve::within,
    retry::Failure,
    watch::Watch,
};

/// A server that ignores `Range` sends the whole blob: so many bytes before the wanted ones are
/// worth skipping.
const MAX_SKIP: u64 = 64 << 20;

impl<H: Host> Flight<'_, H> {
    /// Asks one replica for what is still wanted, at `url`.
    pub(super) async fn attempt(
        &mut self,
        replica: &str,
        url: String,
        host: &Arc<str>,
    ) -> Result<(), Failure> {
        let shared = self.shared;
        let wanted = self.wanted();
        let expected = wanted.end.unwrap_or(self.chunk.size).saturating_sub(wanted.start);
        shared.options.meter.lock().requests += 1;
        self.tell(EventKind::Request, host, |event| event.bytes = Some(expected));

        let sent = shared.host.now();
        let fetched = shared.host.fetch(Request { url, range: wanted.range });
        let answer =
            within(&shared.host, shared.options.timeout.headers, "no answer in time", fetched).await??;
        shared.options.pool.answered(host, shared.host.now().saturating_sub(sent));
        self.tell(EventKind::Headers, host, |event| event.status = Some(answer.status));
        if answer.status == 416 && self.is_digested() && self.digested >= self.chunk.size {
            // Nothing follows what is here already.
            return self.flowed();
        }
        let status = answer.status;
        let at = self
            .begin(replica, &wanted, &answer)
            .map_err(|failure| Failure { status: Some(status), ..failure })?;
        self.same_copy(&answer.headers)?;
        let done = match self.lane {
            Lane::Flow { .. } => self.flows(answer.body, at, &wanted, host, status == 206).await,
            Lane::Whole | Lane::List => self.whole(answer, at, &wanted, host).await,
        };
        done.map_err(|failure| Failure { status: failure.status.or(Some(status)), ..failure })
    }

    /// Where in the blob the body begins, if the answer is one to what was asked, and of the version
    /// that is read.
    fn begin(&self, replica: &str, wanted: &Wanted, answer: &Answer<H::Body>) -> Result<u64, Failure> {
        let Answer { status, headers, url, .. } = answer;
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
    fn same_copy(&mut self, headers: &Headers) -> Result<(), Failure> {
        let begun = self.digested.max(self.arrived()) > 0;
        match (&self.etag, &headers.etag) {
            (Some(begun_etag), Some(told)) if begun && begun_etag != told => {
                self.alone |= !self.has_left();
                Err(Failure::new(Kind::Range, "it is another copy than the one that was begun"))
            }
            _ if begun => Ok(()),
            _ => {
                self.etag.clone_from(&headers.etag);
                Ok(())
            }
        }
    }

    /// Lets a body flow into the window.
    async fn flows(
        &mut self,
        body: H::Body,
        at: u64,
        wanted: &Wanted,
        host: &Arc<str>,
        exact: bool,
    ) -> Result<(), Failure> {
        let most = wanted.base.saturating_add(ceiling(&self.chunk));
        let mut complete = false;
        let outcome = self
            .receive(body, at, host, |flight, piece, at| {
                let end = at + piece.len() as u64;
                if exact && wanted.end.is_some_and(|wanted| end > wanted) {
                    return Err(Failure::new(Kind::LongBody, "more bytes came than were asked for"));
                }
                if wanted.end.is_none() && end > most {
                    return Err(Failure::new(Kind::LongBody, "it goes on far beyond its size"));
                }
                // What a truncation left beyond `size`, or the rest of a blob, is of no use.
                if complete && !piece.is_empty() {
                    return Ok(Flow::Enough);
                }
                complete = !flight.flow(piece, at, wanted);
                Ok(Flow::More)
            })
            .await;
        match outcome {
            // All is here: how the connection ended is of no interest.
            Err(failure) if failure.kind != Kind::LongBody && self.has_it_all(wanted) => {}
            outcome => outcome?,
        }
        self.flowed()
    }

    /// Collects a body, then decodes it.
    async fn whole(
        &mut self,
        answer: Answer<H::Body>,
        at: u64,
        wanted: &Wanted,
        host: &Arc<str>,
    ) -> Result<(), Failure> {
        let Answer { headers, body, .. } = answer;
        let mut stored = Vec::new();
        let mut len = 0;
        let most = self.most().saturating_add(GCM_OVERHEAD);
        self.receive(body, at, host, |flight, mut piece, at| {
            let end = at + piece.len() as u64;
            wanted.cut(&mut piece, at);
            len += piece.len() as u64;
            if len > most {
                return Err(Failure::new(Kind::LongBody, "it goes on far beyond its size"));
            }
            // A truncation leaves more stored than its size says.
            flight.shared.with(|state| state.window.outgrow(flight.ticket(), len.saturating_mul(2)));
            if !piece.is_empty() {
                stored.push(piece);
            }
            Ok(if wanted.end.is_some_and(|wanted| end > wanted) { Flow::Enough } else { Flow::More })
        })
        .await?;
        if wanted.end.is_some_and(|end| len < end.saturating_sub(wanted.start)) {
            return Err(Failure::new(Kind::ShortBody, format!("it ended after {len} bytes")));
        }
        self.decode(stored, &headers).await
    }

    /// Takes a body piece by piece, each with its place in the blob, until it ends, or enough is
    /// here, or nothing comes for too long.
    ///
    /// One timer watches over the whole body and is set again only when it rings: a timer for
    /// each piece would cost more than the piece.
    async fn receive(
        &mut self,
        mut body: H::Body,
        mut at: u64,
        host: &Arc<str>,
        mut take: impl FnMut(&mut Self, H::Piece, u64) -> Result<Flow, Failure>,
    ) -> Result<(), Failure> {
        let shared = self.shared;
        let idle = shared.options.timeout.idle;
        let mut first = true;
        let mut watch = Watch::new(idle, shared.host.now());
        let mut rings = pin!(shared.host.sleep(idle));
        loop {
            // While the reader holds us up, no server is to blame.
            if self.room().await {
                watch.moved(shared.host.now());
            }
            let piece = match select(body.next(), rings.as_mut()).await {
                Either::Left((None, _)) => return Ok(()),
                Either::Left((Some(piece), _)) => piece?,
                Either::Right(_) => {
                    let Some(more) = watch.rang(shared.host.now()) else {
                        return Err(Failure::new(Kind::Timeout, "the body stalled"));
                    };
                    rings.set(shared.host.sleep(more));
                    continue;
                }
            };
            watch.moved(shared.host.now());
            self.received(&piece, host, std::mem::take(&mut first));
            let start = at;
            at = at.saturating_add(piece.len() as u64);
            if let Flow::Enough = take(self, piece, start)? {
                return Ok(());
            }
        }
    }

    fn received(&self, piece: &H::Piece, host: &Arc<str>, first: bool) {
        let bytes = piece.len() as u64;
        self.shared.options.meter.lock().bytes_received += bytes;
        if first {
            self.tell(EventKind::FirstByte, host, |_| {});
        }
        self.tell(EventKind::Body, host, |event| event.bytes = Some(bytes));
    }

    fn tell(&self, kind: EventKind, host: &Arc<str>, fill: impl FnOnce(&mut Event)) {
        let mut event = self.event(kind);
        event.host = Some(Arc::clone(host));
        fill(&mut event);
        self.shared.emit(event);
    }
}

/// Where in the blob the body begins, if the answer is one to what was asked.
fn begin(headers: &Headers, status: u16, wanted: &Wanted, unix_time: Duration) -> Result<u64, Failure> {
    let wrong = |message: &str| Err(Failure::new(Kind::Range, message));
    match (status, wanted.range) {
        (200, None) => Ok(0),
        (200, Some(_)) if wanted.start <= MAX_SKIP => Ok(0),
        (200, Some(_)) => wrong("the server ignores ranges"),
        (206, None) => wrong("the server answered with a part that nobody asked for"),
        (206, Some(range)) => match headers.content_range.as_deref().map(content_range::parse) {
            _ if headers.is_packed() => wrong("the server cut packed bytes"),
            // RFC 9110, 14.6: several parts have a range each, and are not bytes of a file.
            None if headers.is_in_parts() => wrong("the server answered in several parts"),
            None => Ok(range.start),
            Some(Some(told)) if told.start == range.start && range.end.is_none_or(|end| told.end <= end) => {
                Ok(range.start)
            }
            Some(_) => wrong("the server answered with other bytes than were asked for"),
        },
        _ => Err(Failure::status(status, headers.retry_after.as_deref(), unix_time)),
    }
}

/// Whether a body is to be read on.
enum Flow {
    More,
    Enough,
}
