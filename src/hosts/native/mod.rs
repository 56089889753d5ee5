//! The native host, for programs: tokio, and hyper over HTTP/1.1 and HTTP/2.
//!
//! Needs the feature `native`. All calls must be made in a tokio runtime, whose threads for blocking work decode and
//! digest chunks. All types and futures are `Send`.
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
//! By default the filer relays the chunks. [`Options`] can name a master or a locator instead, and sets tokens, keys,
//! look-ahead and verification.
//!
//! ```no_run
//! use kelp_stream::native::{Client, Locate, Options, Token};
//!
//! # async fn read() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::default();
//! options.locate = Locate::Master("http://localhost:9333".to_owned());
//! options.token = Token::by(|file_id, _origin| async move { Ok(format!("a token for {file_id}")) });
//! options.read.max_bytes_ahead = 8 << 20;
//! options.read.concurrency = 4.into(); // found automatically by default
//!
//! // All files of a client share its connections and limits.
//! let client = Client::builder().trust(&std::fs::read("ca.pem")?)?.build();
//! let film = client.open_filer("https://filer.example/film.webm", &options).await?;
//! match film.bytes(..1000).await {
//!     Ok(bytes) => println!("{} bytes", bytes.len()),
//!     Err(error) if error.kind().retryable() => println!("try again later: {error}"),
//!     Err(error) => println!("{error}, cause: {:?}", client.cause(&error)),
//! }
//! # Ok(()) }
//! ```
//!
//! `examples/native` is a complete program. [`File::respond`] makes the response to an HTTP request for a file; its
//! body is a `Stream`, and a body for hyper and axum.

mod body;
mod client;
mod connector;
mod decode;
mod error;
mod fetch;
mod file;
mod hasher;
mod host;
mod manifest;
mod matching_prefix;
mod options;
mod response;

pub use self::{
    body::Body,
    client::{Client, ClientBuilder},
    error::BoxError,
    file::File,
    host::NativeHost,
    options::{Locate, Options, Token},
    response::{ResponseBody, problem},
};

pub use crate::http::respond::{Disposition, Presentation};

/// The crate whose types requests and responses have.
pub use http;
