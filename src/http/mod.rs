//! HTTP semantics as pure text: URLs, header fields, dates, conditional and range requests.

pub(crate) mod content_disposition;
pub(crate) mod content_range;
pub(crate) mod date;
pub(crate) mod etag;
pub mod headers;
pub mod jwt;
pub mod problem;
#[cfg_attr(
    not(any(feature = "native", feature = "component")),
    allow(dead_code, reason = "hosts whose platform follows no redirects use it")
)]
pub(crate) mod redirect;
pub mod respond;
pub mod url;
