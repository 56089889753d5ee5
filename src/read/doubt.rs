//! Whether a platform undid the gzip of a server. WebKitGTK does not where gzip is the `Content-Type` too, as a
//! server or a proxy may say that guesses it from the bytes; nor does its `Content-Encoding` tell.

use md5::{Digest, Md5};

use super::lane::undecoded;
use crate::{
    decode::{inflate, is_gzip, max_output},
    host::{DecodeParams, Piece, joined},
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    schedule::retry::AttemptError,
};

/// The beginning of a body that may be packed, held until its length tells: packed it is as long as the
/// server said, and a file that begins as gzip does is longer then.
pub(super) struct Doubt<P> {
    held: Vec<P>,
    len: u64,
    /// How long the chunk is, and the most that it may be.
    size: u64,
    max_output: u64,
    /// What it is when it is not packed, if that is known.
    md5: Option<[u8; 16]>,
    /// How long it is if it is packed; nothing once it is known not to be.
    packed: Option<u64>,
}

impl<P: Piece> Doubt<P> {
    pub(super) fn of(chunk: &Chunk, headers: &Headers) -> Self {
        let by_server = chunk.compression == Compression::ByServer;
        let max_output = max_output(chunk);
        let packed = headers.content_length.filter(|len| by_server && *len <= max_output);
        Self { held: Vec::new(), len: 0, size: chunk.size, max_output, md5: chunk.md5, packed }
    }

    /// Takes a piece at byte `at` of the body; gives what may go on, from which byte. `piece` makes one.
    pub(super) fn pass(&mut self, next: P, at: u64, piece: impl FnOnce(&[u8]) -> P) -> Option<(P, u64)> {
        let Some(packed) = self.packed else { return Some((next, at)) };
        self.len += next.len() as u64;
        self.held.push(next);
        if self.begins_as_gzip() && self.len <= packed {
            return None;
        }
        self.packed = None;
        let mut held = std::mem::take(&mut self.held);
        match held.pop() {
            Some(only) if held.is_empty() => Some((only, at)),
            last => {
                held.extend(last);
                Some((piece(&joined(&held)), 0))
            }
        }
    }

    /// At the body's end: what is still held, inflated where it was packed. What is too short for either broke
    /// off.
    pub(super) fn end(self) -> Result<Vec<u8>, AttemptError> {
        let held = joined(&self.held);
        if held.is_empty() {
            return Ok(held);
        }
        if self.packed != Some(self.len) {
            return Ok(if self.len >= self.size { held } else { Vec::new() });
        }
        // A file may be gzip itself, and what a server undid is as long as was told too.
        if self.md5.map_or(self.len == self.size, |md5| Md5::digest(&held)[..] == md5) {
            return Ok(held);
        }
        let params =
            DecodeParams { key: None, gzip: true, output_len: u64::MAX, max_output: self.max_output };
        let mut inflated = Vec::new();
        let sink = &mut |bytes: &[u8]| inflated.extend_from_slice(bytes);
        inflate(&held, &params, sink).map_err(|error| undecoded(&error))?;
        Ok(inflated)
    }

    fn begins_as_gzip(&self) -> bool {
        // Of one byte it cannot be told yet.
        begin(&self.held).is_none_or(|start| is_gzip(&start))
    }
}

/// The first two bytes of some pieces, if there are two.
pub(super) fn begin<P: Piece>(pieces: &[P]) -> Option<[u8; 2]> {
    let mut bytes = pieces.iter().flat_map(|piece| (0..piece.len().min(2)).filter_map(|at| piece.byte(at)));
    Some([bytes.next()?, bytes.next()?])
}
