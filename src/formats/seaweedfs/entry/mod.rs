//! The entry of a file: the response of a filer to `?metadata=true` (docs/seaweedfs-format.md, Entry JSON).
//!
//! [`Entry::parse`] reads the text in one pass, without a tree of JSON values (`json`, `parser`, `value`),
//! into the plain data of [`Entry`] (`metadata`). An entry then gives two things: the attributes that a
//! response needs, with an entity tag (`etag`), and the chunks to plan with (`chunks`). If the S3 gateway
//! encrypted the object, the keys of the reader become key streams over these chunks (`sse`, `sse_params`).
//!
//! Nothing authenticates an entry. The plan, the decoder and the limits assume that any value can be wrong.

mod chunks;
mod etag;
mod json;
mod metadata;
mod parser;
mod sse;
mod sse_params;
mod value;

pub use self::{
    metadata::{Entry, SERVED_HEADERS},
    sse::{DataKeys, Keys, WrappedKey},
};
pub use super::{
    error::{EntryError, MAX_CHUNKS, MAX_EXTENDED, MAX_TEXT_BYTES, Reason, Unsupported, WrongKey},
    raw_chunk::{EntryChunk, Sse},
    sse_kind::SseKind,
};
