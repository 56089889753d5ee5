//! Bodies that bring more than was wanted: a whole chunk for a part of it (F140, F141), or bytes beyond its end (F142).

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::chunk::{Chunk, Compression},
    read::session::Session,
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

/// A chunk of 1000 bytes with its MD5 at hosts a and b, which ignore `Range`. Pieces have 100 bytes.
fn without_ranges(world: &World, damaged: &'static str, compression: Compression) -> Chunk {
    let chunk = Chunk { compression, ..digested(two(world, 1000), &bytes(0..1000)) };
    world.script(move |asked| {
        let outcome = if damaged.contains(&asked.host) { Outcome::Flip(900) } else { Outcome::Good };
        Script::default().no_ranges().piece(100).rate(100_000).outcome(outcome)
    });
    chunk
}

// F140
#[test]
fn a_part_of_a_chunk_that_comes_whole_is_verified() {
    for compression in [Compression::None, Compression::ByServer] {
        // The flipped bit is behind the part, and the part has not left: its last piece waits for the digest.
        let world = World::new();
        let chunk = without_ranges(&world, "a", compression);
        assert_eq!(read_part(&world, chunk.clone(), 300..400, passes(1)).unwrap(), bytes(300..400));
        assert_eq!(asked(&world).len(), 2, "{compression:?}");
        // Its first bytes have left.
        let error = read_part(&world, chunk, 100..400, passes(3)).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (Kind::Corrupt, 1));
        // Every replica is damaged.
        let world = World::new();
        let chunk = without_ranges(&world, "a b", compression);
        let read = |part, verified| read_part(&world, chunk.clone(), part, verify(verified));
        for (part, verified) in
            [(300..400, Verify::Stream), (0..950, Verify::Stream), (300..400, Verify::Strict)]
        {
            assert_eq!(read(part, verified).unwrap_err().kind(), Kind::Corrupt, "{compression:?}");
        }
        assert_eq!(read(300..400, Verify::Off).unwrap(), bytes(300..400), "it is not wanted");
    }
}

// F141
#[test]
fn junk_never_ends_cleanly_where_a_digest_is_known() {
    for compression in [Compression::None, Compression::ByServer] {
        for junk in [vec![0x55; 1000], vec![0x55; 1500], bytes(1..1001)] {
            let world = World::new();
            let chunk = Chunk { compression, ..digested(two(&world, 1000), &bytes(0..1000)) };
            let body = junk.clone();
            outcomes(&world, move |_| Outcome::Body(body.clone().into()));
            for part in [0..1000, 0..1, 300..400, 999..1000] {
                let error = read_part(&world, chunk.clone(), part, passes(2)).unwrap_err();
                assert_eq!(error.kind(), Kind::Corrupt, "{compression:?}");
            }
        }
    }
}

// F140
#[test]
fn after_a_whole_body_that_breaks_the_part_goes_on_alone() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().no_ranges().piece(100).rate(100_000).outcome(Outcome::Cut(500)),
        _ => Script::default(),
    });
    assert_eq!(read_part(&world, chunk.clone(), 300..700, passes(1)).unwrap(), bytes(300..700));
    assert_eq!(asked(&world), ["a bytes=300-699", "b bytes=500-699"]);
    // And a whole body that follows a part is checked too.
    let world = World::new();
    two(&world, 1000);
    for flip in [false, true] {
        world.script(move |asked| match (asked.host.as_str(), flip) {
            ("a", _) => Script::default().piece(100).rate(100_000).outcome(Outcome::Cut(100)),
            (_, false) => Script::default().no_ranges(),
            (_, true) => Script::default().no_ranges().outcome(Outcome::Flip(0)),
        });
        let read = read_part(&world, chunk.clone(), 300..700, passes(1));
        assert_eq!(read.is_ok(), !flip, "the digest is of all bytes of b");
    }
}

// F140
#[test]
fn without_a_codec_a_part_is_read_unverified() {
    let world = World::new();
    let chunk = without_ranges(&world, "", Compression::None);
    world.remove_codec();
    assert_eq!(read_part(&world, chunk, 300..400, passes(1)).unwrap(), bytes(300..400));
}

// F140
#[test]
fn a_part_of_a_shared_blob_is_verified_up_to_its_end() {
    let world = World::new();
    let blob = |at| [vec![0xaa; 1000], at, vec![0xbb; 5000]].concat();
    let chunk = digested(at_two(&world, blob(bytes(0..1000)), 1000), &bytes(0..1000));
    let chunk = Chunk { stored: Some(1000..2000), ..chunk };
    let mut damaged = bytes(0..1000);
    damaged[999] ^= 1;
    world.store("http://a/0", blob(damaged));
    world.script(|_| Script::default().no_ranges().piece(100));
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_part(&world, chunk, 300..400, session).unwrap(), bytes(300..400));
    assert!(meter.stats().bytes_received <= 2 * 2100, "no more than up to its end");
}

// F142
#[test]
fn bytes_beyond_a_chunk_end_no_stream_if_its_digest_is_right() {
    for (outcome, stored) in [(Outcome::Extra(10), 1000), (Outcome::Extra(150), 1000), (Outcome::Good, 1010)]
    {
        // The bytes beyond the size belong to the MD5 after a truncation only.
        let all = bytes(0..stored);
        let world = World::new();
        let chunk = digested(at_two(&world, all.clone(), 1000), &all);
        world.script({
            let outcome = outcome.clone();
            move |_| Script::default().piece(70).rate(100_000).outcome(outcome.clone())
        });
        let session = passes(1);
        let meter = session.stats.clone();
        let read = read_one(&world, chunk.clone(), session);
        assert_eq!(read.unwrap(), bytes(0..1000), "{outcome:?}");
        assert_eq!((asked(&world).len(), meter.stats().failovers), (1, 0), "{outcome:?}");
        // A wrong bit is found all the same.
        let mut other = all;
        other[500] ^= 1;
        ["http://a/0", "http://b/0"].iter().for_each(|url| world.store(url, other.clone()));
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap_err().kind(), Kind::Corrupt);
    }
}

// F142
#[test]
fn a_range_with_bytes_beyond_it_is_read_if_its_digest_is_right() {
    let world = World::new();
    let chunk = digested(at_two(&world, [vec![0; 50], bytes(0..1000)].concat(), 1000), &bytes(0..1000));
    let chunk = Chunk { stored: Some(50..1050), ..chunk };
    world.script(|_| Script::default().piece(100).rate(100_000).outcome(Outcome::Extra(70)));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
}

// F142
#[test]
fn a_long_body_of_a_range_continues_elsewhere() {
    for extra in [1, 30, 400] {
        let world = World::new();
        let chunks = (0..4).map(|i| Chunk { offset: i * 1000, ..two(&world, 1000) }).collect();
        world.script(move |asked| {
            let script = Script::default().piece(30).rate(50_000).latency(MS);
            let is_long = asked.host == "a";
            if is_long { script.outcome(Outcome::Extra(extra)) } else { script }
        });
        let reader = open_plan(&world, kelp_stream::Plan::new(chunks, 10..3990), Session::default());
        let read = world.run(kelp_stream::sim::collect(reader)).expect("it ends").unwrap();
        let all = [bytes(10..1000), bytes(0..1000), bytes(0..1000), bytes(0..990)].concat();
        assert!(read == all, "{extra}");
    }
}

// F142
#[test]
fn a_range_that_hides_its_length_is_held_until_it_ends() {
    // No header tells of the surplus.
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().headers(Headers::default()).piece(100).outcome(Outcome::Extra(1)),
        _ => Script::default(),
    });
    assert_eq!(read_part(&world, chunk, 0..100, passes(1)).unwrap(), bytes(0..100));
    assert_eq!(asked(&world), ["a bytes=0-99", "b bytes=0-99"]);
}

// F140
#[test]
fn parts_of_a_url_without_ranges_are_verified_in_one_body() {
    let world = World::new();
    world.store("http://a/0", bytes(0..5000));
    let chunk = |i: u64| {
        let (at, end) = (i * 1000, i * 1000 + 1000);
        let md5 = Some(md5(&bytes(at..end)));
        Chunk { md5, stored: Some(at..end), ..plain(&["http://a/0"], at, 1000) }
    };
    world.script(|_| Script::default().no_ranges().piece(130).rate(1_000_000).latency(MS));
    let plan = kelp_stream::Plan::new((0..5).map(chunk).collect(), 300..4700);
    let session = Session::default();
    let meter = session.stats.clone();
    let reader = open_plan(&world, plan, session);
    let read = world.run(kelp_stream::sim::collect(reader)).expect("it ends");
    assert!(read.unwrap() == bytes(300..4700));
    assert!(meter.stats().bytes_received < 6000, "{}", meter.stats().bytes_received);
    // A flipped bit outside of the range, in a chunk that the range needs.
    world.script(|_| Script::default().no_ranges().outcome(Outcome::Flip(4800)));
    let plan = kelp_stream::Plan::new((0..5).map(chunk).collect(), 300..4700);
    let reader = open_plan(&world, plan, passes(1));
    let error = world.run(kelp_stream::sim::collect(reader)).expect("it ends").unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
}

// F140
#[test]
fn a_whole_body_that_ends_after_its_part_is_short() {
    for compression in [Compression::None, Compression::ByServer] {
        let world = World::new();
        let chunk = Chunk { compression, ..digested(two(&world, 1000), &bytes(0..1000)) };
        world.script(|asked| match asked.host.as_str() {
            "a" => Script::default().no_ranges().piece(50).rate(100_000).outcome(Outcome::End(400)),
            _ => Script::default(),
        });
        let session = passes(1);
        let meter = session.stats.clone();
        assert_eq!(read_part(&world, chunk, 100..300, session).unwrap(), bytes(100..300), "{compression:?}");
        assert_eq!(meter.stats().failovers, 1);
    }
}
