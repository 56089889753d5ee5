//! The core's errors as JavaScript's.

use std::{cell::RefCell, collections::VecDeque};

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::error::{Cause, Error};

#[wasm_bindgen(module = "/src/web/front/error.js")]
extern "C" {
    /// The error class of the package.
    #[derive(Debug)]
    pub type KelpError;

    #[wasm_bindgen(constructor)]
    fn new(code: &str, message: &str, more: &Object) -> KelpError;
}

/// What the platform and the user's functions threw, until an error tells it.
#[derive(Debug, Default)]
pub(super) struct Causes(RefCell<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The number of the first one that is still kept.
    first: u32,
    thrown: VecDeque<JsValue>,
}

/// A stream may survive any number of failures, and needs the cause of its last one only.
const MOST_KEPT: usize = 64;

impl Causes {
    pub(super) fn keep(&self, thrown: JsValue) -> Cause {
        let mut kept = self.0.borrow_mut();
        kept.thrown.push_back(thrown);
        if kept.thrown.len() > MOST_KEPT {
            kept.thrown.pop_front();
            kept.first = kept.first.wrapping_add(1);
        }
        Cause(kept.first.wrapping_add(kept.thrown.len() as u32 - 1))
    }

    fn of(&self, cause: Cause) -> Option<JsValue> {
        let kept = self.0.borrow();
        kept.thrown.get(cause.0.wrapping_sub(kept.first) as usize).cloned()
    }

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
