//! What JavaScript sees, in a dedicated worker.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

#[path = "web/mod.rs"]
mod shared;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test::wasm_bindgen_test]
fn this_is_a_dedicated_worker() {
    assert_eq!(shared::js::global("document").js_typeof(), "undefined");
    assert_eq!(shared::js::global("DedicatedWorkerGlobalScope").js_typeof(), "function");
}
