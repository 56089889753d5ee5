//! The port's GET over `wasi:http`.
//!
//! `wasi:http` follows no redirects and undoes no `Content-Encoding`; both are done here, by the rules of
//! `Redirects` and [`DecodedBody`].

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::Stream;

use super::{
    request::{FAILED, HeaderField, UrlParts, joined},
    wasi::{RawBody, RawResponse, send},
};
use crate::{
    host::{FetchError, Request, Response},
    hosts::{
        decoded_body::{DecodedBody, EncodingError, decoder},
        follow::follow,
    },
    http::{
        headers::{ByteRange, Headers},
        origins::Origins,
        redirect::RedirectError,
        url,
    },
};

/// Sends the requests of a file.
#[derive(Debug, Default)]
pub(super) struct Fetcher {
    /// The user's headers, for `home` only.
    pub(super) headers: Vec<HeaderField>,
    /// The origin that the headers are sent to.
    pub(super) home: String,
    /// The origins that redirects may lead to.
    pub(super) origins: Origins,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        let range = request.range;
        let send = |url: String, sends_headers| async move { self.send(&url, range, sends_headers).await };
        let status_and_location =
            |response: &RawResponse| (response.status(), joined(response.lines("location")));
        let (response, target) =
            follow(&request.url, &self.home, &self.origins, send, status_and_location).await?;
        port_response(response, target)
    }

    /// Sends one GET. Dropping the future cancels the request.
    async fn send(
        &self,
        url: &str,
        range: Option<ByteRange>,
        sends_headers: bool,
    ) -> Result<RawResponse, FetchError> {
        let origin = url::origin(url).ok_or(FAILED)?;
        let mut headers = if sends_headers { self.headers.clone() } else { Vec::new() };
        headers.extend(range.map(|range| ("range".to_owned(), range.to_string().into_bytes())));
        let path = url.get(origin.len()..).unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let authority = url::host(url).ok_or(FAILED)?;
        let parts = UrlParts { is_https: url::is_https(url), authority, path: [slash, path].concat() };
        send(&parts, &headers).await
    }
}

/// The response as the port has it. `url`: where a redirect led, if one was followed.
fn port_response(response: RawResponse, url: Option<String>) -> Result<Response<Body>, FetchError> {
    let status = response.status();
    let headers = Headers::read(|name| joined(response.lines(name)));
    let decoder = decoder(status, &headers)?;
    let body = Body(DecodedBody::new(response.into_body()?, decoder));
    Ok(Response { status, headers, url, body })
}

impl From<RedirectError> for FetchError {
    fn from(_: RedirectError) -> Self {
        FAILED
    }
}

impl From<EncodingError> for FetchError {
    fn from(_: EncodingError) -> Self {
        FAILED
    }
}

/// The body of a response, piece by piece as it arrives. Dropping it cancels the request.
#[derive(Debug)]
pub struct Body(DecodedBody<RawBody>);

impl Stream for Body {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_piece(cx)
    }
}
