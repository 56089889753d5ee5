//! Merges neighbouring chunks of one stored blob into one chunk.
//!
//! A manifest may list many small chunks that lie one after the other in one blob. A request for each would
//! cost more than its bytes. Merged, they are one range of the blob.

use crate::model::chunk::{Chunk, Compression};

/// The largest merged chunk, in bytes. A request costs a page some milliseconds and a round trip; with a
/// megabyte of body this no longer matters.
const MAX_MERGED: u64 = 1 << 20;

/// The number of merged chunks that fit into `max_bytes_ahead`. It is more than the number of connections
/// that a browser opens to one host, so merging does not reduce the concurrency.
const MIN_AHEAD: u64 = 8;

/// Merges plain chunks that are neighbours both in the file and in the blob, up to a length that is small
/// compared with `max_bytes_ahead`.
///
/// The content of the file does not change. Chunks that are decoded or verified as a whole are not merged. A
/// list that is not in file order, or that has overlapping chunks, is returned unchanged.
#[must_use]
pub fn merge(mut chunks: Vec<Chunk>, max_bytes_ahead: u64) -> Vec<Chunk> {
    let in_order = |one: &Chunk, next: &Chunk| one.end() <= next.offset;
    if chunks.is_sorted_by(in_order) {
        let max_size = MAX_MERGED.min(max_bytes_ahead / MIN_AHEAD);
        chunks.dedup_by(|next, one| join(one, next, max_size));
    }
    chunks
}

/// Extends `one` by the next chunk, if both are plain neighbours. Returns whether it did.
fn join(one: &mut Chunk, next: &Chunk, max_size: u64) -> bool {
    let fits = one.size.saturating_add(next.size) <= max_size;
    let (Some(stored), Some(following)) = (&mut one.stored, &next.stored) else {
        return false;
    };
    let neighbours = one.offset.saturating_add(one.size) == next.offset && stored.end == following.start;
    if !fits
        || !neighbours
        || one.modified != next.modified
        || one.source != next.source
        || [one.key.is_some(), next.key.is_some()].contains(&true)
        || [one.md5, next.md5] != [None; 2]
        || [one.compression, next.compression] != [Compression::None; 2]
    {
        return false;
    }
    stored.end = following.end;
    one.size = one.size.saturating_add(next.size);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        chunk::{CipherKey, Source},
        ranges::ranges_of,
    };

    const MIB: u64 = 1 << 20;

    /// The sizes of three merged neighbours, after a change to the second one.
    fn merged(change: impl Fn(&mut Chunk)) -> Vec<u64> {
        let mut chunks = ranges_of("http://a/x", 30, 10);
        chunks.iter_mut().skip(1).take(1).for_each(change);
        merge(chunks, MIB).iter().map(|chunk| chunk.size).collect()
    }

    #[test]
    fn neighbours_in_one_blob_are_merged() {
        assert_eq!(merged(|_| ()), [30]);
        let chunks = merge(ranges_of("http://a/x", 30, 10), MIB);
        assert_eq!(chunks, ranges_of("http://a/x", 30, 30));
    }

    #[test]
    fn other_chunks_are_not_merged() {
        let unmerged = [10, 10, 10];
        assert_eq!(merged(|c| c.md5 = Some([0; 16])), unmerged);
        assert_eq!(merged(|c| c.key = CipherKey::new(&[0; 32])), unmerged);
        assert_eq!(merged(|c| c.compression = Compression::Gzip), unmerged);
        assert_eq!(merged(|c| c.modified = 1), unmerged);
        assert_eq!(merged(|c| c.stored = None), unmerged);
        assert_eq!(merged(|c| c.stored = Some(11..21)), unmerged);
        assert_eq!(merged(|c| c.source = Source::Urls(["http://b/x".to_owned()].into())), unmerged);
        assert_eq!(merged(|c| c.offset = 9), unmerged, "the chunks overlap");
        let shorter = |c: &mut Chunk| (c.size, c.stored) = (9, Some(10..19));
        assert_eq!(merged(shorter), [19, 10], "there is a hole after it");
        let mut shuffled = ranges_of("http://a/x", 30, 10);
        shuffled.swap(0, 2);
        assert_eq!(merge(shuffled.clone(), MIB), shuffled);
    }

    #[test]
    fn a_merged_chunk_is_small_compared_with_the_budget() {
        let sizes = |max_bytes_ahead| -> Vec<u64> {
            merge(ranges_of("http://a/x", 3 * MIB, MIB / 4), max_bytes_ahead).iter().map(|c| c.size).collect()
        };
        assert_eq!(sizes(32 * MIB), [MIB; 3]);
        assert_eq!(sizes(4 * MIB), [MIB / 2; 6]);
        assert_eq!(sizes(MIB), [MIB / 4; 12]);
    }
}
