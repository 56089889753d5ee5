//! The bytes of a view between a response body and the window.
//!
//! A body may begin before the view and end after it, and several bodies may bring parts of one
//! view. A [`ViewStream`] takes pieces with their place in the stored blob, adds them to the
//! checksum, cuts them to the bytes of the view that have not arrived, decrypts them and hands them on.
//!
//! With a checksum, the last piece of a view is held back until the checksum matches. So the end of a chunk is
//! never delivered unverified, and a chunk that arrives in one piece is verified before any of it is delivered.

use super::{
    blob_range::{BlobRange, cut_back, cut_front},
    checksum::Checksum,
    decoding::mismatch,
    io::{Actions, Update},
    progress::Progress,
    target::Target,
};
use crate::{
    decode,
    error::Kind,
    host::Piece,
    model::chunk::Chunk,
    schedule::{plan::View, retry::AttemptError},
};

/// What has arrived of a view that is handed on as it arrives.
#[derive(Debug)]
pub(super) struct ViewStream<P> {
    pub(super) progress: Progress,
    checksum: Checksum,
    /// The last piece, until the checksum matches.
    last: Option<P>,
}

impl<P: Piece> ViewStream<P> {
    pub(super) fn new(target: &Target) -> Self {
        let progress = Progress::new(target.view.within.clone(), target.mode.has_checksum());
        Self { progress, checksum: Checksum::new(target.chunk.md5), last: None }
    }

    /// Drops everything that has arrived.
    pub(super) fn restart(&mut self) {
        self.progress.restart();
        self.checksum.restart();
        self.last = None;
    }

    /// Takes a piece that starts at byte `at` of the blob; returns whether more bytes are needed.
    pub(super) fn take(
        &mut self,
        mut piece: P,
        at: u64,
        range: &BlobRange,
        chunk: &Chunk,
        actions: &mut Actions<P>,
    ) -> bool {
        let mut at = range.cut(&mut piece, at).saturating_sub(range.base);
        let has_checksum = self.digest(&mut piece, &mut at);
        cut_front(&mut piece, &mut at, self.progress.next_of_view());
        cut_back(&mut piece, at, self.progress.needed().end);
        if !piece.is_empty() {
            let piece = decrypted(chunk, piece, at);
            let len = piece.len() as u64;
            if has_checksum && self.progress.arrived() + len == self.progress.len() {
                self.progress.hold_back(len);
                self.last = Some(piece);
            } else {
                self.progress.deliver(len);
                actions.update(Update::Deliver(piece));
            }
        }
        has_checksum || !self.progress.has_view()
    }

    /// Adds to the checksum what it does not cover yet; returns whether there is one.
    fn digest(&mut self, piece: &mut P, at: &mut u64) -> bool {
        let Some(digested) = self.progress.digested() else { return false };
        cut_front(piece, at, digested);
        self.checksum.feed(piece);
        self.progress.digest(piece.len() as u64);
        true
    }

    /// Whether nothing more is needed, as far as can be known before the body ends: the end is
    /// where it has to be, or the checksum matches.
    pub(super) fn is_complete(&self, range: &BlobRange) -> bool {
        match (self.progress.digested(), range.end) {
            (None, _) => self.progress.has_view(),
            (Some(digested), Some(end)) => range.base + digested >= end,
            (Some(_), None) => self.progress.has_view() && self.checksum.matches(),
        }
    }

    /// The body has ended: checks that the view is complete and correct, and hands on its last piece.
    pub(super) fn finish(&mut self, actions: &mut Actions<P>) -> Result<(), AttemptError> {
        if !self.progress.has_view() {
            let (arrived, len) = (self.progress.arrived(), self.progress.len());
            let message = format!("the body ended after {arrived} of {len} bytes");
            return Err(AttemptError::new(Kind::ShortBody, message));
        }
        if self.progress.digested().is_some() && !self.checksum.matches() {
            return Err(mismatch());
        }
        self.progress.release();
        if let Some(last) = self.last.take() {
            actions.update(Update::Deliver(last));
        }
        Ok(())
    }
}

/// Hands on the view's part of a chunk that is decoded whole; returns how many bytes of memory that
/// part keeps.
pub(super) fn deliver_view<P: Piece>(
    chunk: &Chunk,
    view: &View,
    pieces: Vec<P>,
    actions: &mut Actions<P>,
) -> u64 {
    let (mut next, mut holds) = (0, 0);
    for mut piece in pieces {
        let len = piece.len() as u64;
        let mut at = next;
        next += len;
        cut_front(&mut piece, &mut at, view.within.start);
        cut_back(&mut piece, at, view.within.end);
        if !piece.is_empty() {
            holds += len;
            actions.update(Update::Deliver(decrypted(chunk, piece, at)));
        }
    }
    holds
}

/// Decrypts a piece that starts at byte `at` of the chunk with the key stream of the chunk, if it has
/// one. The checksum is of the bytes before that.
fn decrypted<P: Piece>(chunk: &Chunk, piece: P, mut at: u64) -> P {
    let Some(ctr) = &chunk.ctr else { return piece };
    piece.changed(&mut |bytes| {
        decode::apply(ctr, at, bytes);
        at += bytes.len() as u64;
    })
}
