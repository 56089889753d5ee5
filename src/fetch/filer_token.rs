//! Tokens from the user, requested just before the request that carries them.

use std::future::Future;

use crate::{
    error::{Error, Kind},
    fetch::timeout::within,
    host::{Host, LocateError, rare},
    http::jwt,
    schedule::options::Options,
};

/// A read token for the filer; `None` if the user has none. If the token has expired, the user's function is called
/// once more.
///
/// # Errors
///
/// [`Kind::Unauthorized`] if the user's function fails or does not return in time.
pub async fn filer_token<H: Host>(host: &H, options: &Options) -> Result<Option<String>, Error> {
    if !host.has_filer_token() {
        return Ok(None);
    }
    rare::wait(fresh_token(host, options)).await
}

async fn fresh_token<H: Host>(host: &H, options: &Options) -> Result<Option<String>, Error> {
    let first = user_token(host, options, host.filer_token()).await?;
    if is_stale(host, first.as_deref()) {
        return user_token(host, options, host.filer_token()).await;
    }
    Ok(first)
}

/// Whether a token has expired, so that the user's function must be called again. The second token is sent even if it
/// looks expired: the clock here may be wrong.
pub(crate) fn is_stale<H: Host>(host: &H, token: Option<&str>) -> bool {
    token.is_some_and(|token| jwt::is_due(token, host.unix_time()))
}

/// The token that a user's function returns.
pub(crate) async fn user_token<H: Host>(
    host: &H,
    options: &Options,
    token: impl Future<Output = Result<Option<String>, LocateError>>,
) -> Result<Option<String>, Error> {
    let unauthorized = |message: &str| Error::new(Kind::Unauthorized, message);
    match within(host, options.timeout.headers, "", token).await {
        Ok(Ok(Some(token))) if token.is_empty() => {
            Err(unauthorized("the token function returned an empty token"))
        }
        Ok(Ok(token)) => Ok(token),
        Ok(Err(LocateError { cause })) => Err(unauthorized("the token function failed").because(cause)),
        Err(_) => Err(unauthorized("the token function did not return in time")),
    }
}
