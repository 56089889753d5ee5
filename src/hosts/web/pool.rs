//! The pool for JavaScript, with the streams that it closes, and the decoded chunks that are kept for them.

use wasm_bindgen::prelude::*;

use super::host::WebHost;
use crate::{
    read::streams::Streams,
    schedule::pool::{Pool, PoolLimits},
};

/// A `Pool`: what the streams of several files share.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct CorePool {
    pool: Pool,
    streams: Streams<WebHost>,
}

#[wasm_bindgen]
impl CorePool {
    /// A pool with these limits. An absent limit has its default.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        max_bytes: Option<f64>,
        per_host: Option<f64>,
        max_concurrency: Option<f64>,
        max_chunk_bytes: Option<f64>,
        max_cache_bytes: Option<f64>,
    ) -> Self {
        let defaults = PoolLimits::default();
        let limits = PoolLimits {
            max_bytes: max_bytes.map_or(defaults.max_bytes, |bytes| bytes as u64),
            per_host: per_host.map_or(defaults.per_host, |requests| requests as usize),
            max_concurrency: max_concurrency.map_or(defaults.max_concurrency, |views| views as usize),
            max_chunk_bytes: max_chunk_bytes.map_or(defaults.max_chunk_bytes, |bytes| bytes as u64),
            max_cache_bytes: max_cache_bytes.map_or(defaults.max_cache_bytes, |bytes| bytes as u64),
        };
        Self { streams: Streams::keeping(limits.max_cache_bytes), pool: Pool::new(limits) }
    }

    /// Bytes held or promised now.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.pool.bytes() as f64
    }

    /// The most that `bytes` has been.
    #[wasm_bindgen(js_name = peakBytes)]
    #[must_use]
    pub fn peak_bytes(&self) -> f64 {
        self.pool.peak_bytes() as f64
    }

    /// Bytes of decoded chunks that are kept.
    #[wasm_bindgen(js_name = cachedBytes)]
    #[must_use]
    pub fn cached_bytes(&self) -> f64 {
        self.streams.kept().bytes() as f64
    }

    /// Views in flight now.
    #[wasm_bindgen(js_name = inFlight)]
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.pool.in_flight() as u32
    }

    /// Makes every stream fail with `closed`, and drops what is kept.
    pub fn close(&self) {
        self.streams.close();
    }
}

impl CorePool {
    pub(super) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    pub(super) fn streams(&self) -> &Streams<WebHost> {
        &self.streams
    }
}
