//! The world `gateway-async`: exports the HTTP handler of WASI 0.3.

use wit_bindgen::spawn_local;

use super::respond::{GatewayRequest, GatewayResponse, Refusal, handle};
use crate::hosts::component::{
    bindings::{
        self,
        exports::wasi::http0_3_2::handler::Guest,
        wasi::http::types::{ErrorCode, Request, Response},
        wit_future, wit_stream,
    },
    wasi::p3::pump::pump,
};

/// The HTTP handler.
struct Gateway;

#[allow(unsafe_code, reason = "generated: the component's exported functions")]
const _: () = {
    bindings::export!(Gateway with_types_in bindings);
};

impl Guest for Gateway {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let request = GatewayRequest {
            method: request.get_method(),
            path: request.get_path_with_query(),
            headers: request.get_headers(),
        };
        let response = outgoing(handle(request).await).or_else(|| outgoing(Refusal::INTERNAL.into()));
        response.ok_or(ErrorCode::InternalError(None))
    }
}

/// The response as a WASI resource; a task writes its body.
fn outgoing(response: GatewayResponse) -> Option<Response> {
    let fields = response.fields()?;
    // The trailers carry the result of the body. Until they are written it is a failure, so a body that is dropped
    // before its end is cut off.
    let (result, trailers) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (writer, contents) = response.body.is_some().then(wit_stream::new).unzip();
    let (outgoing, _sent) = Response::new(fields, contents, trailers);
    outgoing.set_status_code(response.status).ok()?;
    spawn_local(async move {
        let written = match response.body.zip(writer) {
            Some((pieces, writer)) => pump(pieces, writer).await,
            None => Ok(true),
        };
        if written.is_ok_and(|all| all) {
            // Fails if the client does not wait for the end, which is not an error.
            let _ = result.write(Ok(None)).await;
        }
    });
    Some(outgoing)
}
