//! The pool as JavaScript holds it: with the streams that it can close.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use wasm_bindgen::prelude::*;

use super::host::WebHost;
use crate::{
    error::{Error, Kind},
    pool::{Pool, PoolLimits},
    prefetch::Handle,
};

/// What the streams of a `Pool` share.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct CorePool {
    pool: Pool,
    streams: Streams,
}

/// Streams that can be closed together. Clones are handles on the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Rc<List>);

#[derive(Debug, Default)]
struct List {
    handles: RefCell<Vec<Handle<WebHost>>>,
    closed: Cell<bool>,
}

#[wasm_bindgen]
impl CorePool {
    /// A pool with these limits; `Infinity` is none.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(max_bytes: f64, per_host: f64, max_concurrency: f64) -> Self {
        let limits = PoolLimits {
            max_bytes: max_bytes as u64,
            per_host: per_host as usize,
            max_concurrency: max_concurrency as usize,
        };
        Self { pool: Pool::new(limits), streams: Streams::default() }
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

    /// Views in flight now.
    #[wasm_bindgen(js_name = inFlight)]
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.pool.in_flight() as u32
    }

    /// Makes every stream fail with `closed`.
    pub fn close(&self) {
        self.streams.close();
    }
}

impl CorePool {
    pub(super) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }
}

impl Streams {
    pub(super) fn add(&self, handle: Handle<WebHost>) {
        let mut handles = self.0.handles.borrow_mut();
        handles.retain(|handle| !handle.is_over());
        handles.push(handle);
    }

    pub(super) fn close(&self) {
        self.0.closed.set(true);
        // Taken out first: ending a stream calls back into JavaScript.
        let handles = self.0.handles.take();
        handles.iter().for_each(|handle| handle.fail(closed()));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.get()
    }
}

pub(super) fn closed() -> Error {
    Error::new(Kind::Closed, "it was closed")
}
