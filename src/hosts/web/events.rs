//! Calls `onEvent` and `onProgress`.

use std::cell::RefCell;

use js_sys::{Function, Object};
use wasm_bindgen::prelude::*;

use super::{error::set, turn};
use crate::{
    host::{
        event::{Event, EventKind},
        rare,
    },
    time::Duration,
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(message: &str, thrown: &JsValue);
}

/// The user's listeners of a stream.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) on_event: Option<Function>,
    pub(super) on_progress: Option<Function>,
    /// When the file was opened.
    pub(super) opened: Duration,
    progress: RefCell<Progress>,
    /// What decoded a chunk. Its event follows at once.
    decoded_by: RefCell<Option<JsValue>>,
}

#[derive(Debug)]
struct Progress {
    delivered: f64,
    received: f64,
    total: f64,
    /// When `onProgress` was called last.
    reported: Duration,
}

/// `onProgress` is called at most this often: faster changes cannot be seen.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

impl Listener {
    pub(super) fn new(
        on_event: Option<Function>,
        on_progress: Option<Function>,
        opened: Duration,
        total: u64,
    ) -> Self {
        let progress = Progress { delivered: 0.0, received: 0.0, total: total as f64, reported: turn::now() };
        Self { on_event, on_progress, opened, progress: progress.into(), decoded_by: None.into() }
    }

    /// What decoded the chunk of the next event of that kind.
    pub(super) fn decoded_by(&self, by: JsValue) {
        self.decoded_by.replace(Some(by));
    }

    pub(super) fn on_event(&self, event: &Event) {
        if let Some(on_event) = &self.on_event {
            call(on_event, &rare::call(|| self.to_js(event)), "onEvent");
        }
        if let Some(on_progress) = &self.on_progress
            && let Some(progress) = self.progress_after(event)
        {
            call(on_progress, &progress, "onProgress");
        }
    }

    /// The progress after this event, if it is time to report it.
    fn progress_after(&self, event: &Event) -> Option<JsValue> {
        let mut progress = self.progress.borrow_mut();
        let bytes = event.bytes.unwrap_or_default() as f64;
        match event.kind {
            EventKind::Delivered => progress.delivered += bytes,
            EventKind::Body => progress.received += bytes,
            EventKind::End => {}
            _ => return None,
        }
        let now = turn::now();
        if event.kind != EventKind::End && now.saturating_sub(progress.reported) < PROGRESS_EVERY {
            return None;
        }
        progress.reported = now;
        let object = Object::new();
        set(&object, "delivered", &progress.delivered.into());
        set(&object, "received", &progress.received.into());
        set(&object, "total", &progress.total.into());
        Some(object.into())
    }

    fn to_js(&self, event: &Event) -> JsValue {
        let object = Object::new();
        let at = turn::now().saturating_sub(self.opened).as_secs_f64() * 1000.0;
        set(&object, "at", &at.into());
        set(&object, "kind", &event.kind.name().into());
        let add = |name, value: Option<JsValue>| {
            if let Some(value) = value {
                set(&object, name, &value);
            }
        };
        add("chunk", event.chunk.as_ref().map(|chunk| chunk.name().into()));
        add("index", event.index.map(|index| (index as f64).into()));
        add("host", event.host.as_ref().map(|host| JsValue::from_str(host)));
        add("bytes", event.bytes.map(|bytes| (bytes as f64).into()));
        add("status", event.status.map(JsValue::from));
        let by = if event.kind == EventKind::Decoded { self.decoded_by.take() } else { None };
        add("reason", event.reason.map(JsValue::from).or(by));
        add("width", event.width.map(|width| (width as f64).into()));
        object.into()
    }
}

/// Calls a listener. What it throws is logged on the console and has no other effect.
fn call(listener: &Function, argument: &JsValue, name: &str) {
    if let Err(thrown) = listener.call1(&JsValue::UNDEFINED, argument) {
        console_error(&format!("kelp-stream: {name} threw"), &thrown);
    }
}
