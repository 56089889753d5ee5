//! What a file is made of.

pub mod chunk;
pub(crate) mod derived_etag;
pub mod location;
pub mod merge;
pub mod ranges;
