//! HTTP semantics as pure text: URLs, header fields, dates, conditional and range requests.

pub(crate) mod content_disposition;
pub(crate) mod content_range;
pub(crate) mod date;
pub(crate) mod etag;
pub mod jwt;
pub mod respond;
#[cfg_attr(
    not(feature = "component-gateway"),
    allow(dead_code, reason = "hosts whose platform knows no URLs use it")
)]
pub(crate) mod target;
pub mod url;
