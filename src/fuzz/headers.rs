//! The header fields of servers and clients.

use std::time::Duration;

use crate::{
    formats::seaweedfs::entry::SERVED_HEADERS,
    http::{
        content_range::{self, ContentRange},
        date, etag, jwt,
        respond::{Presentation, Reply, Representation, RequestHeaders, is_header, respond},
        url,
    },
    schedule::retry::AttemptError,
};

/// Some time in 2026.
const NOW: Duration = Duration::from_secs(1_790_000_000);

/// The input is lines. Each line and the whole text are parsed as every kind of value. All lines together are
/// a request and a file.
pub(super) fn run(bytes: &[u8]) {
    // The bytes of a header become characters as in `Headers` of JavaScript, or they are UTF-8.
    let latin: String = bytes.iter().copied().map(char::from).collect();
    for text in [std::str::from_utf8(bytes).unwrap_or(&latin), &latin] {
        value(text);
        text.split('\n').for_each(value);
        response(text);
    }
}

fn value(text: &str) {
    if let Some(range) = content_range::parse(text) {
        let ContentRange { start, end, total } = range;
        assert!(start <= end && end > 0);
        let total = total.map_or("*".to_owned(), |total| total.to_string());
        assert_eq!(content_range::parse(&format!("bytes {start}-{}/{total}", end - 1)), Some(range));
    }
    // Any number of seconds, or any date. The scheduler limits the wait.
    let _ = AttemptError::status(503, Some(text), NOW).retry_after;
    if jwt::is_due(text, NOW) {
        assert!(text.split('.').count() >= 3, "only a token of three parts has an expiry time");
    }
    if let Some(seconds) = date::from_http(text) {
        let written = date::to_http(seconds * 1000).expect("it has a year of four digits");
        assert_eq!(date::from_http(&written), Some(seconds), "{text}");
    }
    if let Some(ms) = date::from_rfc3339(text)
        && let Some(written) = date::to_http(ms)
    {
        assert_eq!(date::from_http(&written), Some(ms.div_euclid(1000)), "{text}");
    }
    if etag::is_strong(text) {
        assert!(is_header(text) && etag::matches(text, Some(text), true));
        let weak = ["W/", text].concat();
        for (list, tag) in [(&*weak, text), (text, &*weak), (&*weak, &*weak)] {
            assert!(etag::matches(list, Some(tag), false) && !etag::matches(list, Some(tag), true));
        }
    }
    if let Some(origin) = url::origin(text) {
        assert!(text.starts_with(origin));
    }
    let with_token = url::with_token(text, "a/b?&#");
    assert!(with_token.ends_with("jwt=a%2fb%3f%26%23") && !with_token.contains('#'));
    if url::is_unambiguous(text) {
        assert!(url::host(text).is_some() && text.starts_with(url::without_query(text)));
    }
}

/// The lines in order: method, size, time, tag, type, name, and the headers of the request.
fn response(text: &str) {
    let mut lines = text.split('\n').map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut line = || lines.next().flatten();
    let method = line().unwrap_or("GET");
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let size = number(line()).unwrap_or(1000).unsigned_abs();
    let last_modified_ms = number(line());
    let etag = line().filter(|tag| etag::is_strong(tag));
    let media_type = line().unwrap_or_default();
    // One line is the name and every stored header: all are written by the same rules.
    let name = line().unwrap_or_default();
    let stored = SERVED_HEADERS.map(|header| (header, name.to_owned()));
    let presentation =
        Presentation { disposition: None, name: Some(name).filter(|name| name.len() % 2 == 1) };
    let is_private = size % 2 == 1;
    let file = Representation {
        size,
        etag,
        last_modified_ms,
        media_type,
        name,
        stored: &stored,
        is_private,
        presentation,
    };
    let request = RequestHeaders {
        range: line(),
        if_range: line(),
        if_none_match: line(),
        if_match: line(),
        if_modified_since: line(),
        if_unmodified_since: line(),
    };
    assert_valid(method, &request, &file, &respond(method, &request, &file));
}

fn assert_valid(method: &str, request: &RequestHeaders<'_>, file: &Representation<'_>, reply: &Reply) {
    let header = |name| reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value);
    assert!(reply.headers.iter().all(|(_, value)| is_header(value)), "{reply:?}");
    let length = header("Content-Length").and_then(|length| length.parse().ok());
    let range = header("Content-Range");
    match reply.status {
        200 => assert_eq!((length, range), (Some(file.size), None)),
        206 => {
            let body = reply.body.clone().expect("there is a body");
            assert!(body.start < body.end && body.end <= file.size && request.range.is_some());
            assert_eq!(length, Some(body.end - body.start));
            let parsed = content_range::parse(range.expect("a 206 has a Content-Range"));
            assert_eq!(
                parsed,
                Some(ContentRange { start: body.start, end: body.end, total: Some(file.size) })
            );
        }
        304 | 405 | 412 => assert_eq!((&reply.body, length, range), (&None, None, None)),
        416 => assert_eq!((&reply.body, range), (&None, Some(&*format!("bytes */{}", file.size)))),
        status => panic!("{status} is not a possible status"),
    }
    if file.is_private && matches!(reply.status, 200 | 206 | 304) {
        let cached = header("Cache-Control").expect("a private file says so").to_ascii_lowercase();
        assert!(cached.contains("private") || cached.contains("no-store"), "{cached}");
    }
    assert_eq!(reply.status == 405, !matches!(method, "GET" | "HEAD"));
    assert!(reply.body.is_none() || method == "GET");
}
