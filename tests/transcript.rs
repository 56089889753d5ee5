//! Compares the responses of kelp-stream with those recorded from a real cluster (`tests/fixtures`).
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use kelp_stream::{
    formats::seaweedfs::entry::Entry,
    http::respond::{Presentation, Representation, RequestHeaders, respond},
};
use serde_json::Value;
use support::*;

/// The headers to compare. In error responses `Content-Length` is left out: it is the length of a text for
/// people.
const COMPARED: [&str; 9] = [
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
];

/// The intended differences: the exchange, a header or `status`, the recorded value, and our value. The
/// comment above each has the reason.
#[rustfmt::skip]
const DIFFERENCES: &[(&[&str], &str, &str, &str, &str)] = &[
    // RFC 9110, 15.5.17: a 416 should have the length of the file, so that the client can repeat the request.
    (ALL, "file, range beyond the end", "Content-Range", "", "bytes */5000"),
    // There is no body, so no header describes it.
    (ALL, "file, range beyond the end", "Content-Type", "text/plain; charset=utf-8", ""),
    (ALL, "file, range beyond the end", "Content-Disposition", "inline; filename=one.bin", ""),
    // A name that is not a token is also quoted, for readers without RFC 8187. The encoded form escapes what
    // some readers would decode.
    (&["jwt"], "odd name, HEAD", "Content-Disposition",
        "inline; filename*=utf-8''sp%C3%A4ce%20&%20100%25%20#1%20%3F%E6%97%A5%E6%9C%AC%E8%AA%9E%20%3Cx%3E.bin",
        "inline; filename=\"sp_ce & 100% #1 ?___ <x>.bin\"; \
         filename*=UTF-8''sp%C3%A4ce%20&%20100%25%20#1%20%3F%E6%97%A5%E6%9C%AC%E8%AA%9E%20%3Cx%3E.bin"),

    // RFC 9110, 14.1.2: a range that starts at the end is unsatisfiable, and no Content-Range can describe an
    // empty part.
    (OPEN, "chunk, range bytes=5000-", "status", "206", "416"),
    (OPEN, "chunk, range bytes=5000-", "Content-Length", "0", ""),
    (OPEN, "chunk, range bytes=5000-", "Content-Range", "bytes 5000-4999/5000", "bytes */5000"),
    (OPEN, "chunk, range bytes=5000-", "Content-Type", "application/octet-stream", ""),
    (OPEN, "chunk, range bytes=5000-", "Content-Disposition", "inline; filename=one.bin", ""),
    // RFC 9110, 14.2: a server may ignore Range. Players and downloaders request one range at a time.
    (ALL, "chunk, range bytes=0-1,4-5", "status", "206", "200"),
    (OPEN, "chunk, range bytes=0-1,4-5", "Content-Length", "348", "5000"),
    (&["cipher"], "chunk, range bytes=0-1,4-5", "Content-Length", "300", "5028"),
    (ALL, "chunk, range bytes=0-1,4-5", "Content-Type", "multipart/byteranges", "application/octet-stream"),
    // RFC 9110, 14.2: a malformed range is ignored.
    (ALL, "chunk, range bytes=junk", "status", "416", "200"),
    (OPEN, "chunk, range bytes=junk", "Content-Length", "", "5000"),
    (&["cipher"], "chunk, range bytes=junk", "Content-Length", "", "5028"),
    (ALL, "chunk, range bytes=junk", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
    // RFC 9110, 15.4.5: a 304 must have the ETag.
    (&["plain"], "chunk, If-None-Match", "ETag", "", "\"dd440395\""),
    (&["cipher"], "chunk, If-None-Match", "ETag", "", "\"bb0e7311\""),
    (&["jwt"], "chunk, If-None-Match", "ETag", "", "\"5710cecf\""),
    // RFC 9110, 9.3.2: HEAD has the headers of GET.
    (&["cipher"], "chunk, HEAD", "Content-Type", "", "application/octet-stream"),
    // A part has the type of the whole. The server guesses it from the bytes of the part.
    (&["cipher"], "chunk, range bytes=10-19", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
    (&["cipher"], "chunk, range bytes=4990-", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
    (&["cipher"], "chunk, range bytes=-10", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
    (&["cipher"], "chunk, range bytes=4990-9999", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
    (&["cipher"], "chunk, range bytes=5000-", "Content-Type", "text/plain; charset=utf-8", "application/octet-stream"),
];
const ALL: &[&str] = &["plain", "cipher", "jwt"];
/// The clusters whose chunks have the length and the name of the file.
const OPEN: &[&str] = &["plain", "jwt"];

/// A file whose chunks are lost. The host makes that response; `tests/package/behaviours/responses.mjs` tests
/// it.
const GONE: &str = "both replicas killed: file through the filer";

/// The number of exchanges for files and for chunks.
const COUNTS: [(&str, usize, usize); 3] = [("plain", 6, 13), ("cipher", 6, 13), ("jwt", 6, 13)];

/// The metadata of the subject of an exchange.
struct Known {
    size: u64,
    etag: String,
    modified_ms: i64,
    media_type: String,
    name: String,
    stored: Vec<(&'static str, String)>,
}

impl Known {
    fn of_entry(entry: &Entry) -> Self {
        Self {
            size: entry.size(),
            etag: entry.etag(),
            modified_ms: entry.modified_ms().expect("it has a time"),
            media_type: entry.media_type().into(),
            name: entry.name().into(),
            stored: entry.served(),
        }
    }

    /// The metadata of a chunk, from the response to a plain GET. A volume server evaluates ranges and
    /// conditions with the same code as the filer, and more of them were recorded.
    fn of_response(answer: &Value) -> Self {
        let header = |name| recorded(answer, name);
        Self {
            size: header("Content-Length").parse().expect("it is a number"),
            etag: header("ETag"),
            modified_ms: ms(&header("Last-Modified")),
            media_type: header("Content-Type"),
            name: String::new(),
            stored: vec![("Content-Disposition", header("Content-Disposition"))],
        }
    }

    fn head(&self) -> Representation<'_> {
        Representation {
            size: self.size,
            etag: Some(&self.etag),
            last_modified_ms: Some(self.modified_ms),
            media_type: &self.media_type,
            name: &self.name,
            stored: &self.stored,
            is_private: false,
            presentation: Presentation::default(),
        }
    }
}

/// The recorded value of a header; empty if there was none.
fn recorded(exchange: &Value, name: &str) -> String {
    let headers = exchange["response"].as_array().expect("there is a response");
    let found =
        headers.iter().find(|header| header[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)));
    let value = found.and_then(|header| header[1].as_str()).unwrap_or_default();
    // The boundary is random.
    value.split("; boundary=").next().unwrap_or_default().into()
}

/// The milliseconds of a date in a header. The clusters ran on one day.
fn ms(date: &str) -> i64 {
    let time = date.strip_prefix("Mon, 23 Nov 2026 ").and_then(|rest| rest.strip_suffix(" GMT"));
    let seconds = time
        .expect("the date is of that day")
        .split(':')
        .fold(0, |sum, part| sum * 60 + part.parse::<i64>().expect("it is a number"));
    (20_780 * 86_400 + seconds) * 1000
}

/// The subject of an exchange: a file of the filer, or a chunk of a volume server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    File(String),
    Chunk(String),
}

fn subject(exchange: &Value) -> Option<Subject> {
    let (text, request) = (|name: &str| exchange[name].as_str().unwrap_or_default(), &exchange["request"]);
    let (host, path) = text("url").strip_prefix("http://")?.split_once('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_read = matches!(text("method"), "GET" | "HEAD");
    if !is_read || query.contains("metadata") {
        return None;
    }
    let about_content = matches!(exchange["status"].as_u64(), Some(200 | 206 | 304 | 412 | 416));
    // If gzip is accepted, a volume server compresses a chunk in transit. That says nothing about the chunk.
    let is_encoded = request["accept-encoding"] == "gzip";
    match host {
        "{filer}" if path.starts_with("d/") => Some(Subject::File(decoded(path))),
        _ if host.starts_with("{volume") && about_content && !is_encoded => Some(Subject::Chunk(path.into())),
        _ => None,
    }
}

/// A path at the filer.
fn decoded(path: &str) -> String {
    let mut bytes = vec![b'/'];
    let mut parts = path.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("it is hex"));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).expect("paths are text")
}

/// The differences: name, recorded value, and our value.
fn differences(exchange: &Value, known: &Known) -> Vec<(&'static str, String, String)> {
    let request = |name: &str| exchange["request"][name].as_str();
    let headers = RequestHeaders {
        range: request("range"),
        if_range: request("if-range"),
        if_none_match: request("if-none-match"),
        if_match: request("if-match"),
        if_modified_since: request("if-modified-since"),
        if_unmodified_since: request("if-unmodified-since"),
    };
    let reply = respond(exchange["method"].as_str().expect("it has one"), &headers, &known.head());
    let status = exchange["status"].to_string();
    let mut pairs = vec![("status", status.clone(), reply.status.to_string())];
    for name in COMPARED {
        let theirs = if name == "Content-Length" && status.starts_with('4') {
            String::new()
        } else {
            recorded(exchange, name)
        };
        let ours = reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        pairs.push((name, theirs, ours.unwrap_or_default()));
    }
    pairs.retain(|(_, theirs, ours)| theirs != ours);
    pairs
}

#[test]
fn responses_equal_those_of_seaweedfs_except_as_listed() {
    let mut found = BTreeSet::new();
    for (cluster, files, chunks) in COUNTS {
        let entries = json(&format!("seaweedfs/{cluster}/cases.json"));
        let entry = |path: &str| {
            let case = entries.as_array().expect("it is a list").iter().find(|case| case["path"] == path);
            let name = case.and_then(|case| case["entry"].as_str()).unwrap_or_else(|| panic!("{path}"));
            Entry::parse(&fixture(&format!("seaweedfs/{cluster}/{name}"))).expect("the filer wrote it")
        };
        let mut known: BTreeMap<Subject, Known> = BTreeMap::new();
        let mut counts = (0, 0);
        let transcript = json(&format!("seaweedfs/{cluster}/transcript.json"));
        for exchange in transcript.as_array().expect("it is a list") {
            let what = exchange["what"].as_str().expect("it has a description");
            let Some(subject) = subject(exchange).filter(|_| what != GONE) else { continue };
            match subject {
                Subject::File(_) => counts.0 += 1,
                Subject::Chunk(_) => counts.1 += 1,
            }
            let known = known.entry(subject.clone()).or_insert_with(|| match &subject {
                Subject::File(path) => Known::of_entry(&entry(path)),
                // The first exchange is a plain GET.
                Subject::Chunk(_) => Known::of_response(exchange),
            });
            for (name, theirs, ours) in differences(exchange, known) {
                found.insert((cluster, what.to_owned(), name, theirs, ours));
            }
        }
        assert_eq!(counts, (files, chunks), "exchanges of {cluster}");
    }
    let listed: BTreeSet<_> = DIFFERENCES
        .iter()
        .flat_map(|(clusters, what, name, theirs, ours)| {
            clusters.iter().map(|cluster| {
                (*cluster, (*what).to_owned(), *name, (*theirs).to_owned(), (*ours).to_owned())
            })
        })
        .collect();
    let shown = |set: Vec<_>| format!("{set:#?}");
    assert!(found.is_subset(&listed), "not listed: {}", shown(found.difference(&listed).collect()));
    assert!(listed.is_subset(&found), "no longer different: {}", shown(listed.difference(&found).collect()));
}

/// The filer serves the attribute unchanged; no exchange with that cluster was recorded.
#[test]
fn an_s3_object_has_its_stored_content_encoding() {
    let entry = Entry::parse(&fixture("seaweedfs/s3/entries/encoded.txt.json")).expect("the filer wrote it");
    let known = Known::of_entry(&entry);
    let reply = respond("GET", &RequestHeaders::default(), &known.head());
    let header = |name| reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("Content-Encoding"), Some("identity, x-otter"));
    assert_eq!(header("Content-Length"), Some("20000"), "the length of the encoded bytes");
    assert_eq!(header("Content-Disposition"), Some("inline; filename=encoded.txt"));
    // No other attribute is sent, for example the owner.
    assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("Seaweed")));
}
