//! Finds the replicas of a chunk and its read token: the filer relays the chunk, a master is asked, or the user's
//! functions are called.

use std::sync::Arc;

use crate::{
    error::{Error, Kind},
    fetch::{
        filer_token::{filer_token, is_stale, user_token},
        master::Master,
        single_flight::{LookupResult, SingleFlight},
        timeout::within,
    },
    formats::seaweedfs::urls::proxy_url,
    host::{Host, LocateError, rare},
    model::location::Location,
    schedule::{options::Options, pool::Pool},
    time::Duration,
};

/// Finds the replicas and tokens of a file's chunks. Clones are handles on the same one, which the streams of the file
/// share.
#[derive(Clone, Debug, Default)]
pub struct Locator(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    strategy: Strategy,
    /// The calls of the user's token function that have not returned.
    user_tokens: SingleFlight<Result<LookupResult, Error>>,
}

#[derive(Debug, Default)]
enum Strategy {
    /// The user's function: [`Host::locate`].
    #[default]
    Host,
    /// The filer at this URL relays the chunks.
    Proxy(String),
    /// The masters of a cluster are asked.
    Master(Master),
}

impl Locator {
    /// Lets a filer relay the chunks. `filer`: its URL without a slash at the end, with the path of a reverse proxy if
    /// it is below one.
    #[must_use]
    pub fn proxy(filer: &str) -> Self {
        Self::new(Strategy::Proxy(filer.to_owned()))
    }

    /// Asks the master at this URL.
    #[must_use]
    pub fn master(url: &str) -> Self {
        Self::masters([url])
    }

    /// Asks the masters at these URLs in turn, until one answers.
    #[must_use]
    pub fn masters<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        rare::call(|| Self::new(Strategy::Master(Master::new(urls))))
    }

    fn new(strategy: Strategy) -> Self {
        Self(Arc::new(Inner { strategy, user_tokens: SingleFlight::default() }))
    }

    /// Whether [`Self::locate`] repeats a failed lookup itself, so that the caller need not.
    #[must_use]
    pub fn retries_itself(&self) -> bool {
        matches!(self.0.strategy, Strategy::Master(_))
    }

    /// Where file ids are looked up: one means the same chunk to all that ask there. Empty for the user's function, of which
    /// it is not known.
    #[must_use]
    pub fn realm(&self) -> &str {
        match &self.0.strategy {
            Strategy::Host => "",
            Strategy::Proxy(filer) => filer,
            Strategy::Master(master) => master.realm(),
        }
    }

    /// Finds the replicas of a chunk. `stale`: replicas that were known at that time of the host's clock did not work,
    /// so newer ones are needed. `is_unreachable`: some of them could not be reached.
    ///
    /// # Errors
    ///
    /// [`Kind::NoLocations`] if the user's function fails or does not return in time; those of [`Master::look_up`].
    pub async fn locate<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        file_id: &str,
        stale: Option<Duration>,
        is_unreachable: bool,
    ) -> Result<Location, Error> {
        match &self.0.strategy {
            Strategy::Proxy(filer) => Ok(Location { urls: vec![proxy_url(filer, file_id)], token: None }),
            Strategy::Master(master) => {
                rare::wait(master.look_up(host, (options, pool), file_id, stale, is_unreachable)).await
            }
            Strategy::Host => rare::wait(Self::user_location(host, options, file_id, stale)).await,
        }
    }

    /// The replicas that the user's function names.
    async fn user_location<H: Host>(
        host: &H,
        options: &Options,
        file_id: &str,
        stale: Option<Duration>,
    ) -> Result<Location, Error> {
        match within(host, options.timeout.headers, "", host.locate(file_id, stale)).await {
            Ok(Ok(location)) => Ok(location),
            Ok(Err(LocateError { cause })) => {
                Err(Error::new(Kind::NoLocations, "the locate function failed").because(cause))
            }
            Err(_) => Err(Error::new(Kind::NoLocations, "the locate function did not return in time")),
        }
    }

    /// The token for a request to this origin, which is sent next. `refused`: the server refused the token that was
    /// known at that time of the host's clock.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] if the user's function fails or does not return in time; those of [`Master::token`].
    pub async fn token<H: Host>(
        &self,
        host: &H,
        (options, pool): (&Options, &Pool),
        file_id: &str,
        origin: &str,
        refused: Option<Duration>,
    ) -> Result<Option<String>, Error> {
        // A filer signs the requests that it relays. Since SeaweedFS 4.48 it requires a token for itself.
        if let Strategy::Proxy(_) = self.0.strategy {
            return filer_token(host, options).await;
        }
        rare::wait(async {
            let mut token = self.user_token(host, options, file_id, origin).await?;
            if is_stale(host, token.as_deref()) {
                token = self.user_token(host, options, file_id, origin).await?;
            }
            match &self.0.strategy {
                Strategy::Master(master) if token.is_none() => {
                    master.token(host, (options, pool), file_id, refused).await
                }
                _ => Ok(token),
            }
        })
        .await
    }

    /// The token of the user's function. Concurrent calls for the same token share one call of the function.
    async fn user_token<H: Host>(
        &self,
        host: &H,
        options: &Options,
        file_id: &str,
        origin: &str,
    ) -> Result<Option<String>, Error> {
        if !host.has_tokens() {
            return Ok(None);
        }
        let call = async {
            let token = user_token(host, options, host.token(file_id, origin)).await?;
            Ok(LookupResult { token, ..LookupResult::default() })
        };
        let key = [file_id, " ", origin].concat();
        Ok(self.0.user_tokens.ask(&key, || host.now(), |_, _| false, call).await?.token)
    }
}
