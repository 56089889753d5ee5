//! The codec of a simulated world. It takes virtual time, it can stop in the middle of a job, as a worker that dies
//! does, and it may be missing.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};

use super::world::World;
use crate::{
    decode::{self, DirectDigest},
    host::{Checksum, DecodeError, DecodeParams, DigestBytes, PrepareError},
};

/// How long the codec of a world takes. By default it takes no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodecTimes {
    /// To load it, once.
    pub load: Duration,
    /// For each job.
    pub job: Duration,
    /// For each byte that is decoded or digested.
    pub byte: Duration,
}

/// A job of the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// How many jobs there were before.
    pub nth: usize,
    /// Whether it decodes a chunk; else it computes the value of a digest.
    pub decodes: bool,
    /// Bytes that go in.
    pub bytes: u64,
}

/// The codec of a world.
pub(super) struct Codec {
    pub(super) times: CodecTimes,
    pub(super) is_missing: bool,
    pub(super) stops: Box<dyn Fn(Job) -> bool + Send>,
    /// When it is loaded, once it was asked for.
    loaded_at: Option<Duration>,
    jobs: usize,
    /// Bytes of chunks that are being decoded, stored and decoded ones; and the most at one time.
    held: u64,
    pub(super) most_held: u64,
}

impl Default for Codec {
    fn default() -> Self {
        Self {
            times: CodecTimes::default(),
            is_missing: false,
            stops: Box::new(|_| false),
            loaded_at: None,
            jobs: 0,
            held: 0,
            most_held: 0,
        }
    }
}

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
            self.world.begin_job(false, std::mem::take(&mut self.bytes)).end().await?;
            Ok(self.digest.value())
        }
        .boxed()
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("times", &self.times).finish_non_exhaustive()
    }
}
