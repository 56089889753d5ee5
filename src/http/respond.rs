//! The response to a request for a file (RFC 9110, sections 13 and 14; docs/design.md, Responses).
//!
//! [`respond`] takes a method, the conditional and range fields of a request, and what is known of the file.
//! It returns a status, the header fields, and the range of the file to send. It decides in this order:
//!
//! 1. A method other than GET and HEAD: 405.
//! 2. The conditions, in the order of RFC 9110, section 13.2.2: 412 or 304.
//! 3. The range, for GET only: 206 or 416. A malformed range and several ranges are ignored.
//! 4. Otherwise 200.
//!
//! A file may come from a person who may not act for the origin that serves it. So a type that can run script is sent
//! with a policy that runs none, and what the person stored as `Cache-Control` and `Content-Disposition` is sent only
//! as far as [`Representation::is_private`] and [`Presentation`] allow.
//!
//! The result needs no byte of the file, so a host can send the head of the response before it has read any.

use std::ops::Range;

pub use crate::http::content_disposition::Disposition;
use crate::http::{content_disposition, date, etag, file_name, script_types};

/// The fields of a request that decide about the response. Several lines of one field are joined with `, `.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestHeaders<'a> {
    /// `Range`.
    pub range: Option<&'a str>,
    /// `If-Range`.
    pub if_range: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a str>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a str>,
}

/// The same fields, owned: read from the headers of a platform.
#[derive(Clone, Debug, Default)]
pub struct Conditions([Option<String>; 6]);

impl Conditions {
    /// Reads each field with `get`, which takes its name in lower case.
    pub fn read(get: impl FnMut(&'static str) -> Option<String>) -> Self {
        let names =
            ["range", "if-range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since"];
        Self(names.map(get))
    }

    /// The fields in the form that [`respond`] takes.
    #[must_use]
    pub fn headers(&self) -> RequestHeaders<'_> {
        let [range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since] =
            self.0.each_ref().map(Option::as_deref);
        RequestHeaders { range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since }
    }
}

/// The metadata of a file: what is known before any byte is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation<'a> {
    /// Size in bytes.
    pub size: u64,
    /// Entity tag, quotes included.
    pub etag: Option<&'a str>,
    /// Time of the last modification, in milliseconds since 1970.
    pub last_modified_ms: Option<i64>,
    /// Media type. If it is not a valid header value, `application/octet-stream` is sent.
    pub media_type: &'a str,
    /// Name of the file; empty if it has none.
    pub name: &'a str,
    /// Header fields that are stored with the file. An empty or invalid value counts as absent.
    pub stored: &'a [(&'static str, String)],
    /// Whether the file could be read with a credential only. A cache that others share must not keep it then, whatever
    /// is stored with it.
    pub is_private: bool,
    /// What the caller wants a browser to do, instead of what is stored.
    pub presentation: Presentation<'a>,
}

/// How a response presents a file: its `Content-Disposition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presentation<'a> {
    /// Whether it is shown or saved; as stored if absent, else shown.
    pub disposition: Option<Disposition>,
    /// The name to save it under; that of the file if absent. Any text.
    pub name: Option<&'a str>,
}

/// The head of a response, and the range of the file that is its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200, 206, 304, 405, 412 or 416.
    pub status: u16,
    /// Header fields, with names in the case of RFC 9110.
    pub headers: Vec<(&'static str, String)>,
    /// Positions in the file; `None` for a response without a body.
    pub body: Option<Range<u64>>,
}

/// Decides the response to a request. Methods are case-sensitive, as in HTTP.
#[must_use]
pub fn respond(method: &str, headers: &RequestHeaders<'_>, file: &Representation<'_>) -> Reply {
    if !matches!(method, "GET" | "HEAD") {
        return Reply { status: 405, headers: vec![("Allow", "GET, HEAD".into())], body: None };
    }
    let last_modified = file.last_modified_ms.and_then(date::to_http);
    let (status, body) = match failed_condition(headers, file) {
        Some(status) => (status, None),
        None => select_range(method, headers, file, last_modified.as_deref()),
    };

    let mut reply = Reply { status, headers: Vec::new(), body: None };
    reply.add("ETag", file.etag);
    reply.add("Last-Modified", last_modified);
    if matches!(status, 200 | 206 | 304) {
        // Not with an error status: a cache would store the error for that lifetime.
        reply.add_lifetime(file);
    }
    if matches!(status, 304 | 412) {
        return reply;
    }
    reply.add("Accept-Ranges", Some("bytes"));
    let Some(body) = body else {
        reply.add("Content-Range", Some(format!("bytes */{}", file.size)));
        return reply;
    };
    if status == 206 {
        let last = body.end.saturating_sub(1);
        reply.add("Content-Range", Some(format!("bytes {}-{last}/{}", body.start, file.size)));
    }
    reply.add("Content-Length", Some(body.end.saturating_sub(body.start).to_string()));
    reply.add_content(file);
    reply.body = (method == "GET").then_some(body);
    reply
}

impl Reply {
    fn add(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        self.headers.extend(value.map(|value| (name, value.into())));
    }

    /// Adds how long caches may keep the response. What is private is not kept by caches that others share, and is
    /// checked with the file each time by the others.
    fn add_lifetime(&mut self, file: &Representation<'_>) {
        let stored = file.stored("Cache-Control");
        if file.is_private && !stored.is_some_and(forbids_sharing) {
            self.add("Cache-Control", Some("private, no-cache"));
        } else {
            self.add("Cache-Control", stored);
            self.add("Expires", file.stored("Expires"));
        }
    }

    /// Adds the fields that describe the content.
    fn add_content(&mut self, file: &Representation<'_>) {
        let media_type = Some(file.media_type).filter(|media_type| is_header(media_type));
        self.add("Content-Type", media_type.or(Some("application/octet-stream")));
        // A file of another user is served from the reader's own origin: browsers must not run a text as a
        // script.
        self.add("X-Content-Type-Options", Some("nosniff"));
        let runs_script = media_type.is_some_and(script_types::can_run_script);
        self.add("Content-Security-Policy", runs_script.then_some(script_types::POLICY));
        self.add("Content-Disposition", file.disposition());
        // The stored bytes are the encoded ones; size and ranges refer to them.
        self.add("Content-Encoding", file.stored("Content-Encoding"));
        self.add("Content-Language", file.stored("Content-Language"));
    }
}

impl<'a> Representation<'a> {
    fn stored(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.stored.iter().find(|(stored, _)| *stored == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty() && is_header(value))
    }
}

impl Representation<'_> {
    fn disposition(&self) -> Option<String> {
        let stored = self.stored("Content-Disposition");
        let Presentation { disposition, name } = self.presentation;
        let is_presented = disposition.is_some() || name.is_some();
        if let Some(stored) = stored.filter(|_| !is_presented) {
            return Some(stored.to_owned());
        }
        let name = name.unwrap_or(self.name);
        let disposition = disposition.or_else(|| stored.map(Disposition::of)).unwrap_or_default();
        let has_name = file_name::clean(name).is_some();
        (is_presented || has_name).then(|| content_disposition::write(disposition, name))
    }
}

/// Whether a `Cache-Control` keeps the response out of caches that others share. `private="field"` does not: it is about
/// that field alone (RFC 9111, section 5.2.2.7).
fn forbids_sharing(cache_control: &str) -> bool {
    let is = |directive: &str, name| directive.trim_ascii().eq_ignore_ascii_case(name);
    let has = |name| cache_control.split(',').any(|directive| is(directive, name));
    // A quoted text may contain what looks like a directive.
    !cache_control.as_bytes().contains(&b'"') && (has("no-store") || has("private") && !has("public"))
}

/// The status for the first condition that does not hold; `None` if all hold.
fn failed_condition(headers: &RequestHeaders<'_>, file: &Representation<'_>) -> Option<u16> {
    // Dates in headers have no milliseconds.
    let modified = file.last_modified_ms.map(|ms| ms.div_euclid(1000));
    let modified_after = |date: &str| Some(modified? > date::from_http(date)?);

    let holds = match (headers.if_match, headers.if_unmodified_since) {
        (Some(list), _) => etag::matches(list, file.etag, true),
        (None, Some(date)) => modified_after(date) != Some(true),
        (None, None) => true,
    };
    if !holds {
        return Some(412);
    }
    let holds = match (headers.if_none_match, headers.if_modified_since) {
        (Some(list), _) => !etag::matches(list, file.etag, false),
        (None, Some(date)) => modified_after(date) != Some(false),
        (None, None) => true,
    };
    (!holds).then_some(304)
}

/// Whether `If-Range` allows the range: it is absent, or it is the file's strong tag or exact date.
fn if_range_holds(if_range: Option<&str>, etag: Option<&str>, last_modified: Option<&str>) -> bool {
    match if_range.map(str::trim_ascii) {
        None => true,
        Some(validator) if etag::is_strong(validator) => Some(validator) == etag,
        Some(validator) => Some(validator) == last_modified,
    }
}

/// The status of a response whose conditions hold, and the bytes to send.
fn select_range(
    method: &str,
    headers: &RequestHeaders<'_>,
    file: &Representation<'_>,
    last_modified: Option<&str>,
) -> (u16, Option<Range<u64>>) {
    let range = headers
        .range
        .filter(|_| method == "GET" && if_range_holds(headers.if_range, file.etag, last_modified));
    match range.map_or(Selection::All, |range| parse_range(range, file.size)) {
        Selection::All => (200, Some(0..file.size)),
        Selection::Part(part) => (206, Some(part)),
        Selection::Unsatisfiable => (416, None),
    }
}

/// The part of a file that a `Range` field selects.
enum Selection {
    /// The whole file: the range is ignored.
    All,
    Part(Range<u64>),
    /// No byte of the file.
    Unsatisfiable,
}

/// Parses one range: `bytes=0-499`, `bytes=500-` or `bytes=-500`.
fn parse_range(text: &str, size: u64) -> Selection {
    let spec = text.split_once('=').filter(|(unit, _)| unit.trim_ascii().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = spec.and_then(|(_, spec)| spec.trim_ascii().split_once('-')) else {
        return Selection::All;
    };
    match (position(first), position(last)) {
        (Some(first), Some(last)) if first > last => Selection::All,
        (Some(first), Some(last)) if first < size => Selection::Part(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() && first < size => Selection::Part(first..size),
        (Some(_), Some(_)) => Selection::Unsatisfiable,
        (Some(_), None) if last.is_empty() => Selection::Unsatisfiable,
        (None, Some(0)) if first.is_empty() => Selection::Unsatisfiable,
        // No Content-Range can describe an empty part.
        (None, Some(suffix)) if first.is_empty() && size > 0 => {
            Selection::Part(size.saturating_sub(suffix)..size)
        }
        _ => Selection::All,
    }
}

/// A position in any number of digits. It saturates at a position that is beyond every file.
fn position(digits: &str) -> Option<u64> {
    let mut position = 0_u64;
    for digit in digits.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        position = position.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    }
    (!digits.is_empty()).then_some(position)
}

/// Whether a text is a valid value of a header field (RFC 9110, section 5.5): characters up to U+00FF, as
/// `Headers` of JavaScript accepts, and no control characters, for which Node throws.
pub(crate) fn is_header(value: &str) -> bool {
    value.chars().all(|c| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
}
