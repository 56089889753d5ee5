//! The formats of SeaweedFS.

pub mod chunk_manifest;
pub mod entry;
pub mod file_id;
mod protobuf;
mod raw_chunk;
pub mod urls;
