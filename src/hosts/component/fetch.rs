//! GET as the port has it, over `wasi:http`: by our own rules of redirects, since it follows none.

#[cfg(feature = "component-library")]
use super::bindings::wasi::http::types::Fields;
use super::{
    body::Body,
    wasi::{WireResponse, send},
};
use crate::{
    host::{FetchError, Request, Response},
    http::{
        headers::{ByteRange, Headers},
        redirect,
        redirect::MAX_REDIRECTS,
        url,
    },
};

/// What there is no reason for that anybody could tell.
pub(super) const FAILED: FetchError = FetchError { cause: None };

/// A field of a header: name and value.
pub(super) type Line = (String, Vec<u8>);

/// Whether a host lets these headers be sent.
#[cfg(feature = "component-library")]
pub(super) fn may_be_sent(headers: &[Line]) -> bool {
    Fields::from_list(headers).is_ok()
}

/// A URL as a request has it.
pub(super) struct Parts<'a> {
    pub(super) is_secure: bool,
    pub(super) authority: &'a str,
    /// With the query.
    pub(super) path: String,
}

/// How requests of a file are sent.
#[derive(Debug, Default)]
pub(super) struct Fetcher {
    /// Names and values, for `home` alone.
    pub(super) headers: Vec<Line>,
    /// The origin that the headers may go to.
    pub(super) home: String,
    /// The only origins that may be asked; any where there is no list.
    pub(super) origins: Option<Vec<String>>,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        let mut url = url::checked(&request.url).ok_or(FAILED)?;
        // Once a redirect has led away from home, nothing of the user's goes along any more.
        let mut at_home = true;
        let mut moved = false;
        for _ in 0..=MAX_REDIRECTS {
            at_home &= url::origin(&url) == Some(&self.home);
            let response = self.send(&url, request.range, at_home).await?;
            let Some(location) = location(&response) else {
                return answer(response, moved.then_some(url));
            };
            // A redirect would carry the token to wherever it leads.
            if request.url.contains("jwt=") {
                return Err(FAILED);
            }
            let next = redirect::joined(&url, &location).ok_or(FAILED)?;
            if is_secure(&url) && !is_secure(&next) {
                return Err(FAILED);
            }
            url = next;
            moved = true;
        }
        Err(FAILED)
    }

    /// Dropping it cancels the request.
    async fn send(
        &self,
        url: &str,
        range: Option<ByteRange>,
        at_home: bool,
    ) -> Result<WireResponse, FetchError> {
        let origin = url::origin(url).ok_or(FAILED)?;
        if self.origins.as_ref().is_some_and(|known| !known.iter().any(|known| known == origin)) {
            return Err(FAILED);
        }
        let mut headers = if at_home { self.headers.clone() } else { Vec::new() };
        headers.extend(range.map(|range| ("range".to_owned(), range.to_string().into_bytes())));
        let rest = url.get(origin.len()..).unwrap_or_default();
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let authority = url::host(url).ok_or(FAILED)?;
        let parts = Parts { is_secure: is_secure(url), authority, path: [slash, rest].concat() };
        send(&parts, &headers).await
    }
}

fn is_secure(url: &str) -> bool {
    url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// Where a redirect that is to be followed leads.
fn location(response: &WireResponse) -> Option<String> {
    matches!(response.status(), 301 | 302 | 303 | 307 | 308).then(|| joined(response.lines("location")))?
}

fn answer(response: WireResponse, url: Option<String>) -> Result<Response<Body>, FetchError> {
    let status = response.status();
    let headers = headers(&response);
    // What a part of something packed holds cannot be told: the core refuses it.
    let is_encoded = headers.is_encoded() && status == 200;
    let encoding = headers.content_encoding.as_deref().unwrap_or_default();
    let is_gzip = encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip");
    if is_encoded && !is_gzip {
        return Err(FAILED);
    }
    let body = Body::new(response, is_encoded)?;
    Ok(Response { status, headers, url, body })
}

fn headers(response: &WireResponse) -> Headers {
    Headers::read(|name| joined(response.lines(name)))
}

/// All lines of a field in one, as `Headers` of JavaScript has it.
pub(super) fn joined(lines: Vec<Vec<u8>>) -> Option<String> {
    let lines: Vec<String> = lines.into_iter().filter_map(|line| String::from_utf8(line).ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
