//! The answer to a request for a file (RFC 9110, sections 13 and 14; `design.md`, 5).

use std::ops::Range;

use crate::{date, etag};

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

/// What is known of a file before any byte of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHead<'a> {
    /// In bytes.
    pub size: u64,
    /// As a header writes it, quotes included.
    pub etag: Option<&'a str>,
    /// Milliseconds since 1970.
    pub last_modified_ms: Option<i64>,
    /// The media type; `application/octet-stream` is sent for one that no header can carry.
    pub media_type: &'a str,
    /// `Content-Disposition` as stored with the file; left out if no header can carry it.
    pub disposition: Option<&'a str>,
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
/// Conditions count in the order of RFC 9110, 13.2.2; a date in another form than
/// `Sun, 06 Nov 1994 08:49:37 GMT` is no condition. A range counts for GET only: a malformed one
/// and several give the whole file. Methods are compared by case, as HTTP does.
#[must_use]
pub fn respond(method: &str, headers: &RequestHeaders<'_>, file: &FileHead<'_>) -> Reply {
    if !matches!(method, "GET" | "HEAD") {
        return Reply { status: 405, headers: vec![("Allow", "GET, HEAD".into())], body: None };
    }
    let last_modified = file.last_modified_ms.and_then(date::to_http);
    let mut reply = Reply { status: 200, headers: Vec::new(), body: None };
    if let Some(etag) = file.etag {
        reply.add("ETag", etag);
    }
    if let Some(date) = &last_modified {
        reply.add("Last-Modified", date.as_str());
    }
    if let Some(status) = refused(headers, file) {
        reply.status = status;
        return reply;
    }

    reply.add("Accept-Ranges", "bytes");
    let wanted = match headers.range {
        Some(range)
            if method == "GET" && range_counts(headers.if_range, file.etag, last_modified.as_deref()) =>
        {
            one_range(range, file.size)
        }
        _ => Wanted::All,
    };
    let body = match wanted {
        Wanted::All => 0..file.size,
        Wanted::Part(part) => {
            reply.status = 206;
            reply.add(
                "Content-Range",
                format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), file.size),
            );
            part
        }
        Wanted::Nothing => {
            reply.status = 416;
            reply.add("Content-Range", format!("bytes */{}", file.size));
            return reply;
        }
    };
    reply.add("Content-Length", body.end.saturating_sub(body.start).to_string());
    reply.add(
        "Content-Type",
        Some(file.media_type).filter(|t| is_header(t)).unwrap_or("application/octet-stream"),
    );
    if let Some(disposition) = file.disposition.filter(|value| is_header(value)) {
        reply.add("Content-Disposition", disposition);
    }
    reply.body = (method == "GET").then_some(body);
    reply
}

impl Reply {
    fn add(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.push((name, value.into()));
    }
}

/// The status of the first condition that does not hold.
fn refused(headers: &RequestHeaders<'_>, file: &FileHead<'_>) -> Option<u16> {
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

/// Whether a header can carry a value: `Headers` of JavaScript takes characters up to U+00FF, and
/// none that would end the line.
pub(crate) fn is_header(value: &str) -> bool {
    value.chars().all(|c| c <= '\u{ff}' && !matches!(c, '\r' | '\n' | '\0'))
}
