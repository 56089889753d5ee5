//! The limits on the size of a chunk. Sizes come from metadata, which is not authenticated.

use super::chunk::Chunk;

/// The largest chunk that is decoded in memory: 1 GiB. SeaweedFS writes chunks of 4 to 64 MiB, and a wasm
/// memory has 4 GiB.
pub const MAX_CHUNK_BYTES: u64 = 1 << 30;

/// The longest entry, and the longest decoded chunk manifest: 64 MiB. A filer moves every 10 000 chunks into a chunk
/// manifest of less than 1.5 MB, so a real one of either has a few megabytes at most.
pub const MAX_METADATA_BYTES: u64 = 64 << 20;

/// The largest chunk that filers write. After a truncation, the stored chunk may still be this long.
const LARGEST_CHUNK: u64 = 64 << 20;

/// The limit on the decoded length of a chunk. It may exceed the `size` of the chunk, because a truncation
/// changes only the metadata, but not without bound.
#[must_use]
pub fn max_output(chunk: &Chunk) -> u64 {
    chunk.size.max(LARGEST_CHUNK)
}
