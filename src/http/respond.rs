//! The answer to a request for a file (RFC 9110, sections 13 and 14; `design.md`, 5).

use std::ops::Range;

use crate::http::{content_disposition, date, etag};

/// The fields of a request that count. Several lines of one field are joined with `, `.
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

/// Those fields as a platform gave them.
#[derive(Clone, Debug, Default)]
pub struct Conditions([Option<String>; 6]);

impl Conditions {
    /// Asks for each field by its name.
    pub fn read(get: impl FnMut(&'static str) -> Option<String>) -> Self {
        let names =
            ["range", "if-range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since"];
        Self(names.map(get))
    }

    /// As [`respond`] takes them.
    #[must_use]
    pub fn headers(&self) -> RequestHeaders<'_> {
        let [range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since] =
            self.0.each_ref().map(Option::as_deref);
        RequestHeaders { range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since }
    }
}

/// What is known of a file before any byte of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation<'a> {
    /// In bytes.
    pub size: u64,
    /// As a header writes it, quotes included.
    pub etag: Option<&'a str>,
    /// Milliseconds since 1970.
    pub last_modified_ms: Option<i64>,
    /// The media type; `application/octet-stream` is sent for one that no header can carry.
    pub media_type: &'a str,
    /// What a reader may save it as; empty if it has none.
    pub name: &'a str,
    /// Headers that are stored with the file ([`crate::formats::seaweedfs::entry::Entry::served`]). An empty one, and one that no
    /// header can carry, counts as none.
    pub stored: &'a [(&'static str, String)],
}

/// A status, its headers, and which bytes of the file follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200, 206, 304, 405, 412 or 416.
    pub status: u16,
    /// Names in the case that RFC 9110 gives them.
    pub headers: Vec<(&'static str, String)>,
    /// Positions in the file; `None` where there is no body at all.
    pub body: Option<Range<u64>>,
}

/// Answers a request.
///
/// Conditions count in the order of RFC 9110, 13.2.2. A range counts for GET only: a malformed one
/// and several give the whole file. Methods are compared by case, as HTTP does.
#[must_use]
pub fn respond(method: &str, headers: &RequestHeaders<'_>, file: &Representation<'_>) -> Reply {
    if !matches!(method, "GET" | "HEAD") {
        return Reply { status: 405, headers: vec![("Allow", "GET, HEAD".into())], body: None };
    }
    let last_modified = file.last_modified_ms.and_then(date::to_http);
    let (status, body) = match refused(headers, file) {
        Some(status) => (status, None),
        None => wanted(method, headers, file, last_modified.as_deref()),
    };

    let mut reply = Reply { status, headers: Vec::new(), body: None };
    reply.add("ETag", file.etag);
    reply.add("Last-Modified", last_modified);
    if matches!(status, 200 | 206 | 304) {
        // Of these three alone: with a lifetime of its own, a cache would keep a refusal too.
        reply.add("Cache-Control", file.stored("Cache-Control"));
        reply.add("Expires", file.stored("Expires"));
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

    /// Says what the bytes are.
    fn add_content(&mut self, file: &Representation<'_>) {
        let media_type = Some(file.media_type).filter(|media_type| is_header(media_type));
        self.add("Content-Type", media_type.or(Some("application/octet-stream")));
        // They may be anyone's, and are served from the reader's own origin: a text is no script.
        self.add("X-Content-Type-Options", Some("nosniff"));
        let named = || (!file.name.is_empty()).then(|| content_disposition::inline(file.name));
        let disposition = file.stored("Content-Disposition").map(str::to_owned);
        self.add("Content-Disposition", disposition.or_else(named));
        // The bytes of the file are the encoded ones, and so are its size and its ranges.
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

/// The status of the first condition that does not hold.
fn refused(headers: &RequestHeaders<'_>, file: &Representation<'_>) -> Option<u16> {
    // Headers know no milliseconds.
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

/// Whether the range is of the file that the client has the rest of: `If-Range` is its strong tag
/// or its exact date.
fn range_counts(if_range: Option<&str>, etag: Option<&str>, last_modified: Option<&str>) -> bool {
    match if_range.map(str::trim_ascii) {
        None => true,
        Some(validator) if etag::is_strong(validator) => Some(validator) == etag,
        Some(validator) => Some(validator) == last_modified,
    }
}

/// The status of what a request wants, and which bytes that are.
fn wanted(
    method: &str,
    headers: &RequestHeaders<'_>,
    file: &Representation<'_>,
    last_modified: Option<&str>,
) -> (u16, Option<Range<u64>>) {
    let range =
        headers.range.filter(|_| method == "GET" && range_counts(headers.if_range, file.etag, last_modified));
    match range.map_or(Wanted::All, |range| one_range(range, file.size)) {
        Wanted::All => (200, Some(0..file.size)),
        Wanted::Part(part) => (206, Some(part)),
        Wanted::Nothing => (416, None),
    }
}

enum Wanted {
    All,
    Part(Range<u64>),
    Nothing,
}

/// Which bytes one range wants: `bytes=0-499`, `bytes=500-` or `bytes=-500`.
fn one_range(text: &str, size: u64) -> Wanted {
    let spec = text.split_once('=').filter(|(unit, _)| unit.trim_ascii().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = spec.and_then(|(_, spec)| spec.trim_ascii().split_once('-')) else {
        return Wanted::All;
    };
    match (position(first), position(last)) {
        (Some(first), Some(last)) if first > last => Wanted::All,
        (Some(first), Some(last)) if first < size => Wanted::Part(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() && first < size => Wanted::Part(first..size),
        (Some(_), Some(_)) => Wanted::Nothing,
        (Some(_), None) if last.is_empty() => Wanted::Nothing,
        (None, Some(0)) if first.is_empty() => Wanted::Nothing,
        // No Content-Range can tell an empty part.
        (None, Some(suffix)) if first.is_empty() && size > 0 => {
            Wanted::Part(size.saturating_sub(suffix)..size)
        }
        _ => Wanted::All,
    }
}

/// A position in digits, however many: what is beyond any file stays beyond it.
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

/// Whether a header can carry a value (RFC 9110, 5.5): characters up to U+00FF, which is what
/// `Headers` of JavaScript takes, and no control characters, at which Node throws.
pub(crate) fn is_header(value: &str) -> bool {
    value.chars().all(|c| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
}
