//! The header field `Content-Range` (RFC 9110, section 14.4).

use crate::http::headers::{ByteRange, Headers};

/// The first byte, the byte after the last, and the length of the whole representation if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) total: Option<u64>,
}

/// Parses `bytes 0-99/500`; `None` for anything else, and for a range that no representation of this length has. The
/// unit may be in any case.
///
/// An empty range at the end is accepted, because SeaweedFS sends one (`bytes 5000-4999/5000`) in response to
/// `bytes=<size>-`, and `bytes 0--1/0` for an empty file.
pub(crate) fn parse(text: &str) -> Option<ContentRange> {
    let (unit, range) = text.trim().split_once(' ')?;
    let (range, total) = range.split_once('/').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let (first, last) = range.trim().split_once('-')?;
    let start = number(first)?;
    let end = if last == "-1" { 0 } else { number(last)?.checked_add(1)? };
    let total = match total.trim() {
        "*" => None,
        total => Some(number(total)?),
    };
    let is_possible = start < end && total.is_none_or(|total| end <= total);
    let is_empty = start == end && total == Some(end);
    (is_possible || is_empty).then_some(ContentRange { start, end, total })
}

/// Why a 206 with these headers does not answer a request for this range. What the headers do not show is believed.
pub(crate) fn fault(headers: &Headers, asked: Option<ByteRange>) -> Option<&'static str> {
    let Some(ByteRange { start, end }) = asked else {
        return Some("the server sent a part in response to a request for the whole");
    };
    match headers.content_range.as_deref().map(parse) {
        // RFC 9110, 14.6: several parts have a range each, and are not bytes of a file.
        None if headers.is_in_parts() => Some("the server sent multipart/byteranges"),
        None => None,
        Some(Some(sent)) if sent.start == start && end.is_none_or(|end| sent.end <= end) => None,
        Some(_) => Some("the server sent another range than the requested one"),
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    // F43, F131
    #[test]
    fn valid_ranges_are_parsed_and_invalid_ones_are_not() {
        let range = |start, end, total| Some(ContentRange { start, end, total });
        assert_eq!(parse("bytes 0-99/500"), range(0, 100, Some(500)));
        assert_eq!(parse("bytes 10-99/*"), range(10, 100, None));
        assert_eq!(parse("bytes 5000-4999/5000"), range(5000, 5000, Some(5000)));
        assert_eq!(parse("bytes 0--1/0"), range(0, 0, Some(0)));
        assert_eq!(parse(" Bytes 0-9/10"), range(0, 10, Some(10)));
        assert_eq!(parse("BYTES 9-9/*"), range(9, 10, None));
        for wrong in [
            "",
            "bytes */500",
            "bytes 9-3/10",
            "bytes 0-0/0",
            "bytes 0-10/10",
            "bytes 10-10/10",
            "bytes 5-4/10",
            "bytes 5-4/*",
            "bytes 1--1/0",
            "bytes +0-9/10",
            "bytes 0-9/",
            "bytes=0-9/10",
            "bytesx 0-9/10",
            "items 0-1/2",
            "bytes 0-99",
            "bytes -1-2/3",
            "bytes 0-18446744073709551615/*",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
