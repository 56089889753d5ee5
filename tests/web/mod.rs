//! What holds wherever there is JavaScript. `fetch` is a function of the test's, so that there is
//! no server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod callbacks;
mod decoding;
mod fetching;
pub mod js;
mod pieces;
#[cfg(feature = "readable-stream")]
mod readable;
mod reading;
