//! The generic manifest as JSON.

use serde_json::Value;

use crate::{
    error::{Error, Kind},
    formats::manifest::{ChunkFields, Manifest, ManifestFields},
    http::base64,
};

impl Manifest {
    /// Parses the `Manifest` of the JavaScript API, written as JSON: keys and digests are base64.
    ///
    /// # Errors
    ///
    /// [`Kind::Manifest`]; the message names the field that is missing or wrong.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let wrong = |message: String| Error::new(Kind::Manifest, message);
        let json: Value =
            serde_json::from_slice(text).map_err(|_| wrong("the manifest is not valid JSON".into()))?;
        let fields =
            fields(&json).map_err(|field| wrong(format!("{field} is missing or of the wrong type")))?;
        fields.check().map_err(|error| wrong(error.to_string()))
    }
}

fn fields(json: &Value) -> Result<ManifestFields, String> {
    let chunks = json.get("chunks").and_then(Value::as_array).ok_or("chunks")?;
    let chunks = chunks
        .iter()
        .enumerate()
        .map(|(at, chunk)| chunk_of(chunk).map_err(|field| format!("chunks[{at}].{field}")));
    Ok(ManifestFields {
        size: required(json, "size")?,
        name: optional(json, "name", text)?,
        media_type: optional(json, "type", text)?,
        etag: optional(json, "etag", text)?,
        last_modified_ms: optional(json, "lastModified", Value::as_i64)?,
        chunks: chunks.collect::<Result<_, _>>()?,
    })
}

fn chunk_of(json: &Value) -> Result<ChunkFields, &'static str> {
    let urls = json.get("urls").and_then(Value::as_array).ok_or("urls")?;
    let range = match json.get("range") {
        None | Some(Value::Null) => None,
        Some(range) => Some(required(range, "start")?..required(range, "end")?),
    };
    Ok(ChunkFields {
        urls: urls.iter().map(text).collect::<Option<_>>().ok_or("urls")?,
        offset: required(json, "offset")?,
        size: required(json, "size")?,
        range,
        key: optional(json, "key", bytes)?,
        gzip: optional(json, "compression", |value| (value == "gzip").then_some(true))?.unwrap_or_default(),
        md5: optional(json, "md5", bytes)?,
        modified: optional(json, "modified", Value::as_i64)?.unwrap_or_default(),
    })
}

fn required(json: &Value, name: &'static str) -> Result<u64, &'static str> {
    json.get(name).and_then(Value::as_u64).ok_or(name)
}

fn optional<T>(
    json: &Value,
    name: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    match json.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or(name),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    base64::decode(value.as_str()?)
}
