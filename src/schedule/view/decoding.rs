//! Chunks that are decoded whole: how to decode them, and the check of the decoded bytes.

use std::sync::Arc;

use super::{
    gzip_sniffer::{first_two, is_gzip},
    target::{BodyMode, Target},
};
use crate::{
    error::{Error, Kind},
    formats::seaweedfs::chunk_manifest::parse_manifest,
    host::{DecodeParams, Piece, joined, rare},
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    schedule::{options::Verify, retry::AttemptError},
};

/// How to decode the stored bytes of a chunk.
pub(super) fn params<P: Piece>(
    target: &Target,
    verify: Verify,
    stored: &[P],
    headers: &Headers,
) -> DecodeParams {
    let Target { chunk, mode, .. } = target;
    DecodeParams {
        key: chunk.key.clone(),
        gzip: match chunk.compression {
            Compression::None => false,
            Compression::Gzip => chunk.key.is_some() || !is_inflated(stored, headers),
            Compression::ByServer => is_still_gzip(stored, headers),
        },
        output_len: if *mode == BodyMode::Manifest { u64::MAX } else { chunk.size },
        max_output: target.max_len,
        md5: chunk.md5.filter(|_| verify != Verify::Off),
    }
}

/// Checks the length of a decoded chunk.
pub(super) fn check<P: Piece>(target: &Target, pieces: &[P]) -> Result<(), AttemptError> {
    let Target { chunk, mode, .. } = target;
    let len = len_of(pieces);
    if len < chunk.size && *mode != BodyMode::Manifest {
        let message = format!("the decoded chunk has {len} of {} bytes", chunk.size);
        return Err(AttemptError::new(Kind::ShortBody, message));
    }
    Ok(())
}

/// The chunks that a decoded chunk manifest lists.
pub(super) fn manifest<P: Piece>(chunk: &Chunk, pieces: &[P]) -> Result<Arc<[Chunk]>, AttemptError> {
    let listed = rare::call(|| parse_manifest(&joined(pieces), chunk.offset..chunk.end()));
    listed.map_err(|error| {
        let error = Error::from(error);
        AttemptError::new(error.kind(), error.message())
    })
}

/// How many bytes some pieces have.
pub(super) fn len_of<P: Piece>(pieces: &[P]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Whether the platform inflated this body already: the headers say so, or it is not gzip.
fn is_inflated<P: Piece>(stored: &[P], headers: &Headers) -> bool {
    headers.is_gzip() && !is_still_gzip(stored, headers) || !begins_as_gzip(stored)
}

/// Whether the platform left the gzip of a server as it was: it is gzip and as long as announced.
fn is_still_gzip<P: Piece>(stored: &[P], headers: &Headers) -> bool {
    headers.content_length == Some(len_of(stored)) && begins_as_gzip(stored)
}

fn begins_as_gzip<P: Piece>(stored: &[P]) -> bool {
    first_two(stored).is_some_and(is_gzip)
}
