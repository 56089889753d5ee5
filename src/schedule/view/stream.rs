//! The bytes of a view between a response body and the window.
//!
//! A body may begin before the view and end after it, and several bodies may bring parts of one
//! view. A [`ViewStream`] takes pieces with their place in the stored blob, registers them with the
//! digest, cuts them to the bytes of the view that have not arrived, decrypts them and hands them on.
//!
//! With a checksum, the last piece of a view is held back until the checksum matches. So the end of a chunk is
//! never delivered unverified, and a chunk that arrives in one piece is verified before any of it is delivered.
//! Computing the digest takes time: at the end of a body [`ViewStream::digest`] takes it out for that. Without a
//! checksum, the last piece of a requested range is held back until the body has ended where it should.
//!
//! If the whole of a blob comes although a part was requested, a checksum that is known is computed all the same
//! ([`ViewStream::begin_checksum`]).

use super::{
    blob_range::{BlobRange, cut_back, cut_front},
    io::{Actions, Context, Update},
    progress::Progress,
    target::Target,
    transit,
};
use crate::{
    error::Kind,
    host::{Checksum, DecodeError, Digest, Piece},
    model::chunk::Chunk,
    schedule::{plan::View, retry::AttemptError},
};

/// What has arrived of a view that is handed on as it arrives.
#[derive(Debug)]
pub(super) struct ViewStream<P: Piece> {
    pub(super) progress: Progress,
    /// The size of the chunk. A checksum covers at least that many bytes.
    size: u64,
    /// The MD5 of the chunk, if it is checked.
    md5: Option<Checksum>,
    /// What is checked: the MD5, or the checksum of the server that began to send the view.
    expected: Option<Checksum>,
    /// A server's checksum did not match: from now on the MD5 is checked.
    distrusts_servers: bool,
    /// The digest of the bytes so far; none before the first response, and while its value is computed.
    digest: Option<P::Digest>,
    /// The body that is read has to end with its range.
    pub(super) is_exact: bool,
    /// The last piece, until the checksum matches, or such a body has ended.
    last: Option<P>,
}

/// Whether all that is needed has arrived, as far as can be known before a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completeness {
    Incomplete,
    /// If the checksum matches. It may cover more bytes than are known.
    CompleteIfMatching,
    Complete,
}

impl<P: Piece> ViewStream<P> {
    pub(super) fn new(target: &Target) -> Self {
        let has_checksum = target.mode.has_checksum();
        let md5 = target.chunk.md5.filter(|_| has_checksum).map(Checksum::Md5);
        let progress = Progress::new(target.view.within.clone(), has_checksum);
        Self {
            progress,
            size: target.chunk.size,
            md5,
            expected: md5,
            distrusts_servers: false,
            digest: None,
            is_exact: false,
            last: None,
        }
    }

    /// The whole chunk comes although a part of it is wanted: from its first byte on it is digested.
    pub(super) fn begin_checksum(&mut self, md5: [u8; 16]) {
        self.md5 = Some(Checksum::Md5(md5));
        self.expected = self.md5;
        self.progress.set_checksum(true);
    }

    /// No more of the whole chunk comes: what follows is not digested.
    pub(super) fn end_checksum(&mut self) {
        (self.md5, self.expected, self.digest) = (None, None, None);
        self.progress.set_checksum(false);
        self.drop_held();
    }

    /// Drops the last piece, which was held back.
    pub(super) fn drop_held(&mut self) {
        self.progress.drop_held();
        self.last = None;
    }

    /// Drops everything that has arrived.
    pub(super) fn restart(&mut self) {
        self.progress.restart();
        self.digest = None;
        self.last = None;
    }

    /// A response begins. `of_server`: the checksum that it has for the whole chunk.
    pub(super) fn begin(&mut self, of_server: Option<Checksum>, cx: &Context<'_, P>) {
        if self.progress.has_begun() && self.progress.digested() != Some(0) {
            return;
        }
        let of_server = of_server.filter(|_| self.md5.is_some() && !self.distrusts_servers);
        self.expected = of_server.or(self.md5);
        self.digest = self.expected.map(|expected| (cx.digest)(expected.algorithm()));
    }

    /// Takes a piece that starts at byte `at` of the blob; returns whether more bytes are needed.
    pub(super) fn take(
        &mut self,
        mut piece: P,
        at: u64,
        range: &BlobRange,
        chunk: &Chunk,
        actions: &mut Actions<P>,
        cx: &Context<'_, P>,
    ) -> bool {
        let mut at = range.cut(&mut piece, at).saturating_sub(range.base);
        let has_checksum = self.register(&mut piece, &mut at);
        cut_front(&mut piece, &mut at, self.progress.next_of_view());
        cut_back(&mut piece, at, self.progress.needed().end);
        if !piece.is_empty() {
            let piece = decrypted(chunk, piece, at, cx);
            let len = piece.len() as u64;
            if (has_checksum || self.is_exact) && self.progress.arrived() + len == self.progress.len() {
                self.progress.hold_back(len);
                self.last = Some(piece);
            } else {
                self.progress.deliver(len);
                actions.update(Update::Deliver(piece));
            }
        }
        if has_checksum {
            self.completeness(range) != Completeness::Complete
        } else {
            !self.progress.has_view()
        }
    }

    /// Whether there is a checksum, and it covers this many bytes.
    pub(super) fn has_digested(&self, bytes: u64) -> bool {
        self.progress.digested() == Some(bytes)
    }

    /// Whether there is a checksum.
    pub(super) fn has_checksum(&self) -> bool {
        self.progress.digested().is_some()
    }

    /// Registers with the digest what it does not cover yet; returns whether there is one.
    fn register(&mut self, piece: &mut P, at: &mut u64) -> bool {
        let (Some(digested), Some(digest)) = (self.progress.digested(), &mut self.digest) else {
            return false;
        };
        cut_front(piece, at, digested);
        digest.update(piece);
        self.progress.digest(piece.len() as u64);
        true
    }

    /// Whether nothing more is needed, as far as can be known before the body ends: the end is
    /// where it has to be, or the checksum matches.
    pub(super) fn completeness(&self, range: &BlobRange) -> Completeness {
        let is_complete = match (self.progress.digested(), range.end) {
            (None, _) => self.progress.has_view(),
            (Some(digested), Some(end)) => range.base + digested >= end,
            (Some(digested), None) if self.progress.has_view() && digested >= self.size => {
                return Completeness::CompleteIfMatching;
            }
            (Some(_), None) => false,
        };
        if is_complete { Completeness::Complete } else { Completeness::Incomplete }
    }

    /// The body has ended: checks that the view is complete, and takes the digest out.
    pub(super) fn digest(&mut self) -> Result<Option<P::Digest>, AttemptError> {
        if !self.progress.has_view() {
            return Err(ended_after(self.progress.arrived(), self.progress.len()));
        }
        if let Some(digested) = self.progress.digested().filter(|digested| *digested < self.size) {
            return Err(ended_after(digested, self.size));
        }
        Ok(self.take_digest())
    }

    /// Takes the digest out, to compute its value.
    pub(super) fn take_digest(&mut self) -> Option<P::Digest> {
        self.digest.take()
    }

    /// Whether this is the checksum of the chunk.
    pub(super) fn matches(&self, value: Checksum) -> bool {
        self.expected.is_some_and(|expected| transit::matches(expected, value))
    }

    /// The bytes of an attempt are not those of the chunk. If it was a server's checksum that did not match, the
    /// MD5 is checked from now on: the server may have sent its bytes in another form than it stores them.
    pub(super) fn mismatch(&mut self) -> AttemptError {
        match self.expected {
            Some(Checksum::Crc32c(_)) => {
                self.distrusts_servers = true;
                AttemptError::new(Kind::Corrupt, "its CRC-32C is not the one that the server sent")
            }
            _ => DecodeError::Md5.into(),
        }
    }

    /// Continues with a digest that was taken out.
    pub(super) fn resume(&mut self, digest: P::Digest) {
        self.digest = Some(digest);
    }

    /// The view is complete and verified: hands on its last piece.
    pub(super) fn finish(&mut self, actions: &mut Actions<P>) {
        self.progress.release();
        if let Some(last) = self.last.take() {
            actions.update(Update::Deliver(last));
        }
    }
}

fn ended_after(bytes: u64, len: u64) -> AttemptError {
    AttemptError::new(Kind::ShortBody, format!("the body ended after {bytes} of {len} bytes"))
}

/// Hands on the view's part of a chunk that is decoded whole; returns how many bytes of memory that
/// part keeps.
pub(super) fn deliver_view<P: Piece>(view: &View, pieces: Vec<P>, actions: &mut Actions<P>) -> u64 {
    let (mut next, mut holds) = (0, 0);
    for mut piece in pieces {
        let len = piece.len() as u64;
        let mut at = next;
        next += len;
        cut_front(&mut piece, &mut at, view.within.start);
        cut_back(&mut piece, at, view.within.end);
        if !piece.is_empty() {
            holds += len;
            actions.update(Update::Deliver(piece));
        }
    }
    holds
}

/// Decrypts all pieces of a chunk with its key stream, if it has one.
pub(super) fn decrypted_all<P: Piece>(chunk: &Chunk, pieces: Vec<P>, cx: &Context<'_, P>) -> Vec<P> {
    let mut at = 0;
    let decrypted = |piece: P| {
        let start = at;
        at += piece.len() as u64;
        decrypted(chunk, piece, start, cx)
    };
    pieces.into_iter().map(decrypted).collect()
}

/// Decrypts a piece that starts at byte `at` of the chunk with the key stream of the chunk, if it has
/// one. The checksum is of the bytes before that.
fn decrypted<P: Piece>(chunk: &Chunk, piece: P, at: u64, cx: &Context<'_, P>) -> P {
    match &chunk.ctr {
        Some(ctr) => (cx.apply_ctr)(piece, ctr, at),
        None => piece,
    }
}
