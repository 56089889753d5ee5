//! Opening a file, and reading it.
//!
//! A stream has two halves. The driver is a future that the platform spawns: it fetches ahead also
//! while the reader does not read. The reader is a stream of bytes. They meet in the window (`shared`), which
//! is pure, as are the fetches of single views ([`schedule::view`](crate::schedule)).
//!
//! ```text
//!  Reader ◄─ bytes ─ window ◄─ deliver ─ fetch_view ◄─ actions, inputs ─► ViewFetch
//!    │                 │                     ▲
//!    └ makes room      └ names what starts ─ driver ─ spawned by the platform
//! ```

mod admission;
mod data_keys;
mod driver;
mod fetch_view;
mod hedging;
mod kept;
pub mod metadata;
pub mod open;
pub mod open_file;
mod reader;
pub mod session;
mod shared;
mod shared_body;
pub mod stats;
pub mod streams;
mod waits;

use std::{future::Future, sync::Arc};

pub use self::{
    kept::KeptChunks,
    reader::{Handle, Reader},
};
use self::{session::Session, shared::Shared};
use crate::{host::Host, schedule::plan::Plan};

/// Opens a stream of a plan's bytes, in file order.
///
/// The driver must be spawned. Nothing is fetched before the first read; then the driver fetches ahead, as far as the
/// options allow, even if the reader does not read on. It ends when everything is fetched, or when the reader is dropped,
/// which cancels all requests at once.
///
/// The driver is `Send` if the host, its bodies and its futures are.
#[must_use = "nothing is fetched unless the driver is polled"]
pub fn prefetch<H: Host>(plan: Plan, host: H, session: Session) -> (impl Future<Output = ()>, Reader<H>) {
    prefetch_keeping(plan, host, session, KeptChunks::default())
}

/// As [`prefetch`], with decoded chunks that are kept for other streams too.
#[must_use = "nothing is fetched unless the driver is polled"]
pub fn prefetch_keeping<H: Host>(
    plan: Plan,
    host: H,
    session: Session,
    kept: KeptChunks<H::Piece>,
) -> (impl Future<Output = ()>, Reader<H>) {
    let shared = Arc::new(Shared::new(&plan, host, session, kept));
    (driver::drive(Arc::clone(&shared)), Reader::new(shared))
}
