//! Faults between a reader and its servers, in the simulation: what the reader gets, and what is requested next.
//!
//! One file per heading of the table in `tests/README.md`; `reports` has the events, counters and messages, and
//! `transit` the checksum that a volume server sends.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may say what it expects"
)]

mod bodies;
mod damage;
mod decoding;
mod lifetime;
mod load;
mod metadata;
mod ranges;
mod reaching;
mod reports;
mod setup;
mod stalls;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod transit;
mod versions;
mod widened;
