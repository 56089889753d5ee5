//! The answers that a file gives to requests, as RFC 9110 wants them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may say what it expects"
)]

use std::ops::Range;

use kelp_stream::respond::{FileHead, Reply, RequestHeaders, respond};
use proptest::prelude::*;

const ETAG: &str = "\"abc\"";
/// Half a second after the date that the header shows.
const MODIFIED_MS: i64 = 784_111_777_500;
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

const FILE: FileHead<'_> = FileHead {
    size: 1000,
    etag: Some(ETAG),
    last_modified_ms: Some(MODIFIED_MS),
    media_type: "video/webm",
    disposition: None,
};
const NONE: RequestHeaders<'_> = RequestHeaders {
    range: None,
    if_range: None,
    if_none_match: None,
    if_match: None,
    if_modified_since: None,
    if_unmodified_since: None,
};

fn get(headers: RequestHeaders<'_>) -> Reply {
    respond("GET", &headers, &FILE)
}

fn range(text: &str) -> Reply {
    get(RequestHeaders { range: Some(text), ..NONE })
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut found = reply.headers.iter().filter(|(key, _)| *key == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

fn names(reply: &Reply) -> Vec<&'static str> {
    let mut names: Vec<_> = reply.headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_request_without_conditions_gets_the_whole_file() {
    let reply = get(NONE);
    assert_eq!((reply.status, reply.body.clone()), (200, Some(0..1000)));
    for (name, value) in [
        ("Accept-Ranges", "bytes"),
        ("Content-Length", "1000"),
        ("Content-Type", "video/webm"),
        ("ETag", ETAG),
        ("Last-Modified", MODIFIED),
    ] {
        assert_eq!(header(&reply, name), Some(value), "{name}");
    }
    assert_eq!(reply.headers.len(), 5);
}

#[test]
fn what_is_not_known_is_not_said() {
    let reply = respond("GET", &NONE, &FileHead { etag: None, last_modified_ms: None, ..FILE });
    assert_eq!(names(&reply), ["Accept-Ranges", "Content-Length", "Content-Type"]);
    let year_10000 = FileHead { last_modified_ms: Some(253_402_300_800_000), ..FILE };
    assert_eq!(header(&respond("GET", &NONE, &year_10000), "Last-Modified"), None);
}

#[test]
fn a_range_gets_its_part() {
    for (text, part, content_range) in [
        ("bytes=0-0", 0..1, "bytes 0-0/1000"),
        ("bytes=0-499", 0..500, "bytes 0-499/1000"),
        ("bytes=500-", 500..1000, "bytes 500-999/1000"),
        ("bytes=0-", 0..1000, "bytes 0-999/1000"),
        ("bytes=999-999", 999..1000, "bytes 999-999/1000"),
        ("bytes=999-5000", 999..1000, "bytes 999-999/1000"),
        ("bytes=0-18446744073709551615", 0..1000, "bytes 0-999/1000"),
        ("bytes=5-99999999999999999999999999", 5..1000, "bytes 5-999/1000"),
        ("bytes=-1", 999..1000, "bytes 999-999/1000"),
        ("bytes=-1000", 0..1000, "bytes 0-999/1000"),
        ("bytes=-5000", 0..1000, "bytes 0-999/1000"),
        ("bytes=-99999999999999999999999999", 0..1000, "bytes 0-999/1000"),
        ("bytes=00000000000000000000001-2", 1..3, "bytes 1-2/1000"),
        ("BYTES=1-2", 1..3, "bytes 1-2/1000"),
        (" bytes=1-2 ", 1..3, "bytes 1-2/1000"),
    ] {
        let reply = range(text);
        assert_eq!((reply.status, reply.body.clone()), (206, Some(part.clone())), "{text}");
        assert_eq!(header(&reply, "Content-Range"), Some(content_range), "{text}");
        assert_eq!(
            header(&reply, "Content-Length"),
            Some((part.end - part.start).to_string().as_str()),
            "{text}"
        );
        assert_eq!(header(&reply, "Content-Type"), Some("video/webm"));
        assert_eq!((header(&reply, "ETag"), header(&reply, "Last-Modified")), (Some(ETAG), Some(MODIFIED)));
        assert_eq!(header(&reply, "Accept-Ranges"), Some("bytes"));
    }
}

#[test]
fn a_malformed_range_and_several_get_the_whole_file() {
    for text in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=2-1",
        "bytes=--1",
        "bytes=1--2",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1-2x",
        "bytes=0x1-2",
        "bytes=1.0-2",
        "bytes= 1 - 2",
        "bytes:1-2",
        "bits=1-2",
        "bytes 1-2",
        "=1-2",
        "bytes=1-2,4-5",
        "bytes=0-,",
        "bytes=-1,-2",
        "bytes=-5-",
        "1-2",
        "bytes=５-６",
        "items=0-1",
    ] {
        let reply = range(text);
        assert_eq!((reply.status, reply.body.clone()), (200, Some(0..1000)), "{text}");
        assert_eq!(header(&reply, "Content-Range"), None, "{text}");
    }
}

#[test]
fn a_range_that_begins_behind_the_end_is_refused() {
    for text in [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=99999999999999999999999999-",
        "bytes=18446744073709551620-",
        "bytes=-0",
    ] {
        let reply = range(text);
        assert_eq!((reply.status, reply.body.clone()), (416, None), "{text}");
        assert_eq!(header(&reply, "Content-Range"), Some("bytes */1000"), "{text}");
        assert!(header(&reply, "Content-Length").is_none() && header(&reply, "Content-Type").is_none());
    }
}

#[test]
fn an_empty_file_has_no_part() {
    let empty = FileHead { size: 0, ..FILE };
    let status = |text| respond("GET", &RequestHeaders { range: Some(text), ..NONE }, &empty).status;
    assert_eq!((status("bytes=0-"), status("bytes=0-0"), status("bytes=-0")), (416, 416, 416));
    // It can be given from the end, and no Content-Range can say so.
    assert_eq!(status("bytes=-5"), 200);
    let reply = respond("GET", &NONE, &empty);
    assert_eq!(
        (reply.status, reply.body.clone(), header(&reply, "Content-Length")),
        (200, Some(0..0), Some("0"))
    );
}

#[test]
fn head_gets_the_headers_of_the_whole_and_no_body() {
    for headers in [
        NONE,
        RequestHeaders { range: Some("bytes=1-2"), ..NONE },
        RequestHeaders { range: Some("bytes=5000-"), ..NONE },
    ] {
        let reply = respond("HEAD", &headers, &FILE);
        assert_eq!((reply.status, reply.body.clone()), (200, None));
        assert_eq!(reply.headers, get(NONE).headers);
    }
    assert_eq!(respond("HEAD", &RequestHeaders { if_none_match: Some(ETAG), ..NONE }, &FILE).status, 304);
    assert_eq!(respond("HEAD", &RequestHeaders { if_match: Some("\"x\""), ..NONE }, &FILE).status, 412);
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "GET "] {
        let conditions = RequestHeaders { if_match: Some("\"x\""), if_none_match: Some("*"), ..NONE };
        for headers in [NONE, conditions] {
            let reply = respond(method, &headers, &FILE);
            assert_eq!(
                reply,
                Reply { status: 405, headers: vec![("Allow", "GET, HEAD".into())], body: None },
                "{method}"
            );
        }
    }
}

#[test]
fn each_condition_has_its_status() {
    let h = NONE;
    let table: &[(RequestHeaders<'_>, u16)] = &[
        // If-Match: strong.
        (RequestHeaders { if_match: Some(ETAG), ..h }, 200),
        (RequestHeaders { if_match: Some("\"x\", \"abc\""), ..h }, 200),
        (RequestHeaders { if_match: Some("*"), ..h }, 200),
        (RequestHeaders { if_match: Some("\"x\""), ..h }, 412),
        (RequestHeaders { if_match: Some("W/\"abc\""), ..h }, 412),
        (RequestHeaders { if_match: Some("abc"), ..h }, 412),
        (RequestHeaders { if_match: Some(""), ..h }, 412),
        // If-None-Match: weak.
        (RequestHeaders { if_none_match: Some(ETAG), ..h }, 304),
        (RequestHeaders { if_none_match: Some("W/\"abc\""), ..h }, 304),
        (RequestHeaders { if_none_match: Some("\"x\",W/\"abc\""), ..h }, 304),
        (RequestHeaders { if_none_match: Some("*"), ..h }, 304),
        (RequestHeaders { if_none_match: Some("\"x\""), ..h }, 200),
        (RequestHeaders { if_none_match: Some("abc"), ..h }, 200),
        // Dates, to the second.
        (RequestHeaders { if_modified_since: Some(EARLIER), ..h }, 200),
        (RequestHeaders { if_modified_since: Some(MODIFIED), ..h }, 304),
        (RequestHeaders { if_modified_since: Some(LATER), ..h }, 304),
        (RequestHeaders { if_unmodified_since: Some(EARLIER), ..h }, 412),
        (RequestHeaders { if_unmodified_since: Some(MODIFIED), ..h }, 200),
        (RequestHeaders { if_unmodified_since: Some(LATER), ..h }, 200),
        // The obsolete forms count too; what is no date is no condition.
        (RequestHeaders { if_modified_since: Some("Sunday, 06-Nov-94 08:49:36 GMT"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some("Sunday, 06-Nov-94 08:49:37 GMT"), ..h }, 304),
        (RequestHeaders { if_unmodified_since: Some("Sun Nov  6 08:49:36 1994"), ..h }, 412),
        (RequestHeaders { if_unmodified_since: Some("Sun Nov  6 08:49:37 1994"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some(""), if_unmodified_since: Some("0"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some("1994-11-06T08:49:38Z"), ..h }, 200),
        // A tag counts before a date.
        (RequestHeaders { if_match: Some(ETAG), if_unmodified_since: Some(EARLIER), ..h }, 200),
        (RequestHeaders { if_match: Some("\"x\""), if_unmodified_since: Some(LATER), ..h }, 412),
        (RequestHeaders { if_none_match: Some("\"x\""), if_modified_since: Some(LATER), ..h }, 200),
        (RequestHeaders { if_none_match: Some(ETAG), if_modified_since: Some(EARLIER), ..h }, 304),
        // 412 before 304, and both before the range.
        (RequestHeaders { if_match: Some("\"x\""), if_none_match: Some(ETAG), ..h }, 412),
        (RequestHeaders { if_match: Some(ETAG), if_none_match: Some(ETAG), ..h }, 304),
        (RequestHeaders { if_unmodified_since: Some(EARLIER), if_modified_since: Some(LATER), ..h }, 412),
        (RequestHeaders { if_none_match: Some(ETAG), range: Some("bytes=1-2"), ..h }, 304),
        (RequestHeaders { if_match: Some("\"x\""), range: Some("bytes=5000-"), ..h }, 412),
        (RequestHeaders { if_match: Some(ETAG), range: Some("bytes=1-2"), ..h }, 206),
    ];
    for (headers, status) in table {
        let reply = get(*headers);
        assert_eq!(reply.status, *status, "{headers:?}");
        assert_eq!(reply.body.is_some(), matches!(status, 200 | 206), "{headers:?}");
        if matches!(status, 304 | 412) {
            assert_eq!(names(&reply), ["ETag", "Last-Modified"], "{headers:?}");
        }
    }
}

#[test]
fn a_file_without_tag_and_date_meets_only_conditions_that_ask_for_neither() {
    let bare = FileHead { etag: None, last_modified_ms: None, ..FILE };
    let status = |headers: RequestHeaders<'_>| respond("GET", &headers, &bare).status;
    assert_eq!(status(RequestHeaders { if_match: Some(ETAG), ..NONE }), 412);
    assert_eq!(status(RequestHeaders { if_match: Some("*"), ..NONE }), 200);
    assert_eq!(status(RequestHeaders { if_none_match: Some(ETAG), ..NONE }), 200);
    assert_eq!(status(RequestHeaders { if_none_match: Some("*"), ..NONE }), 304);
    assert_eq!(status(RequestHeaders { if_modified_since: Some(LATER), ..NONE }), 200);
    assert_eq!(status(RequestHeaders { if_unmodified_since: Some(EARLIER), ..NONE }), 200);
    for if_range in [ETAG, MODIFIED, ""] {
        assert_eq!(
            status(RequestHeaders { range: Some("bytes=1-2"), if_range: Some(if_range), ..NONE }),
            200
        );
    }
}

#[test]
fn if_range_takes_the_strong_tag_or_the_exact_date() {
    let status =
        |if_range, range| get(RequestHeaders { range: Some(range), if_range: Some(if_range), ..NONE }).status;
    for validator in [ETAG, MODIFIED, " \"abc\" "] {
        assert_eq!(status(validator, "bytes=1-2"), 206, "{validator}");
        assert_eq!(status(validator, "bytes=5000-"), 416, "{validator}");
    }
    for validator in [
        "\"x\"",
        "W/\"abc\"",
        "abc",
        "*",
        "\"abc\", \"x\"",
        "",
        EARLIER,
        LATER,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(status(validator, "bytes=1-2"), 200, "{validator}");
        assert_eq!(status(validator, "bytes=5000-"), 200, "{validator}");
    }
    assert_eq!(get(RequestHeaders { if_range: Some("\"x\""), ..NONE }).status, 200);
    // A weak tag of the file's own is no reason to splice.
    let weak = FileHead { etag: Some("W/\"abc\""), ..FILE };
    let headers = RequestHeaders { range: Some("bytes=1-2"), if_range: Some("W/\"abc\""), ..NONE };
    assert_eq!(respond("GET", &headers, &weak).status, 200);
}

#[test]
fn a_value_that_no_header_can_carry_is_not_sent() {
    let with = |disposition, media_type| {
        let reply = respond("GET", &NONE, &FileHead { disposition: Some(disposition), media_type, ..FILE });
        (
            header(&reply, "Content-Disposition").map(str::to_owned),
            header(&reply, "Content-Type").unwrap().to_owned(),
        )
    };
    let stored = "attachment; filename=\"Ã©.bin\"";
    assert_eq!(with(stored, "text/plain"), (Some(stored.into()), "text/plain".into()));
    for bad in ["a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\0b", "日本語"] {
        assert_eq!(with(bad, bad), (None, "application/octet-stream".into()), "{bad:?}");
    }
    let part = respond(
        "GET",
        &RequestHeaders { range: Some("bytes=0-0"), ..NONE },
        &FileHead { disposition: Some("inline"), ..FILE },
    );
    assert_eq!(header(&part, "Content-Disposition"), Some("inline"));
}

#[test]
fn a_file_larger_than_four_gigabytes_is_cut_exactly() {
    let file = FileHead { size: (1 << 53) - 1, ..FILE };
    let headers = RequestHeaders { range: Some("bytes=4294967296-9007199254740990"), ..NONE };
    let reply = respond("GET", &headers, &file);
    assert_eq!(reply.body, Some(1 << 32..(1 << 53) - 1));
    assert_eq!(header(&reply, "Content-Range"), Some("bytes 4294967296-9007199254740990/9007199254740991"));
}

proptest! {
    #[test]
    fn a_body_is_always_in_the_file_and_as_long_as_it_says(
        size in prop_oneof![0_u64..50, any::<u64>()],
        first in prop_oneof![0_u64..60, any::<u64>()],
        last in prop_oneof![0_u64..60, any::<u64>()],
        form in 0..3,
    ) {
        let text = match form {
            0 => format!("bytes={first}-{last}"),
            1 => format!("bytes={first}-"),
            _ => format!("bytes=-{last}"),
        };
        let reply = respond("GET", &RequestHeaders { range: Some(&text), ..NONE }, &FileHead { size, ..FILE });
        let expected: Option<Range<u64>> = match form {
            0 if first > last => Some(0..size),
            0 if first < size => Some(first..last.saturating_add(1).min(size)),
            1 if first < size => Some(first..size),
            2 if last > 0 => Some(size - last.min(size)..size),
            _ => None,
        };
        prop_assert_eq!(&reply.body, &expected);
        match expected {
            None => prop_assert_eq!(reply.status, 416),
            Some(body) => {
                let length = (body.end - body.start).to_string();
                prop_assert_eq!(header(&reply, "Content-Length"), Some(length.as_str()));
            }
        }
    }

    #[test]
    fn no_header_breaks_it(texts in prop::array::uniform6(prop::option::of("[ -~é\t]{0,20}"))) {
        let [range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since] =
            texts.each_ref().map(Option::as_deref);
        let headers = RequestHeaders { range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since };
        let reply = get(headers);
        prop_assert!(matches!(reply.status, 200 | 206 | 304 | 412 | 416));
    }
}
