//! The world `gateway`: exports the HTTP handler of WASI 0.2.

use std::cell::RefCell;

use super::{
    client::Client,
    refusal::internal_error,
    respond::{GatewayRequest, handle},
    response::GatewayResponse,
};
use crate::hosts::component::{
    bindings::{
        self,
        exports::wasi::http0_2_12::incoming_handler::Guest,
        wasi::{
            http::types::{IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
            io::streams::OutputStream,
        },
    },
    wasi::p2::executor::{self, Readiness},
};

/// The HTTP handler.
struct Gateway;

#[allow(unsafe_code, reason = "generated: the component's exported functions")]
const _: () = {
    bindings::export!(Gateway with_types_in bindings);
};

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let out = RefCell::new(Some(out));
        let request = GatewayRequest {
            method: request.method(),
            host: request.authority(),
            path: request.path_with_query(),
            headers: request.headers(),
        };
        let sent = executor::run(async { send(handle(request).await, &out).await });
        if sent.flatten().is_none() {
            // Has an effect only if no response was sent yet.
            executor::run(send(internal_error(), &out));
        }
        // The tasks of this request stop before the call returns.
        executor::poll_once();
    }
}

/// Sends a response, unless one was sent already. `None` if it is incomplete, because the file cannot be read on or the
/// client has gone: a body that is dropped before it is finished is cut off.
async fn send(response: GatewayResponse, out: &RefCell<Option<ResponseOutparam>>) -> Option<()> {
    let outgoing = OutgoingResponse::new(response.fields()?);
    outgoing.set_status_code(response.status).ok()?;
    // Hosts require that the body is taken before the response is sent, even if the body is empty.
    let body = outgoing.body().ok()?;
    ResponseOutparam::set(out.take()?, Ok(outgoing));
    if let Some(mut contents) = response.body {
        let mut client = Client { patience: response.patience };
        let output = body.write().ok()?;
        let mut writable = Writable { readiness: Readiness::new(output.subscribe()), output: &output };
        while let Some(piece) = contents.next().await {
            let mut piece = piece.ok()?;
            while !piece.is_empty() {
                let len = client.wait(writable.len(), &mut contents).await??.min(piece.len());
                output.write(&piece.split_to(len)).ok()?;
                client.took(len, &mut contents);
            }
        }
        output.flush().ok()?;
        client.wait(writable.len(), &mut contents).await??;
    }
    OutgoingBody::finish(body, None).ok()
}

/// How much may be written to a stream.
struct Writable<'a> {
    // Dropped in this order: the pollable is a child resource of the stream.
    readiness: Readiness,
    output: &'a OutputStream,
}

impl Writable<'_> {
    /// Waits until bytes may be written, and returns how many. `None` if the stream has failed.
    async fn len(&mut self) -> Option<usize> {
        loop {
            match self.output.check_write().ok()? {
                0 => (&mut self.readiness).await,
                len => return Some(usize::try_from(len).unwrap_or(usize::MAX)),
            }
        }
    }
}
