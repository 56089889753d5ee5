//! Browsers, workers, edge runtimes and Node: the wasm-bindgen host, and what the JavaScript
//! front (`js/`) calls.
//!
//! [`open`] makes a [`mod@file`], whose streams run against [`host`]. Each of the port's parts has
//! its file: `fetch`, `locate`, `decode`, `timer`, `network`, `events`. Plain bytes stay outside wasm
//! memory: a piece is a handle ([`piece`]).

mod decode;
mod error;
mod events;
mod fetch;
pub mod file;
pub mod host;
pub mod manifest;
mod network;
pub mod open;
pub mod piece;
pub mod pool;
mod redact;
pub mod settings;
mod timer;
mod user_locator;

use wasm_bindgen::prelude::*;

/// The version of this package.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
