//! Which bytes of a stored blob a request asks for.

use super::target::BodyMode;
use crate::{
    host::Piece,
    http::headers::ByteRange,
    model::chunk::{Chunk, Compression},
    schedule::plan::View,
};

/// The bytes of a stored blob that one request asks for, and where in the blob the chunk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlobRange {
    /// The `Range` header; none asks for the whole blob.
    pub(super) header: Option<ByteRange>,
    /// The first byte of the blob that is needed.
    pub(super) start: u64,
    /// One past the last byte of the blob that belongs to the chunk, if that is known.
    pub(super) end: Option<u64>,
    /// Where the chunk begins in the blob.
    pub(super) base: u64,
}

impl BlobRange {
    /// What to ask for, if all bytes of the chunk before `from` have arrived.
    pub(super) fn new(chunk: &Chunk, view: &View, mode: BodyMode, from: u64) -> Self {
        let stored = chunk.stored.as_ref();
        let base = stored.map_or(0, |range| range.start);
        let stored_end = stored.map(|range| range.end);
        let (from, end) = match mode {
            BodyMode::Buffer | BodyMode::Manifest => (0, stored_end),
            // The checksum covers what a truncation left beyond `size`, so the end is open.
            BodyMode::Stream { has_checksum: true } => (from, stored_end),
            BodyMode::Stream { has_checksum: false } => (from, Some(base + view.within.end)),
        };
        let start = base + from;
        let is_to_the_end = stored_end.is_none() && (end.is_none() || view.within.end == chunk.size);
        let may_ask_for_part = chunk.compression != Compression::ByServer;
        let is_part = may_ask_for_part && !(start == 0 && is_to_the_end);
        Self { header: is_part.then_some(ByteRange { start, end }), start, end, base }
    }

    /// The whole chunk, of a blob that comes whole although this part of it was asked for.
    pub(super) fn of_whole(self, chunk: &Chunk) -> Self {
        Self { start: self.base, end: chunk.stored.as_ref().map(|range| range.end), ..self }
    }

    /// How many bytes the body is expected to have, of a chunk of this size.
    pub(super) fn expected_len(&self, size: u64) -> u64 {
        self.end.unwrap_or(size).saturating_sub(self.start)
    }

    /// Drops what does not belong to the chunk, of a piece at byte `at` of the blob; returns where
    /// the rest begins.
    pub(super) fn cut<P: Piece>(&self, piece: &mut P, mut at: u64) -> u64 {
        cut_front(piece, &mut at, self.start);
        if let Some(end) = self.end {
            cut_back(piece, at, end);
        }
        at
    }
}

/// Drops what is before `from`, of a piece that starts at `at`.
pub(super) fn cut_front<P: Piece>(piece: &mut P, at: &mut u64, from: u64) {
    let n = from.saturating_sub(*at).min(piece.len() as u64);
    if n > 0 {
        drop(piece.split_to(n as usize));
        *at += n;
    }
}

/// Drops what is at or after `to`, of a piece that starts at `at`.
pub(super) fn cut_back<P: Piece>(piece: &mut P, at: u64, to: u64) {
    let n = to.saturating_sub(at);
    if n < piece.len() as u64 {
        *piece = piece.split_to(n as usize);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::chunk::Source;

    const PLAIN: BodyMode = BodyMode::Stream { has_checksum: false };
    const CHECKED: BodyMode = BodyMode::Stream { has_checksum: true };

    fn header(chunk: &Chunk, within: std::ops::Range<u64>, mode: BodyMode, from: u64) -> String {
        let view = View { chunk: 0, at: 0, within };
        let range = BlobRange::new(chunk, &view, mode, from);
        range.header.map_or_else(|| "none".to_owned(), |header| header.to_string())
    }

    #[test]
    fn only_a_part_of_a_blob_has_a_range_header() {
        let chunk = Chunk::plain(Source::FileId("1,01".into()), 0, 100);
        assert_eq!(header(&chunk, 0..100, PLAIN, 0), "none");
        assert_eq!(header(&chunk, 0..50, PLAIN, 0), "bytes=0-49");
        assert_eq!(header(&chunk, 20..100, PLAIN, 30), "bytes=30-99");
        assert_eq!(header(&chunk, 0..100, CHECKED, 0), "none");
        assert_eq!(header(&chunk, 20..50, CHECKED, 30), "bytes=30-");
        assert_eq!(header(&chunk, 20..50, BodyMode::Buffer, 30), "none");
    }

    #[test]
    fn a_chunk_inside_a_shared_blob_never_asks_for_the_blob() {
        let mut chunk = Chunk::plain(Source::FileId("1,01".into()), 0, 100);
        chunk.stored = Some(1000..1100);
        assert_eq!(header(&chunk, 0..100, PLAIN, 0), "bytes=1000-1099");
        assert_eq!(header(&chunk, 0..100, BodyMode::Buffer, 0), "bytes=1000-1099");
        assert_eq!(header(&chunk, 0..100, CHECKED, 30), "bytes=1030-1099");
    }

    #[test]
    fn what_a_server_compresses_is_asked_for_whole() {
        let mut chunk = Chunk::plain(Source::FileId("1,01".into()), 0, 100);
        chunk.compression = Compression::ByServer;
        assert_eq!(header(&chunk, 20..50, PLAIN, 30), "none");
    }

    #[test]
    fn a_piece_is_cut_to_the_chunk() {
        let range = BlobRange { header: None, start: 10, end: Some(20), base: 10 };
        let mut piece = Bytes::from_static(b"0123456789abcdef");
        assert_eq!(range.cut(&mut piece, 6), 10);
        assert_eq!(piece, "456789abcd");
    }
}
