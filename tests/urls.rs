//! One URL in ranges: versions that are never mixed, redirects, what opening it asks.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "clippy does not see that helpers are a test's")]

mod support;

use kelp_stream::{
    Error, Kind, Options,
    chunk::Chunk,
    host::Headers,
    manifest::ranges_of,
    retry::Policy,
    sim::{Asked, Outcome, Script, World, collect},
};
use support::*;

const URL: &str = "http://a/file";
const SIZE: u64 = 100_000;

/// A file at [`URL`], in ten ranges.
fn stored(world: &World) -> Vec<Chunk> {
    world.store(URL, bytes(0..SIZE));
    ranges_of(URL, SIZE, SIZE / 10)
}

fn tagged(etag: &str) -> Script {
    Script::default().headers(Headers { etag: Some(etag.into()), ..Headers::default() })
}

fn start(asked: &Asked) -> u64 {
    asked.range.map_or(0, |range| range.start)
}

/// What was asked: the URL with query, and the first byte.
fn asked(world: &World) -> Vec<String> {
    let line = |asked: &Asked| {
        let mark = if asked.query.is_empty() { "" } else { "?" };
        format!("{}{mark}{} {}", asked.url, asked.query, start(asked))
    };
    world.log().iter().map(|logged| line(&logged.asked)).collect()
}

fn one_at_a_time() -> Options {
    let mut options = Options::default();
    options.concurrency = 1;
    options.retry = Policy { passes: 2, base_delay: MS, max_delay: 10 * MS };
    options
}

fn changed(read: (Vec<u8>, Error)) -> u64 {
    let (some, error) = read;
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::SourceChanged, false));
    assert_eq!(error.offset(), Some(some.len() as u64));
    assert_eq!(some, bytes(0..some.len() as u64));
    some.len() as u64
}

#[test]
fn a_file_that_changes_between_two_ranges_ends_there() {
    for (before, after) in [("\"1\"", "\"2\""), ("W/\"1\"", "W/\"2\"")] {
        let world = World::new();
        let chunks = stored(&world);
        world.script(move |asked| tagged(if start(asked) < 30_000 { before } else { after }));
        let read = read_to_error(&world, open(&world, chunks, one_at_a_time()));
        assert_eq!(changed(read), 30_000);
        assert_eq!(world.log().len(), 4, "and nothing is tried again");
    }
}

#[test]
fn a_file_that_grows_ends_there_too() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|asked| {
        let total = if start(asked) < 30_000 { SIZE } else { SIZE + 1 };
        let content_range = Some(format!("bytes {}-{}/{total}", start(asked), start(asked) + 9_999));
        Script::default().headers(Headers { content_range, ..Headers::default() })
    });
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 30_000);
}

#[test]
fn a_file_that_shrinks_below_a_range_has_changed() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|asked| {
        let outcome = if start(asked) < 30_000 { Outcome::Good } else { Outcome::Status(416) };
        Script::default().outcome(outcome)
    });
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 30_000);
}

#[test]
fn a_condition_of_the_users_that_fails_says_that_it_changed() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|_| Script::default().outcome(Outcome::Status(412)));
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 0);
}

#[test]
fn ranges_that_are_fetched_at_once_are_of_one_version() {
    // The version changes back and forth: whichever answer is the first, only its kind is read.
    for odd in [0, 1] {
        let world = World::new();
        let chunks = stored(&world);
        world.script(move |asked| {
            let i = start(asked) / 10_000;
            let late = if u64::from(!i.is_multiple_of(2)) == odd { MS } else { 2 * MS };
            tagged(if i.is_multiple_of(2) { "\"even\"" } else { "\"odd\"" }).latency(late)
        });
        let read = read_to_error(&world, open(&world, chunks, Options::default()));
        assert_eq!(changed(read), if odd == 0 { 10_000 } else { 0 });
    }
}

#[test]
fn the_streams_of_a_file_read_one_version() {
    let world = World::new();
    let chunks = stored(&world);
    let options = one_at_a_time();
    world.script(|_| tagged("\"1\""));
    assert_eq!(read(&world, chunks.clone(), options.clone()).unwrap(), bytes(0..SIZE));
    world.script(|_| tagged("\"2\""));
    assert_eq!(changed(read_to_error(&world, open(&world, chunks.clone(), options))), 0);
    assert_eq!(read(&world, chunks, one_at_a_time()).unwrap(), bytes(0..SIZE), "another file");
}

#[test]
fn a_body_is_resumed_only_with_the_same_version() {
    // A chunk that is all of its URL, and has no digest that would tell.
    for (second, good) in [("\"1\"", true), ("\"2\"", false)] {
        let world = World::new();
        world.store(URL, bytes(0..SIZE));
        world.script(move |asked| match asked.nth {
            0 => tagged("\"1\"").outcome(Outcome::Cut(40_000)),
            _ => tagged(second),
        });
        let reader = open(&world, vec![plain(&[URL], 0, SIZE)], one_at_a_time());
        if good {
            assert_eq!(world.run(collect(reader)).unwrap().unwrap(), bytes(0..SIZE));
        } else {
            assert_eq!(changed(read_to_error(&world, reader)), 40_000);
        }
        assert_eq!(asked(&world), ["http://a/file 0", "http://a/file 40000"]);
    }
}

#[test]
fn where_a_redirect_led_is_asked_from_then_on() {
    let world = World::new();
    let chunks = stored(&world);
    world.store("http://cdn/f", bytes(0..SIZE));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().redirect("http://cdn/f?sig=secret"),
        _ => Script::default(),
    });
    let options = one_at_a_time();
    assert_eq!(read(&world, chunks, options.clone()).unwrap(), bytes(0..SIZE));
    let asked = asked(&world);
    assert_eq!(asked[..2], ["http://a/file 0", "http://cdn/f?sig=secret 10000"]);
    assert_eq!(asked.iter().filter(|line| line.starts_with("http://a/")).count(), 1);
    assert!(!format!("{:?} {:?}", world.events(), options).contains("secret"));
}

#[test]
fn a_target_that_expired_is_asked_for_once_more() {
    for status in [401, 403, 404, 410] {
        let world = World::new();
        let chunks = stored(&world);
        world.store("http://cdn/f", bytes(0..SIZE));
        world.script(move |asked| match (asked.host.as_str(), asked.nth) {
            ("a", nth) => Script::default().redirect(format!("http://cdn/f?sig={nth}")),
            (_, _) if asked.query == "sig=0" && start(asked) >= 30_000 => {
                Script::default().outcome(Outcome::Status(status))
            }
            _ => Script::default(),
        });
        let options = one_at_a_time();
        assert_eq!(read(&world, chunks, options.clone()).unwrap(), bytes(0..SIZE));
        assert_eq!(
            asked(&world)[2..6],
            [
                "http://cdn/f?sig=0 20000",
                "http://cdn/f?sig=0 30000",
                "http://a/file 30000",
                "http://cdn/f?sig=1 40000"
            ]
        );
        assert_eq!(options.meter.stats().retries, 1);
    }
}

#[test]
fn a_url_that_leads_to_what_is_refused_is_refused() {
    let world = World::new();
    let chunks = stored(&world);
    world.store("http://cdn/f", bytes(0..SIZE));
    world.script(move |asked| match (asked.host.as_str(), start(asked)) {
        ("a", from) if from < 30_000 => Script::default().redirect("http://cdn/f"),
        (_, from) if from < 30_000 => Script::default(),
        _ => Script::default().outcome(Outcome::Status(403)),
    });
    let (some, error) = read_to_error(&world, open(&world, chunks, one_at_a_time()));
    assert_eq!((some.len(), error.kind()), (30_000, Kind::Unauthorized));
    assert_eq!(asked(&world)[3..], ["http://cdn/f 30000", "http://a/file 30000"]);
    assert!(!error.to_string().contains("cdn"));
}
