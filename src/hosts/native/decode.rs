//! Decoding: at once where it is little, else on a thread where nobody waits for it.

use bytes::Bytes;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::{
    decode,
    host::{DecodeError, DecodeParams, joined},
};

/// Fewer stored bytes are decoded sooner than another thread is woken: some 20 us by the slowest of
/// the ciphers.
const AT_ONCE: usize = 32 << 10;

pub(super) async fn decode(stored: Vec<Bytes>, params: DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
    if stored.iter().map(Bytes::len).sum::<usize>() <= AT_ONCE && !params.gzip {
        return decoded(&stored, &params);
    }
    let task = spawn_blocking(move || decoded(&stored, &params));
    // What has not begun never does, once nobody waits for it.
    let _guard = AbortOnDrop(task.abort_handle());
    match task.await {
        Ok(decoded) => decoded,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down, and this task with it.
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
