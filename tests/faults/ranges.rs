//! Responses to range requests (F42 to F44).

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

#[test]
fn only_the_wanted_part_of_a_plain_chunk_is_requested() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    for part in [0..1, 300..500, 999..1000] {
        assert_eq!(read_part(&world, chunk.clone(), part.clone(), passes(1)).unwrap(), bytes(part));
    }
    assert_eq!(asked(&world), ["a bytes=0-0", "a bytes=300-499", "a bytes=999-999"]);
}

// F42
#[test]
fn a_200_to_a_range_is_cut() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| {
        let script = Script::default().piece(70).no_ranges();
        match asked.host.as_str() {
            "a" => script.outcome(Outcome::Cut(400)),
            _ => script,
        }
    });
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_part(&world, chunk, 300..500, session).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=400-499"]);
    assert!(meter.stats().bytes_received <= 400 + 630, "the rest of the body is not read");
}

// F210
#[test]
fn the_rest_of_a_chunk_under_status_200_is_refused() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        ("a", 0) => Script::default().outcome(Outcome::Cut(100)),
        ("b", _) => {
            let headers = Headers { content_length: Some(900), ..Headers::default() };
            Script::default().headers(headers).outcome(Outcome::Body(bytes(100..1000).into()))
        }
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(2)).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "b bytes=100-", "a bytes=100-"]);
}

// F43
#[test]
fn a_wrong_content_range_leads_to_the_next_replica() {
    let content_range = |text: &str| Headers { content_range: Some(text.into()), ..Headers::default() };
    let packed = Headers { content_encoding: Some("gzip".into()), ..content_range("bytes 300-499/1000") };
    for headers in [
        content_range("bytes 0-199/1000"),
        content_range("bytes 301-499/1000"),
        content_range("bytes 299-499/1000"),
        content_range("bytes 300-500/1000"),
        content_range("bytes */1000"),
        content_range("pages 300-499/1000"),
        packed,
    ] {
        let world = World::new();
        let chunk = two(&world, 1000);
        let scripted = headers.clone();
        world.script(move |asked| match asked.host.as_str() {
            "a" => Script::default().headers(scripted.clone()),
            _ => Script::default(),
        });
        assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500), "{headers:?}");
        assert_eq!(asked(&world).len(), 2, "{headers:?}");
        let alone = plain(&["http://a/0"], 0, 1000);
        let error = read_part(&world, alone, 300..500, passes(2)).unwrap_err();
        assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Range, Some(206)), "{headers:?}");
        assert_eq!(error.attempts().len(), 2);
    }
}

// F43
#[test]
fn a_206_without_content_range_is_taken_as_requested() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|_| Script::default().headers(Headers::default()));
    assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500));
}

// F44
#[test]
fn a_multipart_response_is_a_range_error() {
    let world = World::new();
    let chunk = two(&world, 1000);
    let headers =
        Headers { content_type: Some("Multipart/ByteRanges; boundary=x".into()), ..Headers::default() };
    let parts = move |host: &str| match host {
        "a" => Script::default().headers(headers.clone()),
        _ => Script::default(),
    };
    world.script(move |asked| parts(&asked.host));
    assert_eq!(read_part(&world, chunk.clone(), 300..500, passes(1)).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=300-499"]);
    let alone = plain_at(&chunk, "http://a/0");
    let error = read_part(&world, alone, 300..500, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Range, Some(206)));
}

// F42, F128
#[test]
fn a_200_is_read_to_any_offset() {
    let world = World::new();
    world.sizes(|_| Some(1 << 30));
    world.script(|_| Script::default().no_ranges().piece(64 << 20));
    let chunk = plain(&["http://a/0"], 0, 1 << 30);
    let session = passes(1);
    assert_eq!(read_part(&world, chunk, (1 << 30) - 10..1 << 30, session).unwrap(), [0; 10]);
}

#[test]
fn a_clipped_206_is_taken_and_the_rest_requested() {
    let world = World::new();
    world.store("http://a/0", bytes(0..400));
    world.store("http://b/0", bytes(0..1000));
    let chunk = plain(&["http://a/0", "http://b/0"], 0, 1000);
    assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=400-499"]);
}

#[test]
fn a_206_without_a_range_request_is_a_range_error() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Status(206))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    outcomes(&world, |_| Outcome::Status(206));
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!(error.kind(), Kind::Range);
}

// F49
#[test]
fn a_chunk_of_a_shared_blob_is_requested_exactly() {
    let world = World::new();
    let stored = |chunk: Chunk, range: std::ops::Range<u64>| Chunk { stored: Some(range), ..chunk };
    let blob = [vec![0xaa; 1000], bytes(0..1000), vec![0xbb; 3000]].concat();
    let chunk = stored(at_two(&world, blob, 1000), 1000..2000);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(read_part(&world, chunk.clone(), 300..500, passes(1)).unwrap(), bytes(300..500));
    hosts(&world, &[("a", Outcome::Cut(100))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    let with_md5 = digested(chunk, &bytes(0..1000));
    assert_eq!(read_one(&world, with_md5.clone(), passes(1)).unwrap(), bytes(0..1000));
    world.script(|_| Script::default().piece(700).no_ranges());
    assert_eq!(read_one(&world, with_md5, passes(1)).unwrap(), bytes(0..1000));
    let whole = "a bytes=1000-1999";
    let rest = "b bytes=1100-1999";
    assert_eq!(asked(&world), [whole, "a bytes=1300-1499", whole, rest, whole, rest, whole]);
}

#[test]
fn an_encrypted_chunk_of_a_blob_is_requested_whole() {
    for packed in [false, true] {
        let world = World::new();
        let content = if packed { gzip(&bytes(0..1000)) } else { bytes(0..1000) };
        let sealed = encrypted(&content, &key());
        let end = 100 + sealed.len() as u64;
        let blob = [vec![0xaa; 100], sealed, vec![0xbb; 100]].concat();
        let chunk = Chunk {
            key: Some(key()),
            compression: if packed { Compression::Gzip } else { Compression::None },
            stored: Some(100..end),
            ..at_two(&world, blob, 1000)
        };
        hosts(&world, &[("a", Outcome::Cut(50))]);
        assert_eq!(read_part(&world, chunk.clone(), 10..20, passes(1)).unwrap(), bytes(10..20));
        let range = format!("bytes=100-{}", end - 1);
        assert_eq!(asked(&world), [format!("a {range}"), format!("b {range}")]);
        world.script(|_| Script::default().piece(33).no_ranges());
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    }
}
