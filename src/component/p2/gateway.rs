//! The world `gateway`: a filer's files over HTTP, from configured origins alone.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use bytes::Bytes;
use futures::StreamExt;

use super::executor::{self, Readiness};
use crate::{
    component::{
        bindings::{
            exports::wasi::http0_2_12::incoming_handler::Guest,
            wasi::{
                cli::environment,
                http::types::{
                    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
                },
            },
        },
        fetch::{Fetcher, joined},
        host::WasiHost,
    },
    entry::Keys,
    error::{Error, Kind},
    gate::Gate,
    locator::Locator,
    opening::{self, Opened},
    options::Options,
    plan::Plan,
    pool::Pool,
    prefetch::{Reader, prefetch},
    respond::{Reply, RequestHeaders, respond},
    target,
};

/// Answers requests.
pub(crate) struct Gateway;

thread_local! {
    /// What all requests share, where a host keeps the instance.
    static POOL: Pool = Pool::default();
}

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let out = RefCell::new(Some(out));
        if executor::run(serve(&request, &out)).is_none() {
            refuse(&out, 500, "internal");
        }
        // What the request stopped stops before it is over.
        executor::turn();
    }
}

/// The answer, until it is given.
type Out = RefCell<Option<ResponseOutparam>>;

async fn serve(request: &IncomingRequest, out: &Out) {
    match open(request).await {
        Ok(answer) => answer.send(out).await,
        Err(Refusal { status, code }) => refuse(out, status, code),
    }
}

/// Why there is nothing of a file in the answer. What went wrong behind the gateway is no business of
/// whoever asks: neither hosts nor chunks are told.
struct Refusal {
    status: u16,
    code: &'static str,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::NotFound => 404,
            Kind::Unauthorized => 403,
            Kind::Internal => 500,
            _ => 502,
        };
        Self { status, code: error.kind().code() }
    }
}

/// What is answered, and the bytes that follow.
struct Answer {
    reply: Reply,
    /// The first bytes, which are there already, and the rest.
    body: Option<(Bytes, Reader<WasiHost>)>,
}

async fn open(request: &IncomingRequest) -> Result<Answer, Refusal> {
    let method = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        _ => return Err(Refusal { status: 405, code: "unsupported" }),
    };
    let variables = environment::get_environment();
    let variable = |name: &str| Some(variables.iter().find(|(known, _)| known == name)?.1.clone());
    let gate = Gate::new(variable).map_err(|_| Refusal { status: 500, code: "unsupported" })?;
    let path = request.path_with_query().unwrap_or_default();
    let url = gate.url(&path).ok_or(Refusal { status: 404, code: "not_found" })?;

    let (host, options) = desk(gate, variable("KELP_FILER_TOKEN"));
    let entry = opening::entry(&host, &options, &target::of_entry(&url).0, false).await?;
    let Opened { head, chunks } = opening::of_entry(&entry, Some(&url), &Keys::default(), &options)?;
    let fields = request.headers();
    let get = |name: &str| joined(fields.get(name));
    let [range, if_range] = ["range", "if-range"].map(&get);
    let [if_match, if_none_match] = ["if-match", "if-none-match"].map(&get);
    let [if_modified_since, if_unmodified_since] = ["if-modified-since", "if-unmodified-since"].map(&get);
    let asked = RequestHeaders {
        range: range.as_deref(),
        if_range: if_range.as_deref(),
        if_match: if_match.as_deref(),
        if_none_match: if_none_match.as_deref(),
        if_modified_since: if_modified_since.as_deref(),
        if_unmodified_since: if_unmodified_since.as_deref(),
    };
    let reply = respond(method, &asked, &head.as_served());
    let Some(range) = reply.body.clone() else { return Ok(Answer { reply, body: None }) };
    let (driver, mut reader) = prefetch(Plan::new(Arc::from(chunks), range), host, options);
    executor::spawn(driver);
    // As long as no header is sent, a failure can say what it is.
    let first = reader.next().await.transpose()?.unwrap_or_default();
    Ok(Answer { reply, body: Some((first, reader)) })
}

fn desk(gate: Gate, filer_token: Option<String>) -> (WasiHost, Options) {
    let locator = match &gate.master {
        Some(master) => Locator::master(master),
        None => Locator::proxy(&gate.filer),
    };
    let fetcher = Fetcher { headers: Vec::new(), home: gate.filer, origins: Some(gate.origins) };
    let filer_token = filer_token.filter(|token| !token.is_empty()).map(Into::into);
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token };
    (host, Options { locator, pool: POOL.with(Pool::clone), ..Options::default() })
}

impl Answer {
    async fn send(self, out: &Out) {
        let Some(response) = response(self.reply.status, &self.reply.headers) else {
            return refuse(out, 500, "internal");
        };
        // Hosts want it taken before the answer is given, even where nothing will be in it.
        let Ok(body) = response.body() else { return refuse(out, 500, "internal") };
        give(out, response);
        let whole = match self.body {
            Some((first, reader)) => write(&body, first, reader).await,
            None => Some(()),
        };
        // A body that is dropped unfinished breaks off, and so it must.
        if whole.is_some() {
            let _ = OutgoingBody::finish(body, None);
        }
    }
}

/// Writes all that there is; `None` if the file cannot be read on, or nobody wants it any more.
async fn write(body: &OutgoingBody, first: Bytes, mut reader: Reader<WasiHost>) -> Option<()> {
    let output = body.write().ok()?;
    let mut readiness = Readiness::new(output.subscribe());
    let mut piece = first;
    loop {
        while !piece.is_empty() {
            let room = output.check_write().ok()?;
            if room == 0 {
                (&mut readiness).await;
                continue;
            }
            let len = usize::try_from(room).unwrap_or(usize::MAX).min(piece.len());
            output.write(&piece.split_to(len)).ok()?;
        }
        match reader.next().await {
            Some(next) => piece = next.ok()?,
            None => break,
        }
    }
    output.flush().ok()?;
    while output.check_write().ok()? == 0 {
        (&mut readiness).await;
    }
    Some(())
}

/// Answers with what is wrong, as RFC 9457 has it.
fn refuse(out: &Out, status: u16, code: &str) {
    let number = status.to_string();
    let text = ["{\"type\":\"about:blank\",\"status\":", &number, ",\"code\":\"", code, "\"}"].concat();
    let mut headers = vec![
        ("Content-Type", "application/problem+json".to_owned()),
        ("Content-Length", text.len().to_string()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ];
    if status == 405 {
        headers.push(("Allow", "GET, HEAD".to_owned()));
    }
    let Some(response) = response(status, &headers) else { return };
    let Ok(body) = response.body() else { return };
    give(out, response);
    let written = body.write().is_ok_and(|output| output.blocking_write_and_flush(text.as_bytes()).is_ok());
    if written {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn response(status: u16, headers: &[(&'static str, String)]) -> Option<OutgoingResponse> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), latin1(value))).collect();
    let response = OutgoingResponse::new(Fields::from_list(&headers).ok()?);
    response.set_status_code(status).ok()?;
    Some(response)
}

/// As the JavaScript API's headers have it: what is stored with a file came as bytes.
fn latin1(value: &str) -> Vec<u8> {
    value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

fn give(out: &Out, response: OutgoingResponse) {
    if let Some(out) = out.take() {
        ResponseOutparam::set(out, Ok(response));
    }
}
