//! The way that a body takes from the wire to the window.

use super::{doubt::begin, flight::Flight};
use crate::{
    decode,
    decode::{is_gzip, max_output},
    error::{Error, Kind},
    formats::seaweedfs::chunk_manifest::{MAX_MANIFEST_BYTES, parse_manifest},
    host::{
        DecodeError, DecodeParams, Host, Piece,
        event::{Event, EventKind},
        joined,
    },
    http::headers::{ByteRange, Headers},
    model::chunk::{Chunk, Compression},
    schedule::{options::Verify, plan::View, retry::AttemptError},
};
use md5::{Digest, Md5};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Piece by piece as it arrives. `digested`: past a digest, over the whole chunk.
    Flow {
        /// Whether the digest is checked on the way.
        digested: bool,
    },
    /// Whole into memory, decoded, then on.
    Whole,
    /// Whole into memory, decoded, and read as a list of chunks.
    List,
}

impl Lane {
    pub(super) fn of(view: &View, chunk: &Chunk, verify: Verify) -> Self {
        if chunk.is_decoded_whole() {
            return Self::Whole;
        }
        let whole = view.is_whole(chunk) || verify == Verify::Strict;
        Self::Flow { digested: whole && chunk.md5.is_some() && verify != Verify::Off }
    }
}

/// Which bytes of a stored blob an attempt asks for, and where in it the chunk begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The header to send; none: the whole blob.
    pub(super) range: Option<ByteRange>,
    /// The first byte of the blob that is of use.
    pub(super) start: u64,
    /// One past the last byte of the blob that belongs to the chunk, if that is known.
    pub(super) end: Option<u64>,
    /// Where the chunk begins in the blob.
    pub(super) base: u64,
}

impl Wanted {
    /// What is asked for of a chunk of which all before byte `from` is here.
    pub(super) fn of(chunk: &Chunk, view: &View, lane: Lane, from: u64) -> Self {
        let stored = chunk.stored.as_ref();
        let base = stored.map_or(0, |range| range.start);
        let all = stored.map(|range| range.end);
        let (from, end) = match lane {
            Lane::Whole | Lane::List => (0, all),
            // A digest covers what a truncation left beyond `size`, so the end is open.
            Lane::Flow { digested: true } => (from, all),
            Lane::Flow { digested: false } => (from, Some(base + view.within.end)),
        };
        let start = base + from;
        let to_the_end = all.is_none() && (end.is_none() || view.within.end == chunk.size);
        let may_cut = chunk.compression != Compression::ByServer;
        let cut = may_cut && !(start == 0 && to_the_end);
        Self { range: cut.then_some(ByteRange { start, end }), start, end, base }
    }

    /// Drops what does not belong to the chunk, of a piece at byte `at` of the blob; returns
    /// where the rest begins.
    pub(super) fn cut<P: Piece>(&self, piece: &mut P, mut at: u64) -> u64 {
        cut_front(piece, &mut at, self.start);
        if let Some(end) = self.end {
            cut_back(piece, at, end);
        }
        at
    }
}

impl<H: Host> Flight<'_, H> {
    /// What the next attempt asks for: from the first byte that is not here yet.
    pub(super) fn wanted(&self) -> Wanted {
        let from = match self.lane {
            Lane::Flow { digested: true } => self.digested,
            _ => self.view.within.start + self.arrived(),
        };
        Wanted::of(&self.chunk, &self.view, self.lane, from)
    }

    /// Takes a piece that starts at byte `at` of the blob; says whether more is of use.
    pub(super) fn flow(&mut self, mut piece: H::Piece, at: u64, wanted: &Wanted) -> bool {
        let mut pos = wanted.cut(&mut piece, at).saturating_sub(wanted.base);
        let digested = self.is_digested();
        if digested {
            cut_front(&mut piece, &mut pos, self.digested);
            piece.feed(&mut self.digest);
            self.digested += piece.len() as u64;
        }
        cut_front(&mut piece, &mut pos, self.view.within.start + self.here());
        cut_back(&mut piece, pos, self.view.within.end);
        let piece = self.deciphered(piece, pos);
        if digested && self.here() + piece.len() as u64 == self.view.len() && !piece.is_empty() {
            self.last = Some(piece);
        } else if !piece.is_empty() {
            self.arrive(piece);
        }
        digested || self.here() < self.view.len()
    }

    /// All that the server sent has come by: is it all, and is it right?
    pub(super) fn flowed(&mut self) -> Result<(), AttemptError> {
        if self.here() < self.view.len() {
            let message = format!("it ended after {} of {} bytes", self.here(), self.view.len());
            return Err(AttemptError::new(Kind::ShortBody, message));
        }
        if self.is_digested() && !self.fits(self.digest.clone()) {
            return Err(corrupt(MISMATCH));
        }
        if let Some(last) = self.last.take() {
            self.arrive(last);
        }
        self.finish(None);
        Ok(())
    }

    /// Whether what is here needs nothing more, as far as can be known before the body ends: the
    /// end is where it must be, or the digest fits.
    pub(super) fn has_it_all(&self, wanted: &Wanted) -> bool {
        match (self.is_digested(), wanted.end) {
            (false, _) => self.here() >= self.view.len(),
            (true, Some(end)) => wanted.base + self.digested >= end,
            (true, None) => self.here() >= self.view.len() && self.fits(self.digest.clone()),
        }
    }

    pub(super) fn is_digested(&self) -> bool {
        self.lane == (Lane::Flow { digested: true })
    }

    /// How many bytes of the view are here, or have left.
    fn here(&self) -> u64 {
        self.arrived() + self.last.as_ref().map_or(0, |last| last.len() as u64)
    }

    /// Decodes a chunk that is whole in memory, and hands on what is wanted of it.
    pub(super) async fn decode(
        &mut self,
        stored: Vec<H::Piece>,
        headers: &Headers,
    ) -> Result<(), AttemptError> {
        let checked = self.chunk.md5.is_some() && self.shared.session.options.verify != Verify::Off;
        let params = DecodeParams {
            key: self.chunk.key.clone(),
            gzip: match self.chunk.compression {
                Compression::None => false,
                Compression::Gzip => self.chunk.key.is_some() || !undone(&stored, headers),
                Compression::ByServer => left_packed(&stored, headers),
            },
            // A digest covers the whole chunk, also what a truncation left beyond `size`.
            output_len: if checked || self.lane == Lane::List { u64::MAX } else { self.chunk.size },
            max_output: self.most(),
        };
        self.shared.with(|state| state.window.decoding(self.ticket(), true));
        let decoded = self.shared.host.decode(stored, &params).await;
        self.shared.with(|state| state.window.decoding(self.ticket(), false));
        let pieces = decoded.map_err(|error| undecoded(&error))?;
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.shared.emit(Event { bytes: Some(len), ..self.event(EventKind::Decoded) });
        if len < self.chunk.size && self.lane != Lane::List {
            let message = format!("it holds {len} of {} bytes", self.chunk.size);
            return Err(AttemptError::new(Kind::ShortBody, message));
        }
        if checked {
            let mut digest = Md5::default();
            pieces.iter().for_each(|piece| piece.feed(&mut digest));
            if !self.fits(digest) {
                return Err(corrupt(MISMATCH));
            }
        }
        if self.lane == Lane::List {
            return self.list(&pieces);
        }
        let holds = self.keep_view(pieces);
        self.finish(Some(holds));
        Ok(())
    }

    /// Reads a chunk manifest that was decoded.
    fn list(&self, pieces: &[H::Piece]) -> Result<(), AttemptError> {
        let list = parse_manifest(&joined(pieces), self.chunk.offset..self.chunk.end()).map_err(|error| {
            let error = Error::from(error);
            AttemptError::new(error.kind(), error.message())
        })?;
        self.shared.with(|state| state.window.learn(&self.chunk.source, Ok(list)));
        Ok(())
    }

    /// The most bytes that the decoded chunk may have.
    pub(super) fn most(&self) -> u64 {
        match self.lane {
            Lane::List => MAX_MANIFEST_BYTES,
            _ => max_output(&self.chunk),
        }
    }

    /// Puts the view's part of a decoded chunk into the window; returns how many bytes of memory
    /// that keeps.
    pub(super) fn keep_view(&self, pieces: Vec<H::Piece>) -> u64 {
        let within = &self.view.within;
        let (mut pos, mut holds) = (0, 0);
        for mut piece in pieces {
            let len = piece.len() as u64;
            let mut at = pos;
            pos += len;
            cut_front(&mut piece, &mut at, within.start);
            cut_back(&mut piece, at, within.end);
            if !piece.is_empty() {
                holds += len;
                self.arrive(self.deciphered(piece, at));
            }
        }
        holds
    }

    /// What the key stream of the chunk makes of a piece that starts at its byte `at`. Its digest
    /// is of the bytes before that.
    fn deciphered(&self, piece: H::Piece, mut at: u64) -> H::Piece {
        let Some(ctr) = self.chunk.ctr.as_ref().filter(|_| !piece.is_empty()) else {
            return piece;
        };
        piece.changed(&mut |bytes| {
            decode::apply(ctr, at, bytes);
            at += bytes.len() as u64;
        })
    }

    fn fits(&self, digest: Md5) -> bool {
        self.chunk.md5.is_none_or(|md5| digest.finalize()[..] == md5)
    }
}

fn corrupt(message: &str) -> AttemptError {
    AttemptError::new(Kind::Corrupt, message)
}

pub(super) fn undecoded(error: &DecodeError) -> AttemptError {
    match error {
        DecodeError::TooLong => AttemptError::new(Kind::Limit, error.to_string()),
        _ => corrupt(&error.to_string()),
    }
}

const MISMATCH: &str = "its MD5 is not the one in the metadata";

/// Whether the platform inflated this body already: it says so, or it is no gzip.
fn undone<P: Piece>(stored: &[P], headers: &Headers) -> bool {
    let said =
        headers.content_encoding.as_deref().is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
    said && !left_packed(stored, headers) || !begin(stored).is_some_and(|start| is_gzip(&start))
}

/// Whether the platform left packed what a server packed: gzip that is as long as was told.
fn left_packed<P: Piece>(stored: &[P], headers: &Headers) -> bool {
    let len = stored.iter().map(|piece| piece.len() as u64).sum();
    headers.content_length == Some(len) && begin(stored).is_some_and(|start| is_gzip(&start))
}

/// Drops what is before `from`, of a piece that starts at `at`.
fn cut_front<P: Piece>(piece: &mut P, at: &mut u64, from: u64) {
    let n = from.saturating_sub(*at).min(piece.len() as u64);
    if n > 0 {
        drop(piece.split_to(n as usize));
        *at += n;
    }
}

/// Drops what is at or after `to`, of a piece that starts at `at`.
fn cut_back<P: Piece>(piece: &mut P, at: u64, to: u64) {
    let n = to.saturating_sub(at);
    if n < piece.len() as u64 {
        *piece = piece.split_to(n as usize);
    }
}
