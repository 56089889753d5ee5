//! Sends a request and follows its redirects, for the hosts whose platform does not.

use std::future::Future;

use crate::http::{
    origins::Origins,
    redirect::{RedirectError, Redirects},
};

/// Sends a GET request for `url` by the rules of [`Redirects`]. Returns the last response, and the URL that the last
/// redirect led to, if one was followed.
///
/// `send` gets the URL, and whether the request carries the user's headers, which are for the origin `home` only.
/// `status_and_location` reads these two from a response.
pub(crate) async fn follow<R, E, F>(
    url: &str,
    home: &str,
    origins: &Origins,
    send: impl Fn(String, bool) -> F,
    status_and_location: impl Fn(&R) -> (u16, Option<String>),
) -> Result<(R, Option<String>), E>
where
    F: Future<Output = Result<R, E>>,
    E: From<RedirectError>,
{
    let mut redirects = Redirects::new(url, home, origins)?;
    loop {
        let response = send(redirects.url().to_owned(), redirects.sends_user_headers()).await?;
        let (status, location) = status_and_location(&response);
        if !redirects.follow(status, location.as_deref())? {
            return Ok((response, redirects.into_target()));
        }
    }
}
