//! Opens files.

use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc};

use futures::future::{AbortHandle, AbortRegistration, Abortable, Aborted};
use js_sys::{Promise, TypeError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::{
    decode::{Decoding, has_subtle},
    error::Causes,
    events::Listener,
    fetch::Fetcher,
    file::CoreFile,
    host::WebHost,
    manifest::{self, JsManifest},
    pool::CorePool,
    settings::{Settings, UrlSettings},
    timer::Timers,
    turn,
    user_locator::UserLocator,
    work::{self, in_turns},
};
use crate::{
    error::{Error, Kind},
    read::{
        open::{OpenContext, UrlHints},
        open_file::OpenFile,
    },
    schedule::options::Options,
};

/// Opens a file of a filer: fetches its entry. Resolves to a [`CoreFile`], or rejects with a `KelpError`.
#[wasm_bindgen(js_name = openFiler)]
pub fn open_filer(url: String, settings: Settings, pool: &CorePool, opening: &Opening) -> Promise {
    let (context, causes) = context(&settings, pool);
    let timers = context.host.timers.clone();
    let keys = settings.keys();
    let file_url = settings.file_url();
    let file = async move { context.open_filer(&url, file_url.as_deref(), &keys).await };
    opening.promise(timers, causes, false, Box::pin(file))
}

/// Opens a file by its entry. Resolves to a [`CoreFile`]; rejects with a `KelpError`, or with a `TypeError` if no option
/// finds the chunks.
#[wasm_bindgen(js_name = openEntry)]
pub fn open_entry(json: Vec<u8>, settings: Settings, pool: &CorePool, opening: &Opening) -> Promise {
    let (context, causes) = context(&settings, pool);
    let timers = context.host.timers.clone();
    let keys = settings.keys();
    let filer = Some(settings.filer()).filter(|filer| !filer.is_empty());
    let file = async move { context.open_entry(&json, filer.as_deref(), &keys).await };
    opening.promise(timers, causes, settings.has_no_locator(), Box::pin(file))
}

/// Opens a file by its manifest.
///
/// # Errors
///
/// A `RangeError` that names the field.
#[wasm_bindgen(js_name = openManifest)]
pub fn open_manifest(manifest: JsManifest, settings: Settings, pool: &CorePool) -> Result<CoreFile, JsValue> {
    let (context, causes) = context(&settings, pool);
    opened(context.open_manifest(manifest::read(&manifest)?), causes)
}

/// Opens any URL, to be read in ranges. Resolves to a [`CoreFile`], or rejects with a `KelpError`.
#[wasm_bindgen(js_name = openUrl)]
pub fn open_url(url: String, settings: UrlSettings, pool: &CorePool, opening: &Opening) -> Promise {
    let (context, causes) = context(settings.as_ref(), pool);
    let timers = context.host.timers.clone();
    let hints = UrlHints {
        size: settings.size().map(|size| size as u64),
        name: settings.name().unwrap_or_default(),
        media_type: settings.media_type(),
        chunk_size: settings.chunk_size().map_or(Options::DEFAULT_CHUNK_SIZE, |bytes| bytes as u64),
    };
    let file = async move { context.open_url(&url, hints).await };
    opening.promise(timers, causes, false, Box::pin(file))
}

/// A file that is being opened. Cancelling it cancels its request at once.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Opening {
    number: u32,
    handle: AbortHandle,
    registration: RefCell<Option<AbortRegistration>>,
}

#[wasm_bindgen]
impl Opening {
    /// For one file.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        let (handle, registration) = AbortHandle::new_pair();
        Self { number: work::next_number(), handle, registration: Some(registration).into() }
    }

    /// What `takeNumberAtWork` says if it traps.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Cancels it: the call fails with `closed`.
    pub fn cancel(&self) {
        self.handle.abort();
    }
}

/// A file that is being opened, in any way: what drives it is compiled once.
type File = Pin<Box<dyn Future<Output = Result<OpenFile<WebHost>, Error>>>>;

impl Opening {
    /// The promise of a file. `has_no_locator`: no option finds chunks.
    fn promise(&self, timers: Timers, causes: Rc<Causes>, has_no_locator: bool, file: File) -> Promise {
        let (registration, number) = (self.registration.take(), self.number);
        future_to_promise(async move {
            let cancelled = || Error::new(Kind::Closed, "opening the file was cancelled");
            let file = match registration {
                Some(registration) => in_turns(timers, number, Abortable::new(file, registration)).await,
                None => Err(Aborted),
            };
            let file = file.unwrap_or_else(|Aborted| Err(cancelled()));
            if has_no_locator && file.as_ref().is_ok_and(OpenFile::needs_locator) {
                return Err(
                    TypeError::new("the chunks cannot be found: neither filer nor locate was given").into()
                );
            }
            Ok(opened(file, causes)?.into())
        })
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self::new()
    }
}

/// The context of one file, from its settings, and the store of what the platform and the user's functions throw.
fn context(settings: &Settings, pool: &CorePool) -> (OpenContext<WebHost>, Rc<Causes>) {
    let causes = Rc::<Causes>::default();
    let listener = Listener::new(settings.on_event(), settings.on_progress(), turn::now(), 0);
    let fetcher = Fetcher {
        fetch: settings.fetch(),
        headers: settings.headers(),
        home: settings.home(),
        early: settings.early().into(),
        causes: Rc::clone(&causes),
    };
    let user_locator = UserLocator {
        locate: settings.locate(),
        token: settings.token(),
        filer_token: settings.filer_token(),
        causes: Rc::clone(&causes),
    };
    let can_renew_filer_token = user_locator.filer_token.is_some();
    let host = WebHost {
        fetcher: Rc::new(fetcher),
        user_locator: Rc::new(user_locator),
        listener: Rc::new(listener),
        decoding: settings.decoding().unwrap_or_else(|| Decoding::new(has_subtle())),
        timers: Timers::default(),
        causes: Rc::clone(&causes),
    };
    let session = settings.session(pool);
    let shared_streams = pool.streams().clone();
    (OpenContext { host, session, shared_streams, can_renew_filer_token }, causes)
}

fn opened(file: Result<OpenFile<WebHost>, Error>, causes: Rc<Causes>) -> Result<CoreFile, JsValue> {
    match file {
        Ok(file) => Ok(CoreFile { file, causes }),
        Err(error) => Err(causes.error(&error)),
    }
}
