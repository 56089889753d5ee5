//! Whether the platform has a network.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use super::abort::AbortOnDrop;

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = isOffline)]
    pub(super) fn is_offline() -> bool;
    #[wasm_bindgen(js_name = online)]
    fn wait_online(signal: &AbortSignal) -> Promise;
}

/// Resolves when the platform is online. Dropping it stops listening.
pub(super) async fn online() {
    // Without an AbortController it could not stop listening, so it does not wait.
    if let Ok(mut guard) = AbortOnDrop::new() {
        // The promise is never rejected.
        let _ = JsFuture::from(wait_online(&guard.signal())).await;
        guard.finish();
    }
}
