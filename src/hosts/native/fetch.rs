//! GET as the port has it: over connections that are kept, by our own rules of redirects.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request as HttpRequest, Response as HttpResponse, StatusCode, Uri, header,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    BoxError,
    body::{Body, NativeCauses},
    connector::Connector,
};
use crate::{
    host::{FetchError, Request, Response},
    http::{headers::Headers, redirect, redirect::MAX_REDIRECTS, url},
};

/// The connections of a client.
pub(super) type Wire = Client<Connector, Empty<Bytes>>;

/// No connection of ours is idle for longer: servers and what is in between forget them.
const KEPT_IDLE: Duration = Duration::from_secs(60);

pub(super) fn wire(connector: Connector) -> Wire {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT_IDLE)
        .timer(TokioTimer::new())
        // A fixed window would cap a fast link that is far away.
        .http2_adaptive_window(true)
        .build(connector)
}

/// How requests of a file are sent.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) wire: Wire,
    /// For `home` alone.
    pub(super) headers: HeaderMap,
    /// The origin that the headers may go to.
    pub(super) home: String,
    pub(super) causes: Arc<NativeCauses>,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        self.follow(request)
            .await
            .map_err(|error| FetchError { cause: Some(self.causes.keep(Arc::new(error))) })
    }

    async fn follow(&self, request: Request) -> Result<Response<Body>, BoxError> {
        // Once a redirect has led away from home, nothing of the user's goes along any more.
        let mut at_home = true;
        let mut url = url::checked(&request.url).ok_or("it is no http or https URL")?;
        let mut moved = false;
        for _ in 0..=MAX_REDIRECTS {
            at_home &= url::origin(&url) == Some(&self.home);
            let response = self.wire.request(self.get(&url, &request, at_home)?).await?;
            let Some(location) = location(&response) else {
                return self.answer(response, moved.then_some(url));
            };
            // A redirect would carry the token to wherever it leads.
            if request.url.contains("jwt=") {
                return Err("a request with a token was redirected".into());
            }
            let next = redirect::joined(&url, location).ok_or("a redirect leads to no http or https URL")?;
            if url.starts_with("https:") && !next.starts_with("https:") {
                return Err("a redirect leads from https to http".into());
            }
            url = next;
            moved = true;
        }
        Err("there are too many redirects".into())
    }

    fn get(
        &self,
        url: &str,
        request: &Request,
        at_home: bool,
    ) -> Result<HttpRequest<Empty<Bytes>>, BoxError> {
        let mut get = HttpRequest::new(Empty::new());
        *get.method_mut() = Method::GET;
        *get.uri_mut() = url.parse::<Uri>()?;
        let headers = get.headers_mut();
        if at_home {
            headers.clone_from(&self.headers);
        }
        // A range is of the bytes themselves, not of what they are packed into.
        let encoding = if request.range.is_some() { "identity" } else { "gzip" };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Some(range) = request.range {
            headers.insert(header::RANGE, HeaderValue::try_from(range.to_string())?);
        }
        Ok(get)
    }

    fn answer(
        &self,
        response: HttpResponse<Incoming>,
        url: Option<String>,
    ) -> Result<Response<Body>, BoxError> {
        let (parts, frames) = response.into_parts();
        let headers = headers(&parts.headers);
        // What a part of something packed holds cannot be told: the core refuses it.
        let is_encoded = headers.is_encoded() && parts.status == StatusCode::OK;
        let encoding = headers.content_encoding.as_deref().unwrap_or_default();
        let is_gzip = encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip");
        if is_encoded && !is_gzip {
            return Err("the body is packed in a way that was not asked for".into());
        }
        let body = Body::new(frames, is_encoded, Arc::clone(&self.causes));
        Ok(Response { status: parts.status.as_u16(), headers, url, body })
    }
}

/// Where a redirect that is to be followed leads.
fn location(response: &HttpResponse<Incoming>) -> Option<&str> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION).filter(|_| is_redirect)?;
    std::str::from_utf8(location.as_bytes()).ok()
}

fn headers(headers: &HeaderMap) -> Headers {
    Headers::read(|name| {
        let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    })
}
