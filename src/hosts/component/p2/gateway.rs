//! The world `gateway`.

use std::cell::RefCell;

use futures::StreamExt;

use super::executor::{self, Readiness};
use crate::hosts::component::{
    bindings::{
        exports::wasi::http0_2_12::incoming_handler::Guest,
        wasi::{
            http::types::{IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
            io::streams::OutputStream,
        },
    },
    gateway::{Answer, Asked, Refusal, answer},
};

/// Answers requests.
pub(crate) struct Gateway;

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let out = RefCell::new(Some(out));
        let asked =
            Asked { method: request.method(), path: request.path_with_query(), headers: request.headers() };
        let answered = executor::run(async { give(answer(asked).await, &out).await });
        if answered.flatten().is_none() {
            // Where nothing has been given yet.
            executor::run(give(Refusal::INTERNAL.into(), &out));
        }
        // What the request stopped stops before it is over.
        executor::turn();
    }
}

/// Answers, if that was not done yet. A body that is dropped unfinished breaks off: `None` if the file
/// cannot be read on, or nobody wants it any more.
async fn give(answer: Answer, out: &RefCell<Option<ResponseOutparam>>) -> Option<()> {
    let response = OutgoingResponse::new(answer.fields()?);
    response.set_status_code(answer.status).ok()?;
    // Hosts want it taken before the answer is given, even where nothing will be in it.
    let body = response.body().ok()?;
    ResponseOutparam::set(out.take()?, Ok(response));
    if let Some(mut pieces) = answer.body {
        let output = body.write().ok()?;
        let mut room = Room { readiness: Readiness::new(output.subscribe()), output: &output };
        while let Some(piece) = pieces.next().await {
            let mut piece = piece.ok()?;
            while !piece.is_empty() {
                let len = room.find().await?.min(piece.len());
                output.write(&piece.split_to(len)).ok()?;
            }
        }
        output.flush().ok()?;
        room.find().await?;
    }
    OutgoingBody::finish(body, None).ok()
}

/// Where bytes may be written.
struct Room<'a> {
    // Dropped in this order: it is of the stream.
    readiness: Readiness,
    output: &'a OutputStream,
}

impl Room<'_> {
    /// Waits until there is some; `None` if there will be none any more.
    async fn find(&mut self) -> Option<usize> {
        loop {
            match self.output.check_write().ok()? {
                0 => (&mut self.readiness).await,
                room => return Some(usize::try_from(room).unwrap_or(usize::MAX)),
            }
        }
    }
}
