//! What a request over `wasi:http` is made of, in either version of WASI.

#[cfg(feature = "component-library")]
use super::bindings::wasi::http::types::Fields;
use crate::host::FetchError;

/// A request that failed, or a body that broke off. WASI's error codes are not passed on.
pub(super) const FAILED: FetchError = FetchError { cause: None };

/// A header field: name and value.
pub(super) type HeaderField = (String, Vec<u8>);

/// The parts of a URL that a request is made of.
pub(super) struct UrlParts<'a> {
    pub(super) is_https: bool,
    pub(super) authority: &'a str,
    /// The path with the query.
    pub(super) path: String,
}

/// Whether the host accepts these headers in a request.
#[cfg(feature = "component-library")]
pub(super) fn are_allowed(headers: &[HeaderField]) -> bool {
    Fields::from_list(headers).is_ok()
}

/// All lines of a field in one, as `Headers` of JavaScript joins them. Lines that are not UTF-8 are left out.
pub(super) fn joined(lines: Vec<Vec<u8>>) -> Option<String> {
    let lines: Vec<String> = lines.into_iter().filter_map(|line| String::from_utf8(line).ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
