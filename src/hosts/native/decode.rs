//! Decodes chunks: small ones at once, others on a thread for blocking work.

use bytes::Bytes;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::{
    decode,
    host::{DecodeError, DecodeParams, joined},
};

/// Up to this many stored bytes are decoded at once: with the slowest of the ciphers that takes about 20 us, which is
/// less than to wake another thread.
const AT_ONCE: usize = 32 << 10;

pub(super) async fn decode(stored: Vec<Bytes>, params: DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
    if stored.iter().map(Bytes::len).sum::<usize>() <= AT_ONCE && !params.gzip {
        return decoded(&stored, &params);
    }
    let task = spawn_blocking(move || decoded(&stored, &params));
    // If this future is dropped before the task has started, it never starts.
    let _guard = AbortOnDrop(task.abort_handle());
    match task.await {
        Ok(decoded) => decoded,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down and drops this future too.
        Err(_) => std::future::pending().await,
    }
}

fn decoded(stored: &[Bytes], params: &DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
    let mut pieces = Vec::new();
    decode::decode(joined(stored), params, &mut |piece| pieces.push(Bytes::copy_from_slice(piece)))?;
    Ok(pieces)
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
