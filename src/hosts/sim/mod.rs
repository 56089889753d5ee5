//! A deterministic host: simulated servers, a virtual clock, and no I/O.
//!
//! It is where scheduling is designed and tested. Minutes of network traffic pass in microseconds, and every
//! run is the same. A [`World`] has servers with stored blobs. A [`Script`] says how a server responds to
//! each request: with which delay, at which rate, and with which fault. A [`Link`] models the network on the
//! way: round trips, bandwidth that requests share, connections and their slow start.
//!
//! ```
//! use kelp_stream::{Plan, Session, model::ranges, prefetch, sim::{Script, World, collect}};
//! use std::time::Duration;
//!
//! let world = World::new();
//! world.store("http://a/file", vec![7; 10_000]);
//! world.script(|_| Script::default().latency(Duration::from_millis(20)));
//! let chunks = ranges::ranges_of("http://a/file", 10_000, 1_000);
//! let (driver, reader) = prefetch(Plan::new(chunks.into(), 0..10_000), world.host(), Session::default());
//! world.spawn(driver);
//! let bytes = world.run(collect(reader)).expect("it does not hang").expect("it is read whole");
//! assert_eq!(bytes, vec![7; 10_000]);
//! assert_eq!(world.now(), Duration::from_millis(20), "ten requests, all at a time");
//! ```

mod body;
mod clock;
mod codec;
mod content;
mod decoding;
mod executor;
mod host;
mod link;
mod network;
mod open_request;
mod script;
mod server;
mod world;

use bytes::Bytes;
use futures::StreamExt;

pub use self::{
    body::Body,
    clock::Sleep,
    codec::{CodecTimes, Job},
    host::SimHost,
    link::{Busy, Link, Protocol, Shared, Stalls},
    script::{Logged, Outcome, Script, SimRequest},
    world::{Counts, World},
};
use crate::{error::Error, host::Host, read::Reader};

/// Reads to the end.
///
/// # Errors
///
/// The error of the stream.
pub async fn collect<H: Host<Piece = Bytes>>(mut reader: Reader<H>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}
