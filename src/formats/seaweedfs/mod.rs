//! The formats of SeaweedFS (docs/seaweedfs-format.md).
//!
//! A filer responds to `GET <file>?metadata=true` with the [entry] of a file: JSON with its size, its
//! attributes and its chunks. A long file has [chunk manifests](chunk_manifest) in that list: chunks whose
//! content is a protobuf list of further chunks. Both formats describe a chunk by the same fields
//! (`raw_chunk`), name it by a [file id](file_id), and fail with the same [errors](error). The [URLs](urls)
//! of a filer are made here too.

pub mod chunk_manifest;
pub mod entry;
pub mod error;
pub mod file_id;
mod protobuf;
mod raw_chunk;
mod sse_kind;
pub mod urls;
