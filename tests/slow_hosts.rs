//! Hosts that are slow beside others, and requests that hang: what waits for them is had elsewhere, and nothing else waits.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::{cell::Cell, rc::Rc, time::Duration};

use futures::StreamExt;
use kelp_stream::{
    Plan,
    host::event::EventKind,
    model::chunk::{Chunk, Source},
    prefetch,
    read::session::Session,
    schedule::pool::{Pool, PoolLimits},
    sim::{Link, Outcome, Script, World},
};
use proptest::prelude::*;
use support::MS;

const SECOND: Duration = Duration::from_secs(1);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const HOSTS: [&str; 3] = ["a", "b", "c"];

/// A good host: connections of 25 MB/s, 20 ms away. From these times on it is slower by these factors.
fn link(slower: &[(Duration, f64)]) -> Link {
    Link {
        round_trip: MS,
        server_time: 20 * MS,
        per_connection: 25_000_000,
        initial_window: u64::MAX,
        slower: slower.to_vec(),
        ..Link::default()
    }
}

/// Three hosts, of which b is slower at these times.
fn world(chunk: u64, slower: &[(Duration, f64)]) -> World {
    let world = World::new();
    world.sizes(move |_| Some(chunk));
    for host in HOSTS {
        world.link(host, link(if host == "b" { slower } else { &[] }));
    }
    world
}

/// Chunks with replicas at two of these hosts each.
fn file(chunk: u64, count: u64, hosts: &[&str]) -> Vec<Chunk> {
    let one = |i: u64| {
        let at = hosts.iter().cycle().skip(i as usize % hosts.len()).take(hosts.len().min(2));
        let urls: Vec<_> = at.map(|host| format!("http://{host}/{i}")).collect();
        Chunk::plain(Source::Urls(urls.into()), i * chunk, chunk)
    };
    (0..count).map(one).collect()
}

/// Reads a file; returns how long that took.
fn read(world: &World, session: &Session, chunks: Vec<Chunk>) -> Duration {
    let (begun, end) = (world.now(), chunks.iter().map(Chunk::end).max().unwrap_or_default());
    let (driver, mut reader) = prefetch(Plan::new(chunks.into(), 0..end), world.host(), session.clone());
    world.spawn(driver);
    let bytes = Rc::new(Cell::new(0));
    let count = Rc::clone(&bytes);
    let read = world.run(async move {
        while let Some(piece) = reader.next().await {
            count.set(count.get() + piece.expect("it is read").len() as u64);
        }
    });
    assert!(read.is_some() && bytes.get() == end, "{} of {end}", bytes.get());
    world.now() - begun
}

fn rerouted(world: &World) -> usize {
    let is_so = |event: &&kelp_stream::host::event::Event| {
        event.kind == EventKind::Failover && event.reason == Some("slow")
    };
    world.events().iter().filter(is_so).count()
}

// F196
#[test]
fn what_waits_for_a_slow_host_is_had_elsewhere() {
    for (chunk, count, at) in [(64 * KIB, 384, 0), (64 * KIB, 384, 250), (MIB, 48, 0), (MIB, 48, 150)] {
        let two = ["a", "c"];
        let without = read(&world(chunk, &[]), &Session::default(), file(chunk, count, &two));
        let slow = world(chunk, &[(at * MS, 20.0)]);
        let time = read(&slow, &Session::default(), file(chunk, count, &HOSTS));
        assert!(time < without.mul_f64(1.15), "{chunk} at {at} ms: {time:?}, {without:?} without it");
        assert!(rerouted(&slow) > 0 || chunk == MIB && at == 0, "{chunk} at {at} ms");
    }
}

// F197
#[test]
fn a_pool_remembers_a_slow_host_and_probes_it() {
    let world = world(64 * KIB, &[(Duration::ZERO, 20.0), (20 * SECOND, 1.0)]);
    let session = Session::default();
    read(&world, &session, file(64 * KIB, 384, &HOSTS));
    let to_b =
        |world: &World, from: usize| world.log().iter().skip(from).filter(|l| l.asked.host == "b").count();
    let before = world.log().len();
    while world.now() < 10 * SECOND {
        read(&world, &session, file(64 * KIB, 384, &HOSTS));
    }
    let probes = to_b(&world, before);
    assert!((2..=6).contains(&probes), "{probes} requests to a slow host in ten seconds");
    while world.now() < 40 * SECOND {
        read(&world, &session, file(64 * KIB, 384, &HOSTS));
    }
    let before = world.log().len();
    read(&world, &session, file(64 * KIB, 384, &HOSTS));
    assert!(to_b(&world, before) > 80, "a host that is good again is used again: {}", to_b(&world, before));
}

// F196
#[test]
fn a_line_that_becomes_narrow_for_all_moves_few_views() {
    let time = |hedge: bool| {
        let world = World::new();
        world.sizes(|_| Some(MIB));
        HOSTS.iter().for_each(|host| world.link(host, link(&[(150 * MS, 20.0)])));
        let mut session = Session::default();
        session.options.hedge = hedge;
        let time = read(&world, &session, file(MIB, 48, &HOSTS));
        assert!(rerouted(&world) <= 5, "{}", rerouted(&world));
        time
    };
    let (with, without) = (time(true), time(false));
    // Hedges cost something in the moment in which it becomes narrow.
    assert!(with < without.mul_f64(1.15), "{with:?}, {without:?} without hedges");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However hosts change their speeds, few requests are taken from them, and few bytes are sent twice.
    // F198
    #[test]
    fn few_bytes_are_asked_for_twice(
        changes in prop::collection::vec((0..3_usize, 0..4000_u32, prop_oneof![Just(1.0), 2.0..40.0]), 0..12),
        chunk in prop_oneof![Just(64 * KIB), Just(MIB)],
    ) {
        let world = World::new();
        world.sizes(move |_| Some(chunk));
        for (nth, host) in HOSTS.iter().enumerate() {
            let mut own: Vec<_> = changes.iter().filter(|it| it.0 == nth).map(|it| (MS * it.1, it.2)).collect();
            own.sort_by_key(|(at, _)| *at);
            world.link(host, link(&own));
        }
        let (session, count) = (Session::default(), 96 * MIB / chunk);
        read(&world, &session, file(chunk, count, &HOSTS));
        let (again, counts) = (world.counts().requests as f64 - count as f64, world.counts());
        prop_assert!(again <= 16.0 + 64.0 + 0.05 * count as f64, "{again} requests again");
        let sent = counts.bytes_sent as f64 / (count * chunk) as f64;
        prop_assert!(sent <= 1.05, "{sent} of the size");
    }

    /// Requests that hang take no width from others.
    // F199
    #[test]
    fn requests_that_hang_hold_up_no_other(hung in 1..90_u64, chunk in prop_oneof![Just(64 * KIB), Just(MIB)]) {
        let time = |hung: u64| {
            let (world, mut session) = (world(chunk, &[]), Session::default());
            // The bytes that they may still bring are promised.
            session.pool = Pool::new(PoolLimits { max_bytes: 256 * MIB, ..PoolLimits::default() });
            world.script(|asked| match asked.host.as_str() {
                "hung" => Script::default().outcome(Outcome::Silent),
                _ => Script::default(),
            });
            let good = || file(chunk, 48 * MIB / chunk, &HOSTS);
            read(&world, &session, good());
            for _ in 0..hung {
                let plan = Plan::new(file(chunk, 1, &["hung"]).into(), 0..chunk);
                let (driver, mut reader) = prefetch(plan, world.host(), session.clone());
                world.spawn(driver);
                world.spawn(async move { while let Some(Ok(_)) = reader.next().await {} });
            }
            world.run_for(2 * SECOND);
            read(&world, &session, good());
            read(&world, &session, good())
        };
        let (time, alone) = (time(hung), time(0));
        prop_assert!(time <= alone.mul_f64(1.25), "{time:?} beside {hung} that hang, {alone:?} alone");
    }
}
