//! Whether the platform has a network.

use wasm_bindgen::prelude::*;

use super::ticket::{Call, Work};

#[wasm_bindgen(module = "/js/platform.js")]
extern "C" {
    #[wasm_bindgen(js_name = isOffline)]
    pub(super) fn is_offline() -> bool;
    #[wasm_bindgen(js_name = online)]
    fn wait_online(ticket: u32) -> Work;
}

/// Resolves when the platform is online. Dropping it stops listening.
pub(super) async fn online() {
    // It does not fail.
    let _ = Call::new(|ticket| Some(wait_online(ticket))).value().await;
}
