//! What goes wrong on the way to a server, in its answer, in its body and in decoding; what a
//! reader gets then, and what is asked next.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use flate2::write::GzEncoder;
use futures::future::{Either, select};
use kelp_stream::{
    Error, Kind, Options, Plan,
    decode::{MAX_CHUNK_BYTES, max_output},
    error::Cause,
    host::{LocateError, Request, event::EventKind},
    http::headers::Headers,
    model::{
        chunk::{Chunk, CipherKey, Compression, Source},
        location::Location,
    },
    read::session::Session,
    schedule::options::Verify,
    sim::{Asked, Outcome, Script, World, collect},
};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// So many passes over the replicas.
fn passes(passes: u32) -> Session {
    let mut session = Session::default();
    session.options.retry.passes = passes;
    session
}

fn verify(verify: Verify) -> Session {
    let mut session = passes(1);
    session.options.verify = verify;
    session
}

/// A chunk of `size` bytes at hosts a and b.
fn two(world: &World, size: u64) -> Chunk {
    at_two(world, bytes(0..size), size)
}

fn at_two(world: &World, stored: Vec<u8>, size: u64) -> Chunk {
    world.store("http://a/0", stored.clone());
    world.store("http://b/0", stored);
    plain(&["http://a/0", "http://b/0"], 0, size)
}

/// The same at this replica alone.
fn plain_at(chunk: &Chunk, url: &str) -> Chunk {
    Chunk { source: Source::Urls([url.to_owned()].into()), ..chunk.clone() }
}

fn digested(chunk: Chunk, all: &[u8]) -> Chunk {
    Chunk { md5: Some(md5(all)), ..chunk }
}

/// An encrypted chunk at hosts a and b.
fn sealed(world: &World, size: u64) -> Chunk {
    let stored = encrypted(&bytes(0..size), &key());
    Chunk { key: Some(key()), ..at_two(world, stored, size) }
}

/// A chunk of SeaweedFS, whose replicas are found at `hosts`, which hold it.
fn located(world: &World, hosts: &'static [&'static str], size: u64) -> Chunk {
    for host in hosts {
        world.store(&format!("http://{host}/3,01"), bytes(0..size));
    }
    world.locator(move |id, _| Ok(location(hosts, id)));
    of_id("3,01", size)
}

fn of_id(id: &str, size: u64) -> Chunk {
    Chunk { source: Source::FileId(id.into()), ..plain(&[], 0, size) }
}

fn location(hosts: &[&str], id: &str) -> Location {
    Location { urls: hosts.iter().map(|host| format!("http://{host}/{id}")).collect(), token: None }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Bodies in pieces of 100 bytes. What asks for ever ends in a panic.
fn outcomes(world: &World, outcome: impl Fn(&Asked) -> Outcome + Send + 'static) {
    world.script(move |asked| {
        assert!(asked.nth < 1000, "there is no end to it");
        Script::default().piece(100).outcome(outcome(asked))
    });
}

/// Each host does this, and those not named are good.
fn hosts(world: &World, list: &'static [(&'static str, Outcome)]) {
    outcomes(world, move |asked| {
        let known = list.iter().find(|(host, _)| *host == asked.host);
        known.map_or(Outcome::Good, |(_, outcome)| outcome.clone())
    });
}

/// Those not named, and the named from their second request on, are good.
fn at_first(world: &World, list: &'static [(&'static str, Outcome)]) {
    outcomes(world, move |asked| {
        let known = list.iter().find(|(host, _)| *host == asked.host && asked.nth == 0);
        known.map_or(Outcome::Good, |(_, outcome)| outcome.clone())
    });
}

/// What was asked of whom: `a`, `b bytes=0-99`.
fn asked(world: &World) -> Vec<String> {
    let one = |asked: &Asked| match asked.range {
        Some(range) => format!("{} {range}", asked.host),
        None => asked.host.clone(),
    };
    world.log().iter().map(|logged| one(&logged.asked)).collect()
}

/// When each request left.
fn times(world: &World) -> Vec<Duration> {
    world.log().iter().map(|logged| logged.at).collect()
}

fn kinds(world: &World) -> Vec<EventKind> {
    world.events().iter().map(|event| event.kind).collect()
}

fn hosts_of(error: &Error) -> Vec<&str> {
    error.attempts().iter().map(|each| each.host.as_str()).collect()
}

/// Reads one chunk whole.
fn read_one(world: &World, chunk: Chunk, session: Session) -> Result<Vec<u8>, Error> {
    read(world, vec![chunk], session)
}

/// Reads a part of one chunk at the start of its file.
fn read_part(
    world: &World,
    chunk: Chunk,
    part: std::ops::Range<u64>,
    session: Session,
) -> Result<Vec<u8>, Error> {
    let reader = open_plan(world, Plan::new(vec![chunk].into(), part), session);
    world.run(collect(reader)).expect("it does not hang")
}

/// Reads to the end, for a minute of the virtual clock at most: what tries for ever shows.
fn read_within_a_minute(
    world: &World,
    chunks: Vec<Chunk>,
    session: Session,
) -> Option<Result<Vec<u8>, Error>> {
    let reading = Box::pin(collect(open(world, chunks, session)));
    let clock = world.sleep(60 * SECOND);
    let course = async move {
        match select(reading, clock).await {
            Either::Left((read, _)) => Some(read),
            Either::Right(_) => None,
        }
    };
    world.run(course).expect("the clock rings")
}

/// A file whose second chunk, at hosts a and b, is complete long before its first is.
fn second_after_a_slow_first(world: &World, stored: Vec<u8>) -> Vec<Chunk> {
    world.store("http://slow/0", bytes(0..1000));
    let second = Chunk { offset: 1000, ..at_two(world, stored, 1000) };
    vec![plain(&["http://slow/0"], 0, 1000), second]
}

// ---- Finding and reaching a server ----

// F01
#[test]
fn of_a_refused_replica_the_next_is_asked_at_once() {
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
fn when_all_are_refused_each_pass_asks_all_and_the_pauses_between_double() {
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
    assert_eq!(world.now(), times[7], "nobody waits after the last pass");
}

// F13
#[test]
fn what_came_before_a_failure_is_delivered_and_the_error_says_how_far_it_came() {
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
fn a_server_that_is_away_for_half_a_minute_is_read_on_and_no_byte_comes_twice() {
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

// F27
#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    for status in [429, 503] {
        let world = World::new();
        world.store("http://a/0", bytes(0..10));
        world.script(move |asked| {
            let headers = Headers { retry_after: Some("3".into()), ..Headers::default() };
            match asked.nth {
                0 => Script::default().headers(headers).outcome(Outcome::Status(status)),
                _ => Script::default(),
            }
        });
        let read = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2));
        assert_eq!(read.unwrap(), bytes(0..10));
        assert_eq!(times(&world), [Duration::ZERO, 3 * SECOND], "{status}");
    }
}

// F28
#[test]
fn no_server_may_ask_for_more_than_the_longest_pause() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    world.script(|_| {
        let headers = Headers { retry_after: Some("86400".into()), ..Headers::default() };
        Script::default().headers(headers).outcome(Outcome::Status(503))
    });
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Http(503), true));
    assert_eq!(error.attempts()[0].status, Some(503));
    assert_eq!(times(&world), [Duration::ZERO, 10 * SECOND]);
}

#[test]
fn a_pause_that_was_asked_for_is_made_once() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    world.script(|asked| {
        let headers = Headers { retry_after: Some("5".into()), ..Headers::default() };
        match asked.nth {
            0 => Script::default().headers(headers).outcome(Outcome::Status(503)),
            1 => Script::default().outcome(Outcome::Refused),
            _ => Script::default(),
        }
    });
    assert_eq!(read_one(&world, plain(&["http://a/0"], 0, 10), passes(3)).unwrap(), bytes(0..10));
    assert!(world.now() >= 5 * SECOND && world.now() <= 5 * SECOND + MS * 400, "{:?}", world.now());
}

// F27
#[test]
fn while_one_replica_is_busy_another_is_asked_at_once() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| {
        let headers = Headers { retry_after: Some("5".into()), ..Headers::default() };
        match asked.host.as_str() {
            "a" => Script::default().headers(headers).outcome(Outcome::Status(503)),
            _ => Script::default(),
        }
    });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(world.now(), Duration::ZERO);
}

// F24, F25, F29, F30, F31, F32
#[test]
fn whatever_a_server_answers_the_others_are_asked_and_the_error_has_the_status() {
    for (status, kind) in [
        (204, Kind::Http(204)),
        (205, Kind::Http(205)),
        (304, Kind::Http(304)),
        (400, Kind::Http(400)),
        (404, Kind::NotFound),
        (405, Kind::Http(405)),
        (408, Kind::Http(408)),
        (410, Kind::NotFound),
        (416, Kind::Range),
        (425, Kind::Http(425)),
        (451, Kind::Http(451)),
        (499, Kind::Http(499)),
        (500, Kind::Http(500)),
        (502, Kind::Http(502)),
        (504, Kind::Http(504)),
        (507, Kind::Http(507)),
        (522, Kind::Http(522)),
    ] {
        let world = World::new();
        let chunk = two(&world, 1000);
        outcomes(
            &world,
            move |asked| {
                if asked.host == "a" { Outcome::Status(status) } else { Outcome::Good }
            },
        );
        assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000), "{status}");
        outcomes(&world, move |_| Outcome::Status(status));
        let error = read_one(&world, chunk, passes(1)).unwrap_err();
        assert_eq!((error.kind(), error.attempts()[1].status), (kind, Some(status)));
    }
}

// ---- Locations ----

/// The locator's calls: `3,01`, `3,01 refresh`.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    fn add(&self, id: &str, refresh: bool) {
        let call = if refresh { format!("{id} refresh") } else { id.to_owned() };
        self.0.lock().expect("nobody panicked").push(call);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

// F23
#[test]
fn what_no_replica_has_is_looked_up_once_more_and_read_where_it_is_now() {
    let world = World::new();
    let calls = Calls::default();
    world.store("http://new/3,01", bytes(0..10));
    world.locator({
        let calls = calls.clone();
        move |id, refresh| {
            calls.add(id, refresh);
            Ok(location(if refresh { &["c", "new"] } else { &["a", "b"] }, id))
        }
    });
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, of_id("3,01", 10), session).unwrap(), bytes(0..10));
    assert_eq!(asked(&world), ["a", "b", "c", "new"]);
    assert_eq!(calls.all(), ["3,01", "3,01 refresh"]);
    assert_eq!(meter.stats().relookups, 1);
    assert_eq!(world.now(), Duration::ZERO, "fresh locations are tried at once");
    let relookups = kinds(&world).into_iter().filter(|kind| *kind == EventKind::Relookup);
    assert_eq!(relookups.count(), 1);
}

// F09
#[test]
fn the_same_replicas_in_another_order_are_not_fresh_and_are_asked_after_a_pause() {
    let world = World::new();
    let calls = Calls::default();
    world.locator({
        let calls = calls.clone();
        move |id, refresh| {
            calls.add(id, refresh);
            Ok(location(if refresh { &["b", "a"] } else { &["a", "b"] }, id))
        }
    });
    let error = read_one(&world, of_id("3,01", 10), passes(3)).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::NotFound, Some("3,01")));
    assert!(!error.kind().retryable());
    assert_eq!(error.attempts().len(), 6);
    assert_eq!(calls.all(), ["3,01", "3,01 refresh", "3,01 refresh", "3,01 refresh"], "once after each pass");
    let times = times(&world);
    assert_eq!((times.len(), times[1]), (6, Duration::ZERO));
    assert!(times[2] >= MS * 100, "{times:?}");
}

// F23
#[test]
fn fresh_replicas_that_have_it_no_more_either_make_it_not_found() {
    let world = World::new();
    world.locator(|id, refresh| Ok(location(if refresh { &["c"] } else { &["a", "b"] }, id)));
    let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(hosts_of(&error), ["a", "b", "c", "c"]);
}

#[test]
fn one_replica_that_could_not_be_asked_keeps_the_error_from_saying_not_found() {
    for refused in ["a", "b"] {
        let world = World::new();
        let calls = Calls::default();
        world.locator({
            let calls = calls.clone();
            move |id, refresh| {
                calls.add(id, refresh);
                Ok(location(&["a", "b"], id))
            }
        });
        outcomes(&world, move |asked| if asked.host == refused { Outcome::Refused } else { Outcome::Good });
        let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (Kind::Network, 4), "{refused} is refused");
        assert_eq!(calls.all(), ["3,01", "3,01 refresh", "3,01 refresh"], "it may have moved");
    }
}

#[test]
fn a_chunk_by_url_is_not_looked_up() {
    let world = World::new();
    let error = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::NotFound, 2));
}

// F05
#[test]
fn a_locator_that_fails_or_knows_nothing_is_asked_again_and_then_there_are_no_locations() {
    for (answer, cause) in
        [(Err(LocateError { cause: Some(Cause(7)) }), Some(Cause(7))), (Ok(Location::default()), None)]
    {
        let world = World::new();
        let calls = Calls::default();
        world.locator({
            let calls = calls.clone();
            move |id, refresh| {
                calls.add(id, refresh);
                answer.clone()
            }
        });
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
fn what_a_locator_must_not_name_is_not_asked() {
    let world = World::new();
    world.store("http://a/3,01", bytes(0..10));
    let urls = ["file:///etc/passwd", "http://u:p@a/3,01", "javascript:1", "http://a/3,01", "http://a/3,01"];
    world.locator(move |_, _| Ok(Location { urls: urls.map(str::to_owned).to_vec(), token: None }));
    outcomes(&world, |_| Outcome::Refused);
    let error = read_one(&world, of_id("3,01", 10), passes(1)).unwrap_err();
    assert_eq!(hosts_of(&error), ["a"]);
    assert_eq!(asked(&world), ["a"]);
}

// ---- Tokens ----

/// Tokens t1, t2, ... in the order in which they were asked for.
fn numbered_tokens(world: &World) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    world.tokens({
        let count = Arc::clone(&count);
        move |_, _| Ok(Some(format!("t{}", count.fetch_add(1, Ordering::Relaxed) + 1)))
    });
    count
}

fn queries(world: &World) -> Vec<String> {
    world.log().into_iter().map(|logged| logged.asked.query).collect()
}

#[test]
fn a_token_goes_along_in_the_query_and_is_asked_for_each_request_with_the_origin() {
    let world = World::new();
    let chunk = located(&world, &["a:80", "b"], 10);
    let calls = Calls::default();
    world.tokens({
        let calls = calls.clone();
        move |id, origin| {
            calls.add(&format!("{id} {origin}"), false);
            Ok(Some("x.y+z".into()))
        }
    });
    at_first(&world, &[("a:80", Outcome::Refused)]);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(queries(&world), ["jwt=x.y%2bz", "jwt=x.y%2bz"]);
    assert_eq!(calls.all(), ["3,01 http://a:80", "3,01 http://b"]);
}

#[test]
fn no_token_is_sent_where_there_is_none_nor_to_a_url_of_a_manifest() {
    let world = World::new();
    let chunk = located(&world, &["a"], 10);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    numbered_tokens(&world);
    let by_url = plain(&["http://a/3,01?x=1"], 0, 10);
    assert_eq!(read_one(&world, by_url, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(queries(&world), ["", "x=1"]);
}

// F18
#[test]
fn a_refused_token_is_asked_for_once_more_then_the_next_replica_is_tried() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    numbered_tokens(&world);
    hosts(&world, &[("a", Outcome::Status(401))]);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..10));
    assert_eq!(asked(&world), ["a", "a", "b"]);
    assert_eq!(queries(&world), ["jwt=t1", "jwt=t2", "jwt=t3"]);
    assert_eq!(world.now(), Duration::ZERO);
}

// F21
#[test]
fn a_token_that_every_replica_refuses_is_unauthorized_and_that_is_not_tried_for_ever() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    let count = numbered_tokens(&world);
    outcomes(&world, |_| Outcome::Status(401));
    let error = read_one(&world, chunk, passes(5)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Unauthorized, false));
    assert_eq!(hosts_of(&error), ["a", "a", "b", "b"]);
    assert!(error.attempts().iter().all(|each| each.status == Some(401)));
    assert_eq!(count.load(Ordering::Relaxed), 4);
}

#[test]
fn a_token_that_came_with_the_location_is_renewed_by_looking_up_again() {
    let world = World::new();
    let calls = Calls::default();
    world.store("http://a/3,01", bytes(0..10));
    world.locator({
        let calls = calls.clone();
        move |id, refresh| {
            calls.add(id, refresh);
            Ok(Location { token: Some(if refresh { "new" } else { "old" }.into()), ..location(&["a"], id) })
        }
    });
    outcomes(&world, |asked| if asked.query == "jwt=new" { Outcome::Good } else { Outcome::Status(401) });
    assert_eq!(read_one(&world, of_id("3,01", 10), passes(1)).unwrap(), bytes(0..10));
    assert_eq!(calls.all(), ["3,01", "3,01 refresh"]);
    assert_eq!(queries(&world), ["jwt=old", "jwt=new"]);
}

#[test]
fn a_token_that_came_with_the_same_replicas_is_the_one_that_is_sent() {
    let world = World::new();
    world.locator(|id, refresh| {
        let token = if refresh { "new" } else { "old" };
        Ok(Location { token: Some(token.into()), ..location(&["a"], id) })
    });
    let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(queries(&world), ["jwt=old", "jwt=new"]);
}

#[test]
fn a_renewed_location_may_have_other_replicas_and_no_token_goes_anywhere_else() {
    for fresh in [&["b"][..], &["b", "a"], &["a", "b", "c"], &["c", "d"]] {
        let world = World::new();
        world.locator(move |id, refresh| {
            let hosts = if refresh { fresh } else { &["a", "b"] };
            Ok(Location { token: Some("t".into()), ..location(hosts, id) })
        });
        outcomes(&world, |_| Outcome::Status(401));
        let error = read_one(&world, of_id("3,01", 10), passes(2)).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{fresh:?}");
        let asked = asked(&world);
        assert!(asked.len() <= 8 && asked.iter().all(|host| "abcd".contains(host) && !host.is_empty()));
    }
}

// F22
#[test]
fn a_403_needs_no_fresh_token_and_is_not_asked_again() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    let count = numbered_tokens(&world);
    hosts(&world, &[("a", Outcome::Status(403)), ("b", Outcome::Status(503))]);
    let error = read_one(&world, chunk.clone(), passes(3)).unwrap_err();
    assert_eq!(hosts_of(&error), ["a", "b", "b", "b"]);
    assert_eq!(count.load(Ordering::Relaxed), 4);
    hosts(&world, &[("a", Outcome::Status(403)), ("b", Outcome::Status(403))]);
    let error = read_one(&world, chunk, passes(3)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Unauthorized, 2));
}

// F20
#[test]
fn a_token_that_cannot_be_had_is_unauthorized_and_nothing_is_sent() {
    let world = World::new();
    let chunk = located(&world, &["a", "b"], 10);
    world.tokens(|_, _| Err(LocateError { cause: Some(Cause(9)) }));
    let error = read_one(&world, chunk, passes(3)).unwrap_err();
    assert_eq!(
        (error.kind(), error.cause(), error.chunk()),
        (Kind::Unauthorized, Some(Cause(9)), Some("3,01"))
    );
    assert_eq!(world.log().len(), 0);
}

// F19
#[test]
fn a_token_is_asked_for_when_its_request_leaves_not_when_it_queues() {
    let world = World::new();
    let first = located(&world, &["a"], 610);
    let second = Chunk { offset: 610, ..first.clone() };
    let count = numbered_tokens(&world);
    world.script(|_| Script::default().piece(10).rate(10));
    let mut session = passes(1);
    session.options.per_host = 1;
    let reader = open(&world, vec![first, second], session);
    world.spawn({
        let world = world.clone();
        async move {
            world.sleep(30 * SECOND).await;
            assert_eq!(world.log().len(), 1, "the second waits for its turn");
            assert_eq!(count.load(Ordering::Relaxed), 1, "and its token would be old by then");
        }
    });
    assert_eq!(world.run(collect(reader)).unwrap().unwrap().len(), 1220);
}

// F93
#[test]
fn after_an_idle_hour_requests_carry_tokens_of_that_hour() {
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

// ---- Silence ----

// F39
#[test]
fn a_server_that_does_not_answer_is_left_after_its_time() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Silent)]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(times(&world), [Duration::ZERO, 15 * SECOND]);
    assert!(world.log()[0].aborted, "nobody waits for it any more");
    outcomes(&world, |_| Outcome::Silent);
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!(
        (error.kind(), error.kind().retryable(), error.attempts()[0].status),
        (Kind::Timeout, true, None)
    );
}

// F39
#[test]
fn a_body_that_stalls_is_left_and_continued_elsewhere() {
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
fn a_slow_body_that_lives_is_not_cut() {
    let world = World::new();
    let chunk = two(&world, 1900);
    // A piece every 19 seconds.
    world.script(|_| Script::default().piece(190).rate(10));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1900));
    assert_eq!((asked(&world), world.now()), (vec!["a".to_owned()], 190 * SECOND));
}

// F40
#[test]
fn a_body_slower_than_that_is() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(210).rate(10),
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    assert_eq!((asked(&world).len(), world.now()), (2, 20 * SECOND));
}

// ---- Bodies that break ----

// F35, F49
#[test]
fn a_broken_body_is_continued_elsewhere_from_the_first_missing_byte() {
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
                // A digest also covers what a truncation left beyond the size.
                (_, true) => format!("b bytes={cut}-"),
                (_, false) => format!("b bytes={cut}-999"),
            };
            assert_eq!(asked(&world), ["a".to_owned(), rest]);
            assert_eq!(meter.stats().bytes_received, 1000, "no byte came twice");
        }
    }
}

#[test]
fn a_connection_that_breaks_after_the_last_byte_broke_nothing() {
    for with_md5 in [false, true] {
        let world = World::new();
        let mut chunk = two(&world, 1000);
        chunk.md5 = with_md5.then(|| md5(&bytes(0..1000)));
        // Past the end most servers answer 416.
        outcomes(&world, |asked| match asked.range {
            Some(range) if range.start >= 1000 => Outcome::Status(416),
            _ => Outcome::Cut(1000),
        });
        assert_eq!(read_one(&world, chunk, passes(2)).unwrap(), bytes(0..1000), "MD5: {with_md5}");
        assert_eq!(asked(&world), ["a"], "MD5: {with_md5}");
    }
}

#[test]
fn a_damaged_replica_that_broke_after_its_last_byte_is_not_continued_past_the_end_for_ever() {
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
fn a_damaged_part_of_a_shared_blob_that_broke_after_its_last_byte_is_asked_for_whole_again() {
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
fn the_digest_of_a_chunk_that_came_in_two_parts_covers_both() {
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
                // Its part is damaged, or it is not its fault.
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
        // With one pass there may be nothing left to try: what counts is that no wrong byte is told good.
        match read_within_a_minute(&world, chunks, session).expect("it ends") {
            Ok(all) => assert_eq!(all, bytes(0..2000)),
            Err(error) => assert_eq!(error.offset(), Some(1000)),
        }
    }
}

#[test]
fn bytes_of_a_bad_replica_that_broke_do_not_spoil_the_good_one_for_ever() {
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
    assert_eq!(read.unwrap(), bytes(0..1000), "b has it, whole and good: {asked:?}");
}

#[test]
fn a_replica_that_breaks_and_one_that_is_damaged_are_not_tried_for_ever() {
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

// F48
#[test]
fn chunks_that_servers_pack_are_never_asked_for_in_ranges() {
    let world = World::new();
    let chunk = Chunk { compression: Compression::ByServer, ..two(&world, 1000) };
    hosts(&world, &[("a", Outcome::Cut(500))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(read_part(&world, chunk, 300..700, passes(1)).unwrap(), bytes(300..700));
    assert_eq!(asked(&world), ["a", "b", "a", "b"]);
}

// F35
#[test]
fn an_encrypted_chunk_that_broke_or_is_damaged_is_fetched_whole_elsewhere() {
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

// F15
#[test]
fn patience_is_renewed_by_every_byte_that_is_won() {
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
fn patience_is_renewed_also_on_the_way_to_the_part_that_is_wanted() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10_000));
    outcomes(&world, |_| Outcome::Cut(100));
    let chunk = digested(plain(&["http://a/0"], 0, 10_000), &bytes(0..10_000));
    let mut session = passes(2);
    session.options.verify = Verify::Strict;
    assert_eq!(read_part(&world, chunk, 9000..9100, session).unwrap(), bytes(9000..9100));
}

#[test]
fn without_progress_patience_ends() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10_000));
    outcomes(&world, |asked| Outcome::Cut(if asked.nth < 5 { 100 } else { 0 }));
    let (some, error) =
        read_to_error(&world, open(&world, vec![plain(&["http://a/0"], 0, 10_000)], passes(2)));
    assert_eq!((some, error.offset()), (bytes(0..500), Some(500)));
    assert_eq!(
        (error.kind(), world.log().len()),
        (Kind::Network, 6),
        "the fifth was the first of two passes"
    );
}

// ---- Bodies of another length ----

// F36
#[test]
fn a_body_that_ends_early_is_short_and_continued() {
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

// F36, F75
#[test]
fn a_chunk_that_is_stored_too_short_never_ends_cleanly_and_shifts_nothing() {
    let world = World::new();
    world.store("http://a/0", bytes(0..500));
    world.store("http://a/1", bytes(1000..2000));
    let chunks = vec![plain(&["http://a/0"], 0, 1000), plain(&["http://a/1"], 1000, 1000)];
    let (some, error) = read_to_error(&world, open(&world, chunks, passes(2)));
    assert_eq!((some, error.kind(), error.offset()), (bytes(0..500), Kind::ShortBody, Some(500)));
}

/// A volume server answers a range that begins at the end of a blob like this.
// F38
#[test]
fn an_empty_answer_to_a_range_is_in_vain_and_the_next_replica_is_asked() {
    let content_range = |text: &str| Headers { content_range: Some(text.into()), ..Headers::default() };
    let empty = || Script::default().outcome(Outcome::End(0));
    for (script, kind) in [
        (empty().no_ranges(), Kind::ShortBody),
        (empty().headers(Headers::default()), Kind::ShortBody),
        (empty().headers(content_range("bytes 300-299/1000")), Kind::ShortBody),
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

/// A filer that fails in mid-answer writes what went wrong behind what it has sent.
// F51
#[test]
fn text_behind_the_data_is_none_of_the_file() {
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
    // Without a digest it is taken for data: only its length tells that it is not all.
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

// F37
#[test]
fn more_than_the_asked_range_is_a_long_body() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Extra(10))]);
    // Held back, it can be had elsewhere.
    let strict = verify(Verify::Strict);
    assert_eq!(read_part(&world, chunk.clone(), 300..500, strict).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=300-499"]);
    outcomes(&world, |_| Outcome::Extra(10));
    let error = read_part(&world, chunk, 300..500, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::LongBody, false));
}

// F75
#[test]
fn what_a_truncation_left_beyond_the_size_is_clipped() {
    let world = World::new();
    let mut chunk = at_two(&world, bytes(0..1500), 1000);
    for (md5_of, sizes) in [(None, [950, 1100]), (Some(bytes(0..1500)), [1500, 1500])] {
        chunk.md5 = md5_of.map(|all| md5(&all));
        for piece in [100, 1 << 20] {
            world.script(move |_| Script::default().piece(piece));
            let session = passes(1);
            let meter = session.stats.clone();
            assert_eq!(read_one(&world, chunk.clone(), session).unwrap(), bytes(0..1000));
            let received = meter.stats().bytes_received;
            if piece == 100 {
                assert!((sizes[0]..=sizes[1]).contains(&received), "{received}");
            }
        }
    }
    assert_eq!(asked(&world), ["a"; 4]);
}

// F60
#[test]
fn an_encrypted_chunk_that_is_longer_than_its_size_is_clipped() {
    let world = World::new();
    let chunk = Chunk { size: 600, ..sealed(&world, 1000) };
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..600));
    let with_md5 = digested(chunk, &bytes(0..1000));
    assert_eq!(read_one(&world, with_md5, passes(1)).unwrap(), bytes(0..600));
}

// F37, F60
#[test]
fn a_body_without_an_end_is_not_read_to_it() {
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

// ---- Ranges ----

#[test]
fn only_the_wanted_part_of_a_plain_chunk_is_asked_for() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    for part in [0..1, 300..500, 999..1000] {
        assert_eq!(read_part(&world, chunk.clone(), part.clone(), passes(1)).unwrap(), bytes(part));
    }
    assert_eq!(asked(&world), ["a bytes=0-0", "a bytes=300-499", "a bytes=999-999"]);
}

// F42
#[test]
fn the_whole_in_answer_to_a_range_is_cut_here() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|asked| {
        let script = Script::default().piece(70).no_ranges();
        match asked.host.as_str() {
            "a" => script.outcome(Outcome::Cut(400)),
            _ => script,
        }
    });
    let session = passes(1);
    let meter = session.stats.clone();
    assert_eq!(read_part(&world, chunk, 300..500, session).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=400-499"]);
    assert!(meter.stats().bytes_received <= 400 + 630, "what follows is not waited for");
}

// F43
#[test]
fn a_wrong_answer_to_a_range_is_an_error_of_its_own_and_the_next_replica_is_asked() {
    let content_range = |text: &str| Headers { content_range: Some(text.into()), ..Headers::default() };
    let packed = Headers { content_encoding: Some("gzip".into()), ..content_range("bytes 300-499/1000") };
    for headers in [
        content_range("bytes 0-199/1000"),
        content_range("bytes 301-499/1000"),
        content_range("bytes 299-499/1000"),
        content_range("bytes 300-500/1000"),
        content_range("bytes */1000"),
        content_range("pages 300-499/1000"),
        packed,
    ] {
        let world = World::new();
        let chunk = two(&world, 1000);
        let scripted = headers.clone();
        world.script(move |asked| match asked.host.as_str() {
            "a" => Script::default().headers(scripted.clone()),
            _ => Script::default(),
        });
        assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500), "{headers:?}");
        assert_eq!(asked(&world).len(), 2, "{headers:?}");
        let alone = plain(&["http://a/0"], 0, 1000);
        let error = read_part(&world, alone, 300..500, passes(2)).unwrap_err();
        assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Range, Some(206)), "{headers:?}");
        assert_eq!(error.attempts().len(), 2);
    }
}

// F43
#[test]
fn a_range_whose_header_cannot_be_seen_is_taken_as_asked() {
    let world = World::new();
    let chunk = two(&world, 1000);
    world.script(|_| Script::default().headers(Headers::default()));
    assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500));
}

// F44
#[test]
fn several_parts_in_one_body_are_a_wrong_answer_to_a_range() {
    let world = World::new();
    let chunk = two(&world, 1000);
    let headers =
        Headers { content_type: Some("Multipart/ByteRanges; boundary=x".into()), ..Headers::default() };
    let parts = move |host: &str| match host {
        "a" => Script::default().headers(headers.clone()),
        _ => Script::default(),
    };
    world.script(move |asked| parts(&asked.host));
    assert_eq!(read_part(&world, chunk.clone(), 300..500, passes(1)).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=300-499"]);
    let alone = plain_at(&chunk, "http://a/0");
    let error = read_part(&world, alone, 300..500, passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()[0].status), (Kind::Range, Some(206)));
}

// F42
#[test]
fn a_part_far_behind_the_start_is_not_waited_for_where_ranges_are_ignored() {
    let world = World::new();
    let all = 1 << 40;
    outcomes(&world, |_| Outcome::Body(vec![0; 1000].into()));
    let at = |start: u64| {
        let chunk = plain(&["http://a/0"], 0, all);
        read_part(&world, chunk, start..start + 10, passes(1))
    };
    assert_eq!(at(64 << 20).unwrap_err().kind(), Kind::ShortBody, "it is looked for");
    assert_eq!(at((64 << 20) + 1).unwrap_err().kind(), Kind::Range);
}

#[test]
fn a_clipped_range_is_taken_and_the_rest_is_asked_for() {
    let world = World::new();
    world.store("http://a/0", bytes(0..400));
    world.store("http://b/0", bytes(0..1000));
    let chunk = plain(&["http://a/0", "http://b/0"], 0, 1000);
    assert_eq!(read_part(&world, chunk, 300..500, passes(1)).unwrap(), bytes(300..500));
    assert_eq!(asked(&world), ["a bytes=300-499", "b bytes=400-499"]);
}

#[test]
fn a_part_that_nobody_asked_for_is_a_wrong_answer() {
    let world = World::new();
    let chunk = two(&world, 1000);
    hosts(&world, &[("a", Outcome::Status(206))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    outcomes(&world, |_| Outcome::Status(206));
    let error = read_one(&world, chunk, passes(1)).unwrap_err();
    assert_eq!(error.kind(), Kind::Range);
}

// F49
#[test]
fn of_a_shared_blob_exactly_the_chunk_is_asked_for_and_a_break_is_continued_inside_it() {
    let world = World::new();
    let stored = |chunk: Chunk, range: std::ops::Range<u64>| Chunk { stored: Some(range), ..chunk };
    let blob = [vec![0xaa; 1000], bytes(0..1000), vec![0xbb; 3000]].concat();
    let chunk = stored(at_two(&world, blob, 1000), 1000..2000);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    assert_eq!(read_part(&world, chunk.clone(), 300..500, passes(1)).unwrap(), bytes(300..500));
    hosts(&world, &[("a", Outcome::Cut(100))]);
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    let with_md5 = digested(chunk, &bytes(0..1000));
    assert_eq!(read_one(&world, with_md5.clone(), passes(1)).unwrap(), bytes(0..1000));
    world.script(|_| Script::default().piece(700).no_ranges());
    assert_eq!(read_one(&world, with_md5, passes(1)).unwrap(), bytes(0..1000));
    let whole = "a bytes=1000-1999";
    let rest = "b bytes=1100-1999";
    assert_eq!(asked(&world), [whole, "a bytes=1300-1499", whole, rest, whole, rest, whole]);
}

#[test]
fn of_a_shared_blob_an_encrypted_chunk_is_asked_for_whole() {
    for packed in [false, true] {
        let world = World::new();
        let content = if packed { gzip(&bytes(0..1000)) } else { bytes(0..1000) };
        let sealed = encrypted(&content, &key());
        let end = 100 + sealed.len() as u64;
        let blob = [vec![0xaa; 100], sealed, vec![0xbb; 100]].concat();
        let chunk = Chunk {
            key: Some(key()),
            compression: if packed { Compression::Gzip } else { Compression::None },
            stored: Some(100..end),
            ..at_two(&world, blob, 1000)
        };
        hosts(&world, &[("a", Outcome::Cut(50))]);
        assert_eq!(read_part(&world, chunk.clone(), 10..20, passes(1)).unwrap(), bytes(10..20));
        let range = format!("bytes=100-{}", end - 1);
        assert_eq!(asked(&world), [format!("a {range}"), format!("b {range}")]);
        world.script(|_| Script::default().piece(33).no_ranges());
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), bytes(0..1000));
    }
}

// ---- Bytes that are not what was stored ----

// F50
#[test]
fn damage_that_is_noticed_before_its_bytes_are_due_is_made_good_elsewhere() {
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
    assert_eq!(asked(&world), ["slow", "a", "b"], "the whole is asked for again");
    assert_eq!(meter.stats().bytes_ahead, 0);
}

#[test]
fn the_last_bytes_of_a_chunk_are_held_until_its_digest_fits() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    let mut damaged = bytes(0..1000);
    damaged[500] ^= 1;
    world.store("http://a/0", damaged);
    // All is here, in one piece, and only the end of the body is missing.
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        ("a", 0) => Script::default().outcome(Outcome::Stall(1000)),
        _ => Script::default(),
    });
    assert_eq!(read_one(&world, chunk, passes(3)).unwrap(), bytes(0..1000));
}

#[test]
fn damage_that_is_noticed_after_bytes_have_left_is_told_and_nothing_ends_cleanly() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().piece(100).rate(1000).outcome(Outcome::Flip(950)),
        _ => Script::default(),
    });
    let (some, error) = read_to_error(&world, open(&world, vec![chunk], passes(3)));
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::Corrupt, false));
    assert_eq!(asked(&world), ["a"], "what has left cannot be taken back");
    assert!(some.len() >= 100 && some[..900] == bytes(0..900)[..some.len().min(900)]);
    assert_eq!(error.attempts()[0].host, "a");
}

// F45
#[test]
fn a_file_that_changed_is_not_mixed_and_that_is_not_tried_again() {
    let world = World::new();
    let chunk = Chunk { stored: Some(0..1000), ..two(&world, 1000) };
    let version = |etag: &str| Headers { etag: Some(etag.into()), ..Headers::default() };
    let session = passes(3);
    world.script(move |_| Script::default().headers(version("\"1\"")));
    assert_eq!(read_one(&world, chunk.clone(), session.clone()).unwrap(), bytes(0..1000));
    world.script(move |_| Script::default().headers(version("\"2\"")));
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], session));
    assert_eq!((none.len(), error.kind(), error.kind().retryable()), (0, Kind::SourceChanged, false));
    assert_eq!(asked(&world), ["a bytes=0-999", "a bytes=0-999"]);
}

#[test]
fn damage_at_every_replica_is_corrupt() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    outcomes(&world, |_| Outcome::Flip(500));
    let error = read_one(&world, chunk.clone(), verify(Verify::Strict)).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.attempts().len()), (Kind::Corrupt, Some(0), 2));
    // Mixed with another failure it would be too much said.
    hosts(&world, &[("a", Outcome::Refused), ("b", Outcome::Flip(500))]);
    let error = read_one(&world, chunk, verify(Verify::Strict)).unwrap_err();
    assert_eq!(error.kind(), Kind::Network);
}

#[test]
fn nobody_looks_at_digests_that_are_off() {
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
fn strictly_nothing_leaves_before_all_of_its_chunk_is_verified() {
    for part in [0..1000, 300..500] {
        let world = World::new();
        let chunk = digested(two(&world, 1000), &bytes(0..1000));
        world.script(|_| Script::default().piece(100).rate(100));
        let read = read_part(&world, chunk, part.clone(), verify(Verify::Strict));
        assert_eq!(read.unwrap(), bytes(part));
        assert_eq!(asked(&world), ["a"], "the whole chunk, for any part of it");
        let kinds = kinds(&world);
        let last_body = kinds.iter().rposition(|kind| *kind == EventKind::Body);
        let first_delivered = kinds.iter().position(|kind| *kind == EventKind::Delivered);
        assert!(last_body < first_delivered, "{kinds:?}");
    }
}

#[test]
fn strictly_damage_outside_the_wanted_part_is_damage_too() {
    let world = World::new();
    let chunk = digested(two(&world, 1000), &bytes(0..1000));
    hosts(&world, &[("a", Outcome::Flip(0))]);
    let part = |session| read_part(&world, chunk.clone(), 300..500, session).unwrap();
    assert_eq!(part(verify(Verify::Strict)), bytes(300..500));
    assert_eq!(asked(&world), ["a", "b"]);
    assert_eq!(part(verify(Verify::Stream)), bytes(300..500));
    assert_eq!(asked(&world)[2..], ["a bytes=300-499"]);
}

// F55
#[test]
fn a_wrong_key_is_corrupt_and_not_a_byte_is_delivered() {
    let world = World::new();
    let chunk = Chunk { key: CipherKey::new(&[8; 32]), ..sealed(&world, 1000) };
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(2)));
    assert_eq!((none.len(), error.kind(), error.attempts().len()), (0, Kind::Corrupt, 4));
}

// F63
#[test]
fn gzip_is_undone_after_the_cipher() {
    let world = World::new();
    let stored = encrypted(&gzip(&bytes(0..100_000)), &key());
    let chunk = Chunk { key: Some(key()), compression: Compression::Gzip, ..at_two(&world, stored, 100_000) };
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..100_000));
    assert_eq!(read_part(&world, chunk, 70_000..70_010, passes(1)).unwrap(), bytes(70_000..70_010));
}

// F64, F65
#[test]
fn what_is_packed_beyond_reason_is_refused_and_what_is_packed_beyond_the_size_is_clipped() {
    let inflates_to = |len: u64| encrypted(&gzip(&vec![0; len as usize]), &key());
    let world = World::new();
    let chunk = |len| Chunk {
        key: Some(key()),
        compression: Compression::Gzip,
        ..at_two(&world, inflates_to(len), 1000)
    };
    let most = max_output(&plain(&[], 0, 1000));
    assert_eq!(read_one(&world, chunk(10 << 20), passes(1)).unwrap(), vec![0; 1000]);
    let error = read_one(&world, chunk(most + 1), passes(1)).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (Kind::Limit, Some(0)));
}

// F65
#[test]
fn a_decoded_chunk_shorter_than_its_size_is_short() {
    let world = World::new();
    for compression in [Compression::None, Compression::Gzip] {
        let content = match compression {
            Compression::Gzip => gzip(&bytes(0..500)),
            _ => bytes(0..500),
        };
        let chunk =
            Chunk { key: Some(key()), compression, ..at_two(&world, encrypted(&content, &key()), 600) };
        let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(1)));
        assert_eq!((none.len(), error.kind(), error.attempts().len()), (0, Kind::ShortBody, 2));
    }
}

// F57
#[test]
fn a_truncated_ciphertext_is_an_error_at_every_length() {
    let world = World::new();
    let stored = encrypted(b"x", &key());
    for len in 0..stored.len() {
        let chunk = Chunk { key: Some(key()), ..at_two(&world, stored[..len].to_vec(), 1) };
        let error = read_one(&world, chunk, passes(1)).unwrap_err();
        assert!(matches!(error.kind(), Kind::Corrupt | Kind::ShortBody), "{len} bytes: {error:?}");
    }
}

// F61, F108
#[test]
fn a_chunk_too_large_for_memory_is_refused_before_anything_is_asked() {
    for (key, compression) in [(Some(key()), Compression::None), (None, Compression::Gzip)] {
        let world = World::new();
        let chunk = Chunk { key, compression, ..plain(&["http://a/0"], 0, MAX_CHUNK_BYTES + 1) };
        let error = read_part(&world, chunk, 0..10, passes(1)).unwrap_err();
        assert_eq!((error.kind(), error.chunk()), (Kind::Limit, Some("http://a/0")));
        assert_eq!(world.log().len(), 0);
    }
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    let plain = plain(&["http://a/0"], 0, MAX_CHUNK_BYTES + 1);
    assert_eq!(read_part(&world, plain, 0..10, passes(1)).unwrap(), bytes(0..10), "a plain one flows");
}

// F46, F70
#[test]
fn gzip_is_undone_here_unless_the_platform_says_that_it_did() {
    let undone =
        || Script::default().headers(Headers { content_encoding: Some("gzip".into()), ..Headers::default() });
    let file = bytes(0..1000);
    let packed = gzip(&file);
    let packed_len = packed.len() as u64;
    let twice = gzip(&packed);
    for (stored, says_undone, content, why) in [
        (packed.clone(), false, &file, "it starts as gzip does"),
        (file.clone(), true, &file, "it is undone"),
        (file.clone(), false, &file, "it is undone, which cannot be seen"),
        (packed.clone(), true, &packed, "the file itself is gzip"),
        (twice, false, &packed, "the file itself is gzip"),
    ] {
        let world = World::new();
        let size = if content == &packed { packed_len } else { 1000 };
        let chunk = Chunk { compression: Compression::Gzip, ..at_two(&world, stored, size) };
        world.script(move |_| if says_undone { undone() } else { Script::default() }.piece(1));
        assert_eq!(&read_one(&world, digested(chunk, content), passes(1)).unwrap(), content, "{why}");
        assert_eq!(asked(&world), ["a"]);
    }
}

// F46
#[test]
fn what_a_server_packed_and_the_platform_left_packed_is_undone_here() {
    let file = bytes(0..1000);
    let packed = gzip(&file);
    let twice = gzip(&packed);
    let odd = [&[0x1f, 0x8b][..], &file].concat();
    let telling = |len: usize| Headers { content_length: Some(len as u64), ..Headers::default() };
    for (body, told, content, why) in [
        (&packed, &packed, &file, "it is left packed"),
        (&file, &packed, &file, "it is undone"),
        (&packed, &twice, &packed, "the file itself is gzip, and that is left"),
        (&twice, &twice, &packed, "the file itself is gzip, and is left packed"),
        (&packed, &packed, &packed, "the file itself is gzip, and its server did not pack it"),
        (&odd, &odd, &odd, "it only begins as gzip does"),
    ] {
        for step in [1, 7, 4096] {
            let world = World::new();
            let size = content.len() as u64;
            let chunk = Chunk { compression: Compression::ByServer, ..at_two(&world, body.clone(), size) };
            let told = telling(told.len());
            world.script(move |_| Script::default().headers(told.clone()).piece(step));
            assert_eq!(&read_one(&world, chunk.clone(), passes(1)).unwrap(), content, "{why}, {step}");
            assert_eq!(
                &read_one(&world, digested(chunk.clone(), content), passes(1)).unwrap(),
                content,
                "{why}"
            );
            assert_eq!(
                read_part(&world, chunk, 30..50, passes(1)).unwrap(),
                content[30..50],
                "{why}, {step}"
            );
            assert_eq!(asked(&world), ["a", "a", "a"], "{why}");
        }
    }
}

// F46
#[test]
fn what_is_left_packed_and_breaks_off_is_read_elsewhere() {
    let file = bytes(0..1000);
    let packed = gzip(&file);
    for outcome in [Outcome::Cut(100), Outcome::End(100), Outcome::Flip(packed.len() - 6)] {
        let world = World::new();
        let chunk = Chunk { compression: Compression::ByServer, ..at_two(&world, packed.clone(), 1000) };
        let (told, bad) = (packed.len() as u64, outcome.clone());
        world.script(move |asked| {
            let outcome = if asked.host == "a" { bad.clone() } else { Outcome::Good };
            Script::default()
                .headers(Headers { content_length: Some(told), ..Headers::default() })
                .outcome(outcome)
                .piece(64)
        });
        assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), file, "{outcome:?}");
        assert_eq!(asked(&world), ["a", "b"], "{outcome:?}");
    }
}

// F46, F47
#[test]
fn what_was_packed_on_the_way_is_undone_by_the_platform_and_its_length_says_nothing() {
    let file = bytes(0..1000);
    for encoding in ["gzip", "br", "zstd"] {
        let world = World::new();
        let plain = digested(two(&world, 1000), &file);
        let stored = encrypted(&file, &key());
        world.store("http://a/1", stored);
        let sealed = Chunk { key: Some(key()), ..plain_at(&plain, "http://a/1") };
        world.store("http://a/2", gzip(&file));
        let packed = Chunk { compression: Compression::Gzip, ..plain_at(&plain, "http://a/2") };
        world.script(move |_| {
            let content_encoding = Some(encoding.into());
            Script::default().headers(Headers {
                content_encoding,
                content_length: Some(7),
                ..Headers::default()
            })
        });
        assert_eq!(read_one(&world, plain, passes(1)).unwrap(), file, "{encoding}");
        assert_eq!(read_one(&world, sealed, passes(1)).unwrap(), file, "{encoding} around a ciphertext");
        if encoding != "gzip" {
            assert_eq!(read_one(&world, packed, passes(1)).unwrap(), file, "{encoding} around gzip");
        }
        assert_eq!(world.log().len(), world.log().iter().filter(|each| each.asked.range.is_none()).count());
    }
}

// F70
#[test]
fn what_is_said_to_be_packed_below_a_cipher_and_is_not_is_corrupt() {
    let world = World::new();
    let chunk = Chunk { compression: Compression::Gzip, ..sealed(&world, 1000) };
    let (none, error) = read_to_error(&world, open(&world, vec![chunk], passes(1)));
    assert_eq!((none.len(), error.kind()), (0, Kind::Corrupt));
}

/// It is the writer's fault, and tells the reader nothing about the bytes.
// F62
#[test]
fn two_chunks_under_one_key_and_nonce_are_read_all_the_same() {
    let world = World::new();
    let first = sealed(&world, 1000);
    world.store("http://a/1", encrypted(&bytes(1000..2000), &key()));
    let second = Chunk { offset: 1000, ..plain_at(&first, "http://a/1") };
    assert_eq!(read(&world, vec![first, second], passes(1)).unwrap(), bytes(0..2000));
}

// F66
#[test]
fn damaged_gzip_is_corrupt_and_read_elsewhere() {
    let world = World::new();
    let packed = gzip(&bytes(0..1000));
    let trailer = packed.len() - 1;
    let chunk = Chunk { compression: Compression::Gzip, ..at_two(&world, packed, 1000) };
    outcomes(&world, move |asked| if asked.host == "a" { Outcome::Flip(trailer) } else { Outcome::Good });
    assert_eq!(read_one(&world, chunk.clone(), passes(1)).unwrap(), bytes(0..1000));
    outcomes(&world, move |_| Outcome::Flip(trailer));
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap_err().kind(), Kind::Corrupt);
}

// F71
#[test]
fn what_is_not_said_to_be_packed_is_not_unpacked() {
    let world = World::new();
    let packed = gzip(&bytes(0..1000));
    let size = packed.len() as u64;
    let chunk = at_two(&world, packed.clone(), size);
    assert_eq!(read_one(&world, chunk, passes(1)).unwrap(), packed);
}

// ---- What is told ----

// F29
#[test]
fn retries_failovers_and_pauses_are_counted_and_told() {
    let world = World::new();
    let chunk = two(&world, 1000);
    at_first(&world, &[("a", Outcome::Refused), ("b", Outcome::Status(500))]);
    let mut session = passes(2);
    session.options.concurrency = 1.into();
    let meter = session.stats.clone();
    assert_eq!(read_one(&world, chunk, session).unwrap(), bytes(0..1000));
    let stats = meter.stats();
    assert_eq!((stats.requests, stats.retries, stats.failovers, stats.relookups), (3, 0, 2, 0));
    let mut told = Vec::new();
    for event in world.events() {
        let host = event.host.as_deref().unwrap_or_default();
        let reason = event.reason.unwrap_or_default();
        let status = event.status.map(|status| status.to_string()).unwrap_or_default();
        if event.kind != EventKind::Body && event.kind != EventKind::Delivered {
            told.push([event.kind.name(), host, reason, &status].join(" ").trim_end().to_owned());
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
    assert_eq!(told, wanted);
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
fn no_secret_is_in_anything_that_is_told() {
    const SECRETS: [&str; 3] = ["hush-token", "hush-query", "[7, 7"];
    let telling = |text: String| {
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
            telling(format!("{error} {error:?}"));
        }
    }
    let queries = queries(&world);
    assert!(queries.iter().any(|query| query.contains("jwt=hush-token")));
    assert!(queries.iter().any(|query| query == "sig=hush-query"));
    for chunk in [by_id, by_url] {
        telling(format!("{chunk:?}"));
    }
    for event in world.events() {
        telling(format!("{event:?}"));
    }
    telling(format!(
        "{:?}",
        Request { url: "http://a/3,01?sig=hush-query&jwt=hush-token".into(), range: None }
    ));
    telling(format!(
        "{:?}",
        Location { urls: vec!["http://a/3,01?sig=hush-query".into()], token: Some("hush-token".into()) }
    ));
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
                // Bytes that are won would renew patience for ever.
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

/// Where the time that nobody could watch is not counted.
// F103
#[test]
fn a_page_that_was_frozen_does_not_blame_the_server_for_that_time() {
    for outcome in [Outcome::Good, Outcome::Cut(500)] {
        let world = World::new();
        let chunk = two(&world, 1000);
        world.script(move |asked| {
            let script = Script::default().latency(5_000 * MS).piece(100).rate(100);
            if asked.nth == 0 { script.outcome(outcome.clone()) } else { script }
        });
        // In the wait for the headers, and again in the body.
        world.freeze(2_000 * MS..3_600_000 * MS);
        assert_eq!(read(&world, vec![chunk], Session::default()).unwrap(), bytes(0..1000));
        let timeouts = world.events().iter().filter(|event| event.reason == Some("timeout")).count();
        assert_eq!(timeouts, 0);
    }
}

// F103
#[test]
fn a_body_that_stalls_over_a_freeze_is_given_up_after_it() {
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

// F113
#[test]
fn a_wall_clock_that_jumps_neither_ends_nor_prolongs_any_wait() {
    for epoch in [Duration::ZERO, 4_000_000_000 * SECOND] {
        let world = World::new();
        let chunk = two(&world, 1000);
        world.script(|asked| match asked.host.as_str() {
            "a" => Script::default().piece(100).rate(50).outcome(Outcome::Stall(500)),
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
        assert_eq!(world.now(), 10 * SECOND + Options::default().timeout.idle);
    }
}

// F101
#[test]
fn without_a_network_it_waits_for_one_and_spends_no_patience() {
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
fn a_network_that_stays_away_is_an_error_in_the_end() {
    let world = World::new();
    let chunks = file(&world, 1, 1000);
    world.offline(Duration::ZERO..10_000_000 * MS);
    let mut session = Session::default();
    session.options.retry.passes = 2;
    let error = read(&world, chunks, session).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Network, 2));
    assert!(world.now() < 300_000 * MS, "{:?}", world.now());
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
    assert_eq!(asked, 1, "the second view in flight has gone to the other host");
}

// F40
#[test]
fn a_host_that_is_much_slower_than_another_is_asked_last() {
    let world = World::new();
    let chunks: Vec<Chunk> = (0..20).map(|i| Chunk { offset: i * 100, ..two(&world, 100) }).collect();
    world.script(|asked| Script::default().latency(if asked.host == "a" { 400 * MS } else { 10 * MS }));
    let mut session = Session::default();
    session.options.concurrency = 1.into();
    read(&world, chunks, session).unwrap();
    let asked = world.log().iter().filter(|logged| logged.asked.host == "a").count();
    assert_eq!(asked, 1);
}

// F15
#[test]
fn a_server_that_gives_a_byte_at_a_time_is_not_asked_without_end() {
    let world = World::new();
    let chunks = file(&world, 1, 100_000);
    world.script(|_| Script::default().outcome(Outcome::Cut(1)));
    let error = read(&world, chunks, Session::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Network);
    assert_eq!((world.log().len(), error.offset()), (257, Some(256)));
}

// F50
#[test]
fn what_goes_on_elsewhere_is_of_the_same_copy_or_not_taken() {
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
    // Nothing has left: the other copy is read from its start.
    let mut strict = Session::default();
    strict.options.verify = Verify::Strict;
    assert_eq!(read(&world_of_two_copies(), vec![chunk.clone()], strict).unwrap(), [7; 1000]);
    // Bytes have left: nothing else goes on with them.
    let world = world_of_two_copies();
    let (some, error) = read_to_error(&world, open(&world, vec![chunk], Session::default()));
    assert_eq!(some, bytes(0..500));
    assert!(error.attempts().iter().any(|attempt| attempt.reason == "range"), "{error:?}");
}
