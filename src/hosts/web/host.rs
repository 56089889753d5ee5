//! The port on the web.

use std::{future::Future, rc::Rc};

use js_sys::{Math, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::{
    decode::{self, Decoding},
    digest::{self, WebDigest},
    error::Causes,
    events::Listener,
    fetch::{Body, Fetcher},
    network,
    piece::WebPiece,
    timer::{Sleep, Timers},
    turn,
    user_locator::UserLocator,
};
use crate::{
    host::{
        Algorithm, DecodeError, DecodeParams, FetchError, Host, LocateError, PrepareError, Request, Response,
        event::Event,
    },
    model::{chunk::Ctr, location::Location},
    time::Duration,
};

#[wasm_bindgen(module = "/js/codec/turns.js")]
extern "C" {
    /// A promise of a later task, if this task has taken its time.
    fn pause() -> Option<Promise>;
}

#[wasm_bindgen(module = "/js/more.js")]
extern "C" {
    /// Resolves when the second module is there.
    fn more() -> Promise;
}

/// The host of a stream: sends the requests of its file, and calls the user's functions.
#[derive(Clone, Debug)]
pub struct WebHost {
    pub(super) fetcher: Rc<Fetcher>,
    pub(super) user_locator: Rc<UserLocator>,
    pub(super) listener: Rc<Listener>,
    pub(super) decoding: Decoding,
    /// The timers of the stream, or of the file while it is opened.
    pub(super) timers: Timers,
    pub(super) causes: Rc<Causes>,
}

impl Host for WebHost {
    type Piece = WebPiece;
    type Body = Body;
    type Sleep = Sleep;

    fn fetch(&self, request: Request) -> impl Future<Output = Result<Response<Body>, FetchError>> {
        self.fetcher.fetch(request, 0)
    }

    fn fetch_small(
        &self,
        request: Request,
        len: u64,
    ) -> impl Future<Output = Result<Response<Body>, FetchError>> {
        self.fetcher.fetch(request, len)
    }

    fn locate(
        &self,
        file_id: &str,
        stale: Option<Duration>,
    ) -> impl Future<Output = Result<Location, LocateError>> {
        self.user_locator.locate(file_id, stale.is_some())
    }

    fn has_tokens(&self) -> bool {
        self.user_locator.token.is_some()
    }

    fn token(
        &self,
        file_id: &str,
        origin: &str,
    ) -> impl Future<Output = Result<Option<String>, LocateError>> {
        self.user_locator.token(file_id, origin)
    }

    fn filer_token(&self) -> impl Future<Output = Result<Option<String>, LocateError>> {
        self.user_locator.filer_token()
    }

    fn has_filer_token(&self) -> bool {
        self.user_locator.filer_token.is_some()
    }

    async fn load_more(&self) -> Result<(), PrepareError> {
        let loaded = JsFuture::from(more()).await;
        loaded.map(drop).map_err(|thrown| PrepareError { cause: Some(self.causes.keep(thrown)) })
    }

    fn prepare(&self) -> impl Future<Output = Result<(), PrepareError>> {
        decode::prepare(&self.decoding, &self.causes)
    }

    async fn turn(&self) {
        if let Some(pause) = pause() {
            // It is never rejected.
            let _ = JsFuture::from(pause).await;
        }
    }

    fn hurry(&self) {
        digest::hurry();
    }

    fn digest(&self, algorithm: Algorithm) -> WebDigest {
        WebDigest::new(algorithm)
    }

    fn apply_ctr(&self, piece: WebPiece, ctr: &Ctr, at: u64) -> WebPiece {
        piece.without_key_stream(ctr, at)
    }

    async fn decode(
        &self,
        stored: Vec<WebPiece>,
        params: &DecodeParams,
    ) -> Result<Vec<WebPiece>, DecodeError> {
        let (pieces, by) = decode::decode(stored, params, &self.decoding, &self.causes).await?;
        self.listener.decoded_by(by);
        Ok(pieces)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.timers.sleep(time)
    }

    fn is_offline(&self) -> bool {
        network::is_offline()
    }

    fn online(&self) -> impl Future<Output = ()> {
        network::online()
    }

    fn now(&self) -> Duration {
        turn::now()
    }

    fn unix_time(&self) -> Duration {
        turn::unix_time()
    }

    fn random(&self) -> f64 {
        Math::random()
    }

    fn piece(&self, bytes: &[u8]) -> WebPiece {
        Uint8Array::from(bytes).into()
    }

    fn zeros(&self, len: usize) -> WebPiece {
        Uint8Array::new_with_length(len as u32).into()
    }

    fn event(&self, event: Event) {
        self.listener.on_event(&event);
    }
}
