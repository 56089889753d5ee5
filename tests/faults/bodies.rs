//! Bodies that break, or have the wrong length (F35 to F38).

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F35, F49
#[test]
fn a_broken_body_is_resumed_at_the_first_missing_byte() {
    for cut in [0, 1, 500, 999] {
        for with_md5 in [false, true] {
            let world = World::new();
            let mut chunk = two(&world, 1000);
            chunk.md5 = with_md5.then(|| md5(&bytes(0..1000)));
            outcomes(&world, move |asked| if asked.host == "a" { Outcome::Cut(cut) } else { Outcome::Good });
            let session = passes(1);
            let meter = session.stats.clone();
            assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000), "cut at {cut}");
            let rest = match (cut, with_md5) {
                (0, _) => "b".to_owned(),
                // A digest also covers the bytes that a truncation left beyond the size.
                (_, true) => format!("b bytes={cut}-"),
                (_, false) => format!("b bytes={cut}-999"),
            };
            assert_eq!(asked(&world), ["a".to_owned(), rest]);
            assert_eq!(meter.stats().bytes_received, 1000, "no byte was received twice");
        }
    }
}

#[test]
fn a_connection_broken_after_the_last_byte_is_no_fault() {
    for with_md5 in [false, true] {
        let world = World::new();
        let mut chunk = two(&world, 1000);
        chunk.md5 = with_md5.then(|| md5(&bytes(0..1000)));
        // Beyond the end most servers respond with 416.
        outcomes(&world, |asked| match asked.range {
            Some(range) if range.start >= 1000 => Outcome::Status(416),
            _ => Outcome::Cut(1000),
        });
        assert_eq!(read_one(&world, chunk, passes(2)).unwrap(), bytes(0..1000), "MD5: {with_md5}");
        assert_eq!(asked(&world), ["a"], "MD5: {with_md5}");
    }
}

#[test]
fn a_damaged_body_is_not_resumed_past_its_end() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.store("http://a/0", bytes(1..1001));
    outcomes(&world, |asked| match asked.range {
        Some(range) if range.start >= 1000 => Outcome::Status(416),
        _ if asked.host == "a" => Outcome::Cut(1000),
        _ => Outcome::Good,
    });
    let mut session = passes(2);
    session.options.verify = Verify::Strict;
    assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000), "b has it");
}

#[test]
fn a_damaged_part_of_a_blob_is_requested_whole_again() {
    let world = World::new();
    let blob = |content: Vec<u8>| [vec![0xaa; 1000], content, vec![0xbb; 1000]].concat();
    let chunk = digested(at_two(&world, blob(bytes(0..1000)), 1000), &bytes(0..1000));
    world.store("http://a/0", blob(bytes(1..1001)));
    hosts(&world, &[("a", Outcome::Cut(1000))]);
    let chunk = Chunk { stored: Some(1000..2000), ..chunk };
    assert_eq!(read_one(&world, chunk, verify(Verify::Strict)).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a bytes=1000-1999", "b bytes=1000-1999"]);
}

#[test]
fn the_digest_of_a_resumed_chunk_covers_both_parts() {
    for damaged in [100, 900] {
        let world = World::new();
        let chunks = second_after_a_slow_first(&world, bytes(1000..2000));
        let mut chunks = chunks;
        chunks[1].md5 = Some(md5(&bytes(1000..2000)));
        world.script(move |asked| {
            let script = Script::default().piece(100);
            match (asked.host.as_str(), asked.nth) {
                ("slow", _) => script.latency(SECOND * 10),
                ("a", 0) => script.outcome(Outcome::Cut(500)),
                // The part of b is damaged, or that of a is.
                ("b", 0) if damaged >= 500 => script.outcome(Outcome::Flip(damaged)),
                _ => script,
            }
        });
        if damaged < 500 {
            let mut other = bytes(1000..2000);
            other[damaged] ^= 1;
            world.store("http://a/0", other);
        }
        let mut session = passes(1);
        session.options.verify = Verify::Strict;
        // With one pass no replica may be left. What counts is that no wrong byte is delivered.
        match read_within_a_minute(&world, chunks, session).expect("it ends") {
            Ok(all) => assert_eq!(all, bytes(0..2000)),
            Err(error) => assert_eq!(error.offset(), Some(1000)),
        }
    }
}

#[test]
fn bytes_of_a_bad_replica_do_not_spoil_a_good_one() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    let mut damaged = bytes(0..1000);
    damaged[100] ^= 1;
    world.store("http://a/0", damaged);
    hosts(&world, &[("a", Outcome::Cut(500))]);
    let mut session = passes(3);
    session.options.verify = Verify::Strict;
    let read = read_within_a_minute(&world, vec![chunk], session);
    let asked = asked(&world);
    let read = read.unwrap_or_else(|| panic!("{} requests, and no end: {:?}", asked.len(), &asked[..6]));
    assert_eq!(read.unwrap(), bytes(0..1000), "b has the whole chunk: {asked:?}");
}

#[test]
fn a_broken_and_a_damaged_replica_are_given_up() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    hosts(&world, &[("a", Outcome::Cut(100)), ("b", Outcome::Flip(900))]);
    let mut session = passes(3);
    session.options.verify = Verify::Strict;
    let read = read_within_a_minute(&world, vec![chunk], session);
    let asked = asked(&world);
    let read = read.unwrap_or_else(|| panic!("{} requests, and no end: {:?}", asked.len(), &asked[..6]));
    read.unwrap_err();
    assert!(asked.len() <= 12, "{asked:?}");
}

// F35
#[test]
fn a_broken_encrypted_chunk_is_fetched_whole_elsewhere() {
    let size = 1000;
    for outcome in [
        Outcome::Cut(0),
        Outcome::Cut(500),
        Outcome::End(1027),
        Outcome::Flip(0),
        Outcome::Flip(500),
        Outcome::Flip(1027),
    ] {
        let world = World::new();
        let chunk = sealed(&world, size);
        let bad = outcome.clone();
        outcomes(&world, move |asked| if asked.host == "a" { bad.clone() } else { Outcome::Good });
        let session = passes(1);
        let meter = session.stats.clone();
        assert_eq!(read_part(&world, chunk, 100..200, session).unwrap(), bytes(100..200), "{outcome:?}");
        assert_eq!(asked(&world), ["a", "b"]);
        assert_eq!(meter.stats().bytes_delivered, 100);
    }
}

// F36
#[test]
fn a_body_that_ends_early_is_resumed() {
    let world = World::new();
    let chunk = two(&world, 1000);
    at_first(&world, &[("a", Outcome::End(300))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "b bytes=300-999"]);
    outcomes(&world, |_| Outcome::End(0));
    let error = read_one(&world, chunk, passes(2)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::ShortBody, true));
    assert_eq!(error.attempts()[3].status, Some(200));
}

/// A volume server responds like this to a range that begins at the end of a blob.
// F38
#[test]
fn an_empty_response_to_a_range_leads_to_the_next_replica() {
    let content_range = |text: &str| Headers { content_range: Some(text.into()), ..Headers::default() };
    let empty = || Script::default().outcome(Outcome::End(0));
    for (script, kind) in [
        (empty().no_ranges(), Kind::ShortBody),
        (empty().headers(Headers::default()), Kind::ShortBody),
        (empty().headers(content_range("bytes 300-299/300")), Kind::ShortBody),
        (empty().headers(content_range("bytes 300-299/1000")), Kind::Range),
        (empty().headers(content_range("bytes 1000-999/1000")), Kind::Range),
    ] {
        let world = World::new();
        let chunk = two(&world, 1000);
        let first = script.clone();
        world.script(move |asked| if asked.host == "a" { first.clone() } else { Script::default() });
        assert_eq!(read_part(&world, chunk.clone(), 300..500, passes(1)).unwrap(), bytes(300..500));
        assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=300-499"]);
        let all = script.clone();
        world.script(move |_| all.clone());
        let error = read_part(&world, chunk, 300..500, passes(1)).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, Some(300)), "{script:?}");
    }
}

// F37, F142
#[test]
fn a_body_longer_than_its_range_is_a_long_body() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        // The reader has taken the first hundred bytes when the last ones come.
        "a" => Script::default().piece(100).rate(10_000).outcome(Outcome::Extra(10)),
        _ => Script::default().piece(100),
    });
    for verified in [Verify::Stream, Verify::Strict] {
        let before = world.log().len();
        let read = read_part(&world, chunk.clone(), 300..500, verify(verified));
        assert_eq!(read.unwrap(), bytes(300..500), "{verified:?}");
        // From the first byte that has not left.
        assert_eq!(asked(&world)[before..], ["a bytes=300-499", "b bytes=400-499"]);
    }
    outcomes(&world, |_| Outcome::Extra(10));
    let error = read_part(&world, chunk, 300..500, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::LongBody, false));
}

// F37, F60
#[test]
fn an_endless_body_is_read_up_to_a_limit() {
    let world = World::new();
    let endless = vec![0; (64 << 20) + (1 << 20)];
    world.store("http://a/0", endless);
    let chunk = plain(&["http://a/0"], 0, 1000);
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, chunk.clone(), session).unwrap(), vec![0; 1000]);
    assert!(meter.stats().bytes_received <= 64 << 10 && world.log()[0].aborted);
    for chunk in [
        Chunk { md5: Some([0; 16]), ..chunk.clone() },
        Chunk { key: Some(key()), ..chunk.clone() },
        Chunk { compression: Compression::Gzip, ..chunk },
    ] {
        let session = passes(1);
        let meter = session.stats.clone();
        let error = read_one(&world, chunk, session).unwrap_err();
        assert_eq!(error.kind(), Kind::LongBody);
        assert!(meter.stats().bytes_received <= (64 << 20) + (64 << 10));
    }
}
