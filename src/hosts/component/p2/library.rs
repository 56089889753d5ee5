//! The world `library`.

use std::{cell::RefCell, future::poll_fn, task::Poll};

use bytes::Bytes;
use futures::StreamExt;

use super::executor;
use crate::{
    error::{Error, Kind},
    hosts::component::{
        bindings::exports::kelp::stream::{reader as wit, types},
        host::WasiHost,
        open::{self, about_a_file},
        settings,
    },
    read::Reader,
};

/// Opens files.
pub(crate) struct Library;

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

    fn open_entry(
        entry: String,
        origin: Option<String>,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(open::entry(&entry, origin, &filer, given))
    }

    fn open_manifest(manifest: types::Manifest, given: types::Options) -> Result<wit::File, types::Error> {
        opened(open::manifest(manifest, given))
    }

    fn open_url(
        url: String,
        known: types::UrlOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(wait(open::url(url, known, given)))
    }
}

fn opened(file: Result<open::File, Error>) -> Result<wit::File, types::Error> {
    Ok(wit::File::new(File(file?, Turn)))
}

/// Waits for what may fail.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    executor::run(future).unwrap_or_else(|| Err(Error::new(Kind::Internal, "nothing is under way")))
}

/// Dropped after what stands before it: what that stopped stops now, and not with the next call.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        executor::turn();
    }
}

/// An open file.
pub(crate) struct File(open::File, Turn);

impl wit::GuestFile for File {
    about_a_file!();

    fn read_range(&self, range: Option<types::Span>) -> Result<wit::Body, types::Error> {
        let (driver, reader) = self.0.start(range)?;
        executor::spawn(driver);
        Ok(wit::Body::new(Body(RefCell::new(Reading { reader, rest: Bytes::new() }), Turn)))
    }
}

/// A range that is being read.
pub(crate) struct Body(RefCell<Reading>, Turn);

struct Reading {
    reader: Reader<WasiHost>,
    /// Of the last piece, what did not fit.
    rest: Bytes,
}

impl wit::GuestBody for Body {
    fn read(&self, max: u32) -> Result<Vec<u8>, types::Error> {
        if max == 0 {
            return Err(settings::refused("max", "at least 1").into());
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(wait(self.0.borrow_mut().next(max))?)
    }
}

impl Reading {
    /// What there is, once there is some: one call for many pieces, as each costs the host one.
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
                    // What came before a failure is delivered first; the failure stays.
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
