//! Servers that do not respond, stall or are slow (F39 to F41), or drip (F139).

use std::time::Duration;

use kelp_stream::{
    Kind,
    model::chunk::Chunk,
    read::session::Session,
    schedule::pool::Pool,
    sim::{Link, Outcome, Protocol, Script, World},
};

use crate::{setup::*, support::*};

// F39
#[test]
fn a_server_that_does_not_respond_times_out() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Silent)]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(times(&world), [Duration::ZERO, 15 * SECOND]);
    assert!(world.log()[0].aborted, "the request was aborted");
    outcomes(&world, |_| Outcome::Silent);
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!(
        (error.kind(), error.kind().retryable(), error.attempts()[0].status),
        (Kind::Timeout, true, None)
    );
}

// F39
#[test]
fn a_stalled_body_is_resumed_elsewhere() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Stall(300))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "b bytes=300-999"]);
    assert_eq!(world.now(), 20 * SECOND);
    outcomes(&world, |_| Outcome::Stall(0));
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Timeout, Some(200)));
}

// F40
#[test]
fn a_piece_within_the_idle_timeout_keeps_a_body() {
    let world = World::new();
    let chunk = two(&world, 220_000);
    // A piece every 19 seconds.
    world.script(|_| Script::default().piece(22_000).rate(22_000 / 19));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..220_000));
    assert_eq!((asked(&world).len(), world.now().as_secs()), (1, 190));
}

// F40
#[test]
fn a_piece_after_the_idle_timeout_ends_a_body() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(210).rate(10),
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!((asked(&world).len(), world.now()), (2, 20 * SECOND));
}

// F40
#[test]
fn a_much_slower_host_is_asked_last() {
    let world = World::new();
    let chunks: Vec<Chunk> = (0..20).map(|i| Chunk { offset: i * 100, ..two(&world, 100) }).collect();
    world.script(|asked| Script::default().latency(if asked.host == "a" { 400 * MS } else { 10 * MS }));
    let mut session = Session::default();
    session.options.concurrency = 1.into();
    read(&world, chunks, session).unwrap();
    let asked = world.log().iter().filter(|logged| logged.asked.host == "a").count();
    assert_eq!(asked, 1);
}

/// A chunk at host a, which sends a byte a second, and at host b.
fn dripping(world: &World, rate: u64) -> Chunk {
    world.script(move |asked| match asked.host.as_str() {
        "a" => Script::default().piece(1).rate(rate),
        _ => Script::default(),
    });
    two(world, 1_000_000)
}

// F139
#[test]
fn a_replica_that_drips_is_left_for_another() {
    // A hedge takes over after half of the timeout; without one the attempt fails after all of it.
    for (hedge, seconds) in [(true, 10), (false, 20)] {
        for rate in [1, 900] {
            let mut session = passes(1);
            session.options.hedge = hedge;
            let world = World::new();
            let chunk = dripping(&world, rate);
            assert!(read_one(&world, chunk, session.clone()).unwrap() == bytes(0..1_000_000));
            let rest = format!("b bytes={}-999999", rate * seconds);
            assert_eq!((asked(&world), world.now().as_secs()), (vec!["a".to_owned(), rest], seconds));
            let chunk = sealed(&world, 1_000_000);
            session.pool = Pool::default();
            assert!(read_one(&world, chunk, session).unwrap() == bytes(0..1_000_000));
            assert_eq!((world.log().len(), world.now().as_secs()), (4, 2 * seconds));
        }
    }
}

// F139
#[test]
fn the_only_replica_that_drips_is_a_timeout() {
    let world = World::new();
    let chunk = plain_at(&dripping(&world, 500), "http://a/0");
    let error = read_one(&world, chunk, passes(3)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len(), error.kind().retryable()), (Kind::Timeout, 3, true));
    assert!(world.now() < 62 * SECOND, "{:?}", world.now());
}

// F139
#[test]
fn a_drip_beside_quick_replicas_is_hedged_at_once() {
    let world = World::new();
    let chunks = (0..8).map(|i| Chunk { offset: i * 100_000, ..two(&world, 100_000) }).collect();
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        ("b", _) => Script::default().latency(MS).rate(1_000_000),
        ("a", 0) => Script::default().latency(MS).rate(1_000_000),
        _ => Script::default().latency(MS).piece(100).rate(2000),
    });
    read(&world, chunks, Session::default()).unwrap();
    assert!(world.now() < 12 * SECOND, "{:?}", world.now());
}

// F139
#[test]
fn a_slow_line_loses_no_attempt() {
    // 64 bodies share 30 KB/s.
    let world = World::new();
    let line = world.shared(30_000);
    let link = Link {
        round_trip: MS * 100,
        shared: Some(line),
        protocol: Protocol::Http2(100),
        piece: 1000,
        ..Link::default()
    };
    ["a", "b"].iter().for_each(|host| world.link(host, link.clone()));
    let chunks = (0..128).map(|i| Chunk { offset: i * 30_000, ..two(&world, 30_000) }).collect();
    let mut session = passes(1);
    (session.options.concurrency, session.options.hedge) = (64.into(), false);
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap().len(), 128 * 30_000);
    assert_eq!((meter.stats().requests, world.now().as_secs() / 10), (128, 12));
}

// F139
#[test]
fn a_reader_that_pauses_is_no_drip() {
    let world = World::new();
    world.script(|_| Script::default().piece(1000).rate(1_000_000));
    let mut session = passes(1);
    session.options.max_bytes_ahead = 2000;
    let meter = session.stats.clone();
    let chunk = plain_at(&two(&world, 100_000), "http://a/0");
    let read = read_with_pauses(&world, chunk, session, SECOND * 4);
    assert!(read == bytes(0..100_000));
    assert_eq!(meter.stats().requests, 1);
}

// F39
#[test]
fn many_requests_to_a_silent_server_time_out() {
    let world = World::new();
    let chunks =
        (0..64).map(|i| Chunk { offset: i * 1000, ..plain_at(&two(&world, 1000), "http://a/0") }).collect();
    world.script(|_| Script::default().outcome(Outcome::Silent));
    let mut session = passes(1);
    session.options.concurrency = 16.into();
    let error = read(&world, chunks, session).unwrap_err();
    assert_eq!((error.kind(), world.now()), (Kind::Timeout, 15 * SECOND));
}
