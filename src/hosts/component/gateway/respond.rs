//! The gateway's response to a request, independent of the version of WASI.

use std::rc::Rc;

use bytes::Bytes;
use futures::{
    StreamExt,
    future::ready,
    stream::{self, LocalBoxStream},
};

use crate::{
    error::{Error, Kind},
    fetch::locator::Locator,
    formats::seaweedfs::{entry::Keys, urls},
    hosts::{
        component::{
            bindings::wasi::{
                cli::environment,
                http::types::{Fields, Method},
            },
            fetch::Fetcher,
            host::WasiHost,
            request::joined,
            wasi,
        },
        gateway_config::GatewayConfig,
    },
    http::{
        problem::{self, Problem},
        respond::{Conditions, Presentation, respond},
    },
    read::{open::OpenContext, session::Session, streams::Streams},
    schedule::{options::Options, pool::Pool},
};

/// The longest entry or chunk manifest.
const MAX_METADATA_BYTES: u64 = 8 << 20;

thread_local! {
    /// Shared by all requests, if the host keeps the instance between them.
    static POOL: Pool = Pool::default();
}

/// A request to the gateway.
pub(super) struct GatewayRequest {
    pub(super) method: Method,
    /// The path with the query.
    pub(super) path: Option<String>,
    pub(super) headers: Fields,
}

/// The gateway's response.
pub(super) struct GatewayResponse {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    /// The bytes of the body. An error among them means that the body is incomplete.
    pub(super) body: Option<LocalBoxStream<'static, Result<Bytes, Error>>>,
}

/// Responds to a request.
pub(super) async fn handle(request: GatewayRequest) -> GatewayResponse {
    serve(request).await.unwrap_or_else(GatewayResponse::from)
}

/// Why a request gets no bytes of a file. Clients must not learn what is behind the gateway, so the response names
/// neither hosts nor chunks.
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
}

impl Refusal {
    /// A bug.
    pub(super) const INTERNAL: Self = Self { status: 500, code: "internal" };
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = if error.kind() == Kind::Internal { 500 } else { problem::status_of(error.kind()) };
        Self { status, code: error.kind().code() }
    }
}

impl From<Refusal> for GatewayResponse {
    fn from(Refusal { status, code }: Refusal) -> Self {
        let text = Problem::new(status, code).into_body();
        let mut headers: Vec<_> = problem::HEADERS.map(|(name, value)| (name, value.to_owned())).into();
        headers.push(("Content-Length", text.len().to_string()));
        if status == 405 {
            headers.push(("Allow", "GET, HEAD".to_owned()));
        }
        Self { status, headers, body: Some(stream::once(ready(Ok(text.into()))).boxed_local()) }
    }
}

impl GatewayResponse {
    /// The headers as a WASI resource; `None` if the host refuses one of them.
    pub(super) fn fields(&self) -> Option<Fields> {
        let lines = self.headers.iter().map(|(name, value)| ((*name).to_owned(), latin1(value)));
        Fields::from_list(&lines.collect::<Vec<_>>()).ok()
    }
}

/// The bytes of a header value, one per character, as in `Headers` of JavaScript: headers stored with a file were
/// bytes.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

async fn serve(request: GatewayRequest) -> Result<GatewayResponse, Refusal> {
    let method = match request.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        _ => return Err(Refusal { status: 405, code: "unsupported" }),
    };
    let variables = environment::get_environment();
    let variable = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let config = GatewayConfig::new(variable).map_err(|_| Refusal { status: 500, code: "unsupported" })?;
    let path = request.path.unwrap_or_default();
    let url = config.url(&path).ok_or(Refusal { status: 404, code: "not_found" })?;

    let context = context(config, variable("KELP_FILER_TOKEN"));
    let file = context.open_filer(&urls::entry_url(&url).0, Some(&url), &Keys::default()).await?;
    let conditions = Conditions::read(|name| joined(request.headers.get(name)));
    let reply = respond(method, &conditions.headers(), &file.as_served(Presentation::default()));
    let mut response = GatewayResponse { status: reply.status, headers: reply.headers, body: None };
    if let Some(range) = reply.body {
        let (driver, mut reader) = file.start(range)?;
        wasi::spawn(driver);
        // Waits for the first piece: until a header is sent, an error can still become a status.
        let first = reader.next().await.transpose()?;
        response.body = Some(stream::iter(first.map(Ok)).chain(reader).boxed_local());
    }
    Ok(response)
}

fn context(config: GatewayConfig, filer_token: Option<String>) -> OpenContext<WasiHost> {
    let locator = match &config.master {
        Some(master) => Locator::master(master),
        None => Locator::proxy(&config.filer),
    };
    let fetcher = Fetcher { headers: Vec::new(), home: config.filer, origins: config.origins.clone() };
    let filer_token = filer_token.filter(|token| !token.is_empty()).map(Into::into);
    let is_private = filer_token.is_some();
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token };
    let options =
        Options { origins: config.origins, max_metadata_bytes: MAX_METADATA_BYTES, ..Options::default() };
    let session = Session { locator, pool: POOL.with(Pool::clone), is_private, ..Session::from(options) };
    OpenContext { host, session, shared_streams: Streams::default(), can_renew_filer_token: false }
}
