//! Files of real SeaweedFS clusters, from the filer's JSON to the last byte (`tests/fixtures`).
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod support;

use std::{collections::HashSet, io::Read, ops::Range};

use base64ct::{Base64, Encoding};
use flate2::read::MultiGzDecoder;
use kelp_stream::{
    Error, Kind, Options, Plan, Session,
    formats::seaweedfs::entry::{Entry, Keys},
    host::event::{Event, EventKind},
    model::{
        chunk::{CipherKey, Source},
        location::Location,
    },
    sim::{Script, World, collect},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::*;

/// A recorded cluster, and a world whose server has its chunks.
struct Cluster {
    name: &'static str,
    world: World,
    cases: Vec<Value>,
}

impl Cluster {
    fn new(name: &'static str) -> Self {
        let world = World::new();
        let about = json(&format!("seaweedfs/{name}/cluster.json"));
        let mut stored = 0;
        for (id, chunk) in about["chunks"].as_object().expect("it lists chunks") {
            let Some(headers) = chunk["headers"].as_object() else {
                assert_eq!(chunk["status"], 404, "{id}");
                continue;
            };
            let bytes = fixture(&format!("seaweedfs/{name}/chunks/{id}"));
            assert_eq!(hex(&bytes), chunk["sha256"].as_str().expect("it has a digest"), "{id}");
            // A host removes a Content-Encoding.
            let bytes = match headers.get("content-encoding") {
                Some(encoding) => {
                    assert_eq!(encoding, "gzip", "{id}");
                    inflated(&bytes)
                }
                None => bytes,
            };
            world.store(&format!("http://volume/{id}"), bytes);
            stored += 1;
        }
        assert!(stored > 4, "{name}: {stored} chunks");
        world.locator(|id, _| Ok(Location { urls: vec![format!("http://volume/{id}")], token: None }));
        world.script(|_| Script::default().latency(MS).piece(10_000));
        let cases = json(&format!("seaweedfs/{name}/cases.json"));
        let cases = cases.as_array().expect("it is a list").clone();
        Self { name, world, cases }
    }

    fn entry(&self, case: &Value) -> Entry {
        let path = text(case, "entry");
        Entry::parse(&fixture(&format!("seaweedfs/{}/{path}", self.name))).expect("the filer wrote it")
    }

    fn case(&self, name: &str) -> &Value {
        self.cases.iter().find(|case| case["name"] == name).expect("there is such a case")
    }

    fn plan(&self, case: &Value, range: Range<u64>) -> Result<Plan, Error> {
        let chunks = chunks_to_read(&self.entry(case), &keys(case))?;
        Ok(Plan::new(chunks.into(), range))
    }

    fn read(&self, case: &Value, range: Range<u64>, session: impl Into<Session>) -> Vec<u8> {
        let plan = self.plan(case, range).expect("it can be read");
        let reader = open_plan(&self.world, plan, session);
        let read = self.world.run(collect(reader)).expect("it does not hang");
        read.unwrap_or_else(|error| panic!("{} {}: {error:?}", self.name, case["name"]))
    }

    fn read_to_error(&self, name: &str) -> (Vec<u8>, Error) {
        let case = self.case(name);
        let plan = self.plan(case, 0..self.entry(case).size()).expect("it can be read");
        read_to_error(&self.world, open_plan(&self.world, plan, Options::default()))
    }

    /// The cases that do not expect an error and whose chunks can be read.
    fn readable(&self) -> Vec<&Value> {
        let readable = |case: &&Value| {
            case.get("expect").is_none() && chunks_to_read(&self.entry(case), &keys(case)).is_ok()
        };
        self.cases.iter().filter(readable).collect()
    }
}

/// The keys of a case.
fn keys(case: &Value) -> Keys {
    let key = |name: &str, decoded: fn(&str) -> Vec<u8>| {
        case["key"][name].as_str().map(|text| CipherKey::new(&decoded(text)).expect("it is a key"))
    };
    Keys { customer: key("sseC", from_base64), kek: key("sseS3Kek", from_hex) }
}

fn from_base64(text: &str) -> Vec<u8> {
    Base64::decode_vec(text).expect("it is base64")
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = |at| text.get(at..at + 2).expect("there are two digits");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(digits(at), 16).expect("it is hex")).collect()
}

fn clusters() -> [Cluster; 4] {
    ["plain", "cipher", "jwt", "s3"].map(Cluster::new)
}

fn inflated(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(packed).read_to_end(&mut plain).expect("it is gzip");
    plain
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is a text: {value}"))
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is a number: {value}"))
}

fn narrow() -> Options {
    let mut options = Options::default();
    options.concurrency = 2.into();
    options.max_bytes_ahead = 100_000;
    options
}

#[test]
fn every_file_is_read_whole() {
    let mut read = Vec::new();
    for cluster in clusters() {
        let readable = cluster.readable();
        for case in &readable {
            let size = number(case, "size");
            assert_eq!(cluster.entry(case).size(), size);
            for options in [Options::default(), narrow()] {
                let all = cluster.read(case, 0..size, options);
                assert_eq!((all.len() as u64, hex(&all)), (size, text(case, "sha256").to_owned()), "{case}");
            }
        }
        read.push(readable.len());
    }
    assert_eq!(read, [20, 21, 4, 5]);
}

#[test]
fn every_range_of_every_file_is_read() {
    let mut read = Vec::new();
    for cluster in clusters() {
        let mut count = 0;
        for case in cluster.readable() {
            for range in case["ranges"].as_array().expect("it is a list") {
                let positions = number(range, "start")..number(range, "end");
                let part = cluster.read(case, positions.clone(), Options::default());
                assert_eq!(hex(&part), text(range, "sha256"), "{}: {positions:?}", case["name"]);
                count += 1;
            }
        }
        read.push(count);
    }
    assert_eq!(read, RANGES);
}

/// The number of ranges in the readable cases.
const RANGES: [usize; 4] = [138, 148, 28, 38];

#[test]
fn the_filer_delivered_the_same_except_in_known_cases() {
    let mut known = [0, 0];
    for cluster in clusters() {
        for case in cluster.readable() {
            let filer = &case["filer"];
            if filer["same"] == true {
                assert_eq!(text(filer, "sha256"), text(case, "sha256"), "{case}");
                assert_eq!(number(filer, "length"), cluster.entry(case).size(), "{case}");
                known[0] += 1;
            } else {
                // The filer delivers the ciphertext of an encrypted S3 object.
                let is_known = ["truncated", "inline-size-0", "tie"].contains(&text(case, "name"));
                assert!(is_known || case.get("key").is_some(), "{case}");
                known[1] += 1;
            }
        }
    }
    assert_eq!(known, [41, 9]);
}

#[test]
fn the_etag_equals_the_etag_of_the_filer() {
    let mut compared = 0;
    for cluster in clusters() {
        let transcript = json(&format!("seaweedfs/{}/transcript.json", cluster.name));
        for exchange in transcript.as_array().expect("it is a list") {
            let url = text(exchange, "url");
            let names =
                [("/d/one.bin", "one"), ("/d/small.txt", "small-text"), ("/d/sp%C3%A4ce", "odd-name")];
            let named = names.iter().find(|(path, _)| url.starts_with(&format!("http://{{filer}}{path}")));
            let headers = exchange["response"].as_array();
            let etag = headers.into_iter().flatten().find(|pair| pair[0].as_str().is_some_and(is_etag));
            if let (Some((_, name)), Some(etag)) = (named, etag) {
                assert_eq!(etag[1], cluster.entry(cluster.case(name)).etag().as_str(), "{url}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 18);
}

fn is_etag(header: &str) -> bool {
    header.eq_ignore_ascii_case("etag")
}

#[test]
fn only_remote_files_are_unsupported() {
    let mut unsupported = Vec::new();
    for cluster in clusters() {
        let mut names = Vec::new();
        for case in &cluster.cases {
            if let Err(error) = cluster.plan(case, 0..1) {
                assert_eq!((error.kind(), error.kind().code()), (Kind::Unsupported, "unsupported"), "{case}");
                names.push(text(case, "name").to_owned());
            }
        }
        unsupported.push(names);
    }
    assert_eq!(unsupported[0], ["remote-only"]);
    assert_eq!(unsupported[1], ["remote-only"]);
    assert_eq!(unsupported[2], [""; 0]);
    assert_eq!(unsupported[3], [""; 0]);
}

// F73
#[test]
fn an_encrypted_object_needs_its_own_key() {
    let cluster = Cluster::new("s3");
    let encrypted = cluster.cases.iter().filter(|case| case.get("key").is_some());
    let mut names = Vec::new();
    for case in encrypted {
        let entry = cluster.entry(case);
        let right = keys(case);
        let other = Keys { customer: Some(key()), kek: Some(key()) };
        let needed = if right.customer.is_some() { "sse.customerKey" } else { "sse.kek" };
        // The key of the other option does not help.
        let swapped = Keys { customer: right.kek, kek: right.customer };
        for none in [Keys::default(), swapped] {
            let error = Error::from(chunks_to_read(&entry, &none).unwrap_err());
            assert_eq!(
                (error.kind(), error.to_string().contains(needed)),
                (Kind::Unsupported, true),
                "{error}"
            );
        }
        let error = Error::from(chunks_to_read(&entry, &other).unwrap_err());
        assert_eq!((error.kind(), error.to_string().contains(needed)), (Kind::Corrupt, true), "{error}");
        names.push(text(case, "name"));
    }
    assert_eq!(names, ["sse-c.bin", "sse-c-small.bin", "sse-s3.bin"]);
    assert_eq!(cluster.world.log().len(), 0);
}

#[test]
fn every_case_is_readable_or_unsupported_or_fails() {
    for (cluster, all) in clusters().iter().zip([26, 27, 4, 5]) {
        let mut names = HashSet::new();
        for case in &cluster.cases {
            names.insert(text(case, "name").to_owned());
        }
        let unsupported = cluster.cases.iter().filter(|case| cluster.plan(case, 0..1).is_err()).count();
        let failing = if all > 20 { 5 } else { 0 };
        assert_eq!((names.len(), cluster.cases.len()), (all, all), "{}", cluster.name);
        assert_eq!(cluster.readable().len() + unsupported + failing, all, "{}", cluster.name);
    }
}

#[test]
fn a_missing_chunk_is_not_found_after_earlier_bytes() {
    for cluster in ["plain", "cipher"].map(Cluster::new) {
        let (some, error) = cluster.read_to_error("missing-chunk");
        assert_eq!(text(cluster.case("missing-chunk"), "expect"), "error not_found");
        assert_eq!((some.len(), error.offset()), (512, Some(512)));
        assert_eq!((error.kind(), error.kind().code()), (Kind::NotFound, "not_found"));
        let chunks = chunks_to_read(&cluster.entry(cluster.case("missing-chunk")), &Keys::default()).unwrap();
        let Source::FileId(missing) = &chunks[1].source else { panic!("it has a file id") };
        assert_eq!(error.chunk(), Some(&**missing));
        assert_eq!(cluster.world.log().len(), 1 + Options::default().retry.passes as usize);
    }
}

#[test]
fn a_chunk_with_a_wrong_digest_is_corrupt() {
    for cluster in ["plain", "cipher"].map(Cluster::new) {
        let (some, error) = cluster.read_to_error("bad-etag");
        assert_eq!(text(cluster.case("bad-etag"), "expect"), "error corrupt");
        assert_eq!((error.kind(), error.kind().code()), (Kind::Corrupt, "corrupt"));
        assert_eq!(error.offset(), Some(some.len() as u64));
        assert!((some.len() as u64) < cluster.entry(cluster.case("bad-etag")).size());
    }
}

// F75
#[test]
fn a_chunk_that_is_stored_too_short_is_an_error() {
    for (cluster, delivered) in [("plain", 512), ("cipher", 0)] {
        let cluster = Cluster::new(cluster);
        let (some, error) = cluster.read_to_error("short-chunk");
        assert_eq!(text(cluster.case("short-chunk"), "expect"), "error short_body");
        assert_eq!((error.kind(), error.kind().code()), (Kind::ShortBody, "short_body"));
        assert_eq!((some.len(), error.offset()), (delivered, Some(delivered as u64)));
    }
}

// F87
#[test]
fn a_missing_or_damaged_manifest_is_an_error_not_zeros() {
    for cluster in ["plain", "cipher"].map(Cluster::new) {
        for (name, kind, code) in
            [("missing-manifest", Kind::NotFound, "not_found"), ("bad-manifest", Kind::Manifest, "manifest")]
        {
            let (some, error) = cluster.read_to_error(name);
            assert_eq!(text(cluster.case(name), "expect"), format!("error {code}"));
            assert_eq!((some.len(), error.offset(), error.kind()), (0, Some(0), kind), "{name}: {error}");
            let chunks = chunks_to_read(&cluster.entry(cluster.case(name)), &Keys::default()).unwrap();
            let manifest = chunks.iter().find(|chunk| chunk.is_manifest).expect("there is one");
            assert_eq!(error.chunk(), Some(manifest.source.name()));
        }
    }
}

// F86
#[test]
fn only_the_manifests_of_the_range_are_requested() {
    for cluster in ["plain", "cipher"].map(Cluster::new) {
        let case = cluster.case("nested-manifest");
        let size = number(case, "size");
        for (range, manifests) in [(0..10, 2), (size - 10..size, 1), (200_000..200_010, 2), (0..size, 4)] {
            let before = cluster.world.events().len();
            let bytes = cluster.read(case, range.clone(), Options::default());
            assert_eq!(bytes.len() as u64, range.end - range.start);
            let events = &cluster.world.events()[before..];
            let is_for_manifest = |event: &&Event| event.kind == EventKind::Request && event.index.is_none();
            let requests = events.iter().filter(is_for_manifest).count();
            assert_eq!(requests, manifests, "{} {range:?}", cluster.name);
        }
    }
}

#[test]
fn streams_of_one_session_share_manifests() {
    let cluster = Cluster::new("plain");
    let case = cluster.case("nested-manifest");
    let session = Session::default();
    cluster.read(case, 0..10, session.clone());
    assert_eq!(cluster.world.log().len(), 3, "two manifests and a chunk");
    cluster.read(case, 0..10, session);
    assert_eq!(cluster.world.log().len(), 4, "the chunk again");
}

#[test]
fn compressed_and_encrypted_chunks_are_read_without_ranges() {
    for cluster in clusters() {
        for name in ["small-text", "encoded.txt"] {
            let Some(case) = cluster.cases.iter().find(|case| case["name"] == name) else { continue };
            let part = cluster.read(case, 100..200, Options::default());
            assert_eq!(part.len(), 100);
            let last = cluster.world.log().pop().expect("there was a request");
            assert_eq!(last.asked.range, None, "{} {name}", cluster.name);
        }
    }
}
