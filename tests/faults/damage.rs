//! Bodies whose bytes are not those that were stored (F49 to F53).

use kelp_stream::{
    Kind,
    host::event::EventKind,
    http::headers::Headers,
    read::session::Session,
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F50
#[test]
fn damage_found_before_delivery_is_replaced() {
    let world = World::new();
    let mut chunks = second_after_a_slow_first(&world, bytes(1000..2000));
    chunks[1].md5 = Some(md5(&bytes(1000..2000)));
    world.script(|asked| match asked.host.as_str() {
        "slow" => Script::default().latency(10 * SECOND),
        "a" => Script::default().piece(100).outcome(Outcome::Flip(10)),
        _ => Script::default().piece(100),
    });
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..2000));
    assert_eq!(asked(&world), ["slow", "a", "b"], "the whole chunk is requested again");
    assert_eq!(meter.stats().bytes_ahead, 0);
}

#[test]
fn the_last_bytes_are_held_until_the_digest_is_checked() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    let mut damaged = bytes(0..1000);
    damaged[500] ^= 1;
    world.store("http://a/0", damaged);
    // All bytes have arrived in one piece; only the end of the body is missing.
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        ("a", 0) => Script::default().outcome(Outcome::Stall(1000)),
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(3)).unwrap(), bytes(0..1000));
}

#[test]
fn damage_found_after_delivery_is_an_error() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(100).rate(1000).outcome(Outcome::Flip(950)),
        _ => Script::default(),
    });
    let (some, error) = read_to_error(&world, open(&world, vec![chunk], passes(3)));
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Corrupt, false));
    assert_eq!(asked(&world), ["a"], "delivered bytes cannot be replaced");
    assert!(some.len() >= 100 && some[..900] == bytes(0..900)[..some.len().min(900)]);
    assert_eq!(error.attempts()[0].host, "a");
}

#[test]
fn damage_at_every_replica_is_corrupt() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    outcomes(&world, |_| Outcome::Flip(500));
    let error = read_one(&world, chunk.clone(), verify(Verify::Strict)).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.attempts().len()), (Kind::Corrupt, Some(0), 2));
    // With another failure among the attempts, corrupt would say too much.
    hosts(&world, &[("a", Outcome::Refused), ("b", Outcome::Flip(500))]);
    let error = read_one(&world, chunk, verify(Verify::Strict)).unwrap_err();
    assert_eq!(error.kind(), Kind::Network);
}

#[test]
fn verify_off_ignores_digests() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(1..1001));
    assert_eq!(read_one(&world, chunk.clone(), verify(Verify::Off)).unwrap(), bytes(0..1000));
    let sealed = digested(sealed(&world, 1000), &bytes(1..1001));
    assert_eq!(read_one(&world, sealed.clone(), verify(Verify::Off)).unwrap(), bytes(0..1000));
    for verify in [verify(Verify::Stream), verify(Verify::Strict)] {
        assert_eq!(read_one(&world, sealed.clone(), verify).unwrap_err().kind(), Kind::Corrupt);
    }
}

#[test]
fn verify_strict_delivers_only_verified_chunks() {
    for part in [0..1000, 300..500] {
        let world = World::new();
        let chunk = digested(two(&world, 1000), &bytes(0..1000));
        world.script(|_| Script::default().piece(100).rate(100));
        let read = read_part(&world, chunk, part.clone(), verify(Verify::Strict));
        assert_eq!(read.unwrap(), bytes(part));
        assert_eq!(asked(&world), ["a"], "any part needs the whole chunk");
        let kinds = kinds(&world);
        let last_body = kinds.iter().rposition(|kind| *kind == EventKind::Body);
        let first_delivered = kinds.iter().position(|kind| *kind == EventKind::Delivered);
        assert!(last_body < first_delivered, "{kinds:?}");
    }
}

#[test]
fn verify_strict_checks_the_whole_chunk() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    hosts(&world, &[("a", Outcome::Flip(0))]);
    let part = |session| read_part(&world, chunk.clone(), 300..500, session).unwrap();
    assert_eq!(part(verify(Verify::Strict)), bytes(300..500));
    assert_eq!(asked(&world), ["a", "b"]);
    assert_eq!(part(verify(Verify::Stream)), bytes(300..500));
    assert_eq!(asked(&world)[2..], ["a bytes=300-499"]);
}

// F50
#[test]
fn a_body_is_resumed_only_from_the_same_copy() {
    let etag = |tag: &str| Headers { etag: Some(format!("\"{tag}\"")), ..Headers::default() };
    let world_of_two_copies = || {
        let world = World::new();
        world.store("http://a/0", bytes(0..1000));
        world.store("http://b/0", vec![7; 1000]);
        world.script(move |asked| {
            let script = Script::default().piece(100).rate(10_000).headers(etag(&asked.host));
            match (asked.host.as_str(), asked.nth) {
                ("a", 0) => script.outcome(Outcome::Cut(500)),
                ("a", _) => script.outcome(Outcome::Refused),
                _ => script,
            }
        });
        world
    };
    let chunk = plain(&["http://a/0", "http://b/0"], 0, 1000);
    // No byte was delivered: the other copy is read from its start.
    let mut strict = Session::default();
    strict.options.verify = Verify::Strict;
    assert_eq!(read(&world_of_two_copies(), vec![chunk.clone()], strict).unwrap(), [7; 1000]);
    // Bytes were delivered: only the same copy could continue.
    let world = world_of_two_copies();
    let (some, error) = read_to_error(&world, open(&world, vec![chunk], Session::default()));
    assert_eq!(some, bytes(0..500));
    assert!(error.attempts().iter().any(|attempt| attempt.reason == "range"), "{error:?}");
}

/// A filer that fails within a response writes the error after the bytes that it has sent.
// F51
#[test]
fn error_text_after_the_data_is_not_delivered() {
    let text = b"{\"error\":\"volume 3 not found\"}";
    let cut = |stored: &[u8]| Outcome::Body([&stored[..500], text].concat().into());
    let plain = bytes(0..1000);
    let world = World::new();
    let by_length = two(&world, 1000);
    let by_digest = digested(by_length.clone(), &plain);
    let broken = cut(&plain);
    outcomes(&world, move |asked| if asked.host == "a" { broken.clone() } else { Outcome::Good });
    let mut strict = passes(2);
    strict.options.verify = Verify::Strict;
    assert_eq!(read_one(&world, by_digest, strict).unwrap(), plain);
    // Without a digest the text is taken for data; only the length shows the fault.
    let short = plain_at(&by_length, "http://a/0");
    let (some, error) = read_to_error(&world, open(&world, vec![short], passes(1)));
    assert_eq!((error.kind(), error.offset()), (Kind::ShortBody, Some(some.len() as u64)));

    let world = World::new();
    let chunk = sealed(&world, 1000);
    let broken = cut(&encrypted(&plain, &key()));
    outcomes(&world, move |asked| if asked.host == "a" { broken.clone() } else { Outcome::Good });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), plain);
    assert_eq!(asked(&world), ["a", "b"]);
}
