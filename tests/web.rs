//! What JavaScript sees, in a page.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

#[path = "web/mod.rs"]
mod shared;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test::wasm_bindgen_test]
fn this_is_a_page() {
    assert_eq!(shared::js::global("document").js_typeof(), "object");
}
