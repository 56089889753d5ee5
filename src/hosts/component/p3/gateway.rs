//! The world `gateway-async`.

use wit_bindgen::spawn_local;

use super::pump::pump;
use crate::hosts::component::{
    bindings::{
        exports::wasi::http0_3_2::handler::Guest,
        wasi::http::types::{ErrorCode, Request, Response},
        wit_future, wit_stream,
    },
    gateway::{Answer, Asked, Refusal, answer},
};

/// Answers requests.
pub(crate) struct Gateway;

impl Guest for Gateway {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let asked = Asked {
            method: request.get_method(),
            path: request.get_path_with_query(),
            headers: request.get_headers(),
        };
        let response = response(answer(asked).await).or_else(|| response(Refusal::INTERNAL.into()));
        response.ok_or(ErrorCode::InternalError(None))
    }
}

fn response(answer: Answer) -> Option<Response> {
    let fields = answer.fields()?;
    // A body that is dropped unfinished breaks off: trailers that never come are a failure.
    let (whole, trailers) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (writer, contents) = answer.body.is_some().then(wit_stream::new).unzip();
    let (response, _sent) = Response::new(fields, contents, trailers);
    response.set_status_code(answer.status).ok()?;
    spawn_local(async move {
        let written = match answer.body.zip(writer) {
            Some((pieces, writer)) => pump(pieces, writer).await,
            None => Ok(true),
        };
        if written.is_ok_and(|all| all) {
            // That nobody waits for it is no fault.
            let _ = whole.write(Ok(None)).await;
        }
    });
    Some(response)
}
