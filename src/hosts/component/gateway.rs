//! The worlds `gateway` and `gateway-async`: a filer's files over HTTP, from configured origins alone. What is
//! asked and what is answered, whichever WASI carries it.

use std::rc::Rc;

use bytes::Bytes;
use futures::{
    StreamExt,
    future::ready,
    stream::{self, LocalBoxStream},
};

use super::{
    bindings::wasi::{
        cli::environment,
        http::types::{Fields, Method},
    },
    fetch::{Fetcher, joined},
    host::WasiHost,
    wasi,
};
use crate::{
    error::{Error, Kind},
    fetch::locator::Locator,
    formats::seaweedfs::{entry::Keys, urls},
    hosts::gateway_config::GatewayConfig,
    http::{
        problem::{self, Problem},
        respond::{Conditions, respond},
    },
    read::{open::OpenContext, session::Session, streams::Streams},
    schedule::pool::Pool,
};

thread_local! {
    /// What all requests share, where a host keeps the instance.
    static POOL: Pool = Pool::default();
}

/// A request.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: Option<String>,
    pub(super) headers: Fields,
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    /// Its bytes. If there is an error among them, they are not all.
    pub(super) body: Option<LocalBoxStream<'static, Result<Bytes, Error>>>,
}

pub(super) async fn answer(asked: Asked) -> Answer {
    open(asked).await.unwrap_or_else(Answer::from)
}

/// Why there is nothing of a file in the answer. What went wrong behind the gateway is no business of
/// whoever asks: neither hosts nor chunks are told.
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
}

impl Refusal {
    /// What must not happen.
    pub(super) const INTERNAL: Self = Self { status: 500, code: "internal" };
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = if error.kind() == Kind::Internal { 500 } else { problem::status_of(error.kind()) };
        Self { status, code: error.kind().code() }
    }
}

impl From<Refusal> for Answer {
    /// Says what is wrong, as RFC 9457 has it.
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

impl Answer {
    /// Its headers, as WASI has them; nothing if the host does not take them.
    pub(super) fn fields(&self) -> Option<Fields> {
        let lines = self.headers.iter().map(|(name, value)| ((*name).to_owned(), latin1(value)));
        Fields::from_list(&lines.collect::<Vec<_>>()).ok()
    }
}

/// As the JavaScript API's headers have it: what is stored with a file came as bytes.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

async fn open(asked: Asked) -> Result<Answer, Refusal> {
    let method = match asked.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        _ => return Err(Refusal { status: 405, code: "unsupported" }),
    };
    let variables = environment::get_environment();
    let variable = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let gate = GatewayConfig::new(variable).map_err(|_| Refusal { status: 500, code: "unsupported" })?;
    let url = gate.url(&asked.path.unwrap_or_default()).ok_or(Refusal { status: 404, code: "not_found" })?;

    let context = context(gate, variable("KELP_FILER_TOKEN"));
    let file = context.open_filer(&urls::entry_url(&url).0, Some(&url), &Keys::default()).await?;
    let conditions = Conditions::read(|name| joined(asked.headers.get(name)));
    let reply = respond(method, &conditions.headers(), &file.metadata().as_served());
    let mut answer = Answer { status: reply.status, headers: reply.headers, body: None };
    if let Some(range) = reply.body {
        let (driver, mut reader) = file.start(range)?;
        wasi::spawn(driver);
        // As long as no header is sent, a failure can say what it is.
        let first = reader.next().await.transpose()?;
        answer.body = Some(stream::iter(first.map(Ok)).chain(reader).boxed_local());
    }
    Ok(answer)
}

fn context(gate: GatewayConfig, filer_token: Option<String>) -> OpenContext<WasiHost> {
    let locator = match &gate.master {
        Some(master) => Locator::master(master),
        None => Locator::proxy(&gate.filer),
    };
    let fetcher = Fetcher { headers: Vec::new(), home: gate.filer, origins: Some(gate.origins) };
    let filer_token = filer_token.filter(|token| !token.is_empty()).map(Into::into);
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token };
    let session = Session { locator, pool: POOL.with(Pool::clone), ..Session::default() };
    OpenContext { host, session, shared_streams: Streams::default(), can_renew_filer_token: false }
}
