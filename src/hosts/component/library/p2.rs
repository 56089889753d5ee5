//! The world `library`: exports the interface `reader` on WASI 0.2.

use std::{cell::RefCell, future::poll_fn, task::Poll};

use bytes::Bytes;
use futures::StreamExt;

use super::{
    open::{self, file_methods, open_functions},
    settings,
};
use crate::{
    error::{Error, Kind},
    hosts::component::{
        bindings::{
            self,
            exports::kelp::stream::{reader as wit, types},
        },
        host::WasiHost,
        wasi::p2::executor,
    },
    read::Reader,
};

/// The functions of the interface.
struct Library;

#[allow(unsafe_code, reason = "generated: the component's exported functions")]
const _: () = {
    bindings::export!(Library with_types_in bindings);
};

impl wit::Guest for Library {
    type File = File;
    type Body = Body;

    fn open_filer(
        url: String,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(wait(open::filer(url, filer, given)))
    }

    open_functions!();

    fn open_url(
        url: String,
        known: types::UrlOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(wait(open::url(url, known, given)))
    }
}

fn opened(file: Result<open::File, Error>) -> Result<wit::File, types::Error> {
    Ok(wit::File::new(File(file?, PollOnDrop)))
}

/// Runs a future to its end; blocks meanwhile.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let stuck = || Error::new(Kind::Internal, "the executor has nothing to wait for; this is a bug");
    executor::run(future).unwrap_or_else(|| Err(stuck()))
}

/// Polls the tasks when it is dropped. As the last field of a struct it is dropped after the others, so the tasks that
/// they stop end now and not with the next call.
struct PollOnDrop;

impl Drop for PollOnDrop {
    fn drop(&mut self) {
        executor::poll_once();
    }
}

/// An open file.
struct File(open::File, PollOnDrop);

impl wit::GuestFile for File {
    file_methods!();

    fn read_range(&self, range: Option<types::Span>) -> Result<wit::Body, types::Error> {
        let (driver, reader) = self.0.start(range)?;
        executor::spawn(driver);
        Ok(wit::Body::new(Body(RefCell::new(Reading { reader, rest: Bytes::new() }), PollOnDrop)))
    }
}

/// A range that is being read.
struct Body(RefCell<Reading>, PollOnDrop);

struct Reading {
    reader: Reader<WasiHost>,
    /// The part of the last piece that did not fit.
    rest: Bytes,
}

impl wit::GuestBody for Body {
    fn read(&self, max: u32) -> Result<Vec<u8>, types::Error> {
        if max == 0 {
            return Err(settings::invalid("max", "at least 1").into());
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(wait(self.0.borrow_mut().next(max))?)
    }
}

impl Reading {
    /// Waits for bytes and returns as many as there are, up to `max`. It joins many pieces, because each call costs the
    /// host time.
    async fn next(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        poll_fn(|cx| {
            loop {
                let len = self.rest.len().min(max - bytes.len());
                bytes.extend_from_slice(&self.rest.split_to(len));
                if bytes.len() == max {
                    return Poll::Ready(Ok(()));
                }
                match self.reader.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(piece))) => self.rest = piece,
                    // The bytes before an error are returned first; the reader repeats the error.
                    Poll::Ready(Some(Err(error))) if bytes.is_empty() => return Poll::Ready(Err(error)),
                    Poll::Pending if bytes.is_empty() => return Poll::Pending,
                    Poll::Ready(_) | Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
        })
        .await?;
        Ok(bytes)
    }
}
