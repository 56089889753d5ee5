//! The port's GET over hyper.
//!
//! Connections are kept and used again. hyper follows no redirects and undoes no `Content-Encoding`; both are done
//! here, by the rules of `Redirects` and of `DecodedBody`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, Response as HttpResponse, Uri, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    body::Body,
    connector::Connector,
    error::{BoxError, NativeCauses},
};
use crate::{
    host::{FetchError, Request, Response},
    hosts::{decoded_body::decoder, follow::follow},
    http::{
        headers::{ByteRange, Headers},
        origins::Origins,
    },
};

/// The HTTP client with its connections.
pub(super) type HttpClient = Client<Connector, Empty<Bytes>>;

/// Idle connections are closed after this time, because servers and the network between drop them.
const MAX_IDLE: Duration = Duration::from_secs(60);

pub(super) fn http_client(connector: Connector) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(MAX_IDLE)
        .timer(TokioTimer::new())
        // A fixed window would limit the rate of a fast link with a long round trip.
        .http2_adaptive_window(true)
        .build(connector)
}

/// Sends the requests of a file.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) http: HttpClient,
    /// The user's headers, for `home` only.
    pub(super) headers: HeaderMap,
    /// The origin that the headers are sent to.
    pub(super) home: String,
    /// The origins that redirects may lead to.
    pub(super) origins: Origins,
    pub(super) causes: Arc<NativeCauses>,
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: Request) -> Result<Response<Body>, FetchError> {
        let response = self.follow(request).await;
        response.map_err(|error| FetchError { cause: Some(self.causes.keep(Arc::new(error))) })
    }

    async fn follow(&self, request: Request) -> Result<Response<Body>, BoxError> {
        let send = |url: String, sends_headers| {
            let get = self.get(&url, request.range, sends_headers);
            async move { Ok::<_, BoxError>(self.http.request(get?).await?) }
        };
        let (response, target) =
            follow(&request.url, &self.home, &self.origins, send, status_and_location).await?;
        self.port_response(response, target)
    }

    fn get(
        &self,
        url: &str,
        range: Option<ByteRange>,
        sends_headers: bool,
    ) -> Result<HttpRequest<Empty<Bytes>>, BoxError> {
        let mut get = HttpRequest::new(Empty::new());
        *get.method_mut() = Method::GET;
        *get.uri_mut() = url.parse::<Uri>()?;
        let headers = get.headers_mut();
        if sends_headers {
            headers.clone_from(&self.headers);
        }
        // With an encoding, a range would be one of the encoded bytes.
        let encoding = if range.is_some() { "identity" } else { "gzip" };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        if let Some(range) = range {
            headers.insert(header::RANGE, HeaderValue::try_from(range.to_string())?);
        }
        Ok(get)
    }

    /// The response as the port has it. `url`: where a redirect led, if one was followed.
    fn port_response(
        &self,
        response: HttpResponse<Incoming>,
        url: Option<String>,
    ) -> Result<Response<Body>, BoxError> {
        let (parts, incoming) = response.into_parts();
        let status = parts.status.as_u16();
        let headers = headers(&parts.headers);
        let body = Body::new(incoming, decoder(status, &headers)?, Arc::clone(&self.causes));
        Ok(Response { status, headers, url, body })
    }
}

fn status_and_location(response: &HttpResponse<Incoming>) -> (u16, Option<String>) {
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|value| String::from_utf8(value.as_bytes().to_vec()).ok());
    (response.status().as_u16(), location)
}

fn headers(headers: &HeaderMap) -> Headers {
    Headers::read(|name| {
        let lines: Vec<&str> = headers
            .get_all(name)
            .iter()
            .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    })
}
