//! An open file and its streams, for the JavaScript in `js/`.

use std::{
    cell::{OnceCell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures::StreamExt;
use js_sys::{Array, Function, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};

use super::{
    error::{Causes, set},
    events::Listener,
    host::WebHost,
    stats::{stats_object, summary_object},
    timer::Timers,
    turn::Turn,
    work::{self, in_turns},
};
use crate::{
    error::{Error, Kind},
    http::respond::{Disposition, Presentation, RequestHeaders, respond},
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
    /// The size in bytes.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn size(&self) -> f64 {
        self.file.metadata().size as f64
    }

    /// The file name.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn name(&self) -> String {
        self.file.metadata().name.clone()
    }

    /// The media type.
    #[wasm_bindgen(getter, js_name = type)]
    #[must_use]
    pub fn media_type(&self) -> String {
        self.file.metadata().media_type.clone()
    }

    /// The entity tag, quotes included.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        self.file.metadata().etag.clone()
    }

    /// The time of the last modification, in milliseconds since 1970.
    #[wasm_bindgen(getter, js_name = lastModified)]
    #[must_use]
    pub fn last_modified(&self) -> Option<f64> {
        self.file.metadata().modified_ms.map(|ms| ms as f64)
    }

    /// Starts a stream of `start..end`, which `js/` has clipped to the size.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn stream(&self, start: f64, end: f64) -> Result<CoreStream, JsValue> {
        let (number, reader) = self.start(start, end)?;
        let handle = reader.handle();
        let reader = Rc::new(RefCell::new(reader));
        Ok(CoreStream { number, reader, waker: OnceCell::new(), handle, causes: Rc::clone(&self.causes) })
    }

    /// What a stream of `start..end` would do, as a `PlanSummary`.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn plan(&self, start: f64, end: f64) -> Result<JsValue, JsValue> {
        self.check_open()?;
        let plan = self.plan_of(start, end);
        Ok(summary_object(&plan, &self.file.summary(&plan)))
    }

    /// The response to a request: `{ status, headers, start?, end? }`. Without `start` it has no body. `asked`: what `js/file.js` lists,
    /// each a string if it is there.
    ///
    /// # Errors
    ///
    /// A `KelpError` with code `closed`.
    pub fn respond(&self, asked: &Array) -> Result<JsValue, JsValue> {
        self.check_open()?;
        let asked: Vec<_> = asked.iter().map(|text| text.as_string()).collect();
        let text = |place: usize| asked.get(place).and_then(Option::as_deref);
        let request = RequestHeaders {
            range: text(1),
            if_range: text(2),
            if_match: text(3),
            if_none_match: text(4),
            if_modified_since: text(5),
            if_unmodified_since: text(6),
        };
        let disposition = text(7).map(|wanted| match wanted {
            "attachment" => Disposition::Attachment,
            _ => Disposition::Inline,
        });
        let presentation = Presentation { disposition, name: text(8) };
        let reply = respond(text(0).unwrap_or_default(), &request, &self.file.as_served(presentation));
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

    /// The counters of all its streams, as `Stats`.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn stats(&self) -> JsValue {
        stats_object(&self.file.stats(), self.file.host().decoding.workers_up())
    }

    /// Makes its streams fail with `closed`, and later calls too.
    pub fn close(&self) {
        self.file.close();
    }

    /// Throws if the file or its pool was closed.
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
    /// Starts a stream of `start..end`: its number, and its reader.
    pub(super) fn start(&self, start: f64, end: f64) -> Result<(u32, Reader<WebHost>), JsValue> {
        let plan = self.plan_of(start, end);
        let file_host = self.file.host();
        let Listener { on_event, on_progress, opened, .. } = &*file_host.listener;
        let listener = Listener::new(on_event.clone(), on_progress.clone(), *opened, plan.len());
        let timers = Timers::default();
        let host = WebHost { listener: Rc::new(listener), timers: timers.clone(), ..file_host.clone() };
        let (driver, reader) = self.file.start_on(host, plan).map_err(|error| self.causes.error(&error))?;
        let number = work::next_number();
        spawn_local(in_turns(timers, number, driver));
        Ok((number, reader))
    }

    fn plan_of(&self, start: f64, end: f64) -> Plan {
        self.file.plan(start as u64..end as u64)
    }
}

/// A stream of a file's bytes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CoreStream {
    number: u32,
    reader: Rc<RefCell<Reader<WebHost>>>,
    /// Of the function that [`CoreStream::poll`] was first called with.
    waker: OnceCell<Waker>,
    handle: Handle<WebHost>,
    causes: Rc<Causes>,
}

#[wasm_bindgen]
impl CoreStream {
    /// What `takeNumberAtWork` says if its driver traps.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The next piece, if it is there: a `Uint8Array`, or a promise of one that is being digested; `undefined` at the end and a
    /// `KelpError` after a failure. `null` if it is not there: `wake` is called when this is worth calling again. `wake` must not
    /// call back, and must be the same function in every call.
    pub fn poll(&self, wake: &Function) -> JsValue {
        let _turn = Turn::begin();
        let waker = self.waker.get_or_init(|| Arc::new(WakeReader(wake.clone())).into());
        // A listener of the user's that is called by a poll may not poll.
        let Ok(mut reader) = self.reader.try_borrow_mut() else { return JsValue::NULL };
        match reader.poll_next_unpin(&mut Context::from_waker(waker)) {
            Poll::Ready(Some(Ok(piece))) => piece.leave(),
            Poll::Ready(Some(Err(error))) => self.causes.error(&error),
            Poll::Ready(None) => JsValue::UNDEFINED,
            Poll::Pending => JsValue::NULL,
        }
    }

    /// Cancels all requests at once. No request is sent later, and reads fail.
    pub fn cancel(&self) {
        let _turn = Turn::begin();
        self.handle.fail(Error::new(Kind::Closed, "the stream was cancelled"));
    }
}

impl CoreStream {
    /// The next piece as a promise, for programs in Rust: rejects with a `KelpError`, and is `undefined` at the end.
    pub fn read(&self) -> Promise {
        let reader = Rc::clone(&self.reader);
        let causes = Rc::clone(&self.causes);
        future_to_promise(async move {
            match poll_fn(|cx| reader.borrow_mut().poll_next_unpin(cx)).await {
                Some(Ok(piece)) => JsFuture::from(Promise::resolve(&piece.leave())).await,
                Some(Err(error)) => Err(causes.error(&error)),
                None => Ok(JsValue::UNDEFINED),
            }
        })
    }
}

/// Wakes what polls a stream in JavaScript.
struct WakeReader(Function);

impl Wake for WakeReader {
    fn wake(self: Arc<Self>) {
        // `js/stream.js` passes a function that cannot fail.
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}
