//! The generic manifest, from the object whose fields `js/manifest.js` has checked.

use js_sys::{Array, RangeError, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};

use crate::formats::manifest::{ChunkFields, Manifest, ManifestFields};

#[wasm_bindgen]
extern "C" {
    /// The user's manifest after `js/manifest.js` has checked the type of each field.
    #[derive(Debug)]
    pub type JsManifest;

    #[wasm_bindgen(method, getter)]
    fn size(this: &JsManifest) -> f64;
    #[wasm_bindgen(method, getter)]
    fn name(this: &JsManifest) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = type)]
    fn media_type(this: &JsManifest) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn etag(this: &JsManifest) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = lastModified)]
    fn last_modified(this: &JsManifest) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn chunks(this: &JsManifest) -> Array;

    type JsChunk;

    #[wasm_bindgen(method, getter)]
    fn urls(this: &JsChunk) -> Array;
    #[wasm_bindgen(method, getter)]
    fn offset(this: &JsChunk) -> f64;
    #[wasm_bindgen(method, getter, js_name = size)]
    fn chunk_size(this: &JsChunk) -> f64;
    #[wasm_bindgen(method, getter)]
    fn start(this: &JsChunk) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn end(this: &JsChunk) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn key(this: &JsChunk) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter)]
    fn gzip(this: &JsChunk) -> bool;
    #[wasm_bindgen(method, getter)]
    fn md5(this: &JsChunk) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter)]
    fn modified(this: &JsChunk) -> i64;
}

/// Reads a manifest. Throws a `RangeError` that names the field if the values of two fields do not agree.
pub(super) fn read(manifest: &JsManifest) -> Result<Manifest, JsValue> {
    let chunks = manifest.chunks().iter().map(|chunk| chunk_of(&chunk.unchecked_into())).collect();
    let fields = ManifestFields {
        size: manifest.size() as u64,
        name: manifest.name(),
        media_type: manifest.media_type(),
        etag: manifest.etag(),
        last_modified_ms: manifest.last_modified().map(|ms| ms as i64),
        chunks,
    };
    fields.check().map_err(|error| RangeError::new(&error.to_string()).into())
}

fn chunk_of(chunk: &JsChunk) -> ChunkFields {
    let range = chunk.start().zip(chunk.end()).map(|(start, end)| start as u64..end as u64);
    ChunkFields {
        urls: chunk.urls().iter().filter_map(|url| url.as_string()).collect(),
        offset: chunk.offset() as u64,
        size: chunk.chunk_size() as u64,
        range,
        key: chunk.key().map(|key| key.to_vec()),
        gzip: chunk.gzip(),
        md5: chunk.md5().map(|md5| md5.to_vec()),
        modified: chunk.modified(),
    }
}
