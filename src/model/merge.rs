//! Neighbours of one stored blob as one chunk: a request for each costs more than its bytes.

use crate::model::chunk::{Chunk, Compression};

/// The largest merged chunk, in bytes. A request costs a page some milliseconds and a round trip
/// of waiting; with a megabyte behind it that no longer counts.
const MOST: u64 = 1 << 20;

/// As many merged chunks fit into what may be held: more than the connections that a browser opens to
/// a host, so that look-ahead stays wide and chunks that are merged hold no more than those that are not.
const AT_LEAST_AHEAD: u64 = 8;

/// Merges plain chunks that are neighbours both in the file and at the same URLs, for as long as
/// they stay small beside `max_bytes_ahead`.
///
/// Bytes, and what hides what, stay as they were: chunks that are decoded or checked as a whole, a
/// list that is not in file order, and one in which chunks overlap, are left alone.
#[must_use]
pub fn merge(mut chunks: Vec<Chunk>, max_bytes_ahead: u64) -> Vec<Chunk> {
    let apart = |one: &Chunk, next: &Chunk| one.end() <= next.offset;
    if chunks.is_sorted_by(apart) {
        let most = MOST.min(max_bytes_ahead / AT_LEAST_AHEAD);
        chunks.dedup_by(|next, one| join(one, next, most));
    }
    chunks
}

/// Makes `one` a chunk that holds the next one too; says whether it did.
fn join(one: &mut Chunk, next: &Chunk, most: u64) -> bool {
    let fits = one.size.saturating_add(next.size) <= most;
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

    /// What a change to the second of three neighbours makes of them: their sizes.
    fn merged(change: impl Fn(&mut Chunk)) -> Vec<u64> {
        let mut chunks = ranges_of("http://a/x", 30, 10);
        chunks.iter_mut().skip(1).take(1).for_each(change);
        merge(chunks, MIB).iter().map(|chunk| chunk.size).collect()
    }

    #[test]
    fn neighbours_of_one_blob_are_one_chunk() {
        assert_eq!(merged(|_| ()), [30]);
        let chunks = merge(ranges_of("http://a/x", 30, 10), MIB);
        assert_eq!(chunks, ranges_of("http://a/x", 30, 30));
    }

    #[test]
    fn what_is_not_a_neighbour_or_not_plain_stays_as_it_is() {
        let alone = [10, 10, 10];
        assert_eq!(merged(|c| c.md5 = Some([0; 16])), alone);
        assert_eq!(merged(|c| c.key = CipherKey::new(&[0; 32])), alone);
        assert_eq!(merged(|c| c.compression = Compression::Gzip), alone);
        assert_eq!(merged(|c| c.modified = 1), alone);
        assert_eq!(merged(|c| c.stored = None), alone);
        assert_eq!(merged(|c| c.stored = Some(11..21)), alone);
        assert_eq!(merged(|c| c.source = Source::Urls(["http://b/x".to_owned()].into())), alone);
        assert_eq!(merged(|c| c.offset = 9), alone, "it overlaps");
        let gap = |c: &mut Chunk| (c.size, c.stored) = (9, Some(10..19));
        assert_eq!(merged(gap), [19, 10], "there is a gap behind it");
        let mut shuffled = ranges_of("http://a/x", 30, 10);
        shuffled.swap(0, 2);
        assert_eq!(merge(shuffled.clone(), MIB), shuffled);
    }

    #[test]
    fn a_merged_chunk_stays_small_beside_what_may_be_held() {
        let sizes = |max_bytes_ahead| -> Vec<u64> {
            merge(ranges_of("http://a/x", 3 * MIB, MIB / 4), max_bytes_ahead).iter().map(|c| c.size).collect()
        };
        assert_eq!(sizes(32 * MIB), [MIB; 3]);
        assert_eq!(sizes(4 * MIB), [MIB / 2; 6]);
        assert_eq!(sizes(MIB), [MIB / 4; 12]);
    }
}
