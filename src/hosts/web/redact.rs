//! Removes secrets from what the platform and the user's `fetch` threw. Some errors contain the URL of a request, whose query may be
//! a token, in any field (Deno in `cause`, Bun in `path`, Node in `input`).

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/error.js")]
extern "C" {
    #[wasm_bindgen(js_name = withoutSecrets)]
    fn without_secrets(thrown: &JsValue) -> JsValue;
}

/// An error with the messages and the code of this value, without what may be secret in them.
pub(super) fn redact(thrown: JsValue) -> JsValue {
    without_secrets(&thrown)
}
