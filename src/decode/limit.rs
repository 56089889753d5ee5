//! How large a chunk may be: sizes come from metadata, which nobody vouches for.

use crate::model::chunk::Chunk;

/// The longest chunk that is decoded in memory: 1 GiB. SeaweedFS cuts files at 4 to 64 MiB, and
/// a wasm memory has 4 GiB in all.
pub const MAX_CHUNK_BYTES: u64 = 1 << 30;

/// What a truncation may have left beyond a chunk's `size`: the largest chunk that filers cut.
const TRUNCATED_FROM: u64 = 64 << 20;

/// The most bytes that a chunk may decode to. It may be longer than its `size` (after a
/// truncation only the metadata is cut), but not by any amount.
#[must_use]
pub fn max_output(chunk: &Chunk) -> u64 {
    chunk.size.max(TRUNCATED_FROM)
}
