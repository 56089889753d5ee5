//! Finding and reaching a server: refused connections, lookups that fail, servers that come and go (F01 to F17).

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use kelp_stream::{
    Kind,
    error::Cause,
    fetch::locator::Locator,
    formats::seaweedfs::entry::Keys,
    host::LocateError,
    http::origins::Origins,
    model::{chunk::Chunk, location::Location},
    read::{open::OpenContext, session::Session, streams::Streams},
    schedule::options::Verify,
    sim::{Outcome, Script, World},
};

use crate::{setup::*, support::*};

// F01
#[test]
fn a_refused_replica_is_followed_by_the_next_at_once() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Refused)]);
    let session = passes(3);
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["a", "b"]);
    assert_eq!(world.now(), Duration::ZERO);
    let stats = meter.stats();
    assert_eq!((stats.requests, stats.failovers, stats.retries), (2, 1, 0));
}

// F02, F13
#[test]
fn each_pass_asks_all_replicas_and_pauses_double() {
    let world = World::new();
    let chunk = two(&world, 1000);
    outcomes(&world, |_| Outcome::Refused);
    let error = read_one(&world, chunk, passes(4)).unwrap_err();
    assert_eq!(error.kind(), Kind::Network);
    assert!(error.kind().retryable());
    assert_eq!(hosts_of(&error), ["a", "b", "a", "b", "a", "b", "a", "b"]);
    assert!(error.attempts().iter().all(|each| each.reason == "network" && each.status.is_none()));
    assert_eq!((error.chunk(), error.offset()), (Some("http://a/0"), Some(0)));
    let times = times(&world);
    for pass in 0..4 {
        assert_eq!(times[pass * 2], times[pass * 2 + 1], "no pause within a pass");
    }
    for (pass, longest) in [(1, 200), (2, 400), (3, 800)] {
        let pause = times[pass * 2] - times[pass * 2 - 1];
        assert!(pause >= MS * longest / 2 && pause <= MS * longest, "{pause:?} after pass {pass}");
    }
    assert_eq!(world.now(), times[7], "no pause after the last pass");
}

// F13
#[test]
fn bytes_before_a_failure_are_delivered() {
    let world = World::new();
    let mut chunks = file(&world, 3, 1000);
    outcomes(&world, |asked| if asked.url == "http://a/1" { Outcome::Refused } else { Outcome::Good });
    chunks[1].offset = 1000;
    let (some, error) = read_to_error(&world, open(&world, chunks, passes(2)));
    assert_eq!(some, bytes(0..1000));
    assert_eq!((error.offset(), error.chunk()), (Some(1000), Some("http://a/1")));
}

// F14
#[test]
fn a_server_away_for_30_s_is_resumed_without_repeated_bytes() {
    let world = World::new();
    let chunks = file(&world, 3, 1000);
    world.script(|asked| {
        let script = Script::default().latency(100 * MS).piece(100).rate(10_000);
        match asked.at {
            at if at < 100 * MS => script.outcome(Outcome::Cut(500)),
            at if at < 30 * SECOND => script.outcome(Outcome::Refused),
            _ => script,
        }
    });
    let session = passes(14);
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..3000));
    let stats = meter.stats();
    assert_eq!((stats.bytes_received, stats.bytes_delivered), (3000, 3000));
    assert!(world.now() >= 30 * SECOND && world.now() <= 41 * SECOND, "{:?}", world.now());
}

// F09
#[test]
fn the_same_replicas_in_another_order_are_not_new() {
    let world = World::new();
    let calls =
        locator(&world, move |id, refresh| Ok(location(if refresh { &["b", "a"] } else { &["a", "b"] }, id)));
    let error = read_one(&world, of_id("3,01", 10), passes(3)).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::NotFound, Some("3,01")));
    assert!(!error.kind().retryable());
    assert_eq!(error.attempts().len(), 6);
    assert_eq!(calls.all(), ["3,01", "3,01 refresh", "3,01 refresh", "3,01 refresh"], "once after each pass");
    let times = times(&world);
    assert_eq!((times.len(), times[1]), (6, Duration::ZERO));
    assert!(times[2] >= MS * 100, "{times:?}");
}

#[test]
fn a_chunk_by_url_is_not_looked_up() {
    let world = World::new();
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::NotFound, 2));
}

// F05
#[test]
fn a_locator_without_locations_is_asked_once_a_pass() {
    for (answer, cause) in
        [(Err(LocateError { cause: Some(Cause(7)) }), Some(Cause(7))), (Ok(Location::default()), None)]
    {
        let world = World::new();
        let calls = locator(&world, move |_, _| answer.clone());
        let error = read_one(&world, of_id("3,01", 10), passes(3)).unwrap_err();
        assert_eq!((error.kind(), error.cause(), error.chunk()), (Kind::NoLocations, cause, Some("3,01")));
        assert!(error.kind().retryable());
        assert_eq!(calls.all(), ["3,01", "3,01 refresh", "3,01 refresh"]);
        assert!(world.now() >= MS * 300 && world.now() <= MS * 600, "{:?}", world.now());
        assert_eq!(world.log().len(), 0);
    }
}

// F06
#[test]
fn a_locator_that_recovers_costs_no_attempt() {
    let world = World::new();
    world.store("http://a/3,01", bytes(0..10));
    let count = AtomicUsize::new(0);
    world.locator(move |id, _| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Err(LocateError { cause: None }),
        1 => Ok(Location::default()),
        _ => Ok(location(&["a"], id)),
    });
    assert_eq!(read_one(&world, of_id("3,01", 10), passes(3)).unwrap(), bytes(0..10));
    assert_eq!(world.log().len(), 1);
}

// F10
#[test]
fn unusable_urls_of_a_locator_are_not_requested() {
    let world = World::new();
    world.store("http://a/3,01", bytes(0..10));
    let urls = ["file:///etc/passwd", "http://u:p@a/3,01", "javascript:1", "http://a/3,01", "http://a/3,01"];
    world.locator(move |_, _| Ok(Location { urls: urls.map(str::to_owned).to_vec(), token: None }));
    outcomes(&world, |_| Outcome::Refused);
    let error = read_one(&world, of_id("3,01", 10), passes(1)).unwrap_err();
    assert_eq!(hosts_of(&error), ["a"]);
    assert_eq!(asked(&world), ["a"]);
}

// F15
#[test]
fn every_new_byte_renews_the_passes() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10_000));
    outcomes(&world, |asked| if asked.nth % 100 < 99 { Outcome::Cut(100) } else { Outcome::Good });
    for with_md5 in [false, true] {
        let mut chunk = plain(&["http://a/0"], 0, 10_000);
        chunk.md5 = with_md5.then(|| md5(&bytes(0..10_000)));
        let session = passes(2);
        let meter = session.stats.clone();
        assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..10_000));
        assert_eq!(meter.stats().requests, 100);
        assert_eq!(meter.stats().bytes_received, 10_000);
    }
}

#[test]
fn bytes_before_the_wanted_part_renew_the_passes() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10_000));
    outcomes(&world, |_| Outcome::Cut(100));
    let chunk = digested(plain(&["http://a/0"], 0, 10_000), &bytes(0..10_000));
    let mut session = passes(2);
    session.options.verify = Verify::Strict;
    assert_eq!(read_part(&world, chunk, 9000..9100, session).unwrap(), bytes(9000..9100));
}

#[test]
fn without_new_bytes_the_passes_end() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10_000));
    outcomes(&world, |asked| Outcome::Cut(if asked.nth < 5 { 100 } else { 0 }));
    let (some, error) =
        read_to_error(&world, open(&world, vec![plain(&["http://a/0"], 0, 10_000)], passes(2)));
    assert_eq!((some, error.offset()), (bytes(0..500), Some(500)));
    assert_eq!(
        (error.kind(), world.log().len()),
        (Kind::Network, 6),
        "the fifth request was the first of two passes"
    );
}

// F15
#[test]
fn a_server_that_sends_one_byte_a_request_is_given_up() {
    let world = World::new();
    let chunks = file(&world, 1, 100_000);
    world.script(|_| Script::default().outcome(Outcome::Cut(1)));
    let error = read(&world, chunks, Session::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Network);
    assert_eq!((world.log().len(), error.offset()), (257, Some(256)));
}

#[test]
fn a_host_that_failed_is_asked_last_for_the_next_chunks() {
    let world = World::new();
    let chunks: Vec<Chunk> = (0..20).map(|i| Chunk { offset: i * 100, ..two(&world, 100) }).collect();
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().latency(MS).outcome(Outcome::Refused),
        _ => Script::default().latency(MS),
    });
    let mut session = Session::default();
    session.options.concurrency = 2.into();
    read(&world, chunks, session).unwrap();
    let asked = world.log().iter().filter(|logged| logged.asked.host == "a").count();
    assert_eq!(asked, 1, "the second view in flight used the other host");
}

/// A session that sends requests to host a only.
fn only_a() -> Session {
    let mut session = passes(3);
    session.options.origins = Origins::only(["http://a"]).unwrap();
    session
}

// F123
#[test]
fn no_request_goes_to_an_origin_that_is_not_listed() {
    let world = World::new();
    let chunk = two(&world, 1000);
    for url in [
        "http://b/0",
        "https://a/0",
        "http://a:81/0",
        "http://a./0",
        "http://[::1]/0?secret",
        "http://b/0?secret#http://a/",
    ] {
        let error = read_one(&world, plain_at(&chunk, url), only_a()).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (Kind::Unsupported, 1), "{url}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    for url in ["http://u@a/0", "http://a@b/0"] {
        assert_eq!(read_one(&world, plain_at(&chunk, url), only_a()).unwrap_err().kind(), Kind::NoLocations);
    }
    assert!(asked(&world).is_empty(), "{:?}", asked(&world));
    let error = read_one(&world, plain_at(&chunk, "http://b:8080/0"), only_a()).unwrap_err();
    assert!(error.message().contains("http://b:8080,"), "{error}");
    // The replica that is allowed is read.
    let urls = ["http://b/0", "HTTP://A:80/0"].map(str::to_owned);
    let either = Chunk { source: kelp_stream::model::chunk::Source::Urls(urls.into()), ..chunk };
    world.store("HTTP://A:80/0", bytes(0..1000));
    assert_eq!(read_one(&world, either, only_a()).unwrap(), bytes(0..1000));
    assert_eq!(asked(&world), ["A:80"]);
}

// F123
#[test]
fn lookups_and_redirects_lead_to_listed_origins_only() {
    let world = World::new();
    let id = Chunk::plain(kelp_stream::model::chunk::Source::FileId("3,0100000001".into()), 0, 1000);
    world.locator(|_, _| Ok(Location { urls: vec!["http://b/0".into()], token: None }));
    assert_eq!(read_one(&world, id.clone(), only_a()).unwrap_err().kind(), Kind::Unsupported);
    let at_master = |url: &str| {
        let mut session = only_a();
        session.locator = Locator::master(url);
        session
    };
    let error = read_one(&world, id.clone(), at_master("http://m")).unwrap_err();
    assert_eq!(error.kind(), Kind::NoLocations);
    assert!(error.message().contains("http://m"), "{error}");
    assert!(asked(&world).is_empty());
    // A master that is listed names a server that is not.
    let located = r#"{"volumeOrFileId":"3","locations":[{"url":"b"}]}"#;
    world.script(move |_| Script::default().outcome(Outcome::Body(located.into())));
    assert_eq!(read_one(&world, id, at_master("http://a")).unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(asked(&world), ["a"]);
    // A host returns a redirect that it must not follow.
    world.script(|_| Script::default().outcome(Outcome::Status(302)));
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), only_a()).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Unsupported, 1));
    // A platform followed it.
    world.script(|_| Script::default().redirect("http://b/0?secret"));
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), only_a()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.message().contains("http://b,"), "{error}");
}

// F123
#[test]
fn an_entry_is_requested_from_a_listed_origin_only() {
    let world = World::new();
    let context = OpenContext {
        host: world.host(),
        session: only_a(),
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    };
    let opening =
        async { context.open_filer("http://b/x?metadata=true", None, &Keys::default()).await.map(drop) };
    let error = world.run(opening).unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(asked(&world).is_empty());
}
