//! A scalar JSON value, and its conversion to the type of a field.

use crate::{formats::seaweedfs::error::Reason, http::base64};

/// A JSON value. `Other` stands for a fraction, an array or an object: no field of an entry takes one as its
/// value.
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Other,
    String(&'a str),
}

/// The expected type of a field, for the error message.
fn expected(field: &str) -> &'static str {
    match field {
        "FullPath" | "Mtime" | "Mime" | "SymlinkTarget" | "remote_e_tag" | "file_id" | "e_tag"
        | "algorithm" | "keyMD5" => "a string",
        "is_compressed" | "is_chunk_manifest" => "a boolean",
        "Mode" | "FileSize" | "remote_size" | "offset" | "size" | "modified_ts_ns" | "sse_type"
        | "volume_id" | "file_key" | "cookie" | "partOffset" => "an integer in the range of its type",
        _ => "base64",
    }
}

impl Value<'_> {
    pub(super) fn text(&self, field: &str) -> Result<&str, Reason> {
        match self {
            Self::String(text) => Ok(text),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    pub(super) fn unsigned(&self, field: &str) -> Result<u64, Reason> {
        match *self {
            Self::Unsigned(number) => Ok(number),
            Self::Negative(_) => Err(Reason::Negative),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    pub(super) fn number<N: TryFrom<u64>>(&self, field: &str) -> Result<N, Reason> {
        self.unsigned(field)?.try_into().map_err(|_| Reason::Not(expected(field)))
    }

    pub(super) fn bool(&self, field: &str) -> Result<bool, Reason> {
        match *self {
            Self::Bool(flag) => Ok(flag),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    /// Bytes in base64. Go writes `null` for no bytes.
    pub(super) fn bytes(&self, field: &str) -> Result<Vec<u8>, Reason> {
        match self {
            Self::Null => Ok(Vec::new()),
            Self::String(text) => base64::decode(text).ok_or_else(|| Reason::Not(expected(field))),
            _ => Err(Reason::Not(expected(field))),
        }
    }

    /// A block of 16 bytes in base64; no bytes count as no block.
    pub(super) fn block(&self, field: &str) -> Result<Option<[u8; 16]>, Reason> {
        let bytes = self.bytes(field)?;
        match bytes.is_empty() {
            true => Ok(None),
            false => bytes.try_into().map(Some).map_err(|_| Reason::Not("16 bytes in base64")),
        }
    }
}
