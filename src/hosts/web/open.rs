//! Opening files.

use std::{cell::RefCell, future::Future, rc::Rc};

use futures::future::{AbortHandle, AbortRegistration, Abortable};
use js_sys::TypeError;
use wasm_bindgen::prelude::*;

use super::{
    decode,
    error::Causes,
    events::Listener,
    fetch::Fetcher,
    file::CoreFile,
    host::WebHost,
    manifest::{self, JsManifest},
    pool::CorePool,
    settings::{Settings, UrlSettings},
    timer,
    user_locator::UserLocator,
};
use crate::{
    error::{Error, Kind},
    formats::seaweedfs::{
        entry::{Entry, Keys},
        urls,
    },
    model::chunk::{Chunk, Source},
    read::{
        open::{self, Opened, UrlHints},
        session::Session,
        streams::Streams,
    },
};

/// Opens a file of a filer: fetches its entry.
///
/// # Errors
///
/// A `KelpError`.
#[wasm_bindgen(js_name = openFiler)]
pub async fn open_filer(
    url: String,
    settings: Settings,
    pool: &CorePool,
    opening: &Opening,
) -> Result<CoreFile, JsValue> {
    let desk = OpenContext::new(&settings, pool);
    let may_renew = desk.host.finder.filer_token.is_some();
    let asking = open::entry(&desk.host, &desk.session.options, &url, may_renew);
    let entry = opening.unless_cancelled(asking).await;
    let file = entry.and_then(|entry| desk.file(&entry, settings.file_url(), &settings.keys()));
    desk.open(file)
}

/// Opens a file by its entry.
///
/// # Errors
///
/// A `KelpError`, or a `TypeError` where nothing says where its chunks are.
#[wasm_bindgen(js_name = openEntry)]
pub fn open_entry(json: &[u8], settings: Settings, pool: &CorePool) -> Result<CoreFile, JsValue> {
    let has_no_locator = settings.has_no_locator();
    let desk = OpenContext::new(&settings, pool);
    let entry = Entry::parse(json).map_err(Error::from);
    let home = Some(settings.home()).filter(|home| !home.is_empty());
    let file = entry.and_then(|entry| {
        let url = home.map(|filer| urls::file_url(&filer, entry.path()));
        desk.file(&entry, url, &settings.keys())
    });
    let of_filer = |chunk: &Chunk| matches!(chunk.source, Source::FileId(_));
    if let Ok(Opened { chunks, .. }) = &file
        && chunks.iter().any(of_filer)
        && has_no_locator
    {
        return Err(TypeError::new("filer or locate must say where the chunks are").into());
    }
    desk.open(file)
}

/// Opens a file by a list of its chunks.
///
/// # Errors
///
/// A `RangeError` that names the field.
#[wasm_bindgen(js_name = openManifest)]
pub fn open_manifest(manifest: JsManifest, settings: Settings, pool: &CorePool) -> Result<CoreFile, JsValue> {
    let desk = OpenContext::new(&settings, pool);
    let manifest = manifest::read(&manifest)?;
    let file = open::of_manifest(manifest, &desk.session.options);
    desk.open(Ok(file))
}

/// Opens one URL, to be read in ranges.
///
/// # Errors
///
/// A `KelpError`.
#[wasm_bindgen(js_name = openUrl)]
pub async fn open_url(
    url: String,
    settings: UrlSettings,
    pool: &CorePool,
    opening: &Opening,
) -> Result<CoreFile, JsValue> {
    let desk = OpenContext::new(settings.as_ref(), pool);
    let known = UrlHints {
        size: settings.size().map(|size| size as u64),
        name: settings.name(),
        media_type: settings.media_type(),
        chunk_size: settings.chunk_size() as u64,
    };
    let asking = open::of_url(&desk.host, &desk.session, &url, known);
    let file = opening.unless_cancelled(asking).await;
    desk.open(file)
}

/// A file that is being opened; cancelling stops its request at once.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Opening {
    handle: AbortHandle,
    registration: RefCell<Option<AbortRegistration>>,
}

#[wasm_bindgen]
impl Opening {
    /// Of one file.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        let (handle, registration) = AbortHandle::new_pair();
        Self { handle, registration: Some(registration).into() }
    }

    /// Nobody waits for it any more.
    pub fn cancel(&self) {
        self.handle.abort();
    }
}

impl Opening {
    async fn unless_cancelled<T>(&self, opening: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let cancelled = || Error::new(Kind::Closed, "it was cancelled");
        let registration = self.registration.take().ok_or_else(cancelled)?;
        Abortable::new(opening, registration).await.unwrap_or_else(|_aborted| Err(cancelled()))
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self::new()
    }
}

/// Where files are opened: all that they need, and are given.
struct OpenContext {
    host: WebHost,
    session: Session,
    causes: Rc<Causes>,
    pool_streams: Streams<WebHost>,
}

impl OpenContext {
    fn new(settings: &Settings, pool: &CorePool) -> Self {
        let causes = Rc::<Causes>::default();
        let listener = Listener::new(settings.on_event(), settings.on_progress(), timer::now(), 0);
        let fetcher = Fetcher {
            fetch: settings.fetch(),
            headers: settings.headers(),
            home: settings.home(),
            causes: Rc::clone(&causes),
        };
        let finder = UserLocator {
            locate: settings.locate(),
            token: settings.token(),
            filer_token: settings.filer_token(),
            causes: Rc::clone(&causes),
        };
        let host = WebHost {
            fetcher: Rc::new(fetcher),
            finder: Rc::new(finder),
            listener: Rc::new(listener),
            native: decode::has_subtle() && !settings.wasm_decoder(),
        };
        Self { host, session: settings.session(pool), causes, pool_streams: pool.streams().clone() }
    }

    fn open(self, file: Result<Opened, Error>) -> Result<CoreFile, JsValue> {
        let Self { host, session, causes, pool_streams, .. } = self;
        let Opened { head, chunks } = file.map_err(|error| causes.error(&error))?;
        let file = CoreFile {
            head,
            chunks: chunks.into(),
            host,
            session,
            causes,
            streams: Streams::default(),
            pool_streams,
        };
        file.check_open()?;
        Ok(file)
    }

    /// What an entry tells; `url` is where its filer serves the file, if there is one to be asked.
    fn file(&self, entry: &Entry, url: Option<String>, keys: &Keys) -> Result<Opened, Error> {
        open::of_entry(entry, url.as_deref(), keys, &self.session)
    }
}
