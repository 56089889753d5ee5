//! The port of a simulated world.

use std::{future::Future, time::Duration};

use bytes::Bytes;

use super::{body::Body, clock::Sleep, decoding::SimDigest, server, world::World};
use crate::{
    decode::{self, DirectDigest},
    host::{
        Algorithm, BytesDigest, DecodeError, DecodeParams, FetchError, Host, LocateError, PrepareError,
        Request, Response, event::Event,
    },
    model::{chunk::Ctr, location::Location},
};

/// A host in a simulated world.
#[derive(Clone, Debug)]
pub struct SimHost {
    world: World,
}

impl World {
    /// A host in this world.
    #[must_use]
    pub fn host(&self) -> SimHost {
        SimHost { world: self.clone() }
    }
}

impl Host for SimHost {
    type Piece = Bytes;
    type Body = Body;
    type Sleep = Sleep;

    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Body>, FetchError>> {
        server::fetch(self.world.clone(), request)
    }

    async fn locate(&self, file_id: &str, stale: Option<Duration>) -> Result<Location, LocateError> {
        let time = self.world.lock().locate_time;
        self.world.sleep(time).await;
        (self.world.lock().locator)(file_id, stale.is_some())
    }

    async fn token(&self, file_id: &str, origin: &str) -> Result<Option<String>, LocateError> {
        let time = self.world.lock().token_time;
        self.world.sleep(time).await;
        (self.world.lock().tokens)(file_id, origin)
    }

    async fn filer_token(&self) -> Result<Option<String>, LocateError> {
        (self.world.lock().filer_tokens)()
    }

    fn prepare(&self) -> impl Future<Output = Result<(), PrepareError>> {
        self.world.prepare_codec()
    }

    fn hurry(&self) {
        self.world.hurry_codec();
    }

    fn digest(&self, algorithm: Algorithm) -> BytesDigest {
        let (world, digest) = (self.world.clone(), DirectDigest::new(algorithm));
        BytesDigest::new(SimDigest { world, digest, bytes: 0 })
    }

    fn decode(
        &self,
        stored: Vec<Bytes>,
        params: &DecodeParams,
    ) -> impl Future<Output = Result<Vec<Bytes>, DecodeError>> {
        self.world.decode(stored, params)
    }

    fn apply_ctr(&self, piece: Bytes, ctr: &Ctr, at: u64) -> Bytes {
        decode::ctr_applied(&piece, ctr, at)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.world.sleep(time)
    }

    fn is_offline(&self) -> bool {
        self.world.is_offline()
    }

    async fn online(&self) {
        if self.is_offline() {
            let until = self.world.lock().offline.end;
            self.world.clock().sleep_until(until).await;
        }
    }

    fn now(&self) -> Duration {
        self.world.now()
    }

    fn unix_time(&self) -> Duration {
        self.world.unix_time()
    }

    fn random(&self) -> f64 {
        self.world.lock().random()
    }

    fn piece(&self, bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    fn zeros(&self, len: usize) -> Bytes {
        vec![0; len].into()
    }

    fn event(&self, event: Event) {
        let mut state = self.world.lock();
        if state.is_logging {
            state.events.push(event);
        }
    }
}
