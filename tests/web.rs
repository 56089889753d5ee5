//! What JavaScript sees, in a page and in a worker.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_version_is_that_of_the_package() {
    assert_eq!(kelp_stream::web::version(), env!("CARGO_PKG_VERSION"));
}
