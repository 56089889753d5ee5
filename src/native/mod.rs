//! A host for programs: tokio, and connections over HTTP/1.1 and HTTP/2 that are used again.
//!
//! Feature `native`. Everything here is to be called within a tokio runtime, and is `Send`.
//!
//! ```no_run
//! use futures::StreamExt;
//! use kelp_stream::native::{Client, Options};
//!
//! # async fn read() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new();
//! let film = client.open_filer("http://localhost:8888/film.webm", &Options::default()).await?;
//! println!("{}, {} bytes of {}", film.head().name, film.size(), film.head().media_type);
//!
//! let mut reader = film.stream(0..1_000_000)?;
//! while let Some(piece) = reader.next().await {
//!     let piece = piece?; // `bytes::Bytes`, in file order; after an error nothing follows
//!     println!("{} bytes", piece.len());
//! }
//! # Ok(()) }
//! ```
//!
//! A runnable one is in `examples/native`. [`File::respond`] answers an HTTP request with a file: its body
//! is a `Stream`, and what hyper and axum send.

mod body;
mod client;
mod connector;
mod decode;
mod fetch;
mod file;
mod host;
mod manifest;
mod options;
mod response;

pub use self::{
    body::Body,
    client::{Client, ClientBuilder},
    file::File,
    host::NativeHost,
    options::{Locate, Options, Token},
    response::{ResponseBody, problem},
};

/// The version whose types requests and answers are made of.
pub use http;

/// What a user's function fails with, and what a connection failed with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
