//! Whether the platform undid the gzip of a server.
//!
//! WebKitGTK does not undo it where gzip is the `Content-Type` too, as a server or a proxy may say
//! that guesses it from the bytes, and then the `Content-Encoding` does not say it either. So the
//! beginning of a body that may be gzip is held until its length decides: gzip is as long as
//! `Content-Length` says, and a file that begins as gzip does is longer, because `Content-Length`
//! counts its compressed form.

use crate::{
    host::{DecodeParams, Digest, Piece},
    http::headers::Headers,
    model::{
        chunk::{Chunk, Compression},
        limit::max_output,
    },
};

/// Holds the beginning of a body until it is known whether the body is still gzip.
#[derive(Debug)]
pub(super) struct GzipSniffer<P> {
    held: Vec<P>,
    len: u64,
    /// How long the chunk is, and the most that it may be.
    size: u64,
    max_output: u64,
    md5: Option<[u8; 16]>,
    /// How long the body is if it is gzip; `None` once it is known not to be.
    gzip_len: Option<u64>,
}

/// What the end of a body showed about the held bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// They are bytes of the chunk.
    Plain,
    /// They are gzip.
    Gzip,
    /// They are bytes of the chunk if they have this MD5, else gzip.
    PlainIf([u8; 16]),
}

impl<P: Piece> GzipSniffer<P> {
    pub(super) fn new(chunk: &Chunk, headers: &Headers) -> Self {
        let by_server = chunk.compression == Compression::ByServer;
        let max_output = max_output(chunk);
        let gzip_len = headers.content_length.filter(|len| by_server && *len <= max_output);
        Self { held: Vec::new(), len: 0, size: chunk.size, max_output, md5: chunk.md5, gzip_len }
    }

    /// Whether nothing is held any more, so that pieces need not come here.
    pub(super) fn is_decided(&self) -> bool {
        self.gzip_len.is_none()
    }

    /// Takes a piece; returns what is known not to be gzip. It follows what was returned before.
    pub(super) fn take(&mut self, piece: P) -> Vec<P> {
        self.len += piece.len() as u64;
        self.held.push(piece);
        if self.begins_as_gzip() && self.gzip_len.is_some_and(|gzip_len| self.len <= gzip_len) {
            return Vec::new();
        }
        self.gzip_len = None;
        std::mem::take(&mut self.held)
    }

    /// The body has ended. A body that is too short for either form broke off: none of it counts.
    pub(super) fn finish(&mut self) -> Sniffed {
        let is_whole = self.gzip_len.is_none_or(|gzip_len| gzip_len == self.len);
        if !is_whole && self.len < self.size {
            self.held = Vec::new();
        }
        // A file may be gzip itself, and what the platform inflated may be as long as was announced.
        match self.md5 {
            _ if !is_whole || self.held.is_empty() => Sniffed::Plain,
            Some(md5) => Sniffed::PlainIf(md5),
            None if self.len == self.size => Sniffed::Plain,
            None => Sniffed::Gzip,
        }
    }

    /// Registers the held bytes with a digest.
    pub(super) fn digest(&mut self, digest: &mut P::Digest) {
        self.held.iter_mut().for_each(|piece| digest.update(piece));
    }

    /// Takes the held bytes out.
    pub(super) fn take_held(&mut self) -> Vec<P> {
        std::mem::take(&mut self.held)
    }

    /// How to decode the held bytes, which are gzip. The checksum of the view, if there is one, covers the result.
    pub(super) fn params(&self) -> DecodeParams {
        let (output_len, max_output) = (u64::MAX, self.max_output);
        DecodeParams { key: None, gzip: true, output_len, max_output, md5: None }
    }

    fn begins_as_gzip(&self) -> bool {
        // One byte is too few to say no.
        first_two(&self.held).is_none_or(is_gzip)
    }
}

/// Whether these are the magic number of gzip (RFC 1952, section 2.3.1).
pub(super) fn is_gzip(start: [u8; 2]) -> bool {
    start == [0x1f, 0x8b]
}

/// The first two bytes of some pieces, if there are two.
pub(super) fn first_two<P: Piece>(pieces: &[P]) -> Option<[u8; 2]> {
    let mut bytes = pieces.iter().flat_map(|piece| (0..piece.len().min(2)).filter_map(|at| piece.byte(at)));
    Some([bytes.next()?, bytes.next()?])
}
