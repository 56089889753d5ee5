//! The generic manifest, from what `js/manifest.js` has checked. It packs the chunks into four values, whatever their number.

use js_sys::{BigInt64Array, Float64Array, RangeError, Uint8Array};
use wasm_bindgen::prelude::*;

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

    /// Eight numbers for each chunk: how many URLs it has, offset, size, start and end of its range, whether it is gzip, the
    /// lengths of key and MD5. What is absent is -1.
    #[wasm_bindgen(method, getter)]
    fn numbers(this: &JsManifest) -> Float64Array;
    /// The URLs of all chunks, separated by line breaks.
    #[wasm_bindgen(method, getter)]
    fn urls(this: &JsManifest) -> String;
    /// Key and MD5 of all chunks.
    #[wasm_bindgen(method, getter)]
    fn bytes(this: &JsManifest) -> Uint8Array;
    /// The version of each chunk.
    #[wasm_bindgen(method, getter)]
    fn modified(this: &JsManifest) -> BigInt64Array;
}

/// Reads a manifest. Throws a `RangeError` that names the field if the values of two fields do not agree.
pub(super) fn read(manifest: &JsManifest) -> Result<Manifest, JsValue> {
    let fields = ManifestFields {
        size: manifest.size() as u64,
        name: manifest.name(),
        media_type: manifest.media_type(),
        etag: manifest.etag(),
        last_modified_ms: manifest.last_modified().map(|ms| ms as i64),
        chunks: chunks_of(manifest),
    };
    fields.check().map_err(|error| RangeError::new(&error.to_string()).into())
}

fn chunks_of(manifest: &JsManifest) -> Vec<ChunkFields> {
    let (numbers, text, bytes) = (manifest.numbers().to_vec(), manifest.urls(), manifest.bytes().to_vec());
    let (mut urls, mut bytes) = (text.split('\n'), bytes.iter().copied());
    let mut take = |len: f64| (len >= 0.0).then(|| bytes.by_ref().take(len as usize).collect());
    let chunk =
        |(&[count, offset, size, start, end, gzip, key, md5], modified): (&[f64; 8], i64)| ChunkFields {
            urls: urls.by_ref().take(count as usize).map(str::to_owned).collect(),
            offset: offset as u64,
            size: size as u64,
            range: (start >= 0.0).then_some(start as u64..end as u64),
            key: take(key),
            gzip: gzip > 0.0,
            md5: take(md5),
            modified,
        };
    numbers.as_chunks().0.iter().zip(manifest.modified().to_vec()).map(chunk).collect()
}
