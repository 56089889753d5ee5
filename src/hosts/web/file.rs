//! An open file, and its streams, as the JavaScript front sees them.

use std::{cell::RefCell, future::poll_fn, rc::Rc, sync::Arc};

use futures::StreamExt;
use js_sys::{Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use super::{
    error::{Causes, set},
    events::Listener,
    host::WebHost,
};
use crate::{
    error::{Error, Kind},
    http::respond::{RequestHeaders, respond},
    read::{Handle, Reader, open_file::OpenFile},
    schedule::plan::Plan,
};

/// An open file.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreFile {
    pub(super) file: OpenFile<WebHost>,
    pub(super) causes: Rc<Causes>,
}

#[wasm_bindgen]
impl CoreFile {
    /// Its size in bytes.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn size(&self) -> f64 {
        self.file.metadata().size as f64
    }

    /// Its name.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn name(&self) -> String {
        self.file.metadata().name.clone()
    }

    /// Its media type.
    #[wasm_bindgen(getter, js_name = type)]
    #[must_use]
    pub fn media_type(&self) -> String {
        self.file.metadata().media_type.clone()
    }

    /// Its ETag, quotes included.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        self.file.metadata().etag.clone()
    }

    /// When it was last modified, in milliseconds since 1970.
    #[wasm_bindgen(getter, js_name = lastModified)]
    #[must_use]
    pub fn last_modified(&self) -> Option<f64> {
        self.file.metadata().modified_ms.map(|ms| ms as f64)
    }

    /// Opens a stream of `start..end`, which the front has clipped to the size.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn stream(&self, start: f64, end: f64) -> Result<CoreStream, JsValue> {
        let plan = self.plan_of(start, end);
        let file_host = self.file.host();
        let Listener { on_event, on_progress, opened, .. } = &*file_host.listener;
        let listener = Listener::new(on_event.clone(), on_progress.clone(), *opened, plan.len());
        let host = WebHost { listener: Rc::new(listener), ..file_host.clone() };
        let (driver, reader) = self.file.start_on(host, plan).map_err(|error| self.causes.error(&error))?;
        spawn_local(driver);
        let handle = reader.handle();
        Ok(CoreStream { reader: Rc::new(RefCell::new(reader)), handle, causes: Rc::clone(&self.causes) })
    }

    /// What a stream of `start..end` would do, as a `PlanSummary`.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn plan(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        self.check_open()?;
        let plan = Arc::new(self.plan_of(start, end));
        let told = self.file.summary(&plan);
        let summary = Object::new();
        let number = |name, value: u64| set(&summary, name, &(value as f64).into());
        number("start", plan.range().start);
        number("end", plan.range().end);
        number("views", told.views);
        number("gaps", told.gaps);
        number("gapBytes", told.gap_bytes);
        number("chunks", told.chunks);
        number("requests", told.requests);
        number("manifests", told.manifests);
        number("peakBytes", told.peak_bytes);
        Ok(summary.into())
    }

    /// What to answer to a request: `{ status, headers, start?, end? }`, without `start` where
    /// there is no body.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    #[expect(clippy::too_many_arguments, reason = "one for each header that counts")]
    pub fn respond(
        &self,
        method: &str,
        range: Option<String>,
        if_range: Option<String>,
        if_match: Option<String>,
        if_none_match: Option<String>,
        if_modified_since: Option<String>,
        if_unmodified_since: Option<String>,
    ) -> Result<JsValue, JsValue> {
        self.check_open()?;
        let asked = RequestHeaders {
            range: range.as_deref(),
            if_range: if_range.as_deref(),
            if_match: if_match.as_deref(),
            if_none_match: if_none_match.as_deref(),
            if_modified_since: if_modified_since.as_deref(),
            if_unmodified_since: if_unmodified_since.as_deref(),
        };
        let reply = respond(method, &asked, &self.file.metadata().as_served());
        let object = Object::new();
        set(&object, "status", &reply.status.into());
        let headers = Object::new();
        reply.headers.iter().for_each(|(name, value)| set(&headers, name, &value.as_str().into()));
        set(&object, "headers", &headers);
        if let Some(body) = reply.body {
            set(&object, "start", &(body.start as f64).into());
            set(&object, "end", &(body.end as f64).into());
        }
        Ok(object.into())
    }

    /// The counters, as `Stats`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn stats(&self) -> JsValue {
        let stats = self.file.stats();
        let object = Object::new();
        let number = |name, value: u64| set(&object, name, &(value as f64).into());
        number("bytesDelivered", stats.bytes_delivered);
        number("bytesReceived", stats.bytes_received);
        number("bytesAhead", stats.bytes_ahead);
        number("peakBytesAhead", stats.peak_bytes_ahead);
        number("inFlight", stats.in_flight as u64);
        number("concurrency", stats.concurrency as u64);
        number("requests", stats.requests);
        number("retries", stats.retries);
        number("failovers", stats.failovers);
        number("hedges", stats.hedges);
        number("relookups", stats.relookups);
        number("holes", stats.holes);
        number("holeBytes", stats.hole_bytes);
        let waits = Object::new();
        let ms = |name, time: std::time::Duration| set(&waits, name, &(time.as_secs_f64() * 1000.0).into());
        ms("network", stats.waits.network);
        ms("decode", stats.waits.decode);
        ms("budget", stats.waits.budget);
        ms("reader", stats.waits.reader);
        set(&object, "waits", &waits);
        object.into()
    }

    /// Makes its streams fail with `closed`, and later calls too.
    pub fn close(&self) {
        self.file.close();
    }

    /// Throws the error of a closed file if it is one.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    #[wasm_bindgen(js_name = checkOpen)]
    pub fn check_open(&self) -> Result<(), JsValue> {
        self.file.check_open().map_err(|error| self.causes.error(&error))
    }
}

impl CoreFile {
    fn plan_of(&self, start: f64, end: f64) -> Plan {
        self.file.plan(start as u64..end as u64)
    }
}

/// A stream of a file's bytes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreStream {
    reader: Rc<RefCell<Reader<WebHost>>>,
    handle: Handle<WebHost>,
    causes: Rc<Causes>,
}

#[wasm_bindgen]
impl CoreStream {
    /// The next piece as a `Uint8Array`, `undefined` at the end; rejects with a `KelpError`.
    pub fn read(&self) -> Promise {
        let reader = Rc::clone(&self.reader);
        let causes = Rc::clone(&self.causes);
        future_to_promise(async move {
            // Borrowed for each poll alone: what a listener does meanwhile goes through the handle.
            match poll_fn(|cx| reader.borrow_mut().poll_next_unpin(cx)).await {
                Some(Ok(piece)) => Ok(piece.into_array().into()),
                Some(Err(error)) => Err(causes.error(&error)),
                None => Ok(JsValue::UNDEFINED),
            }
        })
    }

    /// Stops every request at once; nothing starts later, and reads give an error.
    pub fn cancel(&self) {
        self.handle.fail(Error::new(Kind::Closed, "it was cancelled"));
    }
}
