//! Decoding and digests in a simulated world. They take virtual time, they can stop in the middle, as a worker that
//! dies does, and the codec may be missing.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};

use super::{codec::Job, world::World};
use crate::{
    decode::{self, DirectDigest},
    host::{Checksum, DecodeError, DecodeParams, DigestBytes, PrepareError},
};

impl World {
    /// Loads the codec, unless it is loaded.
    pub(super) async fn prepare_codec(&self) -> Result<(), PrepareError> {
        let now = self.now();
        let (until, is_missing) = {
            let codec = &mut self.lock().codec;
            let load = codec.times.load;
            (*codec.loaded_at.get_or_insert(now.saturating_add(load)), codec.is_missing)
        };
        if until > now {
            self.clock().sleep_until(until).await;
        }
        if is_missing { Err(PrepareError { cause: None }) } else { Ok(()) }
    }

    /// Decodes a chunk.
    pub(super) async fn decode(
        &self,
        stored: Vec<Bytes>,
        params: &DecodeParams,
    ) -> Result<Vec<Bytes>, DecodeError> {
        self.prepare_codec().await?;
        let stored = stored.concat();
        let mut running = self.begin_job(true, stored.len() as u64);
        let mut pieces = Vec::new();
        let decoded = decode::decode(stored, params, &mut |piece| pieces.push(Bytes::copy_from_slice(piece)));
        running.hold(pieces.iter().map(|piece| piece.len() as u64).sum());
        running.end().await?;
        decoded.map(|()| pieces)
    }

    /// A reader waits for a digest.
    pub(super) fn hurry_codec(&self) {
        let now = self.now();
        let wakers = {
            let codec = &mut self.lock().codec;
            codec.hurried_at = Some(now);
            std::mem::take(&mut codec.lazy)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until a reader waits for a digest, if the codec is lazy.
    async fn wait_for_reader(&self) {
        let since = Some(self.now());
        poll_fn(|cx| {
            let codec = &mut self.lock().codec;
            if !codec.is_lazy || codec.hurried_at >= since {
                return Poll::Ready(());
            }
            codec.lazy.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn begin_job(&self, decodes: bool, bytes: u64) -> Running {
        let (time, stops) = {
            let codec = &mut self.lock().codec;
            let job = Job { nth: codec.jobs, decodes, bytes };
            codec.jobs += 1;
            let for_bytes = codec.times.byte.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
            (codec.times.job.saturating_add(for_bytes), (codec.stops)(job))
        };
        let mut running = Running { world: self.clone(), time, stops, held: 0 };
        if decodes {
            running.hold(bytes);
        }
        running
    }
}

/// A job that has begun. Dropping it cancels it.
struct Running {
    world: World,
    time: Duration,
    stops: bool,
    held: u64,
}

impl Running {
    fn hold(&mut self, bytes: u64) {
        let codec = &mut self.world.lock().codec;
        codec.held += bytes;
        codec.most_held = codec.most_held.max(codec.held);
        self.held += bytes;
    }

    /// Waits until the job is done, or the codec stops half-way.
    async fn end(self) -> Result<(), DecodeError> {
        let time = if self.stops { self.time / 2 } else { self.time };
        if !time.is_zero() {
            self.world.sleep(time).await;
        }
        if self.stops { Err(DecodeError::Interrupted) } else { Ok(()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.world.lock().codec.held -= self.held;
    }
}

/// A digest whose value takes virtual time.
pub(super) struct SimDigest {
    pub(super) world: World,
    pub(super) digest: DirectDigest,
    /// Bytes since the last value.
    pub(super) bytes: u64,
}

impl DigestBytes for SimDigest {
    fn update(&mut self, piece: &Bytes) {
        self.digest.update(piece);
        self.bytes += piece.len() as u64;
    }

    fn value(&mut self) -> BoxFuture<'_, Result<Checksum, DecodeError>> {
        async {
            self.world.wait_for_reader().await;
            self.world.begin_job(false, std::mem::take(&mut self.bytes)).end().await?;
            Ok(self.digest.value())
        }
        .boxed()
    }
}
