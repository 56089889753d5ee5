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
    read::{Reader, prefetch},
    schedule::{options::Options, plan::Plan},
};
