//! Entries: those of a real filer, and those that no filer should send.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

use kelp_stream::{
    Error, Kind,
    formats::seaweedfs::entry::{
        DataKeys, Entry, EntryError, Keys, MAX_TEXT_BYTES, Reason, SseKind, Unsupported,
    },
    model::chunk::{Chunk, Compression, Source},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/seaweedfs/{path}")).unwrap()
}

fn entry(path: &str) -> Entry {
    Entry::parse(&fixture(path)).unwrap()
}

/// An entry with these chunks and these further fields.
fn with(chunks: Value, more: Value) -> Result<Entry, EntryError> {
    let mut all = json!({"FullPath": "/d/a.bin", "Mtime": "2026-08-22T12:00:00Z", "Mode": 432, "FileSize": 0, "chunks": chunks});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Entry::parse(all.to_string().as_bytes())
}

/// An entry with one chunk that has a file id, a size and these fields.
fn with_chunk(fields: Value) -> Result<Entry, EntryError> {
    let mut chunk = json!({"file_id": "3,1637037d6a", "size": 34});
    chunk.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    with(json!([chunk]), json!({}))
}

fn with_field(name: &str, value: Value) -> Result<Entry, EntryError> {
    with(json!([]), json!({name: value}))
}

fn field(result: Result<Entry, EntryError>) -> (String, Reason) {
    match result {
        Err(EntryError::Field { field, reason }) => (field, reason),
        other => panic!("not a field error: {other:?}"),
    }
}

fn id(chunk: &Chunk) -> &str {
    match &chunk.source {
        Source::FileId(id) => id,
        _ => panic!("no file id"),
    }
}

fn unsupported(entry: &Entry) -> Unsupported {
    match entry.chunks_to_read(&Keys::default(), &DataKeys::default()) {
        Err(EntryError::Unsupported(what)) => what,
        other => panic!("not unsupported: {other:?}"),
    }
}

#[test]
fn every_fixture_has_its_size_and_is_readable_unless_known() {
    let mut readable = 0;
    for cluster in ["plain", "cipher", "jwt", "s3"] {
        let cases: Vec<Value> = serde_json::from_slice(&fixture(&format!("{cluster}/cases.json"))).unwrap();
        for case in cases {
            let name = case["entry"].as_str().unwrap();
            let entry = entry(&format!("{cluster}/{name}"));
            // Cases that end with an error have no size.
            let size = case["size"].as_u64().unwrap_or(entry.size());
            assert_eq!(entry.size(), size, "{name}");
            let path = case["path"].as_str().unwrap();
            assert_eq!(entry.path(), path);
            assert_eq!(Some(entry.name()), path.rsplit('/').next());
            let sse = name.contains("sse-");
            let text = String::from_utf8(fixture(&format!("{cluster}/{name}"))).unwrap();
            let manifests = text.matches("\"is_chunk_manifest\":true").count();
            match entry.chunks_to_read(&Keys::default(), &DataKeys::default()) {
                Ok(chunks) => {
                    assert!(!sse && !name.contains("remote"), "{name}");
                    assert_eq!(chunks.iter().filter(|chunk| chunk.is_manifest).count(), manifests, "{name}");
                    assert!(chunks.iter().all(|chunk| chunk.end() <= size), "{name}");
                    readable += 1;
                }
                Err(EntryError::Unsupported(Unsupported::Sse(kind))) => {
                    assert_eq!(kind, if name.contains("sse-c") { SseKind::C } else { SseKind::S3 }, "{name}");
                }
                Err(EntryError::Unsupported(Unsupported::Remote)) => {
                    assert!(name.contains("remote"), "{name}")
                }
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
    assert!(readable > 40, "{readable}");
}

#[test]
fn the_fields_of_a_plain_file_are_exact() {
    let entry = entry("plain/entries/append.json");
    assert_eq!(entry.media_type(), "application/octet-stream");
    assert_eq!((entry.md5(), entry.content(), entry.remote_size()), (None, None, None));
    let text: Value = serde_json::from_slice(&fixture("plain/entries/append.json")).unwrap();
    let written = text["chunks"].as_array().unwrap();
    assert_eq!(entry.chunks().len(), written.len());
    for (each, written) in entry.chunks().iter().zip(written) {
        assert_eq!(id(&each.chunk), written["file_id"]);
        assert_eq!(each.chunk.offset, written["offset"].as_u64().unwrap_or(0));
        assert_eq!(each.chunk.size, written["size"].as_u64().unwrap());
        assert_eq!(each.chunk.modified, written["modified_ts_ns"].as_i64().unwrap());
        assert!(each.chunk.md5.is_some() && each.chunk.key.is_none() && each.chunk.stored.is_none());
        assert!(!each.chunk.is_manifest && each.sse.is_none());
    }
}

#[test]
fn integers_beyond_2_to_the_53_are_exact() {
    let entry = with_chunk(json!({"modified_ts_ns": 1_787_400_000_123_456_789_i64})).unwrap();
    assert_eq!(entry.chunks()[0].chunk.modified, 1_787_400_000_123_456_789);
    let entry = with_chunk(json!({"modified_ts_ns": i64::MAX, "fid": {"file_key": u64::MAX}})).unwrap();
    assert_eq!(entry.chunks()[0].chunk.modified, i64::MAX);
    let entry = with_chunk(json!({"modified_ts_ns": i64::MIN})).unwrap();
    assert_eq!(entry.chunks()[0].chunk.modified, i64::MIN);
    assert!(with_field("Inode", json!(u64::MAX)).is_ok());
}

#[test]
fn a_chunk_without_a_text_id_uses_its_numeric_id() {
    let fid = json!({"volume_id": 5, "file_key": 0x1_0000_0001_u64, "cookie": 0xdead_beef_u32});
    let entry =
        with(json!([{"fid": fid, "size": 1}, {"file_id": "", "fid": fid, "size": 1}]), json!({})).unwrap();
    assert_eq!(id(&entry.chunks()[0].chunk), "5,0100000001deadbeef");
    assert_eq!(id(&entry.chunks()[1].chunk), "5,0100000001deadbeef");
    let entry = with(json!([{"file_id": "3,1637037d6a", "fid": fid, "size": 1}]), json!({})).unwrap();
    assert_eq!(id(&entry.chunks()[0].chunk), "3,1637037d6a");
}

// F89
#[test]
fn a_chunk_must_have_a_valid_file_id() {
    let not_one = |chunk: Value| field(with(json!([{"file_id": "3,1637037d6a"}, chunk]), json!({})));
    let missing = ("chunks[1]".to_owned(), Reason::Not("a chunk with a file id"));
    assert_eq!(not_one(json!({"size": 1})), missing);
    assert_eq!(not_one(json!({"file_id": "", "fid": null})), missing);
    assert_eq!(not_one(json!({"fid": {"volume_id": 1, "cookie": 1}})), missing);
    for id in ["3,x/../../status", "3,1637037d6a?a=b", "3,1637037d6a_1x", " 3,1637037d6a", "3"] {
        assert_eq!(
            not_one(json!({"file_id": id})),
            ("chunks[1].file_id".to_owned(), Reason::Not("a file id")),
            "{id}"
        );
    }
}

#[test]
fn only_an_encrypted_chunk_is_marked_as_gzip() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let compression = |fields| with_chunk(fields).unwrap().chunks()[0].chunk.compression;
    assert_eq!(compression(json!({"is_compressed": true, "cipher_key": key})), Compression::Gzip);
    assert_eq!(compression(json!({"is_compressed": true})), Compression::ByServer);
    assert_eq!(compression(json!({"cipher_key": key})), Compression::None);
    assert_eq!(compression(json!({"is_compressed": false, "cipher_key": null})), Compression::None);
    let entry = with_chunk(json!({"cipher_key": key})).unwrap();
    let bytes = entry.chunks()[0].chunk.key.as_ref().unwrap().bytes();
    assert!(bytes.iter().zip(0..).all(|(byte, i)| *byte == i));
}

#[test]
fn no_error_quotes_a_key() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    assert!(!format!("{:?}", with_chunk(json!({"cipher_key": key})).unwrap()).contains("AAEC"));
    for fields in [
        json!({"cipher_key": [key]}),
        json!({"cipher_key": "AAEC"}),
        json!({"size": key}),
        json!({"cipher_key": {key: key}}),
    ] {
        let error = with_chunk(fields).unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", Error::from(error.clone())).contains("AAEC"));
    }
}

// F90
#[test]
fn a_field_of_the_wrong_type_is_named() {
    let number = Reason::Not("an integer in the range of its type");
    for (name, value, reason) in [
        ("size", json!("34"), number),
        ("size", json!(1.5), number),
        ("size", json!(null), number),
        ("size", json!([1]), number),
        ("size", json!({"a": 1}), number),
        ("size", json!(true), number),
        ("size", json!(-1), Reason::Negative),
        ("offset", json!(-1), Reason::Negative),
        ("modified_ts_ns", json!(u64::MAX), number),
        ("modified_ts_ns", json!("1"), number),
        ("sse_type", json!("SSE_C"), number),
        ("file_id", json!(3), Reason::Not("a string")),
        ("e_tag", json!(3), Reason::Not("a string")),
        ("is_compressed", json!(1), Reason::Not("a boolean")),
        ("is_chunk_manifest", json!("true"), Reason::Not("a boolean")),
        ("cipher_key", json!("AAECAw=="), Reason::Not("a key of 32 bytes")),
        ("cipher_key", json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"), Reason::Not("base64")),
        ("cipher_key", json!("AAEC AwQ"), Reason::Not("base64")),
        ("cipher_key", json!(7), Reason::Not("base64")),
        ("sse_metadata", json!("_-8="), Reason::Not("base64")),
        ("fid", json!(3), Reason::Not("an object")),
        ("fid", json!([]), Reason::Not("an object")),
    ] {
        assert_eq!(
            field(with_chunk(json!({name: value}))),
            (format!("chunks[0].{name}"), reason),
            "{name}: {value}"
        );
    }
    for (name, value) in
        [("volume_id", json!(1_u64 << 32)), ("cookie", json!(1_u64 << 32)), ("file_key", json!("1"))]
    {
        assert_eq!(
            field(with_chunk(json!({"fid": {name: value}}))),
            (format!("chunks[0].fid.{name}"), number),
            "{name}"
        );
    }
}

// F90
#[test]
fn a_field_of_the_file_of_the_wrong_type_is_named() {
    let number = Reason::Not("an integer in the range of its type");
    for (name, value, reason) in [
        ("FullPath", json!(3), Reason::Not("a string")),
        ("FullPath", json!(null), Reason::Not("a string")),
        ("FullPath", json!(""), Reason::Not("a path")),
        ("Mime", json!(3), Reason::Not("a string")),
        ("Mtime", json!(1_787_400_000), Reason::Not("a string")),
        ("Mtime", json!("yesterday"), Reason::Not("an RFC 3339 time")),
        ("Mode", json!(1_u64 << 32), number),
        ("FileSize", json!(-1), Reason::Negative),
        ("FileSize", json!("1"), number),
        ("Md5", json!("?"), Reason::Not("base64")),
        ("Content", json!("aGVsbG8"), Reason::Not("base64")),
        ("Content", json!([104]), Reason::Not("base64")),
        ("Extended", json!({"a": 1}), Reason::Not("base64")),
        ("Extended", json!([]), Reason::Not("an object")),
        ("Remote", json!(false), Reason::Not("an object")),
        ("chunks", json!({}), Reason::Not("an array")),
        ("chunks", json!("[]"), Reason::Not("an array")),
    ] {
        assert_eq!(
            field(with(json!([]), json!({name: value}))),
            (name.to_owned(), reason),
            "{name}: {value}"
        );
    }
    assert_eq!(
        field(with_field("Remote", json!({"remote_size": -1}))),
        ("Remote.remote_size".to_owned(), Reason::Negative)
    );
    assert_eq!(field(with(json!([null]), json!({}))), ("chunks[0]".to_owned(), Reason::Not("an object")));
    assert_eq!(
        field(with(json!([{"file_id": "3,1637037d6a"}, {"size": []}]), json!({}))).0,
        "chunks[1].size"
    );
    assert_eq!(field(Entry::parse(b"[]")), ("the entry".to_owned(), Reason::Not("an object")));
    assert_eq!(field(Entry::parse(b"null")), ("the entry".to_owned(), Reason::Not("an object")));
}

#[test]
fn an_entry_must_have_a_path() {
    let error = Entry::parse(b"{}").unwrap_err();
    assert_eq!(error, EntryError::Field { field: "FullPath".into(), reason: Reason::Missing });
    assert_eq!(error.to_string(), "invalid SeaweedFS metadata: FullPath is missing");
    assert_eq!(Error::from(error).kind(), Kind::Manifest);
    let only_path = Entry::parse(br#"{"FullPath":"/"}"#).unwrap();
    assert_eq!((only_path.name(), only_path.size(), only_path.modified_ms()), ("", 0, None));
}

// F78
#[test]
fn a_chunk_must_end_within_63_bits() {
    let max = i64::MAX.cast_unsigned();
    assert!(with_chunk(json!({"offset": max - 34})).is_ok());
    assert!(with_chunk(json!({"size": max})).is_ok());
    for fields in [
        json!({"offset": max - 33}),
        json!({"size": max + 1}),
        json!({"offset": max, "size": u64::MAX}),
        json!({"offset": u64::MAX}),
    ] {
        assert_eq!(field(with_chunk(fields)), ("chunks[0]".to_owned(), Reason::Overflow));
    }
}

// F79
#[test]
fn a_file_has_at_most_2_to_the_53_bytes() {
    let max = (1_u64 << 53) - 1;
    assert_eq!(with_field("FileSize", json!(max)).unwrap().size(), max);
    let error = with_field("FileSize", json!(max + 1)).unwrap_err();
    assert_eq!(error, EntryError::TooLarge);
    assert_eq!(Error::from(error).kind(), Kind::Limit);
}

// F90
#[test]
fn a_text_that_is_not_one_json_value_is_refused() {
    let good = fixture("plain/entries/one.json");
    let text = String::from_utf8(good.clone()).unwrap();
    for bad in [
        String::new(),
        format!("\u{feff}{text}"),
        format!("{text}{text}"),
        format!("{text},"),
        text.replace("\"size\":5000", "\"size\":05000"),
        text.replace("\"size\":5000", "\"size\":NaN"),
        text.replace("\"Mode\"", "Mode"),
        text.replace("\"Uid\":0", "\"Uid\":[}"),
    ] {
        let error = Entry::parse(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, EntryError::Syntax { .. }), "{error:?} of {bad}");
        assert_eq!(Error::from(error).kind(), Kind::Manifest);
    }
    let with_bad_utf8: Vec<u8> =
        text.replace("one.bin", "one.\u{1}").bytes().map(|b| if b == 1 { 0xff } else { b }).collect();
    assert!(matches!(Entry::parse(&with_bad_utf8), Err(EntryError::Syntax { .. })));
    assert!(Entry::parse(format!(" {text}\n").as_bytes()).is_ok());
}

#[test]
fn a_text_truncated_anywhere_is_refused() {
    let good = fixture("cipher/entries/append.json");
    for length in 0..good.len() {
        assert!(Entry::parse(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn unknown_fields_may_have_any_value() {
    let odd = json!({"deep": [[[{"a": null}]]], "n": 1e300, "chunks": [{"size": "x"}]});
    let entry = with(
        json!([{"file_id": "3,1637037d6a", "size": 1, "new": odd, "fid": {"new": odd}}]),
        json!({"New": odd, "Uid": odd}),
    );
    assert_eq!(entry.unwrap().chunks().len(), 1);
}

// F90
#[test]
fn the_last_of_repeated_fields_counts() {
    let text = br#"{"FullPath":"/a","FileSize":1,"chunks":[{"file_id":"3,1637037d6a","size":1},{"file_id":"4,1637037d6a","size":1}],
        "Content":"aGVsbG8=","Remote":{"remote_size":3,"remote_e_tag":"x"},"Extended":{"b":"Yg==","a":"MQ==","a":"Mg=="},
        "FullPath":"/b","FileSize":2,"chunks":[{"file_id":"5,1637037d6a","size":9,"size":2,"fid":{"volume_id":1},"fid":null}],
        "Content":null,"Remote":{}}"#;
    let entry = Entry::parse(text).unwrap();
    assert_eq!((entry.path(), entry.size(), entry.chunks().len()), ("/b", 2, 1));
    assert_eq!((id(&entry.chunks()[0].chunk), entry.chunks()[0].chunk.size), ("5,1637037d6a", 2));
    assert_eq!((entry.content(), entry.remote_size()), (None, Some(0)));
    assert_eq!(entry.extended(), [("a".to_owned(), b"2".to_vec()), ("b".to_owned(), b"b".to_vec())]);
    let gone = Entry::parse(br#"{"FullPath":"/a","Extended":{"a":"MQ=="},"chunks":[{"file_id":"3,1637037d6a"}],"Extended":null,"chunks":null}"#).unwrap();
    assert!(gone.extended().is_empty() && gone.chunks().is_empty());
    let other = br#"{"FullPath":"/a","Extended":{"a":"MQ=="},"Remote":{"remote_size":3},"Extended":{"b":"MQ=="},"Remote":null}"#;
    let other = Entry::parse(other).unwrap();
    assert_eq!((other.extended().len(), other.remote_size()), (1, None));
    let nulled =
        br#"{"FullPath":"/a","chunks":[{"fid":{"volume_id":1,"file_key":1,"cookie":1},"fid":null}]}"#;
    assert_eq!(field(Entry::parse(nulled)).0, "chunks[0]");
    // A chunk inherits nothing from the previous one.
    let entry = with(json!([{"file_id": "3,1637037d6a", "size": 3, "offset": 7, "sse_type": 1}, {"file_id": "3,1737037d6a"}]), json!({})).unwrap();
    assert_eq!(
        (entry.chunks()[1].chunk.offset, entry.chunks()[1].chunk.size, entry.chunks()[1].sse.is_none()),
        (0, 0, true)
    );
}

// F90
#[test]
fn a_text_that_is_too_long_is_refused() {
    let mut text = br#"{"FullPath":"/a"}"#.to_vec();
    text.resize(MAX_TEXT_BYTES, b' ');
    assert!(Entry::parse(&text).is_ok());
    text.push(b' ');
    let error = Entry::parse(&text).unwrap_err();
    assert_eq!(error, EntryError::TooLong);
    assert_eq!(Error::from(error).kind(), Kind::Limit);
}

// F86
#[test]
fn a_list_of_too_many_chunks_is_refused() {
    let list = |n: usize| {
        format!(
            r#"{{"FullPath":"/a","chunks":[{}{{"file_id":"3,123456789"}}]}}"#,
            r#"{"file_id":"3,123456789"},"#.repeat(n - 1)
        )
    };
    assert_eq!(Entry::parse(list(1 << 20).as_bytes()).unwrap().chunks().len(), 1 << 20);
    let error = Entry::parse(list((1 << 20) + 1).as_bytes()).unwrap_err();
    assert_eq!(error, EntryError::Field { field: "chunks".into(), reason: Reason::TooMany });
    assert_eq!(Error::from(error).kind(), Kind::Limit);
}

#[test]
fn too_many_attributes_are_refused() {
    let entry = |n: usize| {
        let extended: serde_json::Map<_, _> =
            (0..n).map(|i| (format!("{}", i * 7919 % 4099), json!("AA=="))).collect();
        with(json!([]), json!({"Extended": extended}))
    };
    let most = entry(4096).unwrap();
    assert!(most.extended().len() == 4096 && most.extended().is_sorted());
    let error = entry(4097).unwrap_err();
    assert_eq!(error, EntryError::Field { field: "Extended".into(), reason: Reason::TooMany });
    assert_eq!(Error::from(error).kind(), Kind::Limit);
}

#[test]
fn the_time_is_in_milliseconds_and_the_zero_time_is_none() {
    let time = |text: &str| with_field("Mtime", json!(text)).unwrap().modified_ms();
    assert_eq!(time("2026-08-22T12:00:00.123456789Z"), Some(1_787_400_000_123));
    assert_eq!(time("2026-08-22T05:00:00.123456789-07:00"), Some(1_787_400_000_123));
    assert_eq!(time("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(time("0001-01-01T00:00:00Z"), None);
    assert_eq!(time("0001-01-01T01:00:00+01:00"), None);
}

#[test]
fn inline_content_is_used_if_it_reaches_to_the_end() {
    let content = |path: &str| entry(path).chunks_to_read(&Keys::default(), &DataKeys::default()).unwrap();
    for (path, text) in [
        ("plain/entries/inline.json", &b"inline content, kept in the entry; no chunks"[..]),
        ("plain/entries/inline-size-0.json", b"saved inside, and file_size says 0"),
    ] {
        let chunks = content(path);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].source, Source::Inline(text.into()));
        assert_eq!((chunks[0].offset, chunks[0].size), (0, text.len() as u64));
        assert_eq!(entry(path).size(), text.len() as u64);
    }
    let chunk = json!([{"file_id": "3,1637037d6a", "size": 5}]);
    let both = |size: u64| {
        with(chunk.clone(), json!({"Content": "aGVsbG8=", "FileSize": size}))
            .unwrap()
            .chunks_to_read(&Keys::default(), &DataKeys::default())
            .unwrap()
    };
    assert!(matches!(both(5)[..], [Chunk { source: Source::Inline(_), .. }]));
    assert!(matches!(both(6)[..], [Chunk { source: Source::FileId(_), .. }]));
    let longer = with(json!([]), json!({"Content": "aGVsbG8=", "FileSize": 9})).unwrap();
    assert!(matches!(
        longer.chunks_to_read(&Keys::default(), &DataKeys::default()).unwrap()[..],
        [Chunk { source: Source::Inline(_), size: 5, .. }]
    ));
    assert!(
        with(json!([]), json!({"Content": "", "FileSize": 9}))
            .unwrap()
            .chunks_to_read(&Keys::default(), &DataKeys::default())
            .unwrap()
            .is_empty()
    );
}

// F73
#[test]
fn a_file_that_cannot_be_read_is_unsupported() {
    let directory = with_field("Mode", json!(2_147_484_152_u32)).unwrap();
    assert!(directory.is_directory());
    assert_eq!(unsupported(&directory), Unsupported::Directory);
    assert!(!with_field("Mode", json!(0x7fff_ffff)).unwrap().is_directory());
    let link = with(json!([]), json!({"SymlinkTarget": "/etc/passwd", "FileSize": 11})).unwrap();
    assert_eq!(unsupported(&link), Unsupported::Symlink);
    assert_eq!(unsupported(&entry("s3/entries/sse-c.bin.json")), Unsupported::Sse(SseKind::C));
    assert_eq!(unsupported(&entry("s3/entries/sse-s3.bin.json")), Unsupported::Sse(SseKind::S3));
    assert_eq!(unsupported(&with_chunk(json!({"sse_type": 2})).unwrap()), Unsupported::Sse(SseKind::Kms));
    assert_eq!(unsupported(&with_chunk(json!({"sse_type": 9})).unwrap()), Unsupported::Sse(SseKind::Unknown));
    for (name, kind) in [
        ("x-seaweedfs-sse-c-iv", SseKind::C),
        ("X-Seaweedfs-Sse-Kms-Key", SseKind::Kms),
        ("x-seaweedfs-sse-s3-key", SseKind::S3),
    ] {
        let inline = with(json!([]), json!({"Content": "aGVsbG8=", "Extended": {name: "AA=="}})).unwrap();
        assert_eq!(unsupported(&inline), Unsupported::Sse(kind));
    }
    let error = Error::from(
        entry("s3/entries/sse-c.bin.json")
            .chunks_to_read(&Keys::default(), &DataKeys::default())
            .unwrap_err(),
    );
    assert_eq!(
        (error.kind(), error.to_string()),
        (Kind::Unsupported, "the object is encrypted with SSE-C: pass its key as sse.customerKey".into())
    );
}

#[test]
fn a_remote_only_file_has_no_chunks_and_no_content() {
    let remote = entry("plain/entries/remote-only.json");
    assert!(remote.is_remote_only());
    assert_eq!(remote.remote_size(), Some(4096));
    assert_eq!(unsupported(&remote), Unsupported::Remote);
    let copy = json!({"remote_size": 34});
    assert!(
        !with(json!([{"file_id": "3,1637037d6a", "size": 34}]), json!({"Remote": copy}))
            .unwrap()
            .is_remote_only()
    );
    assert!(!with(json!([]), json!({"Remote": copy, "Content": "aGVsbG8="})).unwrap().is_remote_only());
    assert!(!with(json!([]), json!({"Remote": {"storage_name": "cloud"}})).unwrap().is_remote_only());
}

#[test]
fn a_remote_file_is_read_through_its_filer() {
    let remote = entry("plain/entries/remote-only.json");
    let chunks =
        remote.chunks_to_read_at("http://f/d/remote.bin", &Keys::default(), &DataKeys::default()).unwrap();
    assert_eq!((chunks[0].source.name(), &chunks[0].stored), ("http://f/d/remote.bin", &Some(0..4096)));
    let large = with(json!([]), json!({"FileSize": 9 << 20, "Remote": {"remote_size": 9 << 20}})).unwrap();
    let sizes: Vec<u64> = large
        .chunks_to_read_at("http://f/x", &Keys::default(), &DataKeys::default())
        .unwrap()
        .iter()
        .map(|c| c.size)
        .collect();
    assert_eq!(sizes, [4 << 20, 4 << 20, 1 << 20]);
    // Other unsupported files stay unsupported, and a file with chunks is read from its chunks.
    let encrypted = json!({"Remote": {"remote_size": 5}, "Extended": {"X-SeaweedFS-Sse-C-Iv": "AA=="}});
    let encrypted = with(json!([]), encrypted)
        .unwrap()
        .chunks_to_read_at("http://f/x", &Keys::default(), &DataKeys::default())
        .unwrap_err();
    assert_eq!(encrypted, Unsupported::Sse(SseKind::C).into());
    let directory = with(json!([]), json!({"Mode": 1_u32 << 31, "Remote": {"remote_size": 5}})).unwrap();
    assert_eq!(
        directory.chunks_to_read_at("http://f/x", &Keys::default(), &DataKeys::default()).unwrap_err(),
        Unsupported::Directory.into()
    );
    let one = entry("plain/entries/one.json");
    assert_eq!(
        one.chunks_to_read_at("http://f/x", &Keys::default(), &DataKeys::default()).unwrap(),
        one.chunks_to_read(&Keys::default(), &DataKeys::default()).unwrap()
    );
}

#[test]
fn a_chunk_manifest_is_marked_and_spans_bytes() {
    let entry = entry("plain/entries/nested-manifest.json");
    let manifests: Vec<bool> = entry.chunks().iter().map(|each| each.chunk.is_manifest).collect();
    assert_eq!(manifests, [true, true, false]);
    assert_eq!((entry.chunks()[1].chunk.offset, entry.chunks()[1].chunk.size), (358_400, 153_600));
    let none = field(with_chunk(json!({"is_chunk_manifest": true, "size": 0})));
    assert_eq!(none, ("chunks[0]".to_owned(), Reason::Not("a chunk manifest that spans bytes")));
}

#[test]
fn the_metadata_of_sse_is_kept_unchanged() {
    let entry = entry("s3/entries/sse-c-small.bin.json");
    let sse = entry.chunks()[0].sse.as_ref().unwrap();
    let metadata: Value = serde_json::from_slice(&sse.metadata).unwrap();
    assert_eq!((sse.kind, metadata["algorithm"].as_str()), (SseKind::C, Some("AES256")));
}

#[test]
fn the_etag_is_the_md5_or_composed_or_derived() {
    // The filer's own tag: transcript.json.
    assert_eq!(entry("plain/entries/one.json").etag(), "\"2e2524c1c8618439e55a284ed56078a2\"");
    let md5 = "ayH+xQI1qSY4mBdC2lR2gA==";
    let single = with(json!([{"file_id": "3,1637037d6a", "size": 1, "e_tag": md5}]), json!({})).unwrap();
    assert_eq!(single.etag(), "\"6b21fec50235a92638981742da547680\"");
    let chunk =
        |volume: u32, md5: &str| json!({"file_id": format!("{volume},1637037d6a"), "size": 1, "e_tag": md5});
    let other = "F5GWGMF5UYhGwTE+VLLhIA==";
    let composed = |list| with(list, json!({})).unwrap().etag();
    // md5(6b21..80 || 1791..20), computed with Python's hashlib.
    assert_eq!(composed(json!([chunk(1, md5), chunk(2, other)])), "\"af7347e0cc91648d8a9bfb20f640df01-2\"");
    assert_ne!(
        composed(json!([chunk(1, md5), chunk(2, other)])),
        composed(json!([chunk(2, other), chunk(1, md5)]))
    );
    for odd in ["", "abc", "10798195", "AAAA", "not base64"] {
        let derived = composed(json!([chunk(1, md5), chunk(2, odd)]));
        assert!(
            derived.starts_with('"') && derived.ends_with("-chunks\"") && derived.len() == 41,
            "{derived}"
        );
    }
    let with_md5 = with(json!([chunk(1, md5)]), json!({"Md5": other})).unwrap();
    assert_eq!(with_md5.etag(), "\"17919618c179518846c1313e54b2e120\"");
    // A digest of another length is ignored.
    assert_eq!(with(json!([chunk(1, md5)]), json!({"Md5": "AAAA"})).unwrap().etag(), single.etag());
}

#[test]
fn a_derived_etag_depends_on_all_that_makes_the_bytes() {
    let chunk = json!({"file_id": "3,1637037d6a", "offset": 5, "size": 6, "modified_ts_ns": 7});
    let tag = |chunks: Value, more: Value| with(chunks, more).unwrap().etag();
    let mut tags = vec![
        tag(json!([chunk]), json!({})),
        tag(json!([chunk, chunk]), json!({})),
        tag(json!([]), json!({})),
    ];
    for (name, value) in [
        ("file_id", json!("3,1637037d6b")),
        ("offset", json!(6)),
        ("size", json!(7)),
        ("modified_ts_ns", json!(8)),
    ] {
        let mut changed = chunk.clone();
        changed[name] = value;
        tags.push(tag(json!([changed]), json!({})));
    }
    tags.push(tag(json!([chunk]), json!({"FileSize": 100})));
    tags.push(tag(json!([]), json!({"FileSize": 100})));
    tags.push(tag(json!([]), json!({"Content": "aGVsbG8="})));
    tags.push(tag(json!([]), json!({"Content": "aGVsbE8="})));
    tags.push(tag(json!([]), json!({"FileSize": 9, "Remote": {"remote_size": 9, "remote_e_tag": "a"}})));
    tags.push(tag(json!([]), json!({"FileSize": 9, "Remote": {"remote_size": 9, "remote_e_tag": "b"}})));
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count);
    assert_eq!(
        tag(json!([chunk]), json!({"Mtime": "2020-01-01T00:00:00Z", "Uid": 7})),
        tag(json!([chunk]), json!({}))
    );
}

#[test]
fn an_attribute_is_found_in_any_case() {
    let entry =
        with(json!([]), json!({"Extended": {"content-disposition": "YXR0YWNobWVudDsgZmlsZW5hbWU9IsOpIg=="}}))
            .unwrap();
    // The UTF-8 bytes of é, as the characters of a header.
    assert_eq!(entry.header("Content-Disposition").unwrap(), "attachment; filename=\"Ã©\"");
    assert_eq!(entry.header("Content-Language"), None);
    let named = self::entry("plain/entries/odd-name.json");
    assert!(named.extended().is_sorted());
}

proptest! {
    // F90
    #[test]
    fn no_input_causes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Entry::parse(&bytes);
    }

    #[test]
    fn no_changed_byte_causes_a_panic(at in 0_usize..2000, byte in any::<u8>()) {
        let mut text = fixture("cipher/entries/append.json");
        let length = text.len();
        text[at % length] = byte;
        if let Ok(entry) = Entry::parse(&text) {
            let _ = (entry.etag(), entry.chunks_to_read(&Keys::default(), &DataKeys::default()));
        }
    }
}
