//! Redirects: which ones are followed.
//!
//! A platform that follows no redirects itself sends each request of a [`Redirects`] and reports every redirect to
//! it. The rules:
//!
//! - At most 20 redirects are followed, as browsers do.
//! - None is followed from https to http.
//! - None is followed if the URL carries a token: the token would go to wherever the redirect leads.
//! - None is followed to an origin that is not allowed; such a response is returned as it is.
//! - The user's headers go to the origin that they were given for. After a redirect to another origin they are
//!   sent no more, even if a later redirect leads back.

use crate::http::{
    origins::Origins,
    url::{self, HttpUrl, checked},
};

/// As many redirects as browsers follow.
const MAX_REDIRECTS: usize = 20;

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectError {
    #[error("the URL is not an http or https URL")]
    Url,
    #[error("the server redirected a request that carries a token, and such a redirect is not followed")]
    Token,
    #[error("the server redirected to something other than an http or https URL")]
    Location,
    #[error("the server redirected from https to http")]
    Downgrade,
    #[error("the server redirected more than {MAX_REDIRECTS} times")]
    TooMany,
}

/// One request on its way through redirects.
#[derive(Clone, Debug)]
pub(crate) struct Redirects<'a> {
    /// The origin that the user's headers are for.
    home: &'a str,
    url: String,
    carries_token: bool,
    /// Whether every URL so far was at home.
    is_at_home: bool,
    followed: usize,
    /// The origins that a redirect may lead to.
    origins: Origins,
}

impl<'a> Redirects<'a> {
    /// A request to this URL. The user's headers go to the origin `home` only.
    pub(crate) fn new(url: &str, home: &'a str, origins: &Origins) -> Result<Self, RedirectError> {
        let carries_token = url::has_token(url);
        let url = checked(url).ok_or(RedirectError::Url)?;
        let is_at_home = url::origin(&url) == Some(home);
        Ok(Self { home, url, carries_token, is_at_home, followed: 0, origins: origins.clone() })
    }

    /// The URL to send the next request to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the next request carries the user's headers.
    pub(crate) fn sends_user_headers(&self) -> bool {
        self.is_at_home
    }

    /// Follows the redirect of a response with this status and `Location`. Returns `false` if the response is
    /// not a redirect.
    pub(crate) fn follow(&mut self, status: u16, location: Option<&str>) -> Result<bool, RedirectError> {
        let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
            return Ok(false);
        };
        let next = HttpUrl::parse(&self.url).and_then(|url| url.join(location));
        // What is no URL of http or https has no origin that could be allowed.
        if self.origins.is_limited() && !next.as_deref().is_some_and(|next| self.origins.allow(next)) {
            return Ok(false);
        }
        if self.carries_token {
            return Err(RedirectError::Token);
        }
        let next = next.ok_or(RedirectError::Location)?;
        if url::is_https(&self.url) && !url::is_https(&next) {
            return Err(RedirectError::Downgrade);
        }
        if self.followed == MAX_REDIRECTS {
            return Err(RedirectError::TooMany);
        }
        self.followed += 1;
        self.is_at_home &= url::origin(&next) == Some(self.home);
        self.url = next;
        Ok(true)
    }

    /// The URL that the last redirect led to, if one was followed.
    pub(crate) fn into_target(self) -> Option<String> {
        (self.followed > 0).then_some(self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEE: Option<&str> = Some("http://b/x");

    #[test]
    fn a_redirect_needs_a_status_and_a_location() {
        let mut redirects = Redirects::new("http://a/", "http://a", &Origins::default()).unwrap();
        assert_eq!(redirects.follow(200, SEE), Ok(false));
        assert_eq!(redirects.follow(302, None), Ok(false));
        assert_eq!(redirects.clone().into_target(), None);
        assert_eq!(redirects.follow(302, SEE), Ok(true));
        assert_eq!(redirects.into_target().as_deref(), Some("http://b/x"));
    }

    // F144
    #[test]
    fn user_headers_are_not_sent_after_another_origin() {
        let mut redirects = Redirects::new("http://a/1", "http://a", &Origins::default()).unwrap();
        let mut sent = vec![redirects.sends_user_headers()];
        for location in ["/2", "http://b/", "http://a/3"] {
            assert_eq!(redirects.follow(307, Some(location)), Ok(true));
            sent.push(redirects.sends_user_headers());
        }
        assert_eq!(sent, [true, true, false, false]);
    }

    #[test]
    fn some_redirects_are_not_followed() {
        let follow = |url: &str, location: &str| {
            Redirects::new(url, "", &Origins::default())
                .and_then(|mut redirects| redirects.follow(301, Some(location)))
        };
        assert_eq!(follow("ftp://a/", "/x"), Err(RedirectError::Url));
        assert_eq!(follow("http://a/?jwt=x", "/x"), Err(RedirectError::Token));
        assert_eq!(follow("http://a/", "ftp://b/"), Err(RedirectError::Location));
        assert_eq!(follow("HTTPS://a/", "http://a/"), Err(RedirectError::Downgrade));
        assert_eq!(follow("http://a/", "https://a/"), Ok(true));
    }

    #[test]
    fn twenty_redirects_are_followed_and_no_more() {
        let mut redirects = Redirects::new("http://a/", "http://a", &Origins::default()).unwrap();
        for _ in 0..20 {
            assert_eq!(redirects.follow(302, Some("/x")), Ok(true));
        }
        assert_eq!(redirects.follow(302, Some("/x")), Err(RedirectError::TooMany));
    }

    // F123
    #[test]
    fn a_redirect_to_an_origin_that_is_not_allowed_is_not_followed() {
        let origins = Origins::only(["http://a", "https://b"]).unwrap();
        let mut redirects = Redirects::new("http://a/", "http://a", &origins).unwrap();
        assert_eq!(redirects.follow(302, Some("//c/x")), Ok(false));
        assert_eq!(redirects.follow(302, Some("http://a:81/x")), Ok(false));
        assert_eq!(redirects.follow(302, Some("/x")), Ok(true));
        assert_eq!(redirects.follow(302, Some("https://B:443/x")), Ok(true));
        assert_eq!(redirects.follow(302, Some("https://b.example/x")), Ok(false));
        assert_eq!(redirects.into_target().as_deref(), Some("https://B:443/x"));
    }

    // F203
    #[test]
    fn what_no_list_can_have_is_not_followed() {
        let origins = Origins::only(["https://a"]).unwrap();
        for url in ["https://a/", "https://a/?jwt=t"] {
            let mut redirects = Redirects::new(url, "https://a", &origins).unwrap();
            for location in ["http://[/", "ftp://h/", "https://u:p@a/", "http://c/"] {
                assert_eq!(redirects.follow(302, Some(location)), Ok(false), "{location}");
            }
        }
        let mut redirects = Redirects::new("https://a/?jwt=t", "https://a", &origins).unwrap();
        assert_eq!(redirects.follow(302, Some("/x")), Err(RedirectError::Token));
    }
}
