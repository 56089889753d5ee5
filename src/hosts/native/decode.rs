//! Decodes chunks: small ones at once, others on threads for blocking work, as many at a time as there are processors.
//!
//! A chunk is never joined to be decrypted. All its pieces are authenticated, then each one is decrypted where it is.
//! gzip is inflated into new pieces of [`PIECE`] bytes.

use std::{collections::VecDeque, sync::Arc, thread::available_parallelism};

use bytes::{Bytes, BytesMut};
use kelp_stream_codec::gcm::Opener;
use tokio::{
    sync::Semaphore,
    task::{AbortHandle, spawn_blocking},
};

use super::hasher::{Hasher, HasherDigest};
use crate::{
    decode,
    host::{Algorithm, BytesDigest, DecodeError, DecodeParams, joined},
    model::chunk::{CipherKey, Ctr},
};

/// Up to this many stored bytes are decoded at once: with the slowest of the ciphers that takes about 20 us, which is
/// less than to wake another thread.
const AT_ONCE: usize = 32 << 10;

/// The length of the pieces into which gzip is inflated, in bytes.
const PIECE: usize = 256 << 10;

const NONCE: usize = 12;
const TAG: usize = 16;

/// What decodes and digests the chunks of a client. A clone is a handle on the same one.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    hasher: Hasher,
    /// One for each chunk that may be decoded now. The chunks are decoded in the order in which they arrived, because
    /// the first of them is the one that the reader waits for.
    threads: Arc<Semaphore>,
}

impl Default for Decoder {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self { hasher: Hasher::default(), threads: Arc::new(Semaphore::new(processors)) }
    }
}

impl Decoder {
    pub(super) fn digest(&self, algorithm: Algorithm) -> BytesDigest {
        match algorithm {
            Algorithm::Md5 => BytesDigest::new(self.hasher.digest()),
            // The processor has an instruction for it, so it takes no longer than to wake another thread.
            Algorithm::Crc32c => BytesDigest::new(decode::DirectDigest::new(algorithm)),
        }
    }

    pub(super) async fn decode(
        &self,
        stored: Vec<Bytes>,
        params: DecodeParams,
    ) -> Result<Vec<Bytes>, DecodeError> {
        let output = Output {
            pieces: Vec::new(),
            missing: params.output_len,
            checked: params.md5.map(|md5| (md5, self.hasher.digest())),
        };
        let len: usize = stored.iter().map(Bytes::len).sum();
        let is_plain = params.key.is_none() && !params.gzip;
        if is_plain || len <= AT_ONCE && !params.gzip {
            return decoded(stored, &params, output)?.finish().await;
        }
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let task = spawn_blocking(move || {
            let _thread = thread;
            decoded(stored, &params, output)
        });
        // If this future is dropped before the task has started, it never starts.
        let _guard = AbortOnDrop(task.abort_handle());
        match task.await {
            Ok(decoded) => decoded?.finish().await,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down and drops this future too.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Removes a key stream from a piece, in place if nothing else refers to its bytes.
pub(super) fn apply_ctr(piece: Bytes, ctr: &Ctr, at: u64) -> Bytes {
    let mut bytes = into_mut(piece);
    decode::apply(ctr, at, &mut bytes);
    bytes.freeze()
}

/// The decoded bytes of a chunk.
struct Output {
    pieces: Vec<Bytes>,
    /// How many bytes are still to be returned.
    missing: u64,
    /// The MD5 that all bytes must have, and the one that they have.
    checked: Option<([u8; 16], HasherDigest)>,
}

impl Output {
    fn push(&mut self, mut piece: Bytes) {
        if let Some((_, digest)) = &self.checked {
            digest.update(&piece);
        }
        piece.truncate(usize::try_from(self.missing).unwrap_or(usize::MAX));
        self.missing -= piece.len() as u64;
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    /// Compares the MD5.
    async fn finish(self) -> Result<Vec<Bytes>, DecodeError> {
        match self.checked {
            Some((expected, digest)) if digest.md5().await? != expected => Err(DecodeError::Md5),
            _ => Ok(self.pieces),
        }
    }
}

fn decoded(stored: Vec<Bytes>, params: &DecodeParams, mut output: Output) -> Result<Output, DecodeError> {
    let plain = match &params.key {
        Some(key) => decrypted(stored, key)?,
        None => stored,
    };
    if !params.gzip {
        plain.into_iter().for_each(|piece| output.push(piece));
        return Ok(output);
    }
    let mut buffer = BytesMut::new();
    decode::inflate(&contiguous(plain), params.max_output, &mut |mut bytes| {
        while !bytes.is_empty() {
            if buffer.capacity() == 0 {
                buffer.reserve(PIECE);
            }
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - buffer.len()));
            buffer.extend_from_slice(now);
            if buffer.len() == PIECE {
                output.push(std::mem::take(&mut buffer).freeze());
            }
            bytes = rest;
        }
    })?;
    output.push(buffer.freeze());
    Ok(output)
}

/// Decrypts `nonce || ciphertext || tag` piece by piece, after all of it was authenticated.
fn decrypted(stored: Vec<Bytes>, key: &CipherKey) -> Result<Vec<Bytes>, DecodeError> {
    let mut pieces = VecDeque::from(stored);
    let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
    take_first(&mut pieces, &mut nonce)?;
    take_last(&mut pieces, &mut tag)?;
    let mut opener = Opener::new(key.bytes(), &nonce);
    pieces.iter().for_each(|piece| opener.absorb(piece));
    let mut key_stream = opener.verify(&tag).ok_or(DecodeError::Tag)?;
    let mut at = 0;
    let decrypt = |piece| {
        let mut bytes = into_mut(piece);
        key_stream.apply(at, &mut bytes);
        at += bytes.len() as u64;
        bytes.freeze()
    };
    Ok(pieces.into_iter().map(decrypt).collect())
}

/// Moves the first bytes of the pieces to `to`.
fn take_first(pieces: &mut VecDeque<Bytes>, mut to: &mut [u8]) -> Result<(), DecodeError> {
    while !to.is_empty() {
        let piece = pieces.front_mut().ok_or(DecodeError::Truncated)?;
        let bytes = piece.split_to(piece.len().min(to.len()));
        let (now, rest) = to.split_at_mut(bytes.len());
        now.copy_from_slice(&bytes);
        to = rest;
        if piece.is_empty() {
            pieces.pop_front();
        }
    }
    Ok(())
}

/// Moves the last bytes of the pieces to `to`.
fn take_last(pieces: &mut VecDeque<Bytes>, mut to: &mut [u8]) -> Result<(), DecodeError> {
    while !to.is_empty() {
        let piece = pieces.back_mut().ok_or(DecodeError::Truncated)?;
        let bytes = piece.split_off(piece.len().saturating_sub(to.len()));
        let (rest, now) = to.split_at_mut(to.len() - bytes.len());
        now.copy_from_slice(&bytes);
        to = rest;
        if piece.is_empty() {
            pieces.pop_back();
        }
    }
    Ok(())
}

/// The same bytes; a copy only if something else refers to them.
fn into_mut(piece: Bytes) -> BytesMut {
    piece.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

fn contiguous(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.pop() {
        Some(one) if pieces.is_empty() => one,
        Some(last) => {
            pieces.push(last);
            joined(&pieces).into()
        }
        None => Bytes::new(),
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
    use flate2::{Compression, write::GzEncoder};
    use futures::future::join_all;
    use md5::Digest;
    use tokio::runtime::Builder;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn key() -> CipherKey {
        CipherKey::new(&KEY).unwrap()
    }

    fn text(len: usize) -> Vec<u8> {
        (0..len as u32).flat_map(|n| (n / 9).to_le_bytes()).take(len).collect()
    }

    fn encrypted(plain: &[u8]) -> Vec<u8> {
        let (nonce, mut bytes) = ([1; NONCE], plain.to_vec());
        let tag =
            Aes256Gcm::new(&KEY.into()).encrypt_inout_detached(&nonce.into(), &[], (&mut bytes[..]).into());
        [&nonce[..], &bytes, &tag.unwrap()].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn pieces(stored: &[u8], len: usize) -> Vec<Bytes> {
        stored.chunks(len).map(Bytes::copy_from_slice).collect()
    }

    fn params(key: Option<CipherKey>, gzip: bool) -> DecodeParams {
        DecodeParams { key, gzip, output_len: u64::MAX, max_output: 1 << 30, md5: None }
    }

    fn decode(stored: Vec<Bytes>, params: &DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(Decoder::default().decode(stored, params.clone()))
    }

    #[test]
    fn a_chunk_is_decrypted_however_it_is_split() {
        for len in [0, 1, 15, 16, 17, 100] {
            let (plain, params) = (text(len), params(Some(key()), false));
            let stored = encrypted(&plain);
            for step in 1..=stored.len() {
                let decoded = decode(pieces(&stored, step), &params).unwrap();
                assert_eq!(decoded.concat(), plain, "{len} bytes in pieces of {step}");
            }
        }
    }

    #[test]
    fn no_byte_is_decrypted_before_the_tag_was_verified() {
        let mut stored = encrypted(&text(1000));
        stored[500] ^= 1;
        let all = Bytes::from(stored.clone());
        let parts = vec![all.slice(..300), all.slice(300..)];
        assert_eq!(decode(parts, &params(Some(key()), false)), Err(DecodeError::Tag));
        assert_eq!(all, stored);
        for len in 0..NONCE + TAG {
            let short = pieces(&stored[..len], 5);
            assert_eq!(
                decode(short, &params(Some(key()), false)),
                Err(DecodeError::Truncated),
                "{len} bytes"
            );
        }
    }

    #[test]
    fn bytes_that_nothing_else_refers_to_are_not_copied() {
        let plain = text(100_000);
        let parts = pieces(&encrypted(&plain), 40_000);
        let before: Vec<*const u8> = parts.iter().map(|piece| piece.as_ptr()).collect();
        let decoded = decode(parts, &params(Some(key()), false)).unwrap();
        assert_eq!(decoded.concat(), plain);
        let after: Vec<*const u8> = decoded.iter().map(|piece| piece.as_ptr()).collect();
        assert_eq!(after, [before[0].wrapping_add(NONCE), before[1], before[2]]);
    }

    #[test]
    fn bytes_that_something_else_refers_to_do_not_change() {
        let plain = text(100_000);
        let stored = Bytes::from(encrypted(&plain));
        let decoded = decode(vec![stored.clone()], &params(Some(key()), false)).unwrap();
        assert_eq!(decoded.concat(), plain);
        assert_eq!(stored, encrypted(&plain));
    }

    #[test]
    fn gzip_becomes_pieces_of_256_kib() {
        let plain = text(600_000);
        let stored = encrypted(&gzip(&plain));
        let decoded = decode(pieces(&stored, 1000), &params(Some(key()), true)).unwrap();
        let lens: Vec<usize> = decoded.iter().map(Bytes::len).collect();
        assert_eq!(lens, [PIECE, PIECE, 600_000 - 2 * PIECE]);
        assert_eq!(decoded.concat(), plain);
        let cut = pieces(&encrypted(&gzip(&plain)[..500]), 1000);
        assert_eq!(decode(cut, &params(Some(key()), true)), Err(DecodeError::Gzip));
    }

    #[test]
    fn the_md5_is_of_all_decoded_bytes() {
        let plain = text(300_000);
        let forms = [
            (plain.clone(), params(None, false)),
            (encrypted(&plain), params(Some(key()), false)),
            (gzip(&plain), params(None, true)),
            (encrypted(&gzip(&plain)), params(Some(key()), true)),
        ];
        for (stored, mut params) in forms {
            params.output_len = 1000;
            params.md5 = Some(md5::Md5::digest(&plain).into());
            let decoded = decode(pieces(&stored, 70_000), &params).unwrap();
            assert_eq!(decoded.concat(), plain[..1000], "{params:?}");
            params.md5 = Some(md5::Md5::digest(&plain[..1000]).into());
            assert_eq!(decode(pieces(&stored, 70_000), &params), Err(DecodeError::Md5), "{params:?}");
        }
    }

    #[test]
    fn many_chunks_are_decoded_at_once_and_some_given_up() {
        let plain = text(200_000);
        let mut params = params(Some(key()), true);
        params.md5 = Some(md5::Md5::digest(&plain).into());
        let stored = pieces(&encrypted(&gzip(&plain)), 9000);
        let decoder = Decoder::default();
        Builder::new_current_thread().build().unwrap().block_on(async {
            for _ in 0..20 {
                let mut given_up = std::pin::pin!(decoder.decode(stored.clone(), params.clone()));
                assert!(futures::poll!(given_up.as_mut()).is_pending());
            }
            let all = (0..30).map(|_| decoder.decode(stored.clone(), params.clone()));
            for decoded in join_all(all).await {
                assert_eq!(decoded.unwrap().concat(), plain);
            }
        });
        // Those that had started may still run; each gives its place back.
        while decoder.threads.available_permits() < available_parallelism().unwrap().get() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_key_stream_is_removed_in_place_or_from_a_copy() {
        let ctr = Ctr::new(key(), [3; 16], 5);
        let plain = text(1000);
        let mut stored = plain.clone();
        decode::apply(&ctr, 77, &mut stored);
        let piece = Bytes::from(stored.clone());
        let at = piece.as_ptr();
        let (copy, kept) = (apply_ctr(piece.clone(), &ctr, 77), piece);
        assert_eq!((&copy[..], &kept[..]), (&plain[..], &stored[..]));
        let moved = apply_ctr(kept, &ctr, 77);
        assert_eq!((&moved[..], moved.as_ptr()), (&plain[..], at));
    }
}
