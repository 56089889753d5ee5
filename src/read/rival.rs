//! A second request, at another replica, for what is late.
//!
//! Dean and Barroso, The Tail at Scale (CACM 56-2, 2013): a hedged request after the time that most
//! take costs a few per cent of requests and cuts off the tail.

use std::{future::Future, sync::Arc};

use futures::StreamExt;

use super::{
    attempt::{Arrival, Envoy, Leg, Overtaken, begin},
    flight::Flight,
    lane::{Lane, Wanted},
    place::token_for,
};
use crate::{
    error::Kind,
    host::{Host, event::EventKind},
    http::{jwt, url},
    model::{chunk::Chunk, location::Location},
    schedule::{plan::View, retry::AttemptError, window::Expected},
};

/// What is needed to ask for the same again.
struct Second<'a, H: Host> {
    envoy: Envoy<'a, H>,
    index: usize,
    chunk: Chunk,
    view: View,
    lane: Lane,
    late: Arc<str>,
    location: Location,
}

impl<'a, H: Host> Flight<'a, H> {
    /// A request that is sent when this view is late, if there is another replica to send it to.
    pub(super) fn rival(
        &self,
        leg: &Leg,
        location: &Location,
    ) -> Option<impl Future<Output = Result<Overtaken<H>, AttemptError>> + use<'a, H>> {
        let index = self.index.filter(|_| self.is_hedgeable(leg, location))?;
        let second = Second {
            envoy: self.envoy(),
            index,
            chunk: self.chunk.clone(),
            view: self.view.clone(),
            lane: self.lane,
            late: Arc::clone(&leg.host),
            location: location.clone(),
        };
        Some(second.send())
    }

    /// Tells what the replica is expected to do from now on, if another could do it.
    pub(super) fn expect(&self, leg: &Leg, location: &Location, bytes: Option<u64>) {
        let Some(index) = self.index.filter(|_| self.is_hedgeable(leg, location)) else { return };
        let expected = Expected { host: Arc::clone(&leg.host), since: self.shared.host.now(), bytes };
        self.shared.with(|state| state.window.expect(index, expected));
    }

    fn is_hedgeable(&self, leg: &Leg, location: &Location) -> bool {
        let may = self.shared.session.options.hedge && !self.alone;
        let is_hedged = |index| self.shared.lock().window.is_hedged(index);
        may && location.urls.iter().any(|url| is_elsewhere(url, &leg.host))
            && !self.index.is_none_or(is_hedged)
    }
}

impl<H: Host> Second<'_, H> {
    async fn send(self) -> Result<Overtaken<H>, AttemptError> {
        let shared = self.envoy.shared;
        let watched = Watched { second: &self };
        shared.late(self.index).await;
        drop(watched);
        let Some((leg, url)) = self.leg() else { return Err(not_sent()) };
        let location = &self.location;
        if location.token.as_ref().is_some_and(|token| jwt::is_due(token, shared.host.unix_time())) {
            return Err(not_sent());
        }
        let token = token_for(shared, &self.chunk.source, &url, location, None).await;
        let token = token.map_err(|_| not_sent())?;
        let target = token.map_or_else(|| url.clone(), |token| url::with_token(&url, &token));
        shared.with(|state| state.window.hedged(self.index));
        shared.session.stats.lock().hedges += 1;
        self.envoy.tell(EventKind::Hedge, &leg.host, |event| event.reason = Some(Kind::Timeout.code()));
        let wanted = self.wanted();
        let mut answer = self.envoy.send(target, wanted, &leg.host).await?;
        begin(&answer.headers, answer.status, &wanted, shared.host.unix_time())?;
        // Who has sent nothing has not won.
        match answer.body.next().await.transpose()? {
            Some(first) => Ok((leg, Arrival { wanted, answer, first: Some(first) })),
            None => Err(AttemptError::new(Kind::ShortBody, "it brought nothing")),
        }
    }

    /// The replica that will deliver soonest of those at another host, if it may be asked now.
    fn leg(&self) -> Option<(Leg, String)> {
        let session = &self.envoy.shared.session;
        let elsewhere = self.location.urls.iter().filter(|url| is_elsewhere(url, &self.late));
        let mut urls: Vec<_> = elsewhere.cloned().collect();
        session.pool.rank(&mut urls, self.chunk.size, self.envoy.shared.host.now());
        let name = urls.into_iter().next()?;
        let replica = self.location.urls.iter().position(|url| *url == name)?;
        let url = self.pinned(&name);
        let host: Arc<str> = url::host(&url).unwrap_or_default().into();
        let turn = session.pool.try_enter(&host, session.options.per_host)?;
        session.pool.may_hedge().then(|| (Leg { replica, name, host, turn }, url))
    }

    /// Where a redirect has led before.
    fn pinned(&self, url: &str) -> String {
        match self.chunk.stored {
            Some(_) => self.envoy.shared.session.validators.at(url),
            None => url.to_owned(),
        }
    }

    /// From where on it is to be sent: what is here by now.
    fn wanted(&self) -> Wanted {
        let arrived = self.envoy.shared.lock().window.arrived(self.index);
        let from = match arrived {
            // A digest begins before the view.
            0 if self.lane == (Lane::Flow { digested: true }) => 0,
            arrived => self.view.within.start + arrived,
        };
        Wanted::of(&self.chunk, &self.view, self.lane, from)
    }
}

fn is_elsewhere(url: &str, host: &str) -> bool {
    url::host_key(url::host(url).unwrap_or_default()) != url::host_key(host)
}

fn not_sent() -> AttemptError {
    AttemptError::new(Kind::Timeout, "no second request was sent")
}

/// While somebody waits for a view to be late.
struct Watched<'a, 'b, H: Host> {
    second: &'b Second<'a, H>,
}

impl<H: Host> Drop for Watched<'_, '_, H> {
    fn drop(&mut self) {
        self.second.envoy.shared.unwatch(self.second.index);
    }
}
