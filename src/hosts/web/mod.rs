//! The web host, for browsers, workers, edge runtimes and Node: wasm-bindgen, and the functions that `js/` calls.
//!
//! [`open`] opens a [`mod@file`], whose streams use [`host`]. Each part of the port has a file: `fetch`, `user_locator`,
//! [`decode`], [`digest`], `timer`, `turn` (the clock), `network`, `events`. The bytes of chunks stay outside wasm memory: a piece is a handle on an array
//! of JavaScript ([`piece`]).

pub mod decode;
pub mod digest;
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
#[cfg(feature = "readable-stream")]
pub mod readable;
mod redact;
pub mod settings;
mod stats;
mod ticket;
mod timer;
mod turn;
mod user_locator;
mod work;

use wasm_bindgen::prelude::*;

/// The version of this package.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
