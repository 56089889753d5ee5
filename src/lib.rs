//! Reads files that are lists of chunks, where the reader is: fetches the next chunks
//! concurrently, decrypts and inflates each, and hands the bytes out in file order, never holding
//! more than a stated number of bytes.
//!
//! ```text
//!  entry, manifest ── chunks + range ─► plan ─► window ─► prefetch ─► Reader
//!                                               ▲  bytes,   │ locate, retry, decode
//!                                               └─ slots ───┘
//!                                                    host: fetch, decode, digest, sleep, now, random
//! ```
//!
//! In a program, with the feature `native`:
//!
//! ```no_run
//! # #[cfg(feature = "native")]
//! # async fn copy(mut out: impl std::io::Write) -> Result<(), Box<dyn std::error::Error>> {
//! use futures::StreamExt;
//! use kelp_stream::native::{Client, Options};
//!
//! let film = Client::new().open_filer("http://localhost:8888/film.webm", &Options::default()).await?;
//! let mut reader = film.stream(..)?;
//! while let Some(piece) = reader.next().await {
//!     out.write_all(&piece?)?;
//! }
//! # Ok(()) }
//! ```
//!
//! The modules are layers, from the bottom to the top. A module imports only from the ones above it in this list:
//!
//! | layer | content |
//! |---|---|
//! | [`error`] | the error of a stream and its kinds |
//! | [`http`] | HTTP semantics as pure text: URLs, header fields, dates, conditional and range requests |
//! | [`model`] | what a file is made of: chunks and where they are stored |
//! | [`host`] | the port: what the core asks of a platform |
//! | [`formats`] | the formats that list a file's chunks: the filer's entry, chunk manifests, the generic manifest |
//! | [`schedule`] | decisions, without async, clock, chance or I/O: plan, window, concurrency, pool, retries |
//! | [`fetch`] | one GET, one lookup or one token at a time |
//! | [`read`] | opening a file; the driver that fetches ahead, and the reader |
//! | `decode` | stored bytes to written bytes, and digests: for hosts without a codec of their own |
//! | [`hosts`] | the platforms: `web`, `native`, `component`, and `sim`, a deterministic simulation for tests |
//!
//! `native` and `component` are behind features of these names. `readable-stream` adds `web::readable`: a reader as a
//! `ReadableStream`, for Rust programs that are compiled to wasm.

#[cfg(any(test, not(all(target_arch = "wasm32", target_os = "unknown", not(feature = "component")))))]
pub mod decode;
pub mod error;
pub mod fetch;
pub mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod host;
pub mod hosts;
pub mod http;
mod json;
pub mod model;
pub mod read;
pub mod schedule;
mod time;

#[cfg(all(target_arch = "wasm32", feature = "component"))]
pub use crate::hosts::component;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub use crate::hosts::native;
#[cfg(not(target_arch = "wasm32"))]
pub use crate::hosts::sim;
#[cfg(all(target_arch = "wasm32", target_os = "unknown", not(feature = "component")))]
pub use crate::hosts::web;
pub use crate::{
    error::{Error, Kind},
    read::{Reader, prefetch, prefetch_keeping, session::Session},
    schedule::{options::Options, plan::Plan},
};
