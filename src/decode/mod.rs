//! Turns the stored bytes of a chunk into the bytes that were written.
//!
//! SeaweedFS compresses a chunk first and then encrypts it (`weed/operation/upload_content.go`), so
//! [`decode`] decrypts ([`open`]) and then inflates ([`inflate`]). It needs the whole chunk in memory: no
//! byte leaves before the authentication tag is verified. The key stream of an S3 object was applied before
//! both. It has no tag, and [`apply`] removes it from each piece as the piece arrives. An [`Unpacker`]
//! inflates a response body as it arrives, on platforms that leave a `Content-Encoding` to the program.

mod aes;
mod ctr;
mod gzip;
mod limit;
mod unpack;

pub use aes::{GCM_OVERHEAD, open};
pub use ctr::apply;
pub use gzip::{inflate, is_gzip};
pub use limit::{MAX_CHUNK_BYTES, max_output};
pub use unpack::Unpacker;

use crate::host::{DecodeError, DecodeParams};

/// Decodes a chunk that is complete in memory and passes the first `params.output_len` bytes to `sink`, piece
/// by piece. It uses this crate's own ciphers; a host may use those of its platform instead.
///
/// # Errors
///
/// [`DecodeError`] if the tag does not match, gzip is damaged, or the output exceeds `params.max_output`.
/// After an error, the bytes that `sink` received must not be used.
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
