//! The gateway's response to a request, independent of the version of WASI.

use std::{cell::OnceCell, rc::Rc};

use super::{
    audit::Audit,
    contents::{Admission, Contents},
    refusal::{Refusal, preflight},
    response::GatewayResponse,
};
use crate::{
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
        gateway::{
            config::GatewayConfig,
            signed_url::{Grant, Target, download_name},
        },
    },
    http::respond::{Conditions, Disposition, Presentation, respond},
    read::{open::OpenContext, session::Session, streams::Streams},
    schedule::{
        options::Options,
        pool::{Pool, PoolLimits},
    },
};

/// The longest entry or chunk manifest.
const MAX_METADATA_BYTES: u64 = 8 << 20;

thread_local! {
    /// Shared by all requests, if the host keeps the instance between them.
    static POOL: OnceCell<Pool> = const { OnceCell::new() };
}

/// A request to the gateway.
pub(super) struct GatewayRequest {
    pub(super) method: Method,
    /// The host that the client named.
    pub(super) host: Option<String>,
    /// The path with the query.
    pub(super) path: Option<String>,
    pub(super) headers: Fields,
}

/// Responds to a request.
pub(super) async fn handle(request: GatewayRequest) -> GatewayResponse {
    let mut audit = Audit::new(name_of(&request.method), request.path.as_deref().unwrap_or_default());
    let variables = environment::get_environment();
    let variable = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let Ok(config) = GatewayConfig::new(variable) else {
        return Refusal { status: 500, code: "unsupported" }.into_response(audit);
    };
    audit.is_on = config.audit;
    let (cors, patience) = (config.cors.clone(), config.patience.clone());
    let mut response = serve(request, config, variable("KELP_FILER_TOKEN"), audit).await;
    response.patience = patience;
    if let Some(origin) = cors {
        response.headers.push(("Access-Control-Allow-Origin", origin));
        response.headers.push(("Access-Control-Expose-Headers", "*".to_owned()));
        response.headers.push(("Vary", "Origin".to_owned()));
    }
    response
}

fn name_of(method: &Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        // Any text: that of a client.
        Method::Other(name) => name.chars().take(20).collect(),
        other => format!("{other:?}").to_ascii_uppercase().replace("METHOD::", ""),
    }
}

async fn serve(
    request: GatewayRequest,
    config: GatewayConfig,
    filer_token: Option<String>,
    mut audit: Audit,
) -> GatewayResponse {
    let target = request.path.clone().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    // Some hosts report it in the header alone.
    let host = request.host.clone().or_else(|| joined(request.headers.get("host")));
    let host = host.unwrap_or_default().to_ascii_lowercase();
    if !config.hosts.is_empty() && !config.hosts.contains(&host) {
        return Refusal { status: 421, code: "unsupported" }.into_response(audit);
    }
    let method = match request.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Options => return preflight(config.cors.is_some(), audit),
        _ => return Refusal { status: 405, code: "unsupported" }.into_response(audit),
    };
    let Some(url) = config.url(path) else { return Refusal::NOT_FOUND.into_response(audit) };
    let mut grant = None;
    if !config.keys.is_empty() {
        let target = Target { method, host: &host, path, query };
        grant = config.keys.grant(&target, wasi::unix_time().as_secs());
        let Some(Grant { key, .. }) = &grant else {
            return Refusal { status: 403, code: "unauthorized" }.into_response(audit);
        };
        audit.key = Some(key.clone());
    }
    let cache_control = config.cache_control.clone();
    match read(&request, method, &url, query, config, filer_token, grant).await {
        Err(refusal) => refusal.into_response(audit),
        Ok(Found { file, status, headers, body, admission }) => {
            let mut response = match body {
                None => GatewayResponse::without_body(status, headers, audit),
                Some(range) => match Contents::of_file(file, range, audit, admission).await {
                    Ok(contents) => GatewayResponse::new(status, headers, Some(contents)),
                    Err((error, audit)) => return Refusal::from(error).into_response(audit),
                },
            };
            if status < 400 {
                response.headers.retain(|(name, _)| *name != "Expires");
                response.replace("Cache-Control", cache_control);
            }
            response
        }
    }
}

/// A file, and what is answered of it.
struct Found {
    file: crate::read::open_file::OpenFile<WasiHost>,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<std::ops::Range<u64>>,
    admission: Option<Admission>,
}

async fn read(
    request: &GatewayRequest,
    method: &str,
    url: &str,
    query: &str,
    config: GatewayConfig,
    filer_token: Option<String>,
    grant: Option<Grant>,
) -> Result<Found, Refusal> {
    let (memory, most) = (config.memory, config.url_downloads);
    let context = context(config, filer_token);
    let file = context.open_filer(&urls::entry_url(url).0, Some(url), &Keys::default()).await?;
    let conditions = Conditions::read(|name| joined(request.headers.get(name)));
    let download = download_name(query);
    let presentation = Presentation {
        disposition: download.is_some().then_some(Disposition::Attachment),
        name: download.as_deref().filter(|name| !name.is_empty()),
    };
    let reply = respond(method, &conditions.headers(), &file.as_served(presentation));
    let mut admission = None;
    if let Some(range) = &reply.body {
        // Another attempt would fail in the same way.
        if file.summary(&std::sync::Arc::new(file.plan(range.clone()))).peak_bytes > memory {
            return Err(Refusal { status: 507, code: "limit" });
        }
        if let Some(Grant { signature, .. }) = grant {
            let refused = Refusal { status: 429, code: "limit" };
            admission = Some(Admission::of(signature, most).ok_or(refused)?);
        }
    }
    Ok(Found { file, status: reply.status, headers: reply.headers, body: reply.body, admission })
}

/// The least and the most that a download looks ahead, in bytes.
const AHEAD: (u64, u64) = (1 << 20, 32 << 20);

fn context(config: GatewayConfig, filer_token: Option<String>) -> OpenContext<WasiHost> {
    let locator = match &config.master {
        Some(master) => Locator::master(master),
        None => Locator::proxy(&config.filer),
    };
    let limits = PoolLimits { max_bytes: config.memory, ..PoolLimits::default() };
    let pool = POOL.with(|pool| pool.get_or_init(|| Pool::new(limits)).clone());
    let max_bytes_ahead = (config.memory / 2).clamp(AHEAD.0, AHEAD.1);
    let options = Options {
        origins: config.origins.clone(),
        max_bytes_ahead,
        max_metadata_bytes: MAX_METADATA_BYTES,
        ..Options::default()
    };
    let fetcher = Fetcher { headers: Vec::new(), home: config.filer, origins: config.origins };
    let filer_token: Option<Rc<str>> = filer_token.filter(|token| !token.is_empty()).map(Into::into);
    let is_private = filer_token.is_some();
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token };
    let session = Session { locator, pool, is_private, ..Session::from(options) };
    OpenContext { host, session, shared_streams: Streams::default(), can_renew_filer_token: false }
}
