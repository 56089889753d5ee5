//! The world `gateway-async`: exports the HTTP handler of WASI 0.3.

use wit_bindgen::{StreamWriter, spawn_local};

use super::{
    client::Client,
    contents::Contents,
    refusal::internal_error,
    respond::{GatewayRequest, handle},
    response::GatewayResponse,
};
use crate::hosts::component::bindings::{
    self,
    exports::wasi::http0_3_2::handler::Guest,
    wasi::http::types::{ErrorCode, Request, Response},
    wit_future, wit_stream,
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
            host: request.get_authority(),
            path: request.get_path_with_query(),
            headers: request.get_headers(),
        };
        let response = outgoing(handle(request).await).or_else(|| outgoing(internal_error()));
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
    let client = Client { patience: response.patience };
    spawn_local(async move {
        let is_whole = match response.body.zip(writer) {
            Some((contents, writer)) => send(contents, writer, client).await.is_some(),
            None => true,
        };
        if is_whole {
            // Fails if the client does not wait for the end, which is not an error.
            let _ = result.write(Ok(None)).await;
        }
    });
    Some(outgoing)
}

/// The most bytes in one write, so that the rate of a slow client can be seen.
const PIECE: usize = 64 << 10;

/// Sends a body. `None` if it is incomplete, because the file cannot be read on, or the client has gone or is too slow.
async fn send(mut contents: Contents, mut writer: StreamWriter<u8>, mut client: Client) -> Option<()> {
    while let Some(piece) = contents.next().await {
        let mut piece = piece.ok()?;
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PIECE));
            let len = part.len();
            let rest = client.wait(writer.write_all(part.into()), &mut contents).await?;
            if !rest.is_empty() {
                return None;
            }
            client.took(len, &mut contents);
        }
    }
    Some(())
}
