//! Hedged requests: when they are sent, how often, and which request wins.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::time::Duration;

use kelp_stream::{
    Error, Plan,
    host::event::EventKind,
    model::{
        chunk::{Chunk, CipherKey, Source},
        location::Location,
    },
    prefetch,
    read::{session::Session, stats::Stats},
    schedule::pool::Pool,
    sim::{Outcome, Script, SimRequest, World, collect},
};
use support::*;

const SIZE: u64 = 1000;

/// A file of `count` chunks, each at the hosts a and b, in that order.
fn file(world: &World, count: u64) -> Vec<Chunk> {
    (0..count)
        .map(|i| {
            let urls = ["a", "b"].map(|host| format!("http://{host}/{i}"));
            for url in &urls {
                world.store(url, bytes(i * SIZE..(i + 1) * SIZE));
            }
            Chunk { md5: None, ..plain(&[&urls[0], &urls[1]], i * SIZE, SIZE) }
        })
        .collect()
}

/// A session whose pool has measured that both hosts respond after 20 ms.
fn measured(world: &World) -> Session {
    let mut session = Session::default();
    session.options.concurrency = 4.into();
    world.script(|_| Script::default().latency(20 * MS));
    let chunks = file(world, 40);
    read_with(world, chunks, &session).expect("it is read");
    session
}

fn read_with(world: &World, chunks: Vec<Chunk>, session: &Session) -> Result<Vec<u8>, Error> {
    let end = chunks.iter().map(Chunk::end).max().unwrap_or_default();
    let (driver, reader) = prefetch(Plan::new(chunks.into(), 0..end), world.host(), session.clone());
    world.spawn(driver);
    world.run(collect(reader)).expect("it does not hang")
}

/// From now on host a follows this script.
fn script_a(world: &World, script: impl Fn(&SimRequest) -> Script + Send + 'static) {
    world.script(move |asked| match asked.host.as_str() {
        "a" => script(asked),
        _ => Script::default().latency(20 * MS),
    });
}

/// Reads a file of `count` chunks. Returns the time that this took, the stats, and the number of requests.
fn read_again(world: &World, session: &Session, count: u64) -> (Duration, Stats, usize) {
    let (begun, before) = (world.now(), world.log().len());
    let mut session = session.clone();
    session.stats = Default::default();
    let all = read_with(world, file(world, count), &session).expect("it is read");
    assert_eq!(all, bytes(0..count * SIZE));
    (world.now() - begun, session.stats.stats(), world.log().len() - before)
}

#[test]
fn a_late_head_is_hedged_soon() {
    let world = World::new();
    let session = measured(&world);
    script_a(&world, |_| Script::default().outcome(Outcome::Silent));
    let (time, stats, _) = read_again(&world, &session, 1);
    assert!(time < 100 * MS, "{time:?}");
    assert_eq!((stats.hedges, stats.requests, stats.retries, stats.failovers), (1, 2, 0, 0));
    assert_eq!(world.open(), 0, "the other request is aborted");
    let hedges: Vec<_> = world.events().into_iter().filter(|event| event.kind == EventKind::Hedge).collect();
    assert_eq!(hedges.len(), 1);
    assert_eq!(hedges[0].host.as_deref(), Some("b"));
}

/// A stream waits while its first view is located, and what it starts then may be late before that wait would end.
#[test]
fn a_late_head_is_hedged_soon_after_a_lookup() {
    let world = World::new();
    world.script(|asked| {
        let slow = Script::default().latency(400 * MS).rate(1_250_000);
        if asked.host == "a" { slow } else { Script::default().latency(20 * MS).rate(25_000_000) }
    });
    world.locate_time(5 * MS);
    // The first is read from b, so that only b is known.
    let hosts = |id: &str| if id == "1,0" { ["b", "c"] } else { ["a", "b"] };
    world.locator(move |id, _| {
        Ok(Location { urls: hosts(id).map(|host| format!("http://{host}/{id}")).to_vec(), token: None })
    });
    let len = 1 << 20;
    let chunks: Vec<_> = (0..12)
        .map(|i| {
            let id = format!("1,{i}");
            hosts(&id)
                .iter()
                .for_each(|host| world.store(&format!("http://{host}/{id}"), bytes(i * len..(i + 1) * len)));
            Chunk::plain(Source::FileId(id.as_str().into()), i * len, len)
        })
        .collect();
    let session = Session::default();
    assert_eq!(read_with(&world, chunks, &session).unwrap().len() as u64, 12 * len);
    assert!(session.stats.stats().hedges > 0);
    assert!(world.now() < 700 * MS, "{:?}", world.now());
}

#[test]
fn a_slow_body_is_hedged_and_delivered_once() {
    let world = World::new();
    let session = measured(&world);
    script_a(&world, |_| Script::default().latency(20 * MS).rate(100).piece(10));
    let (time, stats, _) = read_again(&world, &session, 1);
    assert!(time < 200 * MS, "{time:?}");
    assert_eq!((stats.hedges, stats.bytes_delivered), (1, SIZE));
    assert!(
        stats.bytes_received < SIZE + SIZE / 2,
        "the hedge continues where the first request was: {}",
        stats.bytes_received
    );
}

#[test]
fn a_late_encrypted_chunk_is_hedged() {
    let world = World::new();
    let session = measured(&world);
    let key = CipherKey::new(&[7; 32]).expect("a key");
    let stored = encrypted(&bytes(0..SIZE), &key);
    ["a", "b"].iter().for_each(|host| world.store(&format!("http://{host}/0"), stored.clone()));
    script_a(&world, |_| Script::default().latency(20 * MS).rate(100).piece(10));
    let sealed = Chunk { key: Some(key), ..plain(&["http://a/0", "http://b/0"], 0, SIZE) };
    let begun = world.now();
    assert_eq!(read_with(&world, vec![sealed], &session).unwrap(), bytes(0..SIZE));
    assert!(world.now() - begun < 200 * MS, "{:?}", world.now() - begun);
}

#[test]
fn the_first_request_wins_if_it_delivers_first() {
    let world = World::new();
    let session = measured(&world);
    world.script(|asked| Script::default().latency(if asked.host == "a" { 70 * MS } else { 400 * MS }));
    let (time, stats, _) = read_again(&world, &session, 1);
    assert_eq!((time, stats.hedges, stats.bytes_received), (70 * MS, 1, SIZE));
    assert_eq!(world.open(), 0);
}

#[test]
fn a_hedge_that_fails_does_no_harm() {
    for outcome in
        [Outcome::Refused, Outcome::Status(404), Outcome::Status(503), Outcome::Silent, Outcome::End(0)]
    {
        let world = World::new();
        let session = measured(&world);
        let bad = outcome.clone();
        world.script(move |asked| match asked.host.as_str() {
            "a" => Script::default().latency(300 * MS),
            _ => Script::default().latency(20 * MS).outcome(bad.clone()),
        });
        let (time, stats, requests) = read_again(&world, &session, 1);
        assert_eq!((time, stats.hedges, requests), (300 * MS, 1, 2), "{outcome:?}");
    }
}

#[test]
fn only_a_late_head_is_hedged_and_once() {
    let world = World::new();
    let session = measured(&world);
    // Both hosts are silent for the first chunk, until its request times out.
    world.script(|asked| {
        let lost = asked.url.ends_with("/0") && asked.nth < 2;
        Script::default().latency(20 * MS).outcome(if lost { Outcome::Silent } else { Outcome::Good })
    });
    let (_, stats, _) = read_again(&world, &session, 20);
    assert_eq!(stats.hedges, 1);
}

#[test]
fn no_hedge_if_it_is_off_or_there_is_no_other_host() {
    let world = World::new();
    let mut session = measured(&world);
    script_a(&world, |_| Script::default().latency(500 * MS));
    let alone = |chunk: Chunk| match &chunk.source {
        Source::Urls(urls) => Chunk { source: Source::Urls([urls[0].clone()].into()), ..chunk },
        _ => chunk,
    };
    session.stats = Default::default();
    read_with(&world, file(&world, 4).into_iter().map(alone).collect(), &session).unwrap();
    assert_eq!(session.stats.stats().hedges, 0);
    let mut session = measured(&world);
    script_a(&world, |_| Script::default().latency(500 * MS));
    session.options.hedge = false;
    assert_eq!(read_again(&world, &session, 4).1.hedges, 0);
}

#[test]
fn hedges_are_a_few_per_cent_of_requests_in_the_long_run() {
    let world = World::new();
    let session = measured(&world);
    // Half of the requests to each host take long, so that any request may be late.
    world.script(|asked| {
        let slow = asked.url.bytes().map(usize::from).sum::<usize>() % 2 == 0;
        Script::default().latency(if slow { 300 * MS } else { 20 * MS })
    });
    let (_, stats, requests) = read_again(&world, &session, 1000);
    assert!(stats.hedges <= 16 + requests as u64 * 3 / 100 + 1, "{} of {requests}", stats.hedges);
    assert!(stats.hedges > 0);
}

#[test]
fn a_host_that_becomes_slow_is_avoided() {
    let world = World::new();
    let mut session = Session::default();
    session.pool = Pool::default();
    let since = 400 * MS;
    world.script(move |asked| {
        let slow = asked.host == "a" && asked.at >= since;
        Script::default().latency(if slow { 400 * MS } else { 20 * MS })
    });
    let (time, stats, _) = read_again(&world, &session, 500);
    let good = World::new();
    good.script(|_| Script::default().latency(20 * MS));
    let mut fresh = Session::default();
    fresh.pool = Pool::default();
    let (alone, ..) = read_again(&good, &fresh, 500);
    let asked = world.log().iter().filter(|logged| logged.asked.host == "a" && logged.at > 600 * MS).count();
    assert!(time < alone + 200 * MS, "{time:?}, all good {alone:?}");
    assert!(stats.bytes_received <= 500 * SIZE * 105 / 100);
    assert!(asked < 20, "{asked} requests to a slow host");
}
