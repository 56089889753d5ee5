//! The port on tokio and hyper.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;

use super::{
    body::Body,
    decode::{Decoder, apply_ctr},
    error::BoxError,
    fetch::Fetcher,
    options::{Listener, Locate, Token},
};
use crate::{
    host::{
        Algorithm, BytesDigest, DecodeError, DecodeParams, FetchError, Host, LocateError, Request, Response,
        event::Event,
    },
    model::{chunk::Ctr, location::Location},
};

/// The host of a file: sends its requests, and calls the user's functions. A clone is a handle on the same host.
#[derive(Clone)]
pub struct NativeHost {
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) decoder: Decoder,
    pub(super) locate: Locate,
    pub(super) token: Token,
    pub(super) filer_token: Token,
    pub(super) on_event: Option<Listener>,
    /// When the file was opened.
    pub(super) opened: Instant,
}

impl NativeHost {
    fn locate_error(&self, error: BoxError) -> LocateError {
        LocateError { cause: Some(self.fetcher.causes.keep(Arc::new(error))) }
    }

    async fn ask(&self, token: &Token, file_id: &str, origin: &str) -> Result<Option<String>, LocateError> {
        let Some(promise) = token.ask(file_id, origin) else { return Ok(None) };
        promise.await.map(Some).map_err(|error| self.locate_error(error))
    }
}

impl Host for NativeHost {
    type Piece = Bytes;
    type Body = Body;
    type Sleep = Pin<Box<tokio::time::Sleep>>;

    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Body>, FetchError>> {
        self.fetcher.fetch(request)
    }

    async fn locate(&self, file_id: &str, stale: Option<Duration>) -> Result<Location, LocateError> {
        let Locate::Function(function) = &self.locate else { return Ok(Location::default()) };
        function(file_id.to_owned(), stale.is_some()).await.map_err(|error| self.locate_error(error))
    }

    async fn token(&self, file_id: &str, origin: &str) -> Result<Option<String>, LocateError> {
        self.ask(&self.token, file_id, origin).await
    }

    async fn filer_token(&self) -> Result<Option<String>, LocateError> {
        self.ask(&self.filer_token, "", &self.fetcher.home).await
    }

    fn decode(
        &self,
        stored: Vec<Bytes>,
        params: &DecodeParams,
    ) -> impl Future<Output = Result<Vec<Bytes>, DecodeError>> {
        self.decoder.decode(stored, params.clone())
    }

    fn digest(&self, algorithm: Algorithm) -> BytesDigest {
        self.decoder.digest(algorithm)
    }

    fn apply_ctr(&self, piece: Bytes, ctr: &Ctr, at: u64) -> Bytes {
        apply_ctr(piece, ctr, at)
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        Box::pin(tokio::time::sleep(time))
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// From the random keys of the standard library's hash maps: good enough for jitter.
    fn random(&self) -> f64 {
        let bits = RandomState::new().build_hasher().finish();
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn piece(&self, bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    fn zeros(&self, len: usize) -> Bytes {
        vec![0; len].into()
    }

    fn event(&self, event: Event) {
        if let Some(on_event) = &self.on_event {
            on_event(&event);
        }
    }
}

impl fmt::Debug for NativeHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeHost").field("locate", &self.locate).finish_non_exhaustive()
    }
}
