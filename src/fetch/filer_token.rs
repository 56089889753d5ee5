//! Tokens of the user's, asked for when a request is about to leave.

use std::future::Future;

use crate::{
    error::{Error, Kind},
    fetch::timeout::within,
    host::{Host, LocateError},
    http::jwt,
    schedule::options::Options,
};

/// A read token for the filer, if it wants one: asked for now, and once more if it has expired.
///
/// # Errors
///
/// [`Kind::Unauthorized`], with what the user's function threw, or if it does not settle in time.
pub async fn filer_token<H: Host>(host: &H, options: &Options) -> Result<Option<String>, Error> {
    let first = in_time(host, options, host.filer_token()).await?;
    if is_stale(host, first.as_deref()) {
        return in_time(host, options, host.filer_token()).await;
    }
    Ok(first)
}

/// Whether a token was kept for too long, and is to be asked for once more. The second one is sent
/// whatever it says: it may be our clock.
pub(crate) fn is_stale<H: Host>(host: &H, token: Option<&str>) -> bool {
    token.is_some_and(|token| jwt::is_due(token, host.unix_time()))
}

/// What a user's function for tokens gives, unless it takes too long.
pub(crate) async fn in_time<H: Host>(
    host: &H,
    options: &Options,
    token: impl Future<Output = Result<Option<String>, LocateError>>,
) -> Result<Option<String>, Error> {
    let refused = |message: &str| Error::new(Kind::Unauthorized, message);
    match within(host, options.timeout.headers, "", token).await {
        Ok(Ok(Some(token))) if token.is_empty() => Err(refused("the token is empty")),
        Ok(Ok(token)) => Ok(token),
        Ok(Err(LocateError { cause })) => Err(refused("no token could be had").because(cause)),
        Err(_) => Err(refused("no token came in time")),
    }
}
