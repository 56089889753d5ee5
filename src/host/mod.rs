//! The port: all that the core asks of a platform.

#[cfg_attr(
    any(feature = "component", not(any(feature = "native", target_arch = "wasm32"))),
    allow(dead_code, reason = "hosts use it")
)]
pub(crate) mod causes;
pub mod event;

mod decoding;
mod piece;
mod request;

use std::{
    future::{Future, ready},
    time::Duration,
};

use futures::Stream;

pub(crate) use self::piece::joined;
pub use self::{
    decoding::{DecodeError, DecodeParams},
    piece::Piece,
    request::{FetchError, LocateError, Request, Response},
};
use crate::{host::event::Event, model::location::Location};

/// A platform that kelp-stream runs on.
///
/// The core decides what to ask for and when; a host does it. Dropping any of the futures or
/// bodies that it returns must stop the work behind it at once.
pub trait Host {
    /// Bytes as this platform likes to hand them on.
    type Piece: Piece;
    /// The body of an answer, piece by piece as it arrives.
    type Body: Stream<Item = Result<Self::Piece, FetchError>> + Unpin;
    /// A timer; dropping it stops it.
    type Sleep: Future<Output = ()> + Unpin;

    /// Sends a GET and resolves when the answer's headers are there.
    ///
    /// A `Content-Encoding` is undone by the host before the core sees the body. Redirects are
    /// followed at most where no token can leak.
    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Self::Body>, FetchError>>;

    /// Finds the replicas of a SeaweedFS chunk, as the host's user has it. `stale`: what was known
    /// at that time of `now` did not work, so only what is learnt later will do.
    fn locate(
        &self,
        file_id: &str,
        stale: Option<Duration>,
    ) -> impl Future<Output = Result<Location, LocateError>>;

    /// A read token of the user's for a chunk at this origin, asked for when a request is about to
    /// leave; `None` where the user has none to give.
    fn token(&self, file_id: &str, origin: &str)
    -> impl Future<Output = Result<Option<String>, LocateError>>;

    /// A read token for the filer's own answers, asked for when a request is about to leave. None
    /// where a platform does not say otherwise.
    fn filer_token(&self) -> impl Future<Output = Result<Option<String>, LocateError>> {
        ready(Ok(None))
    }

    /// Turns a chunk's stored bytes into what was written.
    fn decode(
        &self,
        stored: Vec<Self::Piece>,
        params: &DecodeParams,
    ) -> impl Future<Output = Result<Vec<Self::Piece>, DecodeError>>;

    /// Resolves after `time`.
    fn sleep(&self, time: Duration) -> Self::Sleep;

    /// Whether the platform knows that there is no network now. `false` proves nothing.
    fn is_offline(&self) -> bool {
        false
    }

    /// Resolves when the platform believes that there is a network.
    fn online(&self) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Time since 1970 by the wall clock, right or wrong: for what others say of the time.
    fn unix_time(&self) -> Duration;

    /// A number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;

    /// A piece with these bytes.
    fn piece(&self, bytes: &[u8]) -> Self::Piece;

    /// A piece of this many zeros.
    fn zeros(&self, len: usize) -> Self::Piece;

    /// Is told what happens. Called with no lock held, so it may call back.
    fn event(&self, event: Event) {
        let _ = event;
    }
}
