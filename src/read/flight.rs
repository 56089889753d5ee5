//! A chunk's way through its replicas, until what is wanted of it is here or cannot be had.

use std::{sync::Arc, time::Duration};

use md5::Md5;

use super::{
    attempt::{Envoy, Leg},
    lane::Lane,
    shared::Shared,
};
use crate::{
    decode::MAX_CHUNK_BYTES,
    error::{Attempt, Error, Kind},
    fetch::{timeout, validators::Validators},
    host::{
        Host,
        event::{Event, EventKind},
    },
    http::url,
    model::chunk::{Chunk, Source},
    schedule::{
        plan::View,
        retry::{AttemptError, Decision, RetryState},
        window::{Job, JobId},
    },
};

/// How a flight ended.
pub(super) enum Landed {
    /// It is here; or it is a chunk manifest that cannot be had, which counts when the reader comes
    /// there.
    Well,
    /// The view at this place cannot be had.
    Lost(usize),
}

/// Fetches what a job is about into the window.
pub(super) async fn fly<H: Host>(shared: Arc<Shared<H>>, job: Job) -> Landed {
    let mut flight = Flight::new(&shared, job);
    shared.emit(flight.event(EventKind::Queue));
    let outcome = flight.run().await;
    match (flight.index, outcome) {
        (_, Ok(())) => Landed::Well,
        (Some(index), Err(error)) => {
            shared.with(|state| state.window.fail(index, error));
            Landed::Lost(index)
        }
        (None, Err(error)) => {
            shared.with(|state| state.window.learn(&flight.chunk.source, Err(error)));
            Landed::Well
        }
    }
}

/// A chunk on its way: a view of it, or all of a chunk manifest.
pub(super) struct Flight<'a, H: Host> {
    pub(super) shared: &'a Shared<H>,
    /// Place of the view in the plan; a chunk manifest has none.
    pub(super) index: Option<usize>,
    /// Which part of the chunk the file needs.
    pub(super) view: View,
    pub(super) chunk: Chunk,
    pub(super) lane: Lane,
    /// The digest of what came by so far, and how far that is, in bytes of the decoded chunk.
    pub(super) digest: Md5,
    pub(super) digested: u64,
    /// The last piece of a view whose digest is not known to fit yet: no chunk is handed on to
    /// its end before it is verified, and one that comes in a single piece not at all.
    pub(super) last: Option<H::Piece>,
    /// The ETag of the stored blob that was begun: what goes on must be of the same.
    pub(super) etag: Option<String>,
    /// What replicas brought did not fit together: from now on each has to bring the whole.
    pub(super) alone: bool,
    /// The versions of a chunk that is the whole of its URL: only resuming it could mix them.
    own_pins: Validators,
    /// When its location was learnt, and when the token that was sent last.
    pub(super) located_at: Duration,
    pub(super) token_at: Duration,
    /// That token was refused.
    pub(super) refused: bool,
}

impl<'a, H: Host> Flight<'a, H> {
    fn new(shared: &'a Shared<H>, job: Job) -> Self {
        let (index, view, chunk, lane) = match job {
            Job::View { index, view, chunk } => {
                let lane = Lane::of(&view, &chunk, shared.session.options.verify);
                (Some(index), view, chunk, lane)
            }
            Job::Manifest(chunk) => {
                let all = View { chunk: 0, at: chunk.offset, within: 0..chunk.size };
                (None, all, chunk, Lane::List)
            }
        };
        Self {
            shared,
            index,
            view,
            chunk,
            lane,
            digest: Md5::default(),
            digested: 0,
            last: None,
            etag: None,
            alone: false,
            own_pins: Validators::default(),
            located_at: Duration::ZERO,
            token_at: Duration::ZERO,
            refused: false,
        }
    }

    async fn run(&mut self) -> Result<(), Error> {
        if let Source::Inline(bytes) = &self.chunk.source {
            let piece = self.shared.host.piece(bytes);
            self.keep_view(vec![piece]);
            self.finish(Some(0));
            return Ok(());
        }
        if self.lane == Lane::Whole && self.chunk.size > MAX_CHUNK_BYTES {
            let message = format!(
                "it has {} bytes, and at most {MAX_CHUNK_BYTES} are decoded in memory",
                self.chunk.size
            );
            return Err(Error::new(Kind::Limit, message).of_chunk(self.name()));
        }
        let mut location = self.locate(false).await?;
        let mut trial = RetryState::new(self.shared.session.options.retry, location.urls.len());
        let mut replica = 0;
        let mut farthest = 0;
        // Only a filer's chunks have a locator to be asked again, and only they and its files tokens.
        let may_ask = matches!(self.chunk.source, Source::FileId(_));
        let may_renew = may_ask || matches!(self.chunk.source, Source::Filer(_));
        loop {
            let url = location.urls.get(replica).map_or("", String::as_str);
            let at = self.pins().at(url);
            let host: Arc<str> = url::host(&at).unwrap_or_default().into();
            let turn = self.shared.session.pool.enter(&host, self.shared.session.options.per_host).await;
            // Asked for now, when the request is about to leave: tokens live for seconds.
            let target = self.with_token(&at, &location).await?;
            let mut leg = Leg { replica, name: url.to_owned(), host, turn };
            let Err(failure) = self.attempt(&mut leg, target, &location).await else {
                self.shared.won();
                return Ok(());
            };
            self.expect_nothing();
            // Another may have taken its place.
            let Leg { replica: at_last, name, host, turn } = leg;
            let (url, at) = (&name, self.pins().at(&name));
            replica = at_last;
            drop(turn);
            if failure.kind == Kind::Network && self.back_online(&host).await {
                self.again(true, &host, "offline");
                continue;
            }
            if self.pins().forget(url, &at, failure.status) {
                self.again(true, &host, failure.kind.code());
                continue;
            }
            self.shared.session.pool.failed(&host, &failure, self.shared.host.now());
            let failure = self.after_failure(failure, &host)?;
            let here = self.digested.max(self.arrived());
            if here > farthest {
                self.shared.won_bytes(here - farthest);
                farthest = here;
                trial.progressed();
            }
            let jitter = self.shared.host.random();
            let reason = failure.kind.code();
            let mut next = trial.failed(replica, &host, failure, may_renew, may_ask, jitter);
            if !self.shared.may_fail_again(location.urls.len()) {
                return Err(trial.error(self.name()));
            }
            let mut moved = false;
            if next == Decision::Lookup {
                moved = self.look_up(&mut location, &host, reason).await?;
                next = if moved { trial.restart(location.urls.len()) } else { trial.after_lookup(jitter) };
            }
            replica = match next {
                Decision::Try(to, pause) => {
                    self.pause(pause, &host, reason).await;
                    self.again(to == replica && !moved, &host, reason);
                    to
                }
                Decision::Token(to) => {
                    let to = self.renew(&mut location, &mut trial, to).await?;
                    self.again(to == replica, &host, reason);
                    to
                }
                Decision::Lookup | Decision::GiveUp => return Err(trial.error(self.name())),
            };
        }
    }

    /// Waits for the network if the platform says that there is none; says whether it came back.
    /// No server is to blame for what fails meanwhile.
    async fn back_online(&self, host: &Arc<str>) -> bool {
        if !self.shared.host.is_offline() {
            return false;
        }
        self.note(EventKind::Wait, host, "offline");
        timeout::back_online(&self.shared.host).await
    }

    /// Counts and tells another attempt, at the same replica or at another.
    fn again(&self, same: bool, host: &Arc<str>, reason: &'static str) {
        let mut stats = self.shared.session.stats.lock();
        let (count, kind) = match same {
            true => (&mut stats.retries, EventKind::Retry),
            false => (&mut stats.failovers, EventKind::Failover),
        };
        *count += 1;
        drop(stats);
        self.note(kind, host, reason);
    }

    /// What has come of a failed attempt: bytes that do not fit their digest are dropped, and if
    /// some of them have left already, nothing can make it good.
    fn after_failure(&mut self, failure: AttemptError, host: &str) -> Result<AttemptError, Error> {
        let flows = matches!(self.lane, Lane::Flow { .. });
        let bad = flows && matches!(failure.kind, Kind::Corrupt | Kind::LongBody);
        let left = self.has_left();
        if failure.kind == Kind::SourceChanged || (bad && left) {
            let reason = failure.kind.code();
            let attempt = Attempt { host: host.to_owned(), status: failure.status, reason };
            let error = Error::new(failure.kind, failure.message).of_chunk(self.name());
            return Err(error.after(vec![attempt]));
        }
        self.alone |= bad;
        if self.alone && !left {
            self.start_over();
        }
        Ok(failure)
    }

    /// Drops what is here of a chunk of which nothing has left.
    fn start_over(&mut self) {
        if let Some(index) = self.index {
            self.shared.with(|state| state.window.discard(index));
        }
        self.digest = Md5::default();
        self.digested = 0;
        self.last = None;
        self.etag = None;
    }

    pub(super) async fn pause(&self, pause: Duration, host: &Arc<str>, reason: &'static str) {
        if !pause.is_zero() {
            self.note(EventKind::Wait, host, reason);
            self.shared.host.sleep(pause).await;
        }
    }

    /// What this chunk's answers must be versions of: where chunks share a URL, what all of them are.
    pub(super) fn pins(&self) -> &Validators {
        if self.chunk.stored.is_some() { &self.shared.session.validators } else { &self.own_pins }
    }

    pub(super) fn name(&self) -> &str {
        self.chunk.source.name()
    }

    /// What the window knows it by.
    pub(super) fn ticket(&self) -> JobId<'_> {
        match self.index {
            Some(index) => JobId::View(index),
            None => JobId::Manifest(&self.chunk.source),
        }
    }

    pub(super) fn arrived(&self) -> u64 {
        self.index.map_or(0, |index| self.shared.lock().window.arrived(index))
    }

    pub(super) fn has_left(&self) -> bool {
        self.index.is_some_and(|index| self.shared.lock().window.has_left(index))
    }

    /// Waits while more of it is here than may be held; says whether it had to.
    pub(super) async fn room(&self) -> bool {
        match self.index {
            Some(index) => self.shared.room_for(index).await,
            None => false,
        }
    }

    pub(super) fn arrive(&self, piece: H::Piece) {
        if let Some(index) = self.index {
            self.shared.with(|state| state.window.arrive(index, piece));
        }
    }

    pub(super) fn finish(&self, holds: Option<u64>) {
        if let Some(index) = self.index {
            self.shared.with(|state| state.window.finish(index, holds));
        }
    }

    /// No server is expected to do anything for it now.
    fn expect_nothing(&self) {
        if let Some(index) = self.index {
            self.shared.with(|state| state.window.expect_nothing(index));
        }
    }

    pub(super) fn envoy(&self) -> Envoy<'a, H> {
        Envoy { shared: self.shared, event: self.event(EventKind::Request), size: self.chunk.size }
    }

    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { kind, index: self.index, chunk: Some(self.chunk.source.clone()), ..Event::default() }
    }

    pub(super) fn note(&self, kind: EventKind, host: &Arc<str>, reason: &'static str) {
        let event = self.event(kind);
        self.shared.emit(Event { host: Some(Arc::clone(host)), reason: Some(reason), ..event });
    }
}
