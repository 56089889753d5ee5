//! The header field `Content-Range` (RFC 9110, section 14.4).

/// The first byte, the byte after the last, and the length of the whole representation if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) total: Option<u64>,
}

/// Parses `bytes 0-99/500`; `None` for anything else.
///
/// An empty range is accepted, because SeaweedFS sends one (`bytes 5000-4999/5000`) in response to
/// `bytes=<size>-`.
pub(crate) fn parse(text: &str) -> Option<ContentRange> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let start: u64 = first.parse().ok()?;
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (start <= end).then_some(ContentRange { start, end, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    // F43
    #[test]
    fn valid_ranges_are_parsed_and_invalid_ones_are_not() {
        let range = |start, end, total| Some(ContentRange { start, end, total });
        assert_eq!(parse("bytes 0-99/500"), range(0, 100, Some(500)));
        assert_eq!(parse("bytes 10-99/*"), range(10, 100, None));
        assert_eq!(parse("bytes 5000-4999/5000"), range(5000, 5000, Some(5000)));
        for wrong in [
            "",
            "bytes */500",
            "bytes 9-3/10",
            "items 0-1/2",
            "bytes 0-99",
            "bytes -1-2/3",
            "bytes 0-18446744073709551615/*",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
