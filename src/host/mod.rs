//! The port: everything that the core needs from a platform.
//!
//! The core decides which request to send and when. A [`Host`] sends it, waits, has the clock, decrypts, inflates
//! and digests, and reports [events](event). The core itself never computes on the bytes of a file. The hosts are in `crate::hosts`: browsers and JavaScript runtimes, native
//! programs, WebAssembly components, and a simulation for tests.

#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "some hosts use it")
)]
pub(crate) mod causes;
pub mod event;

mod decoding;
mod digest;
mod piece;
pub(crate) mod rare;
mod request;

use std::{
    future::{Future, poll_fn, ready},
    task::Poll,
};

use futures::Stream;

pub(crate) use self::piece::joined;
pub use self::{
    decoding::{DecodeError, DecodeParams, PrepareError},
    digest::{Algorithm, BytesDigest, Checksum, Digest, DigestBytes},
    piece::Piece,
    request::{FetchError, LocateError, Request, Response},
};
use crate::{
    host::event::Event,
    model::{chunk::Ctr, location::Location},
    time::Duration,
};

/// The longest body, in bytes, that may be handed on whole.
pub(crate) const SMALL_BODY: u64 = 256 << 10;

/// A platform that kelp-stream runs on.
///
/// Dropping any of the futures or bodies that it returns must stop its work at once.
pub trait Host {
    /// Bytes in the form that this platform passes on to readers.
    type Piece: Piece;
    /// The body of a response, piece by piece as it arrives.
    type Body: Stream<Item = Result<Self::Piece, FetchError>> + Unpin;
    /// A timer. Dropping it stops it.
    type Sleep: Future<Output = ()> + Unpin;

    /// Sends a GET and resolves when the headers of the response have arrived.
    ///
    /// The host removes a `Content-Encoding` before the core sees the body. It follows a redirect only if no
    /// token can leak by it.
    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Self::Body>, FetchError>>;

    /// As [`Host::fetch`], for a body of about `len` bytes, at most 256 KiB, which the reader has not come to. A host
    /// may hand on its pieces together, if they do not wait for longer than a reader would notice. The default hands on each
    /// at once.
    fn fetch_small(
        &self,
        request: Request,
        len: u64,
    ) -> impl Future<Output = Result<Response<Self::Body>, FetchError>> {
        let _ = len;
        self.fetch(request)
    }

    /// Finds the replicas of a SeaweedFS chunk by the function that the user provided. `stale`: the location
    /// that was known at this time of `now` did not work, so an older result must not be used.
    fn locate(
        &self,
        file_id: &str,
        stale: Option<Duration>,
    ) -> impl Future<Output = Result<Location, LocateError>>;

    /// Whether [`Host::token`] may give one.
    fn has_tokens(&self) -> bool {
        true
    }

    /// The user's read token for a chunk at this origin, requested just before a request is sent; `None` if
    /// the user provides no tokens.
    fn token(&self, file_id: &str, origin: &str)
    -> impl Future<Output = Result<Option<String>, LocateError>>;

    /// The user's read token for the filer itself, requested just before a request is sent. The default is
    /// none.
    fn filer_token(&self) -> impl Future<Output = Result<Option<String>, LocateError>> {
        ready(Ok(None))
    }

    /// Whether [`Host::filer_token`] may have a token. If not, it is not called.
    fn has_filer_token(&self) -> bool {
        true
    }

    /// Resolves when code that few readers need is there. The default is a host that has all its code.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if it cannot be loaded.
    fn load_more(&self) -> impl Future<Output = Result<(), PrepareError>> {
        ready(Ok(()))
    }

    /// Resolves when [`Host::digest`] and [`Host::apply_ctr`] can be called. The core calls it together with the
    /// first request that needs them, and takes no byte before it has resolved. What it began may go on after
    /// its future is dropped, because other streams may need it too.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] if the host can compute neither. The default is a host that always can.
    fn prepare(&self) -> impl Future<Output = Result<(), PrepareError>> {
        ready(Ok(()))
    }

    /// A reader, or look-ahead, waits for the value of a digest. A host may delay values, to compute several together,
    /// and should compute now what was asked for. The host must not call back.
    fn hurry(&self) {}

    /// A digest of no bytes so far.
    fn digest(&self, algorithm: Algorithm) -> <Self::Piece as Piece>::Digest;

    /// Removes the key stream `ctr` from a piece that starts at byte `at` of the chunk. The original bytes must
    /// not change: they may belong to the user's `fetch`, or wait for a digest.
    fn apply_ctr(&self, piece: Self::Piece, ctr: &Ctr, at: u64) -> Self::Piece;

    /// Decodes the stored bytes of a whole chunk, and checks them. It needs no [`Host::prepare`].
    fn decode(
        &self,
        stored: Vec<Self::Piece>,
        params: &DecodeParams,
    ) -> impl Future<Output = Result<Vec<Self::Piece>, DecodeError>>;

    /// Resolves after `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;

    /// Resolves when other tasks of the thread have had their turn, or at once if this task has not taken much time.
    /// The core calls it between slices of a long computation, such as the plan of a million chunks.
    fn turn(&self) -> impl Future<Output = ()> {
        let mut has_waited = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Whether the platform knows that there is no network now. `false` does not mean that there is one.
    fn is_offline(&self) -> bool {
        false
    }

    /// Resolves when the platform reports a network.
    fn online(&self) -> impl Future<Output = ()> {
        ready(())
    }

    /// Monotonic time since an arbitrary moment.
    fn now(&self) -> Duration;

    /// Time since 1970 by the wall clock, which may be wrong. It is compared only with times that servers
    /// send.
    fn unix_time(&self) -> Duration;

    /// A random number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;

    /// A piece with these bytes.
    fn piece(&self, bytes: &[u8]) -> Self::Piece;

    /// A piece of this many zeros.
    fn zeros(&self, len: usize) -> Self::Piece;

    /// Receives an event. The core holds no lock during the call, so the host may call back.
    fn event(&self, event: Event) {
        let _ = event;
    }
}
