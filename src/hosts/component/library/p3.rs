//! The world `library-async`: exports the interface `reader-async` on WASI 0.3.

use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local};

use super::open::{self, file_methods, open_functions};
use crate::{
    error::Error,
    hosts::component::{
        bindings::{
            self,
            exports::kelp::stream::{reader_async as wit, types},
            wit_future, wit_stream,
        },
        wasi::p3::pump::pump,
    },
    read::streams::closed,
};

/// The functions of the interface.
struct Library;

#[allow(unsafe_code, reason = "generated: the component's exported functions")]
const _: () = {
    bindings::export!(Library with_types_in bindings);
};

impl wit::Guest for Library {
    type File = File;

    async fn open_filer(
        url: String,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(open::filer(url, filer, given).await)
    }

    open_functions!();

    async fn open_url(
        url: String,
        known: types::UrlOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(open::url(url, known, given).await)
    }
}

fn opened(file: Result<open::File, Error>) -> Result<wit::File, types::Error> {
    Ok(wit::File::new(File(file?)))
}

/// An open file.
struct File(open::File);

/// The bytes, and the result of the stream.
type Reading = (StreamReader<u8>, FutureReader<Result<(), types::Error>>);

impl wit::GuestFile for File {
    file_methods!();

    async fn read_range(&self, range: Option<types::Span>) -> Result<Reading, types::Error> {
        let (driver, reader) = self.0.start(range)?;
        spawn_local(driver);
        let (mut writer, bytes) = wit_stream::new();
        let (result_writer, result) = wit_future::new(|| Err(closed().into()));
        spawn_local(async move {
            // Resolves with the first read: until then nothing is fetched.
            let (status, _) = writer.write(Vec::new()).await;
            if status == StreamResult::Dropped {
                return;
            }
            let outcome = match pump(reader, writer).await {
                Ok(true) => Ok(()),
                Ok(false) => return,
                Err(error) => Err(error.into()),
            };
            // Fails if the caller dropped the future, which is not an error.
            let _ = result_writer.write(outcome).await;
        });
        Ok((bytes, result))
    }
}
