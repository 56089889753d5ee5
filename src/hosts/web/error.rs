//! The core's errors as JavaScript errors.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::{error::Error, host::causes};

#[wasm_bindgen(module = "/js/error.js")]
extern "C" {
    /// The error class of the package.
    #[derive(Debug)]
    pub type KelpError;

    #[wasm_bindgen(constructor)]
    fn new(code: &str, message: &str, more: &Object) -> KelpError;
}

/// The latest values that the platform and the user's functions threw. The core refers to them by number.
pub(super) type Causes = causes::Causes<JsValue>;

impl Causes {
    /// The error as a `KelpError`.
    pub(super) fn error(&self, error: &Error) -> JsValue {
        let more = Object::new();
        set(&more, "retryable", &error.kind().retryable().into());
        if let Some(chunk) = error.chunk() {
            set(&more, "chunk", &chunk.into());
        }
        if let Some(offset) = error.offset() {
            set(&more, "offset", &(offset as f64).into());
        }
        let attempts = Array::new();
        for attempt in error.attempts() {
            let object = Object::new();
            set(&object, "host", &attempt.host.as_str().into());
            if let Some(status) = attempt.status {
                set(&object, "status", &status.into());
            }
            set(&object, "reason", &attempt.reason.into());
            attempts.push(&object);
        }
        set(&more, "attempts", &attempts);
        if let Some(cause) = error.cause().and_then(|cause| self.of(cause)) {
            set(&more, "cause", &cause);
        }
        KelpError::new(error.kind().code(), &error.to_string(), &more).into()
    }
}

/// Sets a property of a plain object, which cannot fail.
pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}
