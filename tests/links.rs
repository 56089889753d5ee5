//! The simulated links, with times that can be computed by hand.
#![cfg(not(target_arch = "wasm32"))]

use std::time::Duration;

use futures::StreamExt;
use kelp_stream::{
    host::{Host, Request},
    http::headers::ByteRange,
    sim::{Busy, Counts, Link, Protocol, Stalls, World},
};

const MS: Duration = Duration::from_millis(1);
const MB: u64 = 1_000_000;

/// A link without slow start.
fn steady(round_trip: Duration, bandwidth: u64) -> Link {
    Link { round_trip, bandwidth, initial_window: u64::MAX, ..Link::default() }
}

fn world(links: &[(&str, Link)]) -> World {
    let world = World::new();
    world.sizes(|_| Some(1 << 40));
    links.iter().for_each(|(host, link)| world.link(host, link.clone()));
    world
}

/// Fetches bytes from a host. Returns when the headers arrived, when the body ended, and the status.
async fn fetch(world: World, host: &str, bytes: u64) -> (Duration, Duration, u16) {
    let request =
        Request { url: format!("http://{host}/x"), range: Some(ByteRange { start: 0, end: Some(bytes) }) };
    let mut response = world.host().fetch(request).await.expect("it responds");
    let headers = world.now();
    let mut received = 0;
    while let Some(piece) = response.body.next().await {
        received += piece.expect("no fault is scripted").len() as u64;
    }
    assert!(response.status != 206 || received == bytes, "{received} of {bytes}");
    (headers, world.now(), response.status)
}

/// Fetches from all hosts at the same time.
fn all(world: &World, requests: &[(&str, u64)]) -> Vec<(Duration, Duration, u16)> {
    let fetches: Vec<_> = requests
        .iter()
        .map(|(host, bytes)| {
            let (world, host, bytes) = (world.clone(), (*host).to_owned(), *bytes);
            async move { fetch(world, &host, bytes).await }
        })
        .collect();
    world.run(futures::future::join_all(fetches)).expect("it does not hang")
}

fn about(time: Duration, expected: Duration) {
    let difference = time.abs_diff(expected);
    assert!(difference <= MS / 10, "{time:?} instead of {expected:?}");
}

#[test]
fn a_body_arrives_after_a_round_trip_at_the_rate_of_its_link() {
    let world = world(&[("a", Link { server_time: 10 * MS, ..steady(50 * MS, MB) })]);
    let (headers, end, _) = all(&world, &[("a", MB)])[0];
    about(headers, 60 * MS);
    about(end, 1060 * MS);
}

#[test]
fn bodies_share_a_link_and_finished_ones_free_their_part() {
    let world = world(&[("a", steady(Duration::ZERO, MB))]);
    let ends = all(&world, &[("a", 100_000), ("a", 400_000)]);
    about(ends[0].1, 200 * MS);
    about(ends[1].1, 500 * MS);
}

#[test]
fn other_hosts_get_what_a_slow_host_leaves_of_a_shared_link() {
    let world = world(&[]);
    let shared = Some(world.shared(10 * MB));
    world.link("slow", Link { shared, ..steady(Duration::ZERO, MB) });
    world.link("quick", Link { shared, ..steady(Duration::ZERO, 100 * MB) });
    let ends = all(&world, &[("slow", MB), ("quick", 9 * MB)]);
    about(ends[0].1, 1000 * MS);
    about(ends[1].1, 1000 * MS);
}

#[test]
fn fair_shares_fill_a_link_exactly() {
    let world = world(&[]);
    let shared = Some(world.shared(10 * MB));
    for host in ["a", "b", "c"] {
        world.link(host, Link { shared, per_connection: 3 * MB, ..steady(Duration::ZERO, 100 * MB) });
    }
    let requests = ["a", "a", "b", "c"].map(|host| (host, 5 * MB));
    for (_, end, _) in all(&world, &requests) {
        about(end, 2000 * MS);
    }
}

#[test]
fn a_connection_has_its_own_limit() {
    let world = world(&[("a", Link { per_connection: MB, ..steady(Duration::ZERO, 10 * MB) })]);
    about(all(&world, &[("a", MB), ("a", MB)])[1].1, 1000 * MS);
}

#[test]
fn a_new_connection_starts_slowly_and_doubles_each_round() {
    let link = Link { round_trip: 100 * MS, bandwidth: 10_000 * MB, ..Link::default() };
    let world = world(&[("a", link)]);
    about(all(&world, &[("a", 14_600)])[0].1, 100 * MS);
    // The window of the same connection was used, so it has doubled.
    about(all(&world, &[("a", 29_200)])[0].1, 200 * MS);
    let link = Link { round_trip: 100 * MS, bandwidth: 10_000 * MB, ..Link::default() };
    let world = self::world(&[("a", link)]);
    // The headers take one round trip, and 1 + 2 + 4 windows take three in all.
    about(all(&world, &[("a", 7 * 14_600)])[0].1, 300 * MS);
    let world =
        self::world(&[("a", Link { round_trip: 100 * MS, bandwidth: 10_000 * MB, ..Link::default() })]);
    about(all(&world, &[("a", 7 * 14_600 + 1000)])[0].1, 400 * MS);
}

#[test]
fn an_idle_connection_returns_to_slow_start() {
    let link = Link { round_trip: 100 * MS, bandwidth: 10_000 * MB, ..Link::default() };
    let world = world(&[("a", link)]);
    let time = |bytes| {
        let before = world.now();
        all(&world, &[("a", bytes)])[0].1 - before
    };
    about(time(7 * 14_600), 300 * MS);
    about(time(4 * 14_600), 100 * MS);
    world.run_for(Duration::from_secs(5));
    about(time(3 * 14_600), 200 * MS);
}

#[test]
fn the_seventh_request_waits_for_one_of_six_connections() {
    let world = world(&[("a", steady(100 * MS, 6 * MB))]);
    let ends = all(&world, &[("a", 100_000); 7]);
    about(ends[5].1, 200 * MS);
    about(ends[6].0, 300 * MS);
    assert_eq!(world.counts().most_open, 7, "the platform has accepted it");
}

#[test]
fn http_2_requests_share_one_connection_and_its_limit() {
    let protocol = Protocol::Http2(100);
    let world = world(&[("a", Link { protocol, per_connection: MB, ..steady(Duration::ZERO, 10 * MB) })]);
    about(all(&world, &[("a", 100_000); 10])[9].1, 1000 * MS);
}

#[test]
fn a_new_connection_costs_handshakes_and_a_kept_one_none() {
    let world = world(&[("a", Link { handshake: 2, ..steady(100 * MS, u64::MAX) })]);
    about(all(&world, &[("a", 1)])[0].0, 300 * MS);
    about(all(&world, &[("a", 1)])[0].0, 400 * MS);
}

#[test]
fn a_host_becomes_slower_during_a_body() {
    let slower = vec![(500 * MS, 20.0)];
    let world = world(&[("a", Link { slower, ..steady(Duration::ZERO, MB) })]);
    about(all(&world, &[("a", 600_000)])[0].1, 2500 * MS);
}

#[test]
fn the_same_bodies_stall_in_every_run() {
    let ends = || {
        let stalls = Some(Stalls { one_in: 3, pause: 200 * MS });
        let link = Link { stalls, protocol: Protocol::Http1(100), ..steady(10 * MS, u64::MAX) };
        let world = world(&[("a", link)]);
        all(&world, &[("a", 1000); 30]).into_iter().map(|(_, end, _)| end).collect::<Vec<_>>()
    };
    let stalled = ends().iter().filter(|end| **end > 200 * MS).count();
    assert!((5..=15).contains(&stalled), "{stalled} of 30");
    assert_eq!(ends(), ends());
}

#[test]
fn a_busy_server_rejects_requests_above_its_limit() {
    let busy = Some(Busy { above: 2, status: 503, retry_after: Some("1".to_owned()) });
    let world = world(&[("a", Link { busy, ..steady(10 * MS, MB) })]);
    let responses = all(&world, &[("a", 100_000); 3]);
    assert_eq!(responses.iter().filter(|(_, _, status)| *status == 503).count(), 1);
    assert_eq!(responses.iter().filter(|(_, _, status)| *status == 206).count(), 2);
}

#[test]
fn the_client_sends_requests_one_after_another() {
    let world = world(&[("a", steady(10 * MS, u64::MAX))]);
    world.request_time(MS);
    about(all(&world, &[("a", 1), ("a", 1), ("a", 1)])[2].0, 13 * MS);
}

#[test]
fn an_unread_body_fills_the_platforms_buffer_and_stops() {
    let world = world(&[("a", Link { buffer: 100_000, ..steady(Duration::ZERO, MB) })]);
    let request = Request { url: "http://a/x".to_owned(), range: None };
    let host = world.host();
    let response = world.run(async move { host.fetch(request).await.expect("it responds") }).unwrap();
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.counts().bytes_sent, 100_000);
    drop(response);
}

#[test]
fn a_cancelled_body_arrives_for_another_round_trip() {
    let world = world(&[("a", Link { protocol: Protocol::Http1(1), ..steady(100 * MS, MB) })]);
    let request = Request { url: "http://a/x".to_owned(), range: None };
    let host = world.host();
    let response = world.run(async move { host.fetch(request).await.expect("it responds") }).unwrap();
    world.run_for(100 * MS);
    drop(response);
    // Its connection is closed, and the next request opens another at once.
    about(all(&world, &[("a", 1)])[0].0, 300 * MS);
    world.run_for(Duration::from_secs(5));
    let Counts { bytes_sent, bytes_abandoned, open, aborted, .. } = world.counts();
    assert_eq!((bytes_sent, bytes_abandoned), (200_001, 100_000));
    assert_eq!((open, aborted), (0, 1));
}

#[test]
fn an_aborted_request_leaves_the_queue() {
    let world = world(&[("a", Link { protocol: Protocol::Http1(1), ..steady(Duration::ZERO, MB) })]);
    let request = || Request { url: "http://a/x".to_owned(), range: None };
    let host = world.host();
    let response = world.run(async move { host.fetch(request()).await.expect("it responds") }).unwrap();
    let host = world.host();
    let waits = async move {
        futures::future::select(Box::pin(host.fetch(request())), host.sleep(MS)).await;
    };
    world.run(waits).expect("it does not hang");
    drop(response);
    assert_eq!(all(&world, &[("a", 1)])[0].2, 206);
    assert_eq!(world.counts().open, 0);
}

#[test]
fn an_aborted_request_passes_its_turn_to_the_next() {
    let world = world(&[("a", Link { protocol: Protocol::Http1(1), ..steady(Duration::ZERO, MB) })]);
    let request = || Request { url: "http://a/x".to_owned(), range: None };
    let (host, other) = (world.host(), world.clone());
    let steps = async move {
        let first = host.fetch(request()).await.expect("it responds");
        let mut second = Box::pin(host.fetch(request()));
        assert!(futures::poll!(&mut second).is_pending());
        let third = other.clone();
        other.spawn(async move {
            fetch(third, "a", 1).await;
        });
        host.sleep(MS).await;
        drop(first);
        drop(second);
        host.sleep(5 * MS).await;
    };
    world.run(steps).expect("it does not hang");
    assert_eq!(world.counts().open, 0, "the third request got a response");
}

#[test]
fn a_world_without_a_log_still_counts() {
    let world = world(&[("a", steady(MS, u64::MAX))]);
    world.disable_log();
    all(&world, &[("a", 1000); 50]);
    let counts = world.counts();
    assert_eq!((counts.requests, counts.bytes_sent, counts.most_open), (50, 50_000, 50));
    assert!(world.log().is_empty() && world.events().is_empty());
}
