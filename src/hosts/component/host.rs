//! The port on WASI.

use std::{
    future::{Future, ready},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;

use super::{
    bindings::wasi::random::insecure,
    clock::{self, Sleep},
    fetch::{Body, Fetcher},
    wasi,
};
use crate::{
    decode::{self, DirectDigest},
    host::{
        Algorithm, BytesDigest, DecodeError, DecodeParams, FetchError, Host, LocateError, Request, Response,
        joined,
    },
    model::{chunk::Ctr, location::Location},
};

/// The host of a file: sends its requests.
#[derive(Clone, Debug, Default)]
pub struct WasiHost {
    pub(super) fetcher: Rc<Fetcher>,
    /// Read token for the filer.
    pub(super) filer_token: Option<Rc<str>>,
}

/// The size of the pieces that decoded bytes are split into, so that a reader that takes only a few bytes does not keep
/// the memory of a whole chunk.
const PIECE: usize = 256 << 10;

impl Host for WasiHost {
    type Piece = Bytes;
    type Body = Body;
    type Sleep = Sleep;

    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Body>, FetchError>> {
        self.fetcher.fetch(request)
    }

    /// Finds none: a component has no function of the user's. A filer or a master finds the replicas.
    async fn locate(&self, _file_id: &str, _stale: Option<Duration>) -> Result<Location, LocateError> {
        Ok(Location::default())
    }

    async fn token(&self, _file_id: &str, _origin: &str) -> Result<Option<String>, LocateError> {
        Ok(None)
    }

    fn filer_token(&self) -> impl Future<Output = Result<Option<String>, LocateError>> {
        ready(Ok(self.filer_token.as_deref().map(str::to_owned)))
    }

    async fn decode(&self, stored: Vec<Bytes>, params: &DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
        let mut pieces = Vec::new();
        decode::decode(joined(&stored), params, &mut |decoded| {
            pieces.extend(decoded.chunks(PIECE).map(Bytes::copy_from_slice));
        })?;
        Ok(pieces)
    }

    fn digest(&self, algorithm: Algorithm) -> BytesDigest {
        BytesDigest::new(DirectDigest::new(algorithm))
    }

    fn apply_ctr(&self, piece: Bytes, ctr: &Ctr, at: u64) -> Bytes {
        decode::ctr_applied(&piece, ctr, at)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(time)
    }

    fn now(&self) -> Duration {
        clock::now()
    }

    fn unix_time(&self) -> Duration {
        wasi::unix_time()
    }

    fn random(&self) -> f64 {
        // An f64 in 0..1 has 53 random bits.
        (insecure::get_insecure_random_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn piece(&self, bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    fn zeros(&self, len: usize) -> Bytes {
        vec![0; len].into()
    }
}
