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
//! Chunks come through the filer by default. [`Options`] says otherwise: from where, with which tokens and
//! keys, how far to read ahead, how much to check.
//!
//! ```no_run
//! use kelp_stream::native::{Client, Locate, Options, Token};
//!
//! # async fn read() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::default();
//! options.locate = Locate::Master("http://localhost:9333".to_owned());
//! options.token = Token::by(|file_id, _origin| async move { Ok(format!("a token for {file_id}")) });
//! options.read.max_bytes_ahead = 8 << 20;
//! options.read.concurrency = 4.into(); // as many as the link needs by default
//!
//! // All files of a client share its connections and limits; a clone is the same client.
//! let client = Client::builder().trust(&std::fs::read("ca.pem")?)?.build();
//! let film = client.open_filer("https://filer.example/film.webm", &options).await?;
//! match film.bytes(..1000).await {
//!     Ok(bytes) => println!("{} bytes", bytes.len()),
//!     Err(error) if error.kind().retryable() => println!("later, perhaps: {error}"),
//!     Err(error) => println!("{error}, of {:?}", client.cause(&error)),
//! }
//! # Ok(()) }
//! ```
//!
//! A runnable program is in `examples/native`. [`File::respond`] answers an HTTP request with a file: its body
//! is a `Stream`, and what hyper and axum send.

mod body;
mod client;
mod connector;
mod decode;
mod fetch;
mod file;
mod host;
mod manifest;
mod matching_prefix;
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
