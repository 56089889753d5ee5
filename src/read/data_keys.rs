//! Data keys of S3 objects, decrypted by the host while a file is opened.
//!
//! The entry names them, each once; the host decrypts a few at a time, as it decrypts chunks. A key that cannot be
//! decrypted is missing afterwards, and the entry says which key of the reader is wrong.

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    error::{Error, Kind},
    formats::seaweedfs::entry::{DataKeys, Entry, Keys, WrappedKey},
    host::{DecodeError, DecodeParams, Host, joined, rare},
    model::chunk::CipherKey,
};

/// The number of keys that are decrypted at the same time. An object may have one for each chunk.
const AT_ONCE: usize = 32;

/// A key is decrypted again this many times because the decoder stopped.
const MAX_INTERRUPTIONS: usize = 3;

/// Decrypts the data keys of an entry.
///
/// # Errors
///
/// [`Kind::Unsupported`] if the host cannot decode, [`Kind::Internal`] if its decoder stops again and again.
pub(super) async fn unwrap_keys<H: Host>(host: &H, entry: &Entry, keys: &Keys) -> Result<DataKeys, Error> {
    match &keys.kek {
        Some(kek) => rare::wait(unwrap_with(host, entry, keys, kek)).await,
        None => Ok(DataKeys::default()),
    }
}

async fn unwrap_with<H: Host>(
    host: &H,
    entry: &Entry,
    keys: &Keys,
    kek: &CipherKey,
) -> Result<DataKeys, Error> {
    let mut opened = DataKeys::default();
    let wrapped = stream::iter(entry.wrapped_keys(keys));
    let mut unwrapped = wrapped.map(|wrapped| unwrap(host, kek, wrapped)).buffer_unordered(AT_ONCE);
    while let Some((wrapped, key)) = unwrapped.try_next().await? {
        if let Some(key) = key {
            opened.insert(wrapped, &key);
        }
    }
    Ok(opened)
}

/// A data key with its bytes; `None` if it cannot be decrypted with this key.
async fn unwrap<H: Host>(
    host: &H,
    kek: &CipherKey,
    wrapped: WrappedKey,
) -> Result<(WrappedKey, Option<Vec<u8>>), Error> {
    let (output_len, max_output) = (u64::MAX, wrapped.bytes().len() as u64);
    let params = DecodeParams { key: Some(kek.clone()), gzip: false, output_len, max_output, md5: None };
    for _ in 0..=MAX_INTERRUPTIONS {
        match host.decode(vec![host.piece(wrapped.bytes())], &params).await {
            Ok(pieces) => return Ok((wrapped, Some(joined(&pieces)))),
            Err(DecodeError::Interrupted) => {}
            Err(DecodeError::Unavailable(error)) => {
                return Err(Error::new(Kind::Unsupported, error.to_string()).because(error.cause));
            }
            Err(_) => return Ok((wrapped, None)),
        }
    }
    Err(Error::new(Kind::Internal, "the decoder stopped again and again while it decrypted a data key"))
}
