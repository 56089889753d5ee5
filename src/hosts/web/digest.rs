//! Digests of chunks, which `js/codec/digests.js` computes for several chunks at a time.

use std::{fmt, future::Future};

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::ticket::Call;
use crate::{
    host::{Algorithm, Checksum, DecodeError},
    model::chunk::Ctr,
};

#[wasm_bindgen(module = "/js/codec/digests.js")]
extern "C" {
    /// A digest in progress. Its bytes stay in the arrays of JavaScript until a step digests them.
    #[derive(Clone, Debug)]
    pub(super) type JsDigest;

    #[wasm_bindgen(catch, js_name = digest)]
    fn new_digest(is_crc32c: bool) -> Result<JsDigest, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn update(this: &JsDigest, bytes: &Uint8Array) -> Result<f64, JsValue>;
    #[wasm_bindgen(method)]
    fn free(this: &JsDigest);
    /// Reports the number, or the bytes as the characters of a text.
    #[wasm_bindgen(js_name = reportValue)]
    fn report_value(digest: &JsDigest, ticket: u32);
    /// The bytes, or a promise of them until they are digested up to this end.
    fn leave(digest: &JsDigest, end: f64, bytes: &Uint8Array) -> JsValue;
    /// Computes the values that were asked for at the end of this turn.
    pub(super) fn hurry();
    #[wasm_bindgen(js_name = applyCtr)]
    fn apply_ctr(bytes: &Uint8Array, key: &Uint8Array, iv: &Uint8Array, at: f64) -> Uint8Array;
}

/// The digest of a chunk; none if there was no memory for it.
pub struct WebDigest(Option<JsDigest>);

impl WebDigest {
    /// A digest of no bytes so far. The codec module must be there.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(new_digest(algorithm == Algorithm::Crc32c).ok())
    }
}

impl WebDigest {
    /// Registers the bytes of a piece.
    pub(super) fn register(&mut self, bytes: &Uint8Array) -> Option<Mark> {
        let digest = self.0.clone()?;
        let end = digest.update(bytes);
        if end.is_err() {
            self.0 = None;
        }
        end.ok().map(|end| Mark { digest, end })
    }

    /// The digest of all registered bytes.
    pub(super) fn current(&self) -> impl Future<Output = Result<Checksum, DecodeError>> + use<> {
        let call = self.0.as_ref().map(|digest| {
            Call::new(|ticket| {
                report_value(digest, ticket);
                None
            })
        });
        async move {
            let value = call.ok_or(DecodeError::Interrupted)?.value().await;
            let (number, text) = value.map_err(|_| DecodeError::Interrupted)?;
            if text.is_empty() {
                return Ok(Checksum::Crc32c(number));
            }
            let bytes: Vec<u8> = text.chars().map(|byte| byte as u8).collect();
            bytes.try_into().map(Checksum::Md5).map_err(|_| DecodeError::Interrupted)
        }
    }
}

impl Drop for WebDigest {
    fn drop(&mut self) {
        if let Some(digest) = &self.0 {
            digest.free();
        }
    }
}

impl fmt::Debug for WebDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebDigest").finish_non_exhaustive()
    }
}

/// The place of a piece in a digest: its bytes must not leave before they are digested.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    digest: JsDigest,
    /// Position after its last byte.
    end: f64,
}

impl Mark {
    /// The mark of the bytes before the last `count`.
    pub(super) fn before(&self, count: usize) -> Self {
        Self { digest: self.digest.clone(), end: self.end - count as f64 }
    }

    /// The bytes that it marks, once they are digested; a promise of them if other tasks run meanwhile, because there are many.
    pub(super) fn leave(&self, bytes: &Uint8Array) -> JsValue {
        leave(&self.digest, self.end, bytes)
    }
}

/// A copy of `bytes` without the key stream; `at` is the position of the first one in the chunk.
pub(super) fn without_key_stream(bytes: &Uint8Array, ctr: &Ctr, at: u64) -> Uint8Array {
    let (key, iv) = (Uint8Array::from(&ctr.key().bytes()[..]), Uint8Array::from(&ctr.iv()[..]));
    apply_ctr(bytes, &key, &iv, at as f64 + f64::from(ctr.skip()))
}
