//! Where a flight finds its chunk, and what a server wants to see before it gives it.

use std::{sync::Arc, time::Duration};

use super::{flight::Flight, shared::Shared};
use crate::{
    error::{Error, Kind},
    fetch::filer_token::filer_token,
    host::{Host, event::EventKind},
    http::{jwt, url},
    model::{chunk::Source, location, location::Location},
    schedule::retry::{AttemptError, Decision, RetryState},
};

impl<H: Host> Flight<'_, H> {
    /// The replicas of the chunk, asked for again with pauses while there are none.
    pub(super) async fn locate(&mut self, refresh: bool) -> Result<Location, Error> {
        let id = match &self.chunk.source {
            Source::FileId(id) => id,
            Source::Urls(urls) => {
                return self.usable(Location { urls: urls.to_vec(), token: None });
            }
            Source::Filer(url) => {
                return self.usable(Location { urls: vec![(**url).to_owned()], token: None });
            }
            Source::Inline(_) => return self.usable(Location::default()),
        };
        let Shared { host, session, .. } = self.shared;
        let options = &session.options;
        let mut trial = RetryState::new(options.retry, 1);
        loop {
            let stale = (refresh || trial.has_failed()).then_some(self.located_at);
            let found = session.locator.locate(host, options, id, stale).await;
            let error = match found.and_then(|location| self.usable(location)) {
                Ok(location) => {
                    self.located_at = host.now();
                    return Ok(location);
                }
                Err(error) => error.of_chunk(self.name()),
            };
            let failure = AttemptError::new(Kind::NoLocations, "");
            let jitter = self.shared.host.random();
            match trial.failed(0, "", failure, false, false, jitter) {
                Decision::Try(_, pause) if !session.locator.retries_itself() => {
                    self.pause(pause, &"".into(), Kind::NoLocations.code()).await;
                }
                _ => return Err(error),
            }
        }
    }

    fn usable(&self, location: Location) -> Result<Location, Error> {
        let mut location = location::usable(location);
        self.shared.session.pool.rank(&mut location.urls, self.view.len(), self.shared.host.now());
        if location.urls.is_empty() {
            return Err(Error::new(Kind::NoLocations, "no replica is known").of_chunk(self.name()));
        }
        Ok(location)
    }

    /// The URL with the token that its origin wants, and that has not expired.
    pub(super) async fn with_token(&mut self, url: &str, location: &Location) -> Result<String, Error> {
        let shared = self.shared;
        let refused = std::mem::take(&mut self.refused).then_some(self.token_at);
        let is_due = |token: &String| jwt::is_due(token, shared.host.unix_time());
        let token = match (&self.chunk.source, &location.token) {
            (Source::FileId(_), Some(token)) if is_due(token) => self.locate(true).await?.token,
            (source, _) => {
                let asked = token_for(shared, source, url, location, refused).await;
                asked.map_err(|error| error.of_chunk(self.name()))?
            }
        };
        self.token_at = shared.host.now();
        Ok(token.map_or_else(|| url.to_owned(), |token| url::with_token(url, &token)))
    }

    /// Gets a fresh token where it came with the location; says which replica to try. Replicas may
    /// be others then, but once only: a locator that never says the same twice must not keep us for
    /// ever.
    pub(super) async fn renew(
        &mut self,
        location: &mut Location,
        trial: &mut RetryState,
        replica: usize,
    ) -> Result<usize, Error> {
        self.refused = true;
        if location.token.is_none() {
            return Ok(replica);
        }
        let fresh = self.locate(true).await?;
        if location::same_set(&fresh.urls, &location.urls) {
            location.token = fresh.token;
            return Ok(replica);
        }
        if trial.restart_renewed(fresh.urls.len()) {
            *location = fresh;
            return Ok(0);
        }
        Ok(replica)
    }

    /// Looks the replicas up again; says whether they are others than before. What cannot be looked up
    /// is where it was, as far as we know: only that it is not there needs to be sure.
    pub(super) async fn look_up(
        &mut self,
        location: &mut Location,
        host: &Arc<str>,
        reason: &'static str,
    ) -> Result<bool, Error> {
        self.note(EventKind::Relookup, host, reason);
        self.shared.session.stats.lock().relookups += 1;
        let fresh = match self.locate(true).await {
            Ok(fresh) => fresh,
            Err(error) if reason == Kind::NotFound.code() => return Err(error),
            Err(_) => return Ok(false),
        };
        if location::same_set(&fresh.urls, &location.urls) {
            location.token = fresh.token;
            return Ok(false);
        }
        *location = fresh;
        Ok(true)
    }
}

/// The token for a request of this chunk at a URL. `refused`: one that was got then did not do.
pub(super) async fn token_for<H: Host>(
    shared: &Shared<H>,
    source: &Source,
    url: &str,
    location: &Location,
    refused: Option<Duration>,
) -> Result<Option<String>, Error> {
    let Shared { host, session, .. } = shared;
    let options = &session.options;
    match (source, &location.token) {
        (Source::FileId(_), Some(token)) => Ok(Some(token.clone())),
        (Source::FileId(id), None) => {
            let origin = url::origin(url).unwrap_or_default();
            session.locator.token(host, options, id, origin, refused).await
        }
        (Source::Filer(_), _) => filer_token(host, options).await,
        (Source::Urls(_) | Source::Inline(_), _) => Ok(None),
    }
}
