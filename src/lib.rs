//! Reads files that are lists of chunks, where the reader is: fetches the next chunks
//! concurrently, decrypts and inflates each, and hands the bytes out in file order, never holding
//! more than a stated number of bytes.
//!
//! ```text
//!  entry, manifest ── chunks + range ─► plan ─► window ─► prefetch ─► Reader
//!                                               ▲  bytes,   │ locate, retry, decode
//!                                               └─ slots ───┘
//!                                                    host: fetch, sleep, now, random
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
//! To read it in order: [`chunk`] says what a file is made of; [`entry`], [`manifest`] and [`url`]
//! find that out; [`plan`] turns chunks and a range into views and gaps; [`window`] decides what may
//! start and what may leave; [`locator`], [`retry`] and [`decode`] what happens to one view;
//! [`mod@prefetch`] drives all that against a [`host`]. These are pure: they do no I/O and know no
//! platform. [`opening`] puts together what a file is for them. `web` is the browser's host, `component`
//! that of WASI, `native` one for programs, each of the two behind a feature of its name, `sim` a
//! deterministic one for tests.

#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "hosts use it")
)]
mod causes;
pub mod chunk;
mod content_range;
mod date;
pub mod decode;
mod disposition;
pub mod entry;
pub mod error;
mod etag;
pub mod event;
#[cfg_attr(
    not(all(target_arch = "wasm32", feature = "component-gateway")),
    allow(dead_code, reason = "gateways use it")
)]
mod gate;
pub mod host;
mod inquiry;
mod json;
pub mod locate;
pub mod locator;
pub mod manifest;
pub mod master;
pub mod merge;
pub mod opening;
pub mod options;
mod pace;
pub mod pin;
pub mod plan;
pub mod pool;
pub mod prefetch;
pub mod respond;
pub mod retrieve;
pub mod retry;
pub mod stats;
#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "hosts use it")
)]
mod streams;
#[cfg_attr(
    not(feature = "component-gateway"),
    allow(dead_code, reason = "hosts whose platform knows no URLs use it")
)]
mod target;
mod throttle;
pub mod token;
pub mod url;
mod watch;
pub mod window;

pub use crate::{
    error::{Error, Kind},
    options::Options,
    plan::Plan,
    prefetch::{Reader, prefetch},
};

#[cfg(all(target_arch = "wasm32", feature = "component"))]
pub mod component;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub mod native;
#[cfg(not(target_arch = "wasm32"))]
pub mod sim;
#[cfg(all(target_arch = "wasm32", target_os = "unknown", not(feature = "component")))]
pub mod web;
