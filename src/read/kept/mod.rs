//! Decoded chunks that are kept for reads that follow, and fetches that several reads share.
//!
//! An encrypted or compressed chunk can be decoded only as a whole, also if a few bytes of it are wanted. So what was
//! decoded is kept (`entries`), up to a limit of its own, and a view that it covers sends no request. A view of a chunk
//! that is being fetched waits for that fetch (`flights`).
//!
//! ```text
//!  join ─┬─► Kept    the bytes
//!        ├─► Wait ─► the bytes; or the fetch ended without them: join again, or fetch alone
//!        └─► Lead ─► fetch, decode ─► publish: copies for those who wait, and an entry
//! ```
//!
//! What is kept is never handed out: readers get copies, since they may change or transfer what they get.
//!
//! A chunk is known by its [`Identity`], which includes its key. So an entry of another file gives access to what is kept
//! only if it names the same key. An unencrypted chunk is kept for its own file.
//!
//! A fetch belongs to the stream that began it, with its credentials and its retries. If that stream ends, the fetch goes
//! on as long as another stream of the same file waits for it. If it ends without the chunk, one of those who wait
//! begins another one; if it fails, each of them fetches for itself, by its own policy.

mod chunks;
mod copies;
mod entries;
mod flights;
mod identity;

pub use self::chunks::KeptChunks;
pub(crate) use self::{
    chunks::{Claim, Place},
    flights::{Outcome, Owner},
    identity::Identity,
};
