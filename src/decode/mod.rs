//! Turns the stored bytes of a chunk into the bytes that were written, and digests them: what hosts without a
//! codec of their own use.
//!
//! SeaweedFS compresses a chunk first and then encrypts it (`weed/operation/upload_content.go`), so
//! [`decode`] decrypts ([`open`]), then inflates ([`inflate`]), then compares the MD5. It needs the whole chunk in
//! memory: no byte leaves before the authentication tag is verified. The key stream of an S3 object was applied
//! before both. It has no tag, and [`apply`] removes it from each piece as the piece arrives. A [`DirectDigest`] digests a
//! chunk whose pieces are handed on as they arrive. An [`Unpacker`] inflates a response body as it arrives, on
//! platforms that leave a `Content-Encoding` to the program.

mod aes;
mod ctr;
mod direct_digest;
mod gzip;
mod unpack;

pub use aes::open;
pub use ctr::{apply, ctr_applied};
pub use direct_digest::DirectDigest;
pub use gzip::inflate;
pub use unpack::Unpacker;

use crate::host::{Algorithm, Checksum, DecodeError, DecodeParams};

/// Decodes a chunk that is complete in memory and passes the first `params.output_len` bytes to `sink`, piece
/// by piece. It uses this crate's own ciphers; a host may use those of its platform instead.
///
/// # Errors
///
/// [`DecodeError`] if the tag or the MD5 does not match, gzip is damaged, or the output exceeds
/// `params.max_output`. After an error, the bytes that `sink` received must not be used.
pub fn decode(
    mut stored: Vec<u8>,
    params: &DecodeParams,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), DecodeError> {
    let plain = match &params.key {
        Some(key) => open(key, &mut stored)?,
        None => &stored,
    };
    let mut checked = params.md5.map(|md5| (Checksum::Md5(md5), DirectDigest::new(Algorithm::Md5)));
    let mut missing = params.output_len;
    let mut take = |bytes: &[u8]| {
        if let Some((_, digest)) = &mut checked {
            digest.update(bytes);
        }
        let output = gzip::first(bytes, missing);
        missing -= output.len() as u64;
        if !output.is_empty() {
            sink(output);
        }
    };
    if params.gzip {
        inflate(plain, params.max_output, &mut take)?;
    } else {
        take(plain);
    }
    match checked {
        Some((expected, digest)) if digest.value() != expected => Err(DecodeError::Md5),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(md5: [u8; 16], output_len: u64) -> DecodeParams {
        DecodeParams { key: None, gzip: false, output_len, max_output: u64::MAX, md5: Some(md5) }
    }

    #[test]
    fn the_md5_covers_what_is_dropped_too() {
        let Checksum::Md5(md5) = direct_digest::digest(Algorithm::Md5, b"kelp and more") else {
            unreachable!()
        };
        let mut out = Vec::new();
        let decoded =
            decode(b"kelp and more".into(), &params(md5, 4), &mut |piece| out.extend_from_slice(piece));
        assert_eq!((decoded, &out[..]), (Ok(()), &b"kelp"[..]));
        let damaged = decode(b"kelp and mode".into(), &params(md5, 4), &mut |_| {});
        assert_eq!(damaged, Err(DecodeError::Md5));
    }
}
