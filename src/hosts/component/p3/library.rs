//! The world `library-async`.

use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local};

use super::pump::pump;
use crate::{
    error::Error,
    hosts::component::{
        bindings::{
            exports::kelp::stream::{reader_async as wit, types},
            wit_future, wit_stream,
        },
        open::{self, about_a_file},
    },
    read::streams::closed,
};

/// Opens files.
pub(crate) struct Library;

impl wit::Guest for Library {
    type File = File;

    async fn open_filer(
        url: String,
        filer: types::FilerOptions,
        given: types::Options,
    ) -> Result<wit::File, types::Error> {
        opened(open::filer(url, filer, given).await)
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
pub(crate) struct File(open::File);

/// Bytes, and how they ended.
type Reading = (StreamReader<u8>, FutureReader<Result<(), types::Error>>);

impl wit::GuestFile for File {
    about_a_file!();

    async fn read_range(&self, range: Option<types::Span>) -> Result<Reading, types::Error> {
        let (driver, reader) = self.0.start(range)?;
        spawn_local(driver);
        let (mut writer, bytes) = wit_stream::new();
        let (told, outcome) = wit_future::new(|| Err(closed().into()));
        spawn_local(async move {
            // Resolves when somebody reads: until then nothing is fetched.
            let (wanted, _) = writer.write(Vec::new()).await;
            if wanted == StreamResult::Dropped {
                return;
            }
            let outcome = match pump(reader, writer).await {
                Ok(true) => Ok(()),
                Ok(false) => return,
                Err(error) => Err(error.into()),
            };
            // That nobody waits for it is no fault.
            let _ = told.write(outcome).await;
        });
        Ok((bytes, outcome))
    }
}
