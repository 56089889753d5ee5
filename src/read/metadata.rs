//! The metadata of a file.

use crate::http::respond::{Presentation, Representation};

/// The metadata of a file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Size in bytes.
    pub size: u64,
    /// File name; empty if the file has none.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Entity tag as in the header `ETag`, with its quotes.
    pub etag: Option<String>,
    /// Time of the last modification, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// Response headers that are stored with the file.
    pub stored: Vec<(&'static str, String)>,
}

impl Metadata {
    /// The representation that a response to a request for this file describes, if anyone may read it.
    #[must_use]
    pub fn as_served(&self) -> Representation<'_> {
        Representation {
            size: self.size,
            etag: self.etag.as_deref(),
            last_modified_ms: self.modified_ms,
            media_type: &self.media_type,
            name: &self.name,
            stored: &self.stored,
            is_private: false,
            presentation: Presentation::default(),
        }
    }
}
