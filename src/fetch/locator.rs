//! Finds a chunk's replicas and its read token: by a filer, by a master, or by what the host's
//! user brought.

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Kind},
    fetch::{
        filer_token::{filer_token, in_time, is_stale},
        master::Master,
        single_flight::{Found, SingleFlight},
        timeout::within,
    },
    formats::seaweedfs::urls::proxy_url,
    host::{Host, LocateError},
    model::location::Location,
    schedule::options::Options,
};

/// Where the chunks of a file are found. Clones are handles on the same one; it is shared by the
/// streams of a file.
#[derive(Clone, Debug, Default)]
pub struct Locator(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    way: Strategy,
    /// Tokens of the user's that are being asked for.
    tokens: SingleFlight<Result<Found, Error>>,
}

#[derive(Debug, Default)]
enum Strategy {
    /// The user's own: [`Host::locate`].
    #[default]
    Host,
    /// The origin of a filer that relays chunks.
    Proxy(String),
    Master(Master),
}

impl Locator {
    /// The filer at this origin relays the chunks.
    #[must_use]
    pub fn proxy(filer_origin: &str) -> Self {
        Self::of(Strategy::Proxy(filer_origin.to_owned()))
    }

    /// The master at this URL knows where they are.
    #[must_use]
    pub fn master(url: &str) -> Self {
        Self::of(Strategy::Master(Master::new(url)))
    }

    fn of(way: Strategy) -> Self {
        Self(Arc::new(Inner { way, tokens: SingleFlight::default() }))
    }

    /// Whether it has asked as often as is of use before it gives up.
    #[must_use]
    pub fn retries_itself(&self) -> bool {
        matches!(self.0.way, Strategy::Master(_))
    }

    /// The replicas of a chunk. `stale`: what was known at that time of the host's clock did not
    /// work, so only what was learnt later will do.
    ///
    /// # Errors
    ///
    /// [`Kind::NoLocations`], with what the user's function threw, or if it does not settle in time;
    /// those of [`Master::locate`].
    pub async fn locate<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        stale: Option<Duration>,
    ) -> Result<Location, Error> {
        match &self.0.way {
            Strategy::Proxy(filer) => Ok(Location { urls: vec![proxy_url(filer, file_id)], token: None }),
            Strategy::Master(master) => master.locate(host, options, file_id, stale).await,
            Strategy::Host => {
                let located = host.locate(file_id, stale);
                match within(host, options.timeout.headers, "", located).await {
                    Ok(Ok(location)) => Ok(location),
                    Ok(Err(LocateError { cause })) => {
                        Err(Error::new(Kind::NoLocations, "the locator failed").because(cause))
                    }
                    Err(_) => Err(Error::new(Kind::NoLocations, "the locator gave no answer in time")),
                }
            }
        }
    }

    /// The token for a request to this origin that is about to leave. `refused`: the server wants
    /// another than was known at that time of the host's clock.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`], with what the user's function threw, or if it does not settle in time;
    /// those of [`Master::token`].
    pub async fn token<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        origin: &str,
        refused: Option<Duration>,
    ) -> Result<Option<String>, Error> {
        // What a filer relays, it signs itself. Since SeaweedFS 4.48 it wants to see a token of its own for that.
        if let Strategy::Proxy(_) = self.0.way {
            return filer_token(host, options).await;
        }
        let mut token = self.users_token(host, options, file_id, origin).await?;
        if is_stale(host, token.as_deref()) {
            token = self.users_token(host, options, file_id, origin).await?;
        }
        match &self.0.way {
            Strategy::Master(master) if token.is_none() => {
                master.token(host, options, file_id, refused).await
            }
            _ => Ok(token),
        }
    }

    /// What the user's function says, asked once for all who want to know at the same time.
    async fn users_token<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        origin: &str,
    ) -> Result<Option<String>, Error> {
        let asking = async {
            let token = in_time(host, options, host.token(file_id, origin)).await?;
            Ok(Found { token, ..Found::default() })
        };
        let question = [file_id, " ", origin].concat();
        Ok(self.0.tokens.ask(&question, || host.now(), |_, _| false, asking).await?.token)
    }
}
