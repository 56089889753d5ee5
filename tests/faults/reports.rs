//! Events, counters and messages after a fault.

use kelp_stream::{
    Kind,
    host::{Request, event::EventKind},
    model::{chunk::Chunk, location::Location},
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F29
#[test]
fn retries_failovers_and_pauses_are_reported() {
    let world = World::new();
    let chunk = two(&world, 1000);
    at_first(&world, &[("a", Outcome::Refused), ("b", Outcome::Status(500))]);
    let mut session = passes(2);
    session.options.concurrency = 1.into();
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000));
    let stats = meter.stats();
    assert_eq!((stats.requests, stats.retries, stats.failovers, stats.relookups), (3, 0, 2, 0));
    let mut reported = Vec::new();
    for event in world.events() {
        let host = event.host.as_deref().unwrap_or_default();
        let reason = event.reason.unwrap_or_default();
        let status = event.status.map(|status| status.to_string()).unwrap_or_default();
        if event.kind != EventKind::Body && event.kind != EventKind::Delivered {
            reported.push([event.kind.name(), host, reason, &status].join(" ").trim_end().to_owned());
        }
    }
    let wanted = [
        "queue",
        "request a",
        "failover a network",
        "request b",
        "headers b  500",
        "wait b http",
        "failover b http",
        "request a",
        "headers a  200",
        "first-byte a",
        "end",
    ];
    assert_eq!(reported, wanted);
}

#[test]
fn another_attempt_at_the_only_replica_is_a_retry() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    at_first(&world, &[("a", Outcome::Refused)]);
    let session = passes(2);
    let meter = session.stats.clone();
    read_one(&world, plain(&["http://a/0"], 0, 10), session).unwrap();
    let stats = meter.stats();
    assert_eq!((stats.requests, stats.retries, stats.failovers), (2, 1, 0));
    assert!(kinds(&world).contains(&EventKind::Retry));
}

#[test]
fn wasted_bytes_are_received_but_not_delivered() {
    let world = World::new();
    let chunk = sealed(&world, 1000);
    hosts(&world, &[("a", Outcome::Cut(400))]);
    let session = passes(1);
    let meter = session.stats.clone();
    read_one(&world, chunk, session).unwrap();
    let stats = meter.stats();
    assert_eq!((stats.bytes_received, stats.bytes_delivered), (1428, 1000));
    assert_eq!((stats.bytes_ahead, stats.in_flight), (0, 0));
}

#[test]
fn no_secret_is_in_errors_events_or_debug_output() {
    const SECRETS: [&str; 3] = ["hush-token", "hush-query", "[7, 7"];
    let check = |text: String| {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
    };
    let world = World::new();
    world.locator(|_, _| {
        Ok(Location { urls: vec!["http://a/3,01?sig=hush-query".into()], token: Some("hush-token".into()) })
    });
    let by_id = Chunk { key: Some(key()), ..of_id("3,01", 10) };
    let by_url = Chunk { key: Some(key()), ..plain(&["http://a/0?sig=hush-query"], 0, 10) };
    for outcome in
        [Outcome::Refused, Outcome::Status(401), Outcome::Status(404), Outcome::End(3), Outcome::Good]
    {
        world.store("http://a/3,01", vec![0; 38]);
        world.store("http://a/0", vec![0; 38]);
        outcomes(&world, move |_| outcome.clone());
        for chunk in [&by_id, &by_url] {
            let error = read_one(&world, chunk.clone(), passes(2)).unwrap_err();
            check(format!("{error} {error:?}"));
        }
    }
    let queries = queries(&world);
    assert!(queries.iter().any(|query| query.contains("jwt=hush-token")));
    assert!(queries.iter().any(|query| query == "sig=hush-query"));
    for chunk in [by_id, by_url] {
        check(format!("{chunk:?}"));
    }
    for event in world.events() {
        check(format!("{event:?}"));
    }
    check(format!(
        "{:?}",
        Request { url: "http://a/3,01?sig=hush-query&jwt=hush-token".into(), range: None }
    ));
    check(format!(
        "{:?}",
        Location { urls: vec!["http://a/3,01?sig=hush-query".into()], token: Some("hush-token".into()) }
    ));
}

// F137
#[test]
fn an_error_tells_of_one_attempt() {
    // The tag of b's bytes does not fit, and a has none.
    let world = World::new();
    let chunk = sealed(&world, 1000);
    hosts(&world, &[("a", Outcome::Flip(500)), ("b", Outcome::Flip(500))]);
    let tag = read_one(&world, chunk.clone(), passes(1)).unwrap_err();
    hosts(&world, &[("a", Outcome::Status(404)), ("b", Outcome::Flip(500))]);
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Corrupt, tag.message()));
    let listed: Vec<_> = error.attempts().iter().map(|each| (each.status, each.reason)).collect();
    assert_eq!(listed, [(Some(404), "not_found"), (Some(200), "corrupt")]);
    // The digest of b's bytes is wrong, and a sends too few.
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    hosts(&world, &[("a", Outcome::End(0)), ("b", Outcome::Flip(500))]);
    let error = read_one(&world, chunk, verify(Verify::Strict)).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::ShortBody, "the body ended after 0 of 1000 bytes"));
    let listed: Vec<_> = error.attempts().iter().map(|each| each.reason).collect();
    assert_eq!(listed, ["short_body", "corrupt"]);
}

// F137
#[test]
fn an_error_after_delivery_lists_the_attempts_before() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(100).outcome(Outcome::Cut(300)),
        _ => Script::default().latency(MS).outcome(Outcome::Flip(500)),
    });
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!((error.kind(), hosts_of(&error)), (Kind::Corrupt, vec!["a", "b"]));
}
