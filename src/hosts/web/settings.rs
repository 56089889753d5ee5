//! The options from `js/options.js`, which has checked them. An absent one has the default of [`Options`].

use js_sys::{Array, Float64Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::{decode::Decoding, pool::CorePool, ticket::Work};
use crate::{
    fetch::locator::Locator,
    formats::seaweedfs::entry::Keys,
    http::origins::Origins,
    model::chunk::CipherKey,
    read::session::Session,
    schedule::{
        options::{Concurrency, Holes, Options, Priority, Timeout, Verify},
        retry::RetryPolicy,
    },
    time::Duration,
};

#[wasm_bindgen]
extern "C" {
    /// The user's options after `js/options.js` has checked them.
    #[derive(Debug)]
    pub type Settings;

    /// The options that are numbers, switches and words, in the order in which [`Settings::options`] reads them. What is absent is NaN, a
    /// switch 0 or 1, and a word its place in `js/options.js`.
    #[wasm_bindgen(method, getter)]
    fn numbers(this: &Settings) -> Float64Array;

    /// How the chunks are decoded. Absent: on this thread, by WebCrypto if there is one.
    #[wasm_bindgen(method, getter)]
    pub(super) fn decoding(this: &Settings) -> Option<Decoding>;
    /// Pairs of name and value.
    #[wasm_bindgen(method, getter)]
    pub(super) fn headers(this: &Settings) -> Array;
    /// The origins that requests may go to; absent for all.
    #[wasm_bindgen(method, getter)]
    fn origins(this: &Settings) -> Option<Array>;
    /// The origin that `headers` are sent to.
    #[wasm_bindgen(method, getter)]
    pub(super) fn home(this: &Settings) -> String;
    /// The URL of the file at a filer, if it is opened in that way.
    #[wasm_bindgen(method, getter, js_name = fileUrl)]
    pub(super) fn file_url(this: &Settings) -> Option<String>;
    /// The URL of the filer without a slash at the end; empty if there is none.
    #[wasm_bindgen(method, getter)]
    pub(super) fn filer(this: &Settings) -> String;
    /// Whether the filer relays the chunks.
    #[wasm_bindgen(method, getter)]
    fn proxy(this: &Settings) -> bool;
    /// URLs of the masters that find the chunks.
    #[wasm_bindgen(method, getter)]
    fn masters(this: &Settings) -> Option<Array>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn fetch(this: &Settings) -> Option<Function>;
    /// The first request, if it was sent before the module was there.
    #[wasm_bindgen(method, getter)]
    pub(super) fn early(this: &Settings) -> Option<Work>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn locate(this: &Settings) -> Option<Function>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn token(this: &Settings) -> Option<Function>;
    #[wasm_bindgen(method, getter, js_name = filerToken)]
    pub(super) fn filer_token(this: &Settings) -> Option<Function>;
    /// Whether the options have a credential.
    #[wasm_bindgen(method, getter, js_name = isPrivate)]
    fn is_private(this: &Settings) -> bool;
    #[wasm_bindgen(method, getter, js_name = customerKey)]
    fn customer_key(this: &Settings) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter)]
    fn kek(this: &Settings) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter, js_name = onEvent)]
    pub(super) fn on_event(this: &Settings) -> Option<Function>;
    #[wasm_bindgen(method, getter, js_name = onProgress)]
    pub(super) fn on_progress(this: &Settings) -> Option<Function>;

    /// The settings of `openUrl`, which has more options.
    #[wasm_bindgen(extends = Settings)]
    #[derive(Debug)]
    pub type UrlSettings;

    /// Absent if the caller does not know it.
    #[wasm_bindgen(method, getter)]
    pub(super) fn size(this: &UrlSettings) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = chunkSize)]
    pub(super) fn chunk_size(this: &UrlSettings) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn name(this: &UrlSettings) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = type)]
    pub(super) fn media_type(this: &UrlSettings) -> Option<String>;
}

impl Settings {
    /// Whether no option finds the chunks.
    pub(super) fn has_no_locator(&self) -> bool {
        !self.proxy() && self.masters().is_none() && self.locate().is_none()
    }

    fn locator(&self) -> Locator {
        match self.masters() {
            Some(masters) => {
                let masters: Vec<String> = masters.iter().filter_map(|url| url.as_string()).collect();
                Locator::masters(masters.iter().map(String::as_str))
            }
            None if self.proxy() => Locator::proxy(&self.filer()),
            None => Locator::default(),
        }
    }

    pub(super) fn session(&self, pool: &CorePool) -> Session {
        Session {
            locator: self.locator(),
            pool: pool.pool(),
            is_private: self.is_private(),
            ..self.options().into()
        }
    }

    fn options(&self) -> Options {
        let defaults = Options::default();
        let numbers = self.numbers().to_vec();
        let mut numbers = numbers.into_iter().map(|number| Some(number).filter(|number| !number.is_nan()));
        let mut next = || numbers.next().flatten();
        // In this order.
        let is_auto = next() == Some(1.0);
        Options {
            concurrency: match next().map(|views| views as usize) {
                Some(max) if is_auto => Concurrency::Auto { max },
                Some(views) => Concurrency::Fixed(views),
                None => defaults.concurrency,
            },
            priority: match next() {
                Some(1.0) => Priority::High,
                Some(2.0) => Priority::Low,
                _ => Priority::Normal,
            },
            hedge: next().map_or(defaults.hedge, |hedge| hedge != 0.0),
            per_host: next().map_or(defaults.per_host, |requests| requests as usize),
            max_bytes_ahead: next().map_or(defaults.max_bytes_ahead, |bytes| bytes as u64),
            holes: if next() == Some(1.0) { Holes::Error } else { Holes::Zero },
            verify: match next() {
                Some(1.0) => Verify::Transit,
                Some(2.0) => Verify::Strict,
                Some(3.0) => Verify::Off,
                _ => Verify::Stream,
            },
            throttle: next(),
            max_metadata_bytes: next().map_or(defaults.max_metadata_bytes, |bytes| bytes as u64),
            retry: RetryPolicy {
                passes: next().map_or(defaults.retry.passes, |passes| passes as u32),
                base_delay: next().map_or(defaults.retry.base_delay, ms),
                max_delay: next().map_or(defaults.retry.max_delay, ms),
            },
            timeout: Timeout {
                headers: next().map_or(defaults.timeout.headers, ms),
                idle: next().map_or(defaults.timeout.idle, ms),
            },
            origins: match self.origins() {
                Some(list) => {
                    let list = list.iter().filter_map(|origin| origin.as_string());
                    Origins::only(list).unwrap_or(Origins::none())
                }
                None => Origins::default(),
            },
        }
    }

    /// The keys of S3 objects.
    pub(super) fn keys(&self) -> Keys {
        let key = |array: Option<Uint8Array>| CipherKey::new(&array?.to_vec());
        Keys { customer: key(self.customer_key()), kek: key(self.kek()) }
    }
}

fn ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX)
}
