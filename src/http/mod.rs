//! HTTP semantics as pure text: URLs, header fields, dates, conditional and range requests.
//!
//! No function here sends or receives anything. Requests and their response heads arrive as strings, and
//! decisions about them leave as values. The rules are those of RFC 9110 (semantics), 3986 (URLs), 6266
//! (names of files), 7519 (tokens) and 9457 (problem details); each file cites its sections.
//!
//! A text is searched for bytes or by parts, not for other texts: the search of the standard library for a text, which
//! `contains` of a `char` brings too, is a kilobyte of the module of a page.

pub(crate) mod base64;
pub(crate) mod content_disposition;
pub(crate) mod content_range;
pub(crate) mod date;
pub(crate) mod etag;
pub mod file_name;
pub mod headers;
pub(crate) mod hex;
pub mod jwt;
pub mod origins;
pub(crate) mod percent;
pub mod problem;
#[cfg_attr(
    not(any(feature = "native", feature = "component")),
    allow(dead_code, reason = "hosts whose platform follows no redirects use it")
)]
pub(crate) mod redirect;
pub mod respond;
pub(crate) mod script_types;
pub mod url;
