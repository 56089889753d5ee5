//! The model of a stored file: chunks, and where they are stored.
//!
//! A file is a list of [chunks](chunk). Each has a range of positions in the file and a source: a file id,
//! URLs, or bytes that are already in memory. [Ranges](ranges) make such a list from one URL, and [`merge`]
//! joins small neighbours. A [location] names the replicas of one chunk. The formats make these
//! values, and the scheduler plans with them. [Limits](limit) bound what is decoded in memory.

pub mod chunk;
pub(crate) mod derived_etag;
pub mod limit;
pub mod location;
pub mod merge;
pub mod ranges;
