//! Clocks, networks and readers that come and go (F92 to F118).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kelp_stream::{
    Kind, Options,
    formats::seaweedfs::entry::Keys,
    model::chunk::Chunk,
    read::{
        open::{OpenContext, UrlHints},
        session::Session,
        stats::StatsHandle,
        streams::Streams,
    },
    schedule::options::Verify,
    sim::{Outcome, Script, World, collect},
};

use crate::{setup::*, support::*};

// F93
#[test]
fn after_an_idle_hour_requests_have_new_tokens() {
    let world = World::new();
    world.locator(|id, _| Ok(location(&["a"], id)));
    let chunks = (0..10).map(|i| {
        let id = format!("3,0{i}");
        world.store(&format!("http://a/{id}"), bytes(i * 100..(i + 1) * 100));
        Chunk { offset: i * 100, ..of_id(&id, 100) }
    });
    let chunks: Vec<Chunk> = chunks.collect();
    let hour = Arc::new(AtomicU64::new(0));
    world.tokens({
        let hour = Arc::clone(&hour);
        move |_, _| Ok(Some(format!("hour{}", hour.load(Ordering::Relaxed))))
    });
    let mut session = passes(1);
    session.options.max_bytes_ahead = 300;
    let meter = session.stats.clone();
    let (some, reader) = read_some(&world, open(&world, chunks, session), 1);
    world.run_for(3600 * SECOND);
    assert_eq!(meter.stats().bytes_ahead, 300);
    hour.store(1, Ordering::Relaxed);
    let rest = world.run(collect(reader)).unwrap().unwrap();
    assert_eq!([some, rest].concat(), bytes(0..1000));
    for logged in world.log() {
        let wanted = format!("jwt=hour{}", logged.at.as_secs() / 3600);
        assert_eq!(logged.asked.query, wanted, "{}", logged.asked.url);
    }
    assert_eq!((meter.stats().retries, meter.stats().failovers), (0, 0));
}

#[test]
fn after_any_failure_nothing_is_left_open() {
    for outcome in [
        Outcome::Refused,
        Outcome::Silent,
        Outcome::Status(500),
        Outcome::Cut(10),
        Outcome::End(10),
        Outcome::Stall(10),
        Outcome::Flip(10),
    ] {
        let world = World::new();
        let chunks = file(&world, 4, 1000);
        let chunks = chunks.into_iter().enumerate().map(|(i, chunk)| Chunk {
            md5: Some(md5(&bytes(i as u64 * 1000..(i as u64 + 1) * 1000))),
            ..chunk
        });
        let bad = outcome.clone();
        outcomes(&world, move |asked| match asked.url.as_str() {
            "http://a/1" => {
                // New bytes would renew the passes forever.
                if asked.nth > 0 && matches!(bad, Outcome::Cut(_) | Outcome::End(_) | Outcome::Stall(_)) {
                    return Outcome::Refused;
                }
                bad.clone()
            }
            _ => Outcome::Good,
        });
        let mut session = passes(2);
        session.options.verify = Verify::Strict;
        let meter = session.stats.clone();
        let reader = open(&world, chunks.collect(), session);
        let (some, _) = read_to_error(&world, reader);
        assert_eq!(some, bytes(0..1000), "{outcome:?}");
        world.run_for(SECOND);
        let stats = meter.stats();
        assert_eq!(
            (world.open(), world.timers(), stats.bytes_ahead, stats.in_flight),
            (0, 0, 0, 0),
            "{outcome:?}"
        );
    }
}

/// Time in which the page was frozen does not count.
// F103
#[test]
fn frozen_time_does_not_count_toward_timeouts() {
    for outcome in [Outcome::Good, Outcome::Cut(500)] {
        let world = World::new();
        let chunk = two(&world, 1000);
        world.script(move |asked| {
            let script = Script::default().latency(5_000 * MS).piece(100).rate(200);
            if asked.nth == 0 { script.outcome(outcome.clone()) } else { script }
        });
        // While it waits for the headers, and again within the body.
        world.freeze(2_000 * MS..3_600_000 * MS);
        assert_eq!(read(&world, vec![chunk], Session::default()).unwrap(), bytes(0..1000));
        let timeouts = world.events().iter().filter(|event| event.reason == Some("timeout")).count();
        assert_eq!(timeouts, 0);
    }
}

// F103
#[test]
fn a_body_stalled_over_a_freeze_times_out_after_it() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(100).outcome(Outcome::Stall(500)),
        _ => Script::default().piece(100),
    });
    world.freeze(1_000 * MS..3_600_000 * MS);
    assert_eq!(read(&world, vec![chunk], Session::default()).unwrap(), bytes(0..1000));
    assert_eq!(world.now(), 3_600_000 * MS + Options::default().timeout.idle);
}

/// What was under way when the page was frozen is not requested from the other replica.
// F211
#[test]
fn a_freeze_makes_no_server_late() {
    for freeze in [1_500, 25_000, 3_600_000] {
        let world = World::new();
        let chunks = (0..8).map(|i| Chunk { offset: i * 1000, ..two(&world, 1000) }).collect();
        // The fifth response, and the sixth, come a little after the freeze.
        world.script(move |asked| {
            let late = if matches!(asked.nth, 4 | 5) { freeze } else { 0 };
            Script::default().latency((50 + late) * MS).piece(100).rate(10_000)
        });
        world.freeze(310 * MS..(310 + freeze) * MS);
        let mut session = passes(1);
        session.options.concurrency = 2.into();
        let meter = session.stats.clone();
        read(&world, chunks, session).unwrap();
        assert!(world.now() > (310 + freeze) * MS, "{:?}", world.now());
        let stats = meter.stats();
        assert_eq!((stats.requests, stats.hedges, stats.failovers), (8, 0, 0), "{freeze} ms");
    }
}

// F113
#[test]
fn a_jump_of_the_wall_clock_changes_no_wait() {
    for epoch in [Duration::ZERO, 4_000_000_000 * SECOND] {
        let world = World::new();
        let chunk = two(&world, 1000);
        world.script(|asked| match asked.host.as_str() {
            "a" => Script::default().piece(100).rate(100).outcome(Outcome::Stall(500)),
            _ => Script::default(),
        });
        for jump in [5 * SECOND, 15 * SECOND] {
            let to = world.clone();
            world.spawn(async move {
                to.sleep(jump).await;
                to.epoch(epoch);
            });
        }
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
        assert_eq!(world.now(), 5 * SECOND + Options::default().timeout.idle);
    }
}

// F101
#[test]
fn offline_time_costs_no_attempts() {
    let world = World::new();
    let chunks = file(&world, 4, 1000);
    world.script(|_| Script::default().latency(10 * MS).piece(100).rate(100_000));
    world.offline(5 * MS..50_000 * MS);
    let mut session = Session::default();
    session.options.retry.passes = 1;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..4000));
    assert_eq!(world.now(), 50_020 * MS);
    let waits = |reason| world.events().iter().filter(|event| event.reason == Some(reason)).count();
    assert_eq!((waits("offline"), waits("network")), (8, 0), "a wait and a retry for each view");
}

// F101
#[test]
fn staying_offline_ends_in_a_network_error() {
    let world = World::new();
    let chunks = file(&world, 1, 1000);
    world.offline(Duration::ZERO..10_000_000 * MS);
    let mut session = Session::default();
    session.options.retry.passes = 2;
    let error = read(&world, chunks, session).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Network, 2));
    assert!(world.now() < 300_000 * MS, "{:?}", world.now());
}

/// A reader that stops in a chunk larger than what it may hold.
// F143
#[test]
fn a_reader_that_stops_gives_its_connection_back() {
    for with_md5 in [false, true] {
        let world = World::new();
        world.script(|_| Script::default().latency(MS).piece(1000).rate(10_000_000));
        let chunk = plain_at(&two(&world, 100_000), "http://a/0");
        let chunk = if with_md5 { digested(chunk, &bytes(0..100_000)) } else { chunk };
        let mut session = passes(1);
        (session.options.per_host, session.options.max_bytes_ahead) = (1, 5000);
        let meter = session.stats.clone();
        let stopped = open(&world, vec![chunk.clone()], session.clone());
        let (mut some, stopped) = read_some(&world, stopped, 3000);
        // Another stream of the pool needs the only connection.
        session.stats = StatsHandle::default();
        session.options.max_bytes_ahead = 1 << 20;
        assert!(read(&world, vec![chunk], session).unwrap() == bytes(0..100_000));
        assert!(world.now() < 6 * SECOND, "{:?}", world.now());
        assert_eq!((world.open(), meter.stats().requests), (0, 1));
        world.run_for(3600 * SECOND);
        some.extend(world.run(collect(stopped)).unwrap().unwrap());
        assert!(some == bytes(0..100_000));
        assert_eq!((meter.stats().requests, meter.stats().retries), (2, 1));
        let received = meter.stats().bytes_received;
        assert!(received <= 101_000, "what was received is not requested again: {received}");
    }
}

// F143
#[test]
fn a_reader_that_stops_often_causes_few_requests() {
    let world = World::new();
    world.script(|_| Script::default().latency(MS).piece(1000).rate(10_000_000));
    let chunk = plain_at(&two(&world, 100_000), "http://a/0");
    let mut session = passes(1);
    session.options.max_bytes_ahead = 20_000;
    let meter = session.stats.clone();
    let read = read_with_pauses(&world, chunk, session, SECOND * 7);
    assert!(read == bytes(0..100_000));
    assert!(meter.stats().requests <= 10, "{}", meter.stats().requests);
}

// F202
#[test]
fn a_closed_pool_opens_no_file_and_sends_no_request() {
    let world = World::new();
    world.store("http://a/x", bytes(0..100));
    let context = || {
        let shared_streams = Streams::default();
        shared_streams.close();
        OpenContext { host: world.host(), session: passes(1), shared_streams, can_renew_filer_token: false }
    };
    let (filer, url) = (context(), context());
    let filer = async { filer.open_filer("http://a/x", None, &Keys::default()).await.map(drop) };
    let url = async { url.open_url("http://a/x", UrlHints::default()).await.map(drop) };
    for opened in [world.run(filer), world.run(url)] {
        assert_eq!(opened.unwrap().unwrap_err().kind(), Kind::Closed);
    }
    assert!(asked(&world).is_empty());
}
