//! Finding chunks: lookups that are shared, kept and renewed; tokens, and when they expire.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::future::join_all;
use kelp_stream::{
    Error, Kind,
    error::Cause,
    fetch::locator::Locator,
    host::{Host, LocateError, event::EventKind},
    http::headers::Headers,
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    read::session::Session,
    sim::{Logged, Outcome, Script, SimRequest, World, collect},
};
use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MASTER: &str = "m:9333";

/// Reads with the master, in this number of passes.
fn by_master(passes: u32) -> Session {
    let mut session = Session::default();
    session.options.retry.passes = passes;
    session.locator = Locator::master(&format!("http://{MASTER}"));
    session
}

fn of_id(id: &str, offset: u64, size: u64) -> Chunk {
    Chunk { source: Source::FileId(id.into()), ..plain(&[], offset, size) }
}

/// A file of chunks of 100 bytes with these ids, held by each of these hosts.
fn file_of(world: &World, ids: &[&str], hosts: &[&str]) -> Vec<Chunk> {
    let chunks = ids.iter().enumerate().map(|(i, id)| {
        let at = i as u64 * 100;
        hosts.iter().for_each(|host| world.store(&format!("http://{host}/{id}"), bytes(at..at + 100)));
        of_id(id, at, 100)
    });
    chunks.collect()
}

/// What a master answers: these hosts hold the volume.
fn at(hosts: &[&str]) -> Script {
    let locations: Vec<_> =
        hosts.iter().map(|host| serde_json::json!({ "url": host, "publicUrl": host })).collect();
    let answer = serde_json::json!({ "volumeOrFileId": "3", "locations": locations });
    answers(Outcome::Body(answer.to_string().into()))
}

/// A lookup takes 5 ms.
fn answers(outcome: Outcome) -> Script {
    Script::default().latency(5 * MS).outcome(outcome)
}

/// The master answers lookups by their number; all others are served as `server` says.
fn served(
    world: &World,
    master: impl Fn(&SimRequest) -> Script + Send + 'static,
    server: impl Fn(&SimRequest) -> Outcome + Send + 'static,
) {
    world.script(move |asked| {
        assert!(asked.nth < 1000, "there is no end to it");
        match asked.host == MASTER {
            true => master(asked),
            false => Script::default().latency(MS).outcome(server(asked)),
        }
    });
}

fn good(_: &SimRequest) -> Outcome {
    Outcome::Good
}

/// The lookups so far, by their queries.
fn lookups(world: &World) -> Vec<String> {
    let log = world.log().into_iter().filter(|logged| logged.asked.host == MASTER);
    log.map(|logged| logged.asked.query).collect()
}

/// The requests for chunks so far.
fn requests(world: &World) -> Vec<Logged> {
    world.log().into_iter().filter(|logged| logged.asked.host != MASTER).collect()
}

fn with_authorization(script: Script, token: &str) -> Script {
    script.headers(Headers { authorization: Some(format!("Bearer {token}")), ..Headers::default() })
}

fn read_within_a_minute(world: &World, chunks: Vec<Chunk>, session: Session) -> Result<Vec<u8>, Error> {
    let read = read(world, chunks, session);
    assert!(world.now() <= 60 * SECOND, "it took {:?}", world.now());
    read
}

// ---- Lookups ----

#[test]
fn a_volume_is_looked_up_once_for_all_its_chunks_at_once() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01", "3,02", "3,03", "4,04", "3,05"], &["a"]);
    served(&world, |_| at(&["a"]), good);
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), bytes(0..500));
    assert_eq!(lookups(&world), ["volumeId=3", "volumeId=4"]);
    assert_eq!(world.now(), 6 * MS, "none waited for another one's lookup");
}

#[test]
fn locations_are_kept_ten_minutes_and_shared_by_streams() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(&world, |_| at(&["a"]), good);
    let session = by_master(1);
    for _ in 0..3 {
        assert_eq!(read(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..100));
    }
    assert_eq!(lookups(&world).len(), 1);
    world.run_for(599 * SECOND);
    read(&world, chunks.clone(), session.clone()).unwrap();
    assert_eq!(lookups(&world).len(), 1);
    world.run_for(2 * SECOND);
    read(&world, chunks, session).unwrap();
    assert_eq!(lookups(&world).len(), 2);
}

#[test]
fn a_deleted_chunk_is_requested_with_read_deleted() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(&world, |_| at(&["a"]), good);
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), bytes(0..100));
    assert_eq!(requests(&world)[0].asked.query, "readDeleted=true");
}

#[test]
fn a_public_url_with_scheme_and_path_is_used() {
    let world = World::new();
    world.store("https://cdn.example/v/3,01", bytes(0..100));
    served(&world, |_| at(&["https://cdn.example/v/"]), good);
    assert_eq!(read(&world, vec![of_id("3,01", 0, 100)], by_master(1)).unwrap(), bytes(0..100));
    assert_eq!(requests(&world)[0].asked.url, "https://cdn.example/v/3,01");
}

// F206
#[test]
fn a_master_that_limits_its_lookups_is_waited_for() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01", "4,02"], &["a"]);
    served(
        &world,
        |asked| match asked.nth {
            1..6 => answers(Outcome::Status(429)),
            _ => at(&["a"]),
        },
        good,
    );
    let mut session = by_master(2);
    session.options.concurrency = 1.into();
    assert_eq!(read_within_a_minute(&world, chunks, session).unwrap(), bytes(0..200));
    assert_eq!(lookups(&world).len(), 7);
}

/// A master's response: a server with an address for clients and one inside the cluster.
fn two_addresses() -> Script {
    let answer = r#"{"volumeOrFileId":"3","locations":[{"url":"internal:1","publicUrl":"public"}]}"#;
    answers(Outcome::Body(answer.into()))
}

// F132
#[test]
fn the_other_address_is_used_if_the_public_one_is_dead() {
    for dead in [Outcome::Refused, Outcome::Silent] {
        let world = World::new();
        let chunks = file_of(&world, &["3,01", "3,02", "3,03"], &["internal:1"]);
        let outcome = dead.clone();
        served(
            &world,
            |_| two_addresses(),
            move |asked| if asked.host == "public" { outcome.clone() } else { Outcome::Good },
        );
        let mut session = by_master(1);
        session.options.concurrency = 1.into();
        assert_eq!(read_within_a_minute(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..300));
        let asked: Vec<_> = requests(&world).iter().map(|logged| logged.asked.host.clone()).collect();
        assert_eq!(asked, ["public", "internal:1", "internal:1", "internal:1"], "{dead:?}");
        assert_eq!(lookups(&world).len(), 2);
    }
}

// F132
#[test]
fn the_other_address_is_used_if_a_proxy_reaches_no_server() {
    for status in [502, 503, 504] {
        let world = World::new();
        let chunks = file_of(&world, &["3,01"], &["internal:1"]);
        served(
            &world,
            |_| two_addresses(),
            move |asked| if asked.host == "public" { Outcome::Status(status) } else { Outcome::Good },
        );
        assert_eq!(read_within_a_minute(&world, chunks, by_master(1)).unwrap(), bytes(0..100), "{status}");
    }
}

// F132
#[test]
fn a_chunk_that_a_public_address_lacks_is_not_looked_for_inside() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["internal:1"]);
    served(&world, |_| two_addresses(), |_| Outcome::Status(404));
    let error = read_within_a_minute(&world, chunks, by_master(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(requests(&world).iter().all(|logged| logged.asked.host == "public"));
}

/// Three masters, of which some answer.
fn three_masters(world: &World, script: impl Fn(&SimRequest) -> Option<Script> + Send + 'static) -> Session {
    world.script(move |asked| match script(asked) {
        Some(script) if asked.host.starts_with('m') => script,
        _ if asked.host.starts_with('m') => at(&["v"]),
        _ => Script::default().latency(MS),
    });
    let mut session = Session::default();
    session.options.retry.passes = 2;
    session.locator = Locator::masters(["http://m1", "http://m2/below/", "https://m3?x=1"]);
    session
}

fn masters_asked(world: &World) -> Vec<String> {
    let asked = world.log().into_iter().map(|logged| logged.asked);
    asked
        .filter(|asked| asked.host.starts_with('m'))
        .map(|asked| [asked.url, "?".into(), asked.query].concat())
        .collect()
}

// F133
#[test]
fn masters_are_asked_in_turn_and_the_one_that_answered_first() {
    for dead in [Outcome::Refused, Outcome::Status(500), Outcome::Status(404), Outcome::Body("{}".into())] {
        let world = World::new();
        let chunks = file_of(&world, &["3,01", "4,01"], &["v"]);
        let outcome = dead.clone();
        let mut session =
            three_masters(&world, move |asked| (asked.host == "m1").then(|| answers(outcome.clone())));
        session.options.concurrency = 1.into();
        assert_eq!(read_within_a_minute(&world, chunks, session).unwrap(), bytes(0..200));
        let asked = [
            "http://m1/dir/lookup?volumeId=3",
            "http://m2/below/dir/lookup?volumeId=3",
            "http://m2/below/dir/lookup?volumeId=4",
        ];
        assert_eq!(masters_asked(&world), asked, "{dead:?}");
    }
}

// F133
#[test]
fn a_cluster_without_a_master_is_asked_in_each_pass() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["v"]);
    let session = three_masters(&world, |_| Some(answers(Outcome::Refused)));
    let error = read_within_a_minute(&world, chunks, session).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::NoLocations, 6));
    let hosts: Vec<_> = error.attempts().iter().map(|attempt| attempt.host.as_str()).collect();
    assert_eq!(hosts, ["m1", "m2", "m3", "m1", "m2", "m3"]);
}

// F133
#[test]
fn a_master_that_redirects_to_the_leader_is_followed() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["v"]);
    let session = three_masters(&world, |asked| match asked.host.as_str() {
        "m1" => Some(at(&["v"]).redirect("http://leader/dir/lookup?volumeId=3")),
        _ => Some(answers(Outcome::Refused)),
    });
    assert_eq!(read_within_a_minute(&world, chunks, session).unwrap(), bytes(0..100));
    assert_eq!(masters_asked(&world).len(), 1);
}

#[test]
fn a_replica_in_two_spellings_is_requested_once_per_pass() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(&world, |_| at(&["a", "A:80", "http://a./"]), |_| Outcome::Refused);
    let error = read(&world, chunks, by_master(1)).unwrap_err();
    assert_eq!((error.kind(), requests(&world).len()), (Kind::Network, 1));
}

#[test]
fn requests_to_all_names_of_a_host_count_together() {
    let world = World::new();
    let chunks = ["http://a/", "http://A:80/", "http://a./"].iter().enumerate().map(|(i, base)| {
        let at = i as u64 * 100;
        let url = format!("{base}{i}");
        world.store(&url, bytes(at..at + 100));
        plain(&[&url], at, 100)
    });
    let chunks = chunks.collect();
    world.script(|_| Script::default().latency(MS));
    let mut session = by_master(1);
    session.options.per_host = 1;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..300));
    assert_eq!(world.most_open(), 1);
}

// F11
#[test]
fn chunks_of_a_volume_share_one_repeated_lookup() {
    let world = World::new();
    let ids = ["3,01", "3,02", "3,03", "3,04", "3,05", "3,06"];
    let chunks = file_of(&world, &ids, &["new"]);
    served(&world, |asked| at(if asked.nth == 0 { &["old"] } else { &["new"] }), good);
    let session = by_master(1);
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..600));
    assert_eq!(lookups(&world), ["volumeId=3", "volumeId=3"]);
    assert_eq!(meter.stats().relookups, 6);
    assert_eq!(requests(&world).len(), 12);
}

// F11
#[test]
fn a_late_failure_takes_the_fresh_answer_of_an_earlier_one() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01", "3,02"], &["new"]);
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        (MASTER, 0) => at(&["old"]),
        (MASTER, _) => at(&["new"]),
        ("old", _) if asked.url.ends_with("3,02") => Script::default().latency(SECOND),
        _ => Script::default().latency(MS),
    });
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), bytes(0..200));
    assert_eq!(lookups(&world).len(), 2);
    assert!(world.now() >= SECOND);
}

// F02
#[test]
fn a_dead_server_of_a_moved_volume_is_not_waited_for() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["new"]);
    let dead = |asked: &SimRequest| if asked.host == "old" { Outcome::Refused } else { Outcome::Good };
    served(&world, |asked| at(if asked.nth == 0 { &["old"] } else { &["new"] }), dead);
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), bytes(0..100));
    assert_eq!(world.now(), 12 * MS, "two lookups, two requests, no pause");
}

// F09
#[test]
fn the_same_servers_in_another_order_are_no_change() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a", "b"]);
    let dead = |asked: &SimRequest| if asked.at < SECOND { Outcome::Refused } else { Outcome::Good };
    served(&world, |asked| at(if asked.nth % 2 == 0 { &["a", "b"] } else { &["B", "a:80"] }), dead);
    let mut session = by_master(2);
    session.options.retry.base_delay = 2 * SECOND;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..100));
    let times: Vec<_> = requests(&world).iter().map(|logged| logged.at).collect();
    assert_eq!(times.len(), 3);
    assert!(times[2] >= SECOND, "there is a pause: {times:?}");
}

#[test]
fn a_master_with_new_locations_each_time_ends() {
    let world = World::new();
    let chunks = vec![of_id("3,01", 0, 100)];
    served(&world, |asked| at(&[["a", "b", "c"][asked.nth % 3]]), good);
    let error = read_within_a_minute(&world, chunks, by_master(3)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(lookups(&world).len(), 4);
    assert!(requests(&world).len() <= 12);
}

#[test]
fn a_failed_second_lookup_keeps_the_known_servers() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    let master = |asked: &SimRequest| if asked.nth == 0 { at(&["a"]) } else { answers(Outcome::Refused) };
    let server = |asked: &SimRequest| if asked.nth == 0 { Outcome::Refused } else { Outcome::Good };
    served(&world, master, server);
    assert_eq!(read(&world, chunks, by_master(2)).unwrap(), bytes(0..100));
}

// F07
#[test]
fn a_starting_master_is_asked_again_after_its_pause() {
    let world = World::new();
    let ids = ["3,01", "3,02", "3,03"];
    let chunks = file_of(&world, &ids, &["a"]);
    let warming = || {
        let headers = Headers { retry_after: Some("7".into()), ..Headers::default() };
        answers(Outcome::Status(503)).headers(headers)
    };
    served(&world, move |asked| if asked.nth == 0 { warming() } else { at(&["a"]) }, good);
    assert_eq!(read(&world, chunks, by_master(2)).unwrap(), bytes(0..300));
    assert_eq!(lookups(&world).len(), 2);
    assert_eq!(world.now(), 7 * SECOND + 11 * MS);
}

#[test]
fn a_starting_master_may_send_retry_after_as_a_date() {
    let world = World::new();
    world.epoch(Duration::from_secs(784_111_777));
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(
        &world,
        |asked| match asked.nth {
            0 => {
                let date = "Sun, 06 Nov 1994 08:49:42 GMT";
                let headers = Headers { retry_after: Some(date.into()), ..Headers::default() };
                answers(Outcome::Status(503)).headers(headers)
            }
            _ => at(&["a"]),
        },
        good,
    );
    assert_eq!(read(&world, chunks, by_master(2)).unwrap(), bytes(0..100));
    // The lookup came back after 5 ms.
    assert_eq!(world.now(), 5 * SECOND + 6 * MS);
}

// F08
#[test]
fn an_unknown_volume_is_not_found_after_some_lookups() {
    let world = World::new();
    let ids = ["3,01", "3,02", "3,03"];
    let chunks: Vec<_> = ids.iter().enumerate().map(|(i, id)| of_id(id, i as u64 * 100, 100)).collect();
    served(&world, |_| answers(Outcome::Status(404)), good);
    let error = read(&world, chunks, by_master(3)).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::NotFound, Some("3,01")));
    assert!(error.to_string().contains("does not know the volume"), "{error}");
    let attempts: Vec<_> = error.attempts().iter().map(|each| (each.host.as_str(), each.status)).collect();
    assert_eq!(attempts, [(MASTER, Some(404)); 3]);
    assert_eq!(lookups(&world).len(), 3, "three chunks share their patience");
    assert_eq!(requests(&world).len(), 0);
}

// F08
#[test]
fn a_volume_that_moves_is_found_after_its_arrival() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(&world, |asked| if asked.nth < 2 { answers(Outcome::Status(404)) } else { at(&["a"]) }, good);
    assert_eq!(read(&world, chunks, by_master(3)).unwrap(), bytes(0..100));
}

// F06
#[test]
fn a_failing_master_is_no_locations_after_all_passes() {
    let nonsense = |text: &'static str| Outcome::Body(text.into());
    for outcome in [
        Outcome::Refused,
        Outcome::Status(500),
        Outcome::Status(204),
        Outcome::Silent,
        nonsense("<html>Log in</html>"),
        nonsense(r#"{"volumeOrFileId":"3","locations":[]}"#),
        nonsense(r#"{"volumeOrFileId":"3","locations":[{"url":"u:p@a","publicUrl":"u:p@a"}]}"#),
        Outcome::Body(vec![b' '; 1 << 20].into()),
    ] {
        let world = World::new();
        let answered = outcome.clone();
        served(&world, move |_| answers(answered.clone()), good);
        let error = read_within_a_minute(&world, vec![of_id("3,01", 0, 100)], by_master(2)).unwrap_err();
        assert_eq!((error.kind(), error.chunk()), (Kind::NoLocations, Some("3,01")), "{outcome:?}");
        assert!(error.kind().retryable() && lookups(&world).len() <= 2, "{outcome:?}");
        assert_eq!((requests(&world).len(), world.open(), world.timers()), (0, 0, 0), "{outcome:?}");
    }
}

// F04
#[test]
fn the_error_of_an_unreachable_master_explains_cors() {
    let world = World::new();
    served(&world, |_| answers(Outcome::Refused), good);
    let error = read(&world, vec![of_id("3,01", 0, 100)], by_master(1)).unwrap_err();
    assert!(error.to_string().contains("no CORS headers"), "{error}");
}

#[test]
fn a_master_that_refuses_is_not_asked_again() {
    let world = World::new();
    served(&world, |_| answers(Outcome::Status(401)), good);
    let error = read(&world, vec![of_id("3,01", 0, 100)], by_master(5)).unwrap_err();
    assert_eq!((error.kind(), lookups(&world).len()), (Kind::NoLocations, 1));
}

#[test]
fn a_lookup_ends_with_the_last_stream_that_waits_for_it() {
    let world = World::new();
    served(&world, |_| answers(Outcome::Silent), good);
    let session = by_master(1);
    let readers: Vec<_> =
        (0..2).map(|_| open(&world, vec![of_id("3,01", 0, 100)], session.clone())).collect();
    let [first, second] = readers.try_into().expect("there are two");
    let course = {
        let world = world.clone();
        async move {
            let (mut first, mut second) = (Box::pin(collect(first)), Box::pin(collect(second)));
            let both = async { futures::future::select(&mut first, &mut second).await };
            let _ = futures::future::select(Box::pin(both), world.sleep(SECOND)).await;
            assert_eq!(world.open(), 1, "they share it");
            drop(first);
            world.sleep(SECOND).await;
            assert_eq!(world.open(), 1, "the other one still waits");
            drop(second);
            world.sleep(SECOND).await;
        }
    };
    world.run(course).unwrap();
    assert_eq!((world.open(), world.timers()), (0, 0));
}

// ---- The user's locator ----

// F12
#[test]
fn a_locator_that_never_returns_times_out() {
    let world = World::new();
    world.locate_time(Duration::MAX);
    let mut session = by_master(2);
    session.locator = Locator::default();
    session.options.timeout.headers = SECOND;
    let error = read(&world, vec![of_id("3,01", 0, 100)], session).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::NoLocations, Some("3,01")));
    assert!(world.now() >= 2 * SECOND && world.now() < 3 * SECOND, "{:?}", world.now());
    assert_eq!(world.timers(), 0);
}

#[test]
fn with_a_proxy_no_locator_is_asked() {
    let world = World::new();
    world.store("http://filer/", bytes(0..100));
    world.tokens(|_, _| panic!("what a filer relays, it signs itself"));
    let mut session = by_master(1);
    session.locator = Locator::proxy("http://filer");
    assert_eq!(read(&world, vec![of_id("3,01", 0, 100)], session).unwrap(), bytes(0..100));
    assert_eq!(world.log()[0].asked.query, "proxyChunkId=3,01&readDeleted=true");
}

// SeaweedFS 4.48 wants a token of the filer's for what it relays, 4.44 wants none.
#[test]
fn relayed_chunks_use_and_renew_the_token_of_the_filer() {
    let world = World::new();
    world.store("http://filer/", bytes(0..100));
    world.tokens(|_, _| panic!("what a filer relays, it signs itself"));
    let count = AtomicUsize::new(0);
    world.filer_tokens(move || Ok(Some(format!("t{}", count.fetch_add(1, Ordering::Relaxed)))));
    world.script(|asked| {
        Script::default().outcome(if token_of(asked) == "t1" { Outcome::Good } else { Outcome::Status(401) })
    });
    let mut session = by_master(1);
    session.locator = Locator::proxy("http://filer");
    assert_eq!(read(&world, vec![of_id("3,01", 0, 100)], session).unwrap(), bytes(0..100));
    assert_eq!(world.log().len(), 2);
}

// ---- Tokens of a master ----

/// A master whose tokens last for this long, and servers that want one that has not expired.
fn signing(world: &World, life: Duration) {
    // The clock of tokens begins at zero.
    world.epoch(Duration::ZERO);
    world.script(move |asked| {
        assert!(asked.nth < 1000, "there is no end to it");
        let id = asked.url.rsplit('/').next().unwrap_or_default();
        if asked.host == MASTER {
            let script = at(&["a", "b"]);
            let id = asked.query.strip_prefix("fileId=").and_then(|rest| rest.strip_suffix("&read=yes"));
            return id.map_or(script.clone(), |id| with_authorization(script, &signed(id, asked.at + life)));
        }
        let holds = until(token_of(asked), id) > Some(asked.at);
        let outcome = if holds { Outcome::Good } else { Outcome::Status(401) };
        Script::default().latency(MS).outcome(outcome)
    });
}

/// The token that rides along; empty if there is none.
fn token_of(asked: &SimRequest) -> &str {
    asked.query.split_once("jwt=").map_or("", |(_, token)| token)
}

fn signed(id: &str, until: Duration) -> String {
    let claims = format!(r#"{{"fid":"{id}","exp":{}}}"#, until.as_secs_f64());
    format!("e30.{}.s", Base64UrlUnpadded::encode_string(claims.as_bytes()))
}

fn until(token: &str, id: &str) -> Option<Duration> {
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let exp = claims.get("exp").and_then(serde_json::Value::as_f64).unwrap_or_default();
    (claims.get("fid")? == id).then(|| Duration::from_secs_f64(exp))
}

#[test]
fn a_masters_tokens_are_used_once_a_server_requires_one() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01", "3,02", "3,03"], &["a", "b"]);
    signing(&world, 60 * SECOND);
    let mut session = by_master(1);
    session.options.concurrency = 1.into();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..300));
    let by_file = |id| format!("fileId={id}&read=yes");
    assert_eq!(lookups(&world), ["volumeId=3".to_owned(), by_file("3,01"), by_file("3,02"), by_file("3,03")]);
    let bare = requests(&world).iter().filter(|logged| token_of(&logged.asked).is_empty()).count();
    assert_eq!((bare, requests(&world).len()), (1, 4), "only the first one left without a token");
}

#[test]
fn a_masters_token_is_used_until_shortly_before_it_expires() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a", "b"]);
    signing(&world, 60 * SECOND);
    let session = by_master(1);
    for (wait, expected) in [(0, 2), (50, 2), (10, 3)] {
        world.run_for(wait * SECOND);
        assert_eq!(read(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..100));
        assert_eq!(lookups(&world).len(), expected, "at {:?}", world.now());
    }
    let refused = requests(&world).iter().filter(|logged| token_of(&logged.asked).is_empty()).count();
    assert_eq!((refused, requests(&world).len()), (1, 4), "no token left that had expired");
}

#[test]
fn views_of_one_chunk_share_one_token() {
    let world = World::new();
    let all = bytes(0..300);
    for host in ["a", "b"] {
        world.store(&format!("http://{host}/3,01"), all.clone());
        world.store(&format!("http://{host}/3,02"), bytes(100..200));
    }
    signing(&world, 60 * SECOND);
    // The second chunk cuts the first into two views.
    let chunks = vec![of_id("3,01", 0, 300), Chunk { modified: 1, ..of_id("3,02", 100, 100) }];
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), all);
    assert_eq!(lookups(&world).len(), 3, "one for the volume, one for each file id");
}

// F21
#[test]
fn a_token_that_is_always_refused_ends_the_stream() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a", "b"]);
    served(
        &world,
        |_| with_authorization(at(&["a", "b"]), &signed("3,01", Duration::MAX / 2)),
        |_| Outcome::Status(401),
    );
    let error = read_within_a_minute(&world, chunks, by_master(5)).unwrap_err();
    assert_eq!((error.kind(), requests(&world).len()), (Kind::Unauthorized, 4));
    assert!(lookups(&world).len() <= 5);
}

#[test]
fn a_master_without_tokens_is_unauthorized() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    served(&world, |_| at(&["a"]), |_| Outcome::Status(401));
    let error = read_within_a_minute(&world, chunks, by_master(5)).unwrap_err();
    assert_eq!((error.kind(), requests(&world).len()), (Kind::Unauthorized, 2));
}

#[test]
fn the_users_tokens_go_before_those_of_a_master() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    let count = AtomicUsize::new(0);
    world.tokens(move |_, _| Ok(Some(format!("t{}", count.fetch_add(1, Ordering::Relaxed)))));
    served(
        &world,
        |_| at(&["a"]),
        |asked| match token_of(asked) {
            "t1" => Outcome::Good,
            _ => Outcome::Status(401),
        },
    );
    assert_eq!(read(&world, chunks, by_master(1)).unwrap(), bytes(0..100));
    assert_eq!(lookups(&world), ["volumeId=3"]);
}

// ---- Tokens of the user's ----

fn located(world: &World, hosts: &'static [&'static str]) {
    world.locator(move |id, _| {
        Ok(Location { urls: hosts.iter().map(|host| format!("http://{host}/{id}")).collect(), token: None })
    });
}

fn by_user(passes: u32) -> Session {
    let mut session = by_master(passes);
    session.locator = Locator::default();
    session
}

// F20
#[test]
fn a_token_that_never_arrives_is_unauthorized() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    located(&world, &["a"]);
    world.token_time(Duration::MAX);
    let mut session = by_user(3);
    session.options.timeout.headers = SECOND;
    let error = read(&world, chunks, session).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::Unauthorized, Some("3,01")));
    assert_eq!((world.now(), world.log().len(), world.timers()), (SECOND, 0, 0));
}

// F20
#[test]
fn an_empty_token_is_an_error_and_no_request_is_sent() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    located(&world, &["a"]);
    world.tokens(|_, _| Ok(Some(String::new())));
    let error = read(&world, chunks, by_user(3)).unwrap_err();
    assert_eq!((error.kind(), world.log().len()), (Kind::Unauthorized, 0));
}

#[test]
fn concurrent_requests_share_one_call_for_a_token() {
    let refused = LocateError { cause: Some(Cause(9)) };
    for answer in [Ok(Some("t".to_owned())), Err(refused)] {
        let world = World::new();
        let count = Arc::new(AtomicUsize::new(0));
        world.token_time(SECOND);
        world.tokens({
            let (count, answer) = (Arc::clone(&count), answer.clone());
            move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
                answer.clone()
            }
        });
        let session = by_user(1);
        let ask = |id: &'static str, origin: &'static str| {
            let (host, session) = (world.host(), session.clone());
            async move { session.locator.token(&host, (&session.options, &session.pool), id, origin, None).await }
        };
        let all = join_all([ask("3,01", "http://a"), ask("3,01", "http://a"), ask("3,01", "http://b")]);
        for token in world.run(all).unwrap() {
            match &answer {
                Ok(expected) => assert_eq!(&token.unwrap(), expected),
                Err(error) => assert_eq!(token.unwrap_err().cause(), error.cause),
            }
        }
        assert_eq!(count.load(Ordering::Relaxed), 2, "one for each origin");
        assert_eq!(world.now(), SECOND);
        // A later request is a new call.
        world.run(ask("3,01", "http://a")).unwrap().ok();
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn a_token_kept_too_long_is_renewed_before_it_is_sent() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a"]);
    located(&world, &["a"]);
    world.epoch(100 * SECOND);
    let tokens = [90, 160].map(|until| signed("3,01", until * SECOND));
    let wanted = format!("jwt={}", tokens[1]);
    let count = AtomicUsize::new(0);
    world.tokens(move |_, _| Ok(tokens.get(count.fetch_add(1, Ordering::Relaxed)).cloned()));
    assert_eq!(read(&world, chunks, by_user(1)).unwrap(), bytes(0..100));
    let queries: Vec<_> = world.log().into_iter().map(|logged| logged.asked.query).collect();
    assert_eq!(queries, [wanted]);
}

// F113
#[test]
fn a_wrong_clock_does_not_keep_a_valid_token_back() {
    let world = World::new();
    world.epoch(Duration::from_secs(4_000_000_000));
    let chunks = file_of(&world, &["3,01"], &["a"]);
    let good = signed("3,01", Duration::from_secs(1_800_000_000));
    world.locator({
        let good = good.clone();
        move |id, _| Ok(Location { urls: vec![format!("http://a/{id}")], token: Some(good.clone()) })
    });
    assert_eq!(read(&world, chunks, by_user(1)).unwrap(), bytes(0..100));
    assert_eq!(world.log()[0].asked.query, format!("jwt={good}"));
}

// F19
#[test]
fn a_location_token_that_expired_in_the_queue_is_renewed() {
    let world = World::new();
    world.epoch(Duration::ZERO);
    world.store("http://a/3,01", bytes(0..67_100));
    world.store("http://a/3,02", bytes(67_100..134_200));
    let chunks = vec![of_id("3,01", 0, 67_100), of_id("3,02", 67_100, 67_100)];
    let refreshed = Arc::new(AtomicUsize::new(0));
    let clock = ticking(&world);
    world.locator({
        let refreshed = Arc::clone(&refreshed);
        move |id, refresh| {
            refreshed.fetch_add(usize::from(refresh), Ordering::Relaxed);
            let until = Duration::from_secs(clock.load(Ordering::Relaxed) + 60);
            Ok(Location { urls: vec![format!("http://a/{id}")], token: Some(signed(id, until)) })
        }
    });
    world.script(|asked| {
        let id = asked.url.rsplit('/').next().unwrap_or_default();
        let jwt = token_of(asked);
        assert!(until(jwt, id) > Some(asked.at), "{id} left at {:?} with a token of the past", asked.at);
        Script::default().piece(1100).rate(1100)
    });
    let mut session = by_user(1);
    session.options.per_host = 1;
    // The first chunk takes 61 s, and the second waits for its turn.
    assert!(read(&world, chunks, session).unwrap() == bytes(0..134_200));
    assert_eq!(refreshed.load(Ordering::Relaxed), 1);
    assert!(world.now() >= 122 * SECOND);
}

/// The seconds of the world's clock, for those that are asked with the world locked.
fn ticking(world: &World) -> Arc<AtomicU64> {
    let seconds = Arc::new(AtomicU64::new(0));
    world.spawn({
        let (world, seconds) = (world.clone(), Arc::clone(&seconds));
        async move {
            for _ in 0..1000 {
                world.sleep(SECOND).await;
                seconds.store(world.now().as_secs(), Ordering::Relaxed);
            }
        }
    });
    seconds
}

// ---- Secrets and messages ----

#[test]
fn errors_and_events_contain_no_token_or_lookup() {
    let world = World::new();
    let chunks = file_of(&world, &["3,01"], &["a", "b"]);
    let secret = signed("3,01", Duration::from_secs(4_000_000_000));
    served(
        &world,
        {
            let secret = secret.clone();
            move |_| with_authorization(at(&["a", "b"]), &secret)
        },
        |_| Outcome::Status(401),
    );
    let session = by_master(1);
    let debug = format!("{session:?}");
    let error = read(&world, chunks, session).unwrap_err();
    let events = world.events();
    assert!(events.iter().any(|event| event.kind == EventKind::Retry));
    let answer = Headers { authorization: Some(secret.clone()), ..Headers::default() };
    for text in [format!("{error:?} {error}"), format!("{events:?}"), debug, format!("{answer:?}")] {
        assert!(!text.contains(&secret) && !text.contains("jwt") && !text.contains("fileId="), "{text}");
    }
    assert!(world.host().unix_time() > Duration::ZERO);
}
