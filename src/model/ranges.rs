//! One stored blob as a list of chunks: consecutive ranges of equal length.

use crate::model::chunk::{Chunk, Source};

/// The largest number of ranges: 4 TiB in ranges of 4 MiB.
pub const MAX_RANGES: u64 = 1 << 20;

/// The ranges of a URL with `size` bytes. Each has `chunk_size` bytes, and the last one has the rest.
///
/// The ranges are longer if there would be more than [`MAX_RANGES`]. A chunk size of 0 counts as 1.
#[must_use]
pub fn ranges_of(url: &str, size: u64, chunk_size: u64) -> Vec<Chunk> {
    cut(&Source::Urls([url.to_owned()].into()), size, chunk_size)
}

/// As [`ranges_of`], for any source.
pub(crate) fn cut(source: &Source, size: u64, chunk_size: u64) -> Vec<Chunk> {
    let chunk_size = chunk_size.max(size.div_ceil(MAX_RANGES)).max(1);
    (0..size.div_ceil(chunk_size))
        .map(|index| {
            let start = index.saturating_mul(chunk_size);
            let end = start.saturating_add(chunk_size).min(size);
            let plain = Chunk::plain(source.clone(), start, end.saturating_sub(start));
            Chunk { stored: Some(start..end), ..plain }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, sync::Arc};

    use super::*;
    use crate::model::chunk::MAX_FILE_BYTES;

    #[test]
    fn the_ranges_of_a_url_cover_all_of_it() {
        let cut = |size, chunk_size| -> Vec<(u64, u64, Option<Range<u64>>)> {
            ranges_of("http://a/b", size, chunk_size)
                .into_iter()
                .map(|c| (c.offset, c.size, c.stored))
                .collect()
        };
        assert_eq!(cut(10, 4), [(0, 4, Some(0..4)), (4, 4, Some(4..8)), (8, 2, Some(8..10))]);
        assert_eq!(cut(8, 4), [(0, 4, Some(0..4)), (4, 4, Some(4..8))]);
        assert_eq!(cut(3, 4), [(0, 3, Some(0..3))]);
        assert_eq!(cut(0, 4), []);
        assert_eq!(cut(2, 0).len(), 2);
        let chunks = ranges_of("http://a/b", 10, 4);
        assert!(
            chunks
                .iter()
                .all(|c| c.source == Source::Urls(["http://a/b".to_owned()].into()) && c.modified == 0)
        );
        match (&chunks[0].source, &chunks[1].source) {
            (Source::Urls(one), Source::Urls(other)) => assert!(Arc::ptr_eq(one, other)),
            _ => unreachable!("they are URLs"),
        }
    }

    #[test]
    fn the_number_of_ranges_is_limited() {
        let chunks = ranges_of("http://a/b", MAX_FILE_BYTES, 1);
        assert!(chunks.len() as u64 <= MAX_RANGES);
        assert_eq!(chunks.last().unwrap().end(), MAX_FILE_BYTES);
        assert!(ranges_of("http://a/b", u64::MAX, u64::MAX).len() == 1);
    }
}
