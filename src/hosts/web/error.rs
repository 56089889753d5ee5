//! The core's errors as JavaScript's.

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

/// What the platform and the user's functions threw.
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
            let told = Object::new();
            set(&told, "host", &attempt.host.as_str().into());
            if let Some(status) = attempt.status {
                set(&told, "status", &status.into());
            }
            set(&told, "reason", &attempt.reason.into());
            attempts.push(&told);
        }
        set(&more, "attempts", &attempts);
        if let Some(cause) = error.cause().and_then(|cause| self.of(cause)) {
            set(&more, "cause", &cause);
        }
        KelpError::new(error.kind().code(), &error.to_string(), &more).into()
    }
}

/// Sets a property of an object of ours, which cannot fail.
pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}
