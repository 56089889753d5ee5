//! The port, in a world of its own.

use std::{future::Future, time::Duration};

use bytes::Bytes;

use super::{
    World,
    clock::Sleep,
    server::{self, Body},
};
use crate::{
    decode,
    host::{DecodeError, DecodeParams, FetchError, Host, LocateError, Request, Response, event::Event},
    model::location::Location,
};

/// A host in a simulated world.
#[derive(Clone, Debug)]
pub struct SimHost {
    world: World,
}

impl SimHost {
    pub(super) fn new(world: World) -> Self {
        Self { world }
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

    async fn decode(&self, stored: Vec<Bytes>, params: &DecodeParams) -> Result<Vec<Bytes>, DecodeError> {
        let time = self.world.lock().decode_time;
        self.world.sleep(time).await;
        let mut pieces = Vec::new();
        decode::decode(stored.concat(), params, &mut |piece| pieces.push(Bytes::copy_from_slice(piece)))?;
        Ok(pieces)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Sleep::new(self.world.clone(), time)
    }

    fn is_offline(&self) -> bool {
        let state = self.world.lock();
        state.offline.contains(&state.now)
    }

    async fn online(&self) {
        if self.is_offline() {
            let until = self.world.lock().offline.end;
            Sleep::until(self.world.clone(), until).await;
        }
    }

    fn now(&self) -> Duration {
        self.world.now()
    }

    fn unix_time(&self) -> Duration {
        self.world.unix_time()
    }

    /// xorshift64*, so that a run can be repeated.
    fn random(&self) -> f64 {
        let mut state = self.world.lock();
        let mut x = state.seed;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.seed = x;
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn piece(&self, bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    fn zeros(&self, len: usize) -> Bytes {
        vec![0; len].into()
    }

    fn event(&self, event: Event) {
        let mut state = self.world.lock();
        if state.keeps {
            state.events.push(event);
        }
    }
}
