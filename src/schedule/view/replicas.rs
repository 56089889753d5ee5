//! The replicas of a chunk, and the token that a request for it needs.

use std::sync::Arc;

use super::{
    io::{Context, Operation},
    target::Target,
};
use crate::{
    error::{Error, Kind},
    host::Piece,
    http::{jwt, url},
    model::{
        chunk::Source,
        location::{self, Location},
    },
    time::Duration,
};

/// The replicas of a chunk, as the last lookup gave them.
#[derive(Debug)]
pub(super) struct Replicas {
    location: Location,
    /// When the lookup ended.
    located_at: Duration,
    /// When the token of the last request was obtained, and whether a server refused it.
    token_at: Duration,
    is_token_refused: bool,
}

/// How a request gets its token.
#[derive(Debug)]
pub(super) enum TokenStep<P: Piece> {
    /// The request is sent with this token, or without one.
    Known(Option<String>),
    /// Another lookup brings it: the token of the last one is about to expire.
    Relocate,
    /// This operation brings it.
    Ask(Operation<P>),
}

impl Replicas {
    pub(super) fn new() -> Self {
        Self {
            location: Location::default(),
            located_at: Duration::ZERO,
            token_at: Duration::ZERO,
            is_token_refused: false,
        }
    }

    /// The location that a source itself names; `None` if a locator has to be asked.
    pub(super) fn known(source: &Source) -> Option<Location> {
        let urls = match source {
            Source::FileId(_) => return None,
            Source::Urls(urls) => urls.to_vec(),
            Source::Filer(url) => vec![(**url).to_owned()],
            Source::Inline(_) => Vec::new(),
        };
        Some(Location { urls, token: None })
    }

    /// The acceptable URLs of a location, best first.
    pub(super) fn usable<P: Piece>(
        location: Location,
        target: &Target,
        cx: &Context<'_, P>,
    ) -> Result<Location, Error> {
        let mut location = location::usable(location);
        cx.pool.rank(&mut location.urls, target.view.len(), true, cx.now);
        if location.urls.is_empty() {
            return Err(Error::new(Kind::NoLocations, "no replica is known").of_chunk(target.name()));
        }
        Ok(location)
    }

    /// Takes these replicas in place of the ones before.
    pub(super) fn replace(&mut self, location: Location) {
        self.location = location;
    }

    /// Takes the token of a new lookup, if it has the same replicas; returns whether it has.
    pub(super) fn renew_token(&mut self, fresh: &mut Location) -> bool {
        let is_same = location::same_set(&fresh.urls, &self.location.urls);
        if is_same {
            self.location.token = fresh.token.take();
        }
        is_same
    }

    pub(super) fn urls(&self) -> &[String] {
        &self.location.urls
    }

    /// The URL of a replica; empty if there is no such replica.
    pub(super) fn url(&self, replica: usize) -> &str {
        self.location.urls.get(replica).map_or("", String::as_str)
    }

    pub(super) fn has_token(&self) -> bool {
        self.location.token.is_some()
    }

    pub(super) fn located_at(&self) -> Duration {
        self.located_at
    }

    pub(super) fn set_located_at(&mut self, now: Duration) {
        self.located_at = now;
    }

    /// The token of the next request was obtained at this time.
    pub(super) fn set_token_at(&mut self, now: Duration) {
        self.token_at = now;
    }

    /// A server refused the token of the last request.
    pub(super) fn refuse_token(&mut self) {
        self.is_token_refused = true;
    }

    /// How the next request, to this URL, gets its token.
    pub(super) fn token_step<P: Piece>(
        &mut self,
        source: &Source,
        at: &str,
        unix_time: Duration,
    ) -> TokenStep<P> {
        let refused = std::mem::take(&mut self.is_token_refused).then_some(self.token_at);
        self.token(source, at, unix_time, refused)
    }

    /// How a hedge to this URL gets its token.
    pub(super) fn hedge_token_step<P: Piece>(
        &self,
        source: &Source,
        at: &str,
        unix_time: Duration,
    ) -> TokenStep<P> {
        self.token(source, at, unix_time, None)
    }

    fn token<P: Piece>(
        &self,
        source: &Source,
        at: &str,
        unix_time: Duration,
        refused: Option<Duration>,
    ) -> TokenStep<P> {
        match (source, &self.location.token) {
            (Source::FileId(_), Some(token)) if jwt::is_due(token, unix_time) => TokenStep::Relocate,
            (Source::FileId(_), Some(token)) => TokenStep::Known(Some(token.clone())),
            (Source::FileId(file_id), None) => TokenStep::Ask(Operation::Token {
                file_id: Arc::clone(file_id),
                origin: url::origin(at).unwrap_or_default().to_owned(),
                refused,
            }),
            (Source::Filer(_), _) => TokenStep::Ask(Operation::FilerToken),
            (Source::Urls(_) | Source::Inline(_), _) => TokenStep::Known(None),
        }
    }
}
