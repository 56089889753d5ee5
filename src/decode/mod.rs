//! Stored bytes into what was written: decrypt, inflate, check.
//!
//! SeaweedFS packs first and encrypts then (`weed/operation/upload_content.go`), so reading
//! decrypts and then inflates. No byte of an encrypted chunk leaves before its tag is verified.
//! The key stream of an S3 object lies below both: it has no tag, and is undone piece by piece.

mod aes;
mod ctr;
mod gzip;
mod limit;
mod unpack;

pub use aes::{GCM_OVERHEAD, open, unwrap};
pub use ctr::apply;
pub use gzip::{inflate, is_gzip};
pub use limit::{MAX_CHUNK_BYTES, max_output};
pub use unpack::Unpacker;

use crate::host::{DecodeError, DecodeParams};

/// Decodes a chunk that is whole in memory, by this crate's own means alone, handing out what it
/// decodes piece by piece, `recipe.keep` bytes in all at most.
///
/// # Errors
///
/// When the tag does not fit, gzip is broken, or the ceiling is passed. After an error nothing
/// that was handed out may be used.
pub fn decode(
    mut stored: Vec<u8>,
    params: &DecodeParams,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let plain = match &params.key {
        Some(key) => open(key, &mut stored)?,
        None => &stored,
    };
    if params.gzip {
        return inflate(plain, params, sink);
    }
    sink(gzip::first(plain, params.output_len));
    Ok(())
}
