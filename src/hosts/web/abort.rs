//! An abort signal for what the user's functions and the platform begin.

use wasm_bindgen::JsValue;
use web_sys::{AbortController, AbortSignal};

/// Aborts its signal when it is dropped.
#[derive(Debug)]
pub(super) struct AbortOnDrop {
    controller: AbortController,
    is_finished: bool,
}

impl AbortOnDrop {
    pub(super) fn new() -> Result<Self, JsValue> {
        Ok(Self { controller: AbortController::new()?, is_finished: false })
    }

    pub(super) fn signal(&self) -> AbortSignal {
        self.controller.signal()
    }

    /// What was begun ended by itself. An abort would have no effect but create an exception with its stack.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_finished {
            self.controller.abort();
        }
    }
}
