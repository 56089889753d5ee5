//! Responses to requests for a file, according to RFC 9110.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

use std::ops::Range;

use kelp_stream::{
    formats::seaweedfs::entry::SERVED_HEADERS,
    http::respond::{Disposition, Presentation, Reply, Representation, RequestHeaders, respond},
};
use proptest::prelude::*;

const ETAG: &str = "\"abc\"";
/// Half a second after the date in the header.
const MODIFIED_MS: i64 = 784_111_777_500;
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

const FILE: Representation<'_> = Representation {
    size: 1000,
    etag: Some(ETAG),
    last_modified_ms: Some(MODIFIED_MS),
    media_type: "video/webm",
    name: "",
    stored: &[],
    is_private: false,
    presentation: SHOWN,
};
const SHOWN: Presentation<'_> = Presentation { disposition: None, name: None };
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
    assert!(found.next().is_none(), "{name} occurs twice");
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
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(header(&reply, name), Some(value), "{name}");
    }
    assert_eq!(reply.headers.len(), 6);
}

#[test]
fn unknown_metadata_has_no_header() {
    let reply = respond("GET", &NONE, &Representation { etag: None, last_modified_ms: None, ..FILE });
    assert_eq!(names(&reply), ["Accept-Ranges", "Content-Length", "Content-Type", "X-Content-Type-Options"]);
    let year_10000 = Representation { last_modified_ms: Some(253_402_300_800_000), ..FILE };
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

// F91
#[test]
fn malformed_and_multiple_ranges_get_the_whole_file() {
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

// F91
#[test]
fn a_range_that_starts_beyond_the_end_is_refused() {
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

// F91
#[test]
fn an_empty_file_has_no_satisfiable_range() {
    let empty = Representation { size: 0, ..FILE };
    let status = |text| respond("GET", &RequestHeaders { range: Some(text), ..NONE }, &empty).status;
    assert_eq!((status("bytes=0-"), status("bytes=0-0"), status("bytes=-0")), (416, 416, 416));
    // The suffix is satisfiable, but no Content-Range can describe an empty part.
    assert_eq!(status("bytes=-5"), 200);
    let reply = respond("GET", &NONE, &empty);
    assert_eq!(
        (reply.status, reply.body.clone(), header(&reply, "Content-Length")),
        (200, Some(0..0), Some("0"))
    );
}

#[test]
fn head_gets_the_headers_of_the_whole_file() {
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
fn other_methods_get_405_with_allow() {
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
        // The obsolete forms are read too. A value that is not a date is no condition.
        (RequestHeaders { if_modified_since: Some("Sunday, 06-Nov-94 08:49:36 GMT"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some("Sunday, 06-Nov-94 08:49:37 GMT"), ..h }, 304),
        (RequestHeaders { if_unmodified_since: Some("Sun Nov  6 08:49:36 1994"), ..h }, 412),
        (RequestHeaders { if_unmodified_since: Some("Sun Nov  6 08:49:37 1994"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some(""), if_unmodified_since: Some("0"), ..h }, 200),
        (RequestHeaders { if_modified_since: Some("1994-11-06T08:49:38Z"), ..h }, 200),
        // A tag has precedence over a date.
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
fn a_file_without_tag_and_date_meets_few_conditions() {
    let bare = Representation { etag: None, last_modified_ms: None, ..FILE };
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
fn if_range_accepts_the_strong_tag_or_the_exact_date() {
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
    // A weak tag, even the file's own, does not allow a range.
    let weak = Representation { etag: Some("W/\"abc\""), ..FILE };
    let headers = RequestHeaders { range: Some("bytes=1-2"), if_range: Some("W/\"abc\""), ..NONE };
    assert_eq!(respond("GET", &headers, &weak).status, 200);
}

/// A rule of RFC 9110 with its section, a request, and the expected status with its `Content-Range`.
const RULES: &str = r#"
13.1.1 * is any version            | GET  | If-Match: *; Range: bytes=1-2 | 206 bytes 1-2/1000
13.1.1 compared strongly           | HEAD | If-Match: W/"abc" | 412
13.1.2 compared weakly             | HEAD | If-None-Match: W/"abc" | 304
13.1.2 any of a list               | GET  | If-None-Match: "x", "y" ,"abc" | 304
13.1.3 ignored with If-None-Match  | GET  | If-None-Match: "x"; If-Modified-Since: LATER | 200
13.1.3 ignored if it is no date    | GET  | If-Modified-Since: yesterday | 200
13.1.3 ignored if it is two dates  | GET  | If-Modified-Since: LATER, LATER | 200
13.1.4 ignored with If-Match       | GET  | If-Match: "abc"; If-Unmodified-Since: EARLIER | 200
13.1.4 ignored if it is no date    | GET  | If-Unmodified-Since: yesterday | 200
13.1.5 ignored without Range       | GET  | If-Range: "x" | 200
13.1.5 this version                | GET  | If-Range: "abc"; Range: bytes=1-2 | 206 bytes 1-2/1000
13.1.5 another version             | GET  | If-Range: "x"; Range: bytes=1-2 | 200
13.1.5 a weak tag is no validator  | GET  | If-Range: W/"abc"; Range: bytes=1-2 | 200
13.1.5 the exact date              | GET  | If-Range: MODIFIED; Range: bytes=1-2 | 206 bytes 1-2/1000
13.1.5 a later date is another     | GET  | If-Range: LATER; Range: bytes=1-2 | 200
13.1.5 an earlier date is another  | GET  | If-Range: EARLIER; Range: bytes=1-2 | 200
13.1.5 evaluated before the range  | GET  | If-Range: "x"; Range: bytes=1000- | 200
13.1.5 then the range is evaluated | GET  | If-Range: "abc"; Range: bytes=1000- | 416 bytes */1000
13.2.2 step 1 before 3             | GET  | If-Match: "x"; If-None-Match: "abc" | 412
13.2.2 step 1 before 5             | GET  | If-Match: "x"; Range: bytes=1000- | 412
13.2.2 step 2 before 3             | GET  | If-Unmodified-Since: EARLIER; If-None-Match: "abc" | 412
13.2.2 step 2 before 4             | GET  | If-Unmodified-Since: EARLIER; If-Modified-Since: LATER | 412
13.2.2 step 3 after 1 holds        | GET  | If-Match: "abc"; If-None-Match: * | 304
13.2.2 step 3 before 5             | GET  | If-None-Match: "abc"; If-Range: "abc"; Range: bytes=1-2 | 304
13.2.2 step 4 before 5             | GET  | If-Modified-Since: MODIFIED; If-Range: "x"; Range: bytes=1-2 | 304
13.2.2 all hold                    | GET  | If-Match: "abc"; If-None-Match: "x"; If-Range: "abc"; Range: bytes=1-2 | 206 bytes 1-2/1000
13.2.2 HEAD has no step 5          | HEAD | If-Range: "abc"; Range: bytes=1-2 | 200
14.1   units in any case           | GET  | Range: Bytes=1-2 | 206 bytes 1-2/1000
14.1.1 last before first: no range | GET  | Range: bytes=2-1 | 200
14.1.2 last is inclusive           | GET  | Range: bytes=999-999 | 206 bytes 999-999/1000
14.1.2 clipped to the end          | GET  | Range: bytes=998-5000 | 206 bytes 998-999/1000
14.1.2 a suffix                    | GET  | Range: bytes=-2 | 206 bytes 998-999/1000
14.1.2 a suffix longer than all    | GET  | Range: bytes=-1001 | 206 bytes 0-999/1000
14.1.2 an empty suffix             | GET  | Range: bytes=-0 | 416 bytes */1000
14.1.2 first is at the end         | GET  | Range: bytes=1000- | 416 bytes */1000
14.2   unknown units               | GET  | Range: lines=1-2 | 200
14.2   for GET only                | HEAD | Range: bytes=1000- | 200
14.2   several are ignored         | GET  | Range: bytes=1-2,5-6 | 200
14.2   also if one is beyond       | GET  | Range: bytes=1-2, 1000- | 200
14.2   also if all are beyond      | GET  | Range: bytes=1000-,-0 | 200
"#;

#[test]
fn the_rules_of_rfc_9110_hold_together() {
    let rules = RULES.replace("EARLIER", EARLIER).replace("MODIFIED", MODIFIED).replace("LATER", LATER);
    for rule in rules.trim().lines() {
        let [_, method, fields, expected] =
            rule.split(" | ").map(str::trim).collect::<Vec<_>>().try_into().unwrap();
        let mut headers = NONE;
        for field in fields.split("; ") {
            let (name, value) = field.split_once(": ").unwrap();
            let target = match name {
                "Range" => &mut headers.range,
                "If-Range" => &mut headers.if_range,
                "If-Match" => &mut headers.if_match,
                "If-None-Match" => &mut headers.if_none_match,
                "If-Modified-Since" => &mut headers.if_modified_since,
                "If-Unmodified-Since" => &mut headers.if_unmodified_since,
                _ => panic!("{name}"),
            };
            *target = Some(value);
        }
        let reply = respond(method, &headers, &FILE);
        let content_range = header(&reply, "Content-Range").unwrap_or_default();
        assert_eq!(format!("{} {content_range}", reply.status).trim(), expected, "{rule}");
        let has_body = method == "GET" && matches!(reply.status, 200 | 206);
        assert_eq!(reply.body.is_some(), has_body, "{rule}");
    }
    assert_eq!(rules.trim().lines().count(), 40);
}

#[test]
fn an_invalid_header_value_is_not_sent() {
    let with = |value: &str| {
        let stored = SERVED_HEADERS.map(|name| (name, value.to_owned()));
        respond("GET", &NONE, &Representation { stored: &stored, media_type: value, ..FILE })
    };
    let good = with("a; b=\"Ã©\",\t~");
    for name in SERVED_HEADERS.iter().chain(&["Content-Type"]) {
        assert_eq!(header(&good, name), Some("a; b=\"Ã©\",\t~"), "{name}");
    }
    for bad in ["a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\0b", "a\u{1b}b", "a\u{7f}", "日本語"] {
        let reply = with(bad);
        assert!(SERVED_HEADERS.iter().all(|name| header(&reply, name).is_none()), "{bad:?}");
        assert_eq!(header(&reply, "Content-Type"), Some("application/octet-stream"), "{bad:?}");
    }
}

#[test]
fn stored_headers_are_sent_with_the_right_statuses() {
    let stored = [
        ("Cache-Control", "max-age=60"),
        ("Content-Disposition", "attachment"),
        ("Content-Encoding", "gzip"),
        ("Content-Language", "de"),
        ("Expires", LATER),
        ("Set-Cookie", "x=1"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let file = Representation { stored: &stored, name: "a.bin", ..FILE };
    let sent = |headers: RequestHeaders<'_>| -> (u16, Vec<&'static str>) {
        let reply = respond("GET", &headers, &file);
        let stored = names(&reply).into_iter().filter(|name| stored.iter().any(|(key, _)| key == name));
        (reply.status, stored.collect())
    };
    let all = SERVED_HEADERS.to_vec();
    assert_eq!(sent(NONE), (200, all.clone()));
    assert_eq!(sent(RequestHeaders { range: Some("bytes=1-2"), ..NONE }), (206, all));
    // Instructions for the stored copy of a cache (RFC 9110, section 15.4.5).
    let for_caches = vec!["Cache-Control", "Expires"];
    assert_eq!(sent(RequestHeaders { if_none_match: Some(ETAG), ..NONE }), (304, for_caches));
    // Error responses must not be cached.
    assert_eq!(sent(RequestHeaders { if_match: Some("\"x\""), ..NONE }), (412, vec![]));
    assert_eq!(sent(RequestHeaders { range: Some("bytes=1000-"), ..NONE }), (416, vec![]));
    assert_eq!(respond("HEAD", &NONE, &file).headers, respond("GET", &NONE, &file).headers);
}

#[test]
fn the_disposition_is_stored_or_made_of_the_name() {
    let with = |name, stored: &str| {
        let stored = [("Content-Disposition", stored.to_owned())];
        let reply = respond("GET", &NONE, &Representation { name, stored: &stored, ..FILE });
        header(&reply, "Content-Disposition").map(str::to_owned)
    };
    assert_eq!(with("a.bin", "attachment").as_deref(), Some("attachment"));
    for none in ["", "a\nb"] {
        assert_eq!(with("a.bin", none).as_deref(), Some("inline; filename=a.bin"), "{none:?}");
        for name in ["", "..", "a/", "/."] {
            assert_eq!(with(name, none), None, "{none:?}");
        }
    }
    assert_eq!(
        with("ä b.bin", "").as_deref(),
        Some("inline; filename=\"_ b.bin\"; filename*=UTF-8''%C3%A4%20b.bin")
    );
}

// F146
#[test]
fn a_type_that_can_run_script_gets_a_policy() {
    let policy = |media_type, headers| {
        let reply = respond("GET", &headers, &Representation { media_type, ..FILE });
        header(&reply, "Content-Security-Policy").map(str::to_owned)
    };
    let sandbox = Some("sandbox; default-src 'none'; style-src 'unsafe-inline'".to_owned());
    for script in ["text/html", "image/svg+xml", "application/xhtml+xml", "text/plain, text/html", "x"] {
        assert_eq!(policy(script, NONE), sandbox, "{script}");
        assert_eq!(policy(script, RequestHeaders { range: Some("bytes=0-9"), ..NONE }), sandbox, "{script}");
    }
    for harmless in ["text/plain", "application/pdf", "image/png", "bad\ntype"] {
        assert_eq!(policy(harmless, NONE), None, "{harmless}");
    }
}

// F147
#[test]
fn a_private_file_is_kept_by_no_shared_cache() {
    let lifetime = |cache_control: &str, is_private| {
        let stored = [("Cache-Control", cache_control.to_owned()), ("Expires", LATER.to_owned())];
        let file = Representation { stored: &stored, is_private, ..FILE };
        let reply = respond("GET", &NONE, &file);
        let not_modified = respond("GET", &RequestHeaders { if_none_match: Some(ETAG), ..NONE }, &file);
        for name in ["Cache-Control", "Expires"] {
            assert_eq!(header(&reply, name), header(&not_modified, name));
        }
        let text = |name| header(&reply, name).map(str::to_owned);
        (text("Cache-Control").unwrap_or_default(), text("Expires").is_some())
    };
    for shared in [
        "",
        "public, max-age=60",
        "max-age=60",
        "s-maxage=5",
        "no-cache",
        "must-revalidate",
        "public, private",
        "private=\"set-cookie\"",
        "a=\"x, private, y\"",
        "not-private",
        "a\nb",
    ] {
        assert_eq!(lifetime(shared, true), ("private, no-cache".into(), false), "{shared:?}");
    }
    for own in ["private", "no-store", "max-age=60, Private", "public, no-store"] {
        assert_eq!(lifetime(own, true), (own.into(), true), "{own:?}");
    }
    assert_eq!(lifetime("public, max-age=60", false), ("public, max-age=60".into(), true));
}

#[test]
fn a_caller_chooses_disposition_and_name() {
    let with = |stored: &str, disposition, name| {
        let stored = [("Content-Disposition", stored.to_owned())];
        let presentation = Presentation { disposition, name };
        let file = Representation { name: "a.bin", stored: &stored, presentation, ..FILE };
        header(&respond("GET", &NONE, &file), "Content-Disposition").unwrap_or_default().to_owned()
    };
    let (shown, saved) = (Some(Disposition::Inline), Some(Disposition::Attachment));
    for (stored, disposition, name, expected) in [
        ("", saved, None, "attachment; filename=a.bin"),
        ("", shown, None, "inline; filename=a.bin"),
        ("", None, Some("b c"), "inline; filename=\"b c\"; filename*=UTF-8''b%20c"),
        ("attachment; filename=x", None, Some("b"), "attachment; filename=b"),
        ("attachment; filename=x", shown, None, "inline; filename=a.bin"),
        ("inline; filename=x", saved, Some("ä"), "attachment; filename=\"_\"; filename*=UTF-8''%C3%A4"),
        ("", saved, Some(""), "attachment"),
        ("", saved, Some("../.."), "attachment"),
        ("", None, Some("../x"), "inline; filename=x"),
        ("", None, Some("a\r\nb"), "inline; filename=a__b"),
    ] {
        assert_eq!(with(stored, disposition, name), expected, "{stored:?} {disposition:?} {name:?}");
    }
}

// F80
#[test]
fn ranges_beyond_four_gigabytes_are_exact() {
    let file = Representation { size: (1 << 53) - 1, ..FILE };
    let headers = RequestHeaders { range: Some("bytes=4294967296-9007199254740990"), ..NONE };
    let reply = respond("GET", &headers, &file);
    assert_eq!(reply.body, Some(1 << 32..(1 << 53) - 1));
    assert_eq!(header(&reply, "Content-Range"), Some("bytes 4294967296-9007199254740990/9007199254740991"));
}

proptest! {
    #[test]
    fn a_body_is_inside_the_file_and_has_its_length(
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
        let reply = respond("GET", &RequestHeaders { range: Some(&text), ..NONE }, &Representation { size, ..FILE });
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
    fn no_name_makes_an_invalid_header(name in any::<String>(), stored in any::<String>()) {
        let stored = SERVED_HEADERS.map(|key| (key, stored.clone()));
        let reply = respond("GET", &NONE, &Representation { name: &name, stored: &stored, ..FILE });
        for (_, value) in &reply.headers {
            prop_assert!(value.chars().all(|c| c == '\t' || !c.is_ascii_control() && c <= '\u{ff}'), "{value:?}");
        }
    }

    #[test]
    fn no_request_header_causes_a_panic(texts in prop::array::uniform6(prop::option::of("[ -~é\t]{0,20}"))) {
        let [range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since] =
            texts.each_ref().map(Option::as_deref);
        let headers = RequestHeaders { range, if_range, if_none_match, if_match, if_modified_since, if_unmodified_since };
        let reply = get(headers);
        prop_assert!(matches!(reply.status, 200 | 206 | 304 | 412 | 416));
    }
}
