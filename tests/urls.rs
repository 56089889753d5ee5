//! One URL in ranges: versions that are never mixed, redirects, what opening it asks.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "clippy does not see that helpers are a test's")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use kelp_stream::{
    Error, Kind, Plan,
    fetch::{probe, probe::UrlFile},
    formats::seaweedfs::entry::{DataKeys, Entry, Keys},
    host::LocateError,
    http::headers::{ByteRange, Headers},
    model::{
        chunk::{Chunk, Source},
        location::Location,
        ranges::ranges_of,
    },
    read::{
        open::{OpenContext, UrlHints},
        session::Session,
        streams::Streams,
    },
    schedule::retry::RetryPolicy,
    sim::{Outcome, Script, SimRequest, World, collect},
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

fn start(asked: &SimRequest) -> u64 {
    asked.range.map_or(0, |range| range.start)
}

/// What was asked: the URL with query, and the first byte.
fn asked(world: &World) -> Vec<String> {
    let line = |asked: &SimRequest| {
        let mark = if asked.query.is_empty() { "" } else { "?" };
        format!("{}{mark}{} {}", asked.url, asked.query, start(asked))
    };
    world.log().iter().map(|logged| line(&logged.asked)).collect()
}

fn one_at_a_time() -> Session {
    let mut session = Session::default();
    session.options.concurrency = 1.into();
    session.options.retry = RetryPolicy { passes: 2, base_delay: MS, max_delay: 10 * MS };
    session
}

fn changed(read: (Vec<u8>, Error)) -> u64 {
    let (some, error) = read;
    assert_eq!((error.kind(), error.kind().retryable()), (Kind::SourceChanged, false));
    assert_eq!(error.offset(), Some(some.len() as u64));
    assert_eq!(some, bytes(0..some.len() as u64));
    some.len() as u64
}

// F45
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
fn a_file_that_grows_between_two_ranges_ends_there() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|asked| {
        let total = if start(asked) < 30_000 { SIZE } else { SIZE + 1 };
        let content_range = Some(format!("bytes {}-{}/{total}", start(asked), start(asked) + 9_999));
        Script::default().headers(Headers { content_range, ..Headers::default() })
    });
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 30_000);
}

// F25
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

// F26
#[test]
fn a_failed_condition_of_the_user_is_source_changed() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|_| Script::default().outcome(Outcome::Status(412)));
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 0);
}

#[test]
fn concurrent_ranges_are_of_one_version() {
    // The version changes back and forth: whichever answer is the first, only its kind is read.
    for odd in [0, 1] {
        let world = World::new();
        let chunks = stored(&world);
        world.script(move |asked| {
            let i = start(asked) / 10_000;
            let late = if u64::from(!i.is_multiple_of(2)) == odd { MS } else { 2 * MS };
            tagged(if i.is_multiple_of(2) { "\"even\"" } else { "\"odd\"" }).latency(late)
        });
        let read = read_to_error(&world, open(&world, chunks, Session::default()));
        assert_eq!(changed(read), if odd == 0 { 10_000 } else { 0 });
    }
}

#[test]
fn the_streams_of_a_file_read_one_version() {
    let world = World::new();
    let chunks = stored(&world);
    let session = one_at_a_time();
    world.script(|_| tagged("\"1\""));
    assert_eq!(read(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..SIZE));
    world.script(|_| tagged("\"2\""));
    assert_eq!(changed(read_to_error(&world, open(&world, chunks.clone(), session))), 0);
    assert_eq!(read(&world, chunks, one_at_a_time()).unwrap(), bytes(0..SIZE), "another file");
}

#[test]
fn a_body_is_resumed_only_with_the_same_version() {
    // A chunk that is all of its URL, and has no digest that would show it.
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

// F16
#[test]
fn the_target_of_a_redirect_is_requested_from_then_on() {
    let world = World::new();
    let chunks = stored(&world);
    world.store("http://cdn/f", bytes(0..SIZE));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().redirect("http://cdn/f?sig=secret"),
        _ => Script::default(),
    });
    let session = one_at_a_time();
    assert_eq!(read(&world, chunks, session.clone()).unwrap(), bytes(0..SIZE));
    let asked = asked(&world);
    assert_eq!(asked[..2], ["http://a/file 0", "http://cdn/f?sig=secret 10000"]);
    assert_eq!(asked.iter().filter(|line| line.starts_with("http://a/")).count(), 1);
    assert!(!format!("{:?} {:?}", world.events(), session).contains("secret"));
}

// F17, F130
#[test]
fn an_expired_redirect_is_followed_anew() {
    for status in [400, 401, 403, 404, 410] {
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
        let session = one_at_a_time();
        assert_eq!(read(&world, chunks, session.clone()).unwrap(), bytes(0..SIZE));
        assert_eq!(
            asked(&world)[2..6],
            [
                "http://cdn/f?sig=0 20000",
                "http://cdn/f?sig=0 30000",
                "http://a/file 30000",
                "http://cdn/f?sig=1 40000"
            ]
        );
        assert_eq!(session.stats.stats().retries, 1);
    }
}

// F130
#[test]
fn redirects_that_expire_again_and_again_are_followed_anew() {
    for status in [400, 401, 403, 404, 410] {
        for session in [one_at_a_time(), Session::default()] {
            let world = World::new();
            let chunks = stored(&world);
            world.store("http://cdn/f", bytes(0..SIZE));
            // Each target serves three requests.
            let served = std::sync::Mutex::new(std::collections::HashMap::<String, usize>::new());
            world.script(move |asked| match asked.host.as_str() {
                "a" => Script::default().latency(3 * MS).redirect(format!("http://cdn/f?sig={}", asked.nth)),
                _ => {
                    let mut served = served.lock().unwrap();
                    let count = served.entry(asked.query.clone()).or_default();
                    *count += 1;
                    let outcome = if *count > 3 { Outcome::Status(status) } else { Outcome::Good };
                    Script::default().latency(MS).outcome(outcome)
                }
            });
            assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..SIZE), "{status}");
        }
    }
}

// F130
#[test]
fn a_redirect_that_expires_during_the_probe_is_followed_anew() {
    let world = World::new();
    world.store("http://cdn/f", bytes(0..SIZE));
    world.script(|asked| {
        let script = with_headers(length(asked.range.map_or(SIZE, |range| range.end.unwrap_or(SIZE))));
        match asked.host.as_str() {
            "a" => script.redirect(format!("http://cdn/f?sig={}", asked.nth)),
            _ => script.outcome(Outcome::Status(403)),
        }
    });
    let mut session = one_at_a_time();
    session.options.retry.passes = 1;
    assert_eq!(ask(&world, &session).unwrap().size, SIZE);
    assert_eq!(asked(&world), ["http://a/file 0", "http://cdn/f?sig=0 0", "http://a/file 0"]);
}

#[test]
fn a_redirect_to_a_refused_url_is_refused() {
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

/// Opens [`URL`], to be read in ranges of 10 000 bytes.
fn ask(world: &World, session: &Session) -> Result<UrlFile, Error> {
    let (host, session) = (world.host(), session.clone());
    world
        .run(async move {
            probe::open(&host, &session.options, &session.pool, &session.validators, URL, SIZE / 10).await
        })
        .expect("it does not hang")
}

/// The response of a server with only these headers.
fn with_headers(headers: Headers) -> Script {
    Script::default().headers(headers)
}

fn length(length: u64) -> Headers {
    Headers { content_length: Some(length), ..Headers::default() }
}

// F117
#[test]
fn a_probe_of_one_byte_finds_size_and_version() {
    let world = World::new();
    stored(&world);
    world.script(|asked| {
        let content_range =
            asked.range.map(|range| format!("bytes {}-{}/100000", range.start, range.end.unwrap() - 1));
        with_headers(Headers {
            content_range,
            etag: Some("\"1\"".into()),
            content_type: Some("video/webm".into()),
            last_modified: Some("Thu, 01 Jan 1970 00:00:05 GMT".into()),
            ..length(1)
        })
    });
    let session = Session::default();
    let file = ask(&world, &session).unwrap();
    assert_eq!(asked(&world), ["http://a/file 0"]);
    assert_eq!((file.size, file.chunks.len()), (SIZE, 10));
    assert_eq!(
        (file.etag.as_deref(), file.media_type.as_deref(), file.modified_ms),
        (Some("\"1\""), Some("video/webm"), Some(5000))
    );
    assert_eq!(read(&world, file.chunks.clone(), session.clone()).unwrap(), bytes(0..SIZE));
    // What the question saw is what must be read.
    world.script(|_| tagged("\"2\""));
    assert_eq!(changed(read_to_error(&world, open(&world, file.chunks, session))), 0);
}

/// A server that sends each range under the status of the whole.
fn wrong_status(world: &World, size: u64, shows_length: bool) {
    world.script(move |asked| {
        let range = asked.range.map_or(0..size, |range| range.start..range.end.unwrap_or(size).min(size));
        let headers = if shows_length { length(range.end - range.start) } else { Headers::default() };
        with_headers(headers).outcome(Outcome::Body(bytes(range).into()))
    });
}

// F127
#[test]
fn a_200_as_long_as_the_range_is_not_the_size() {
    for shows_length in [true, false] {
        let world = World::new();
        wrong_status(&world, SIZE, shows_length);
        let session = one_at_a_time();
        let file = ask(&world, &session).unwrap();
        let ranges: Vec<_> = world.log().iter().map(|l| l.asked.range.unwrap().to_string()).collect();
        assert_eq!((file.size, file.chunks.len()), (SIZE, 1), "{shows_length}");
        assert_eq!(ranges, ["bytes=0-0", "bytes=0-"]);
        assert_eq!(read(&world, file.chunks.clone(), session.clone()).unwrap(), bytes(0..SIZE));
        if shows_length {
            let part = Plan::new(file.chunks.into(), 5..70_000);
            let (some, error) = read_to_error(&world, open_plan(&world, part, session));
            assert_eq!(
                (some.len(), error.kind()),
                (0, Kind::Range),
                "no byte of a part is taken for another"
            );
        }
    }
}

// F127
#[test]
fn a_file_of_one_byte_is_one_byte_long() {
    for shows_length in [true, false] {
        let world = World::new();
        wrong_status(&world, 1, shows_length);
        let file = ask(&world, &Session::default()).unwrap();
        assert_eq!((file.size, world.log().len()), (1, 2));
        assert_eq!(read(&world, file.chunks, Session::default()).unwrap(), bytes(0..1));
    }
}

// F127
#[test]
fn a_part_under_the_wrong_status_is_a_range_error() {
    for from in [0, 10] {
        let world = World::new();
        wrong_status(&world, SIZE, true);
        let session = one_at_a_time();
        session.validators.expect(URL, SIZE);
        let plan = Plan::new(ranges_of(URL, SIZE, SIZE / 10).into(), from..SIZE);
        let (some, error) = read_to_error(&world, open_plan(&world, plan, session));
        assert_eq!((some.len(), error.kind()), (0, Kind::Range), "from {from}");
    }
    // Of a blob whose size is not known, the length shows that it cannot be the whole.
    let world = World::new();
    wrong_status(&world, SIZE, true);
    let chunk = Chunk { stored: Some(10..1010), ..plain(&[URL], 0, 1000) };
    assert_eq!(read(&world, vec![chunk], one_at_a_time()).unwrap_err().kind(), Kind::Range);
}

// F131
#[test]
fn an_impossible_content_range_does_not_open_a_file() {
    let probe = |content_range: &str| {
        let world = World::new();
        stored(&world);
        let content_range = Some(content_range.to_owned());
        world.script(move |_| with_headers(Headers { content_range: content_range.clone(), ..length(1) }));
        (ask(&world, &one_at_a_time()).map(|file| file.size).map_err(|error| error.kind()), world.log().len())
    };
    for good in ["Bytes 0-0/100000", "BYTES 0-0/100000", "bytes 0-0/100000"] {
        assert_eq!(probe(good), (Ok(SIZE), 1), "{good}");
    }
    for wrong in [
        "bytes 0-0/0",
        "bytes 5-5/10",
        "bytes 0-9/10",
        "bytes 0-9/5",
        "bytes */10",
        "pages 0-0/10",
        "",
        "bytes 1-0/9",
    ] {
        assert_eq!(probe(wrong), (Err(Kind::Range), 1), "{wrong}");
    }
}

// F129
#[test]
fn a_content_encoding_that_is_none_changes_nothing() {
    for encoding in ["", "aws-chunked", "utf-8", "identity"] {
        let world = World::new();
        let chunks = stored(&world);
        world.script(move |asked| {
            let ByteRange { start, end } = asked.range.unwrap();
            let end = end.unwrap_or(SIZE);
            with_headers(Headers {
                content_range: Some(format!("bytes {start}-{}/{SIZE}", end - 1)),
                content_encoding: Some(encoding.into()),
                ..length(end - start)
            })
        });
        let file = ask(&world, &Session::default()).unwrap();
        assert_eq!((file.size, file.chunks, world.log().len()), (SIZE, chunks.clone(), 1), "{encoding}");
        assert_eq!(read(&world, chunks, Session::default()).unwrap(), bytes(0..SIZE), "{encoding}");
    }
}

/// A server that ignores `Range` and sends the whole, one byte a microsecond.
fn without_ranges(world: &World) -> Vec<Chunk> {
    let chunks = stored(world);
    world.script(|_| Script::default().no_ranges().latency(5 * MS).rate(1_000_000).piece(1700));
    chunks
}

// F128
#[test]
fn views_of_a_server_without_ranges_share_a_body() {
    for views in [1, 3, 64] {
        let world = World::new();
        let chunks = without_ranges(&world);
        let mut session = Session::default();
        session.options.concurrency = views.into();
        let meter = session.stats.clone();
        session.validators.expect(URL, SIZE);
        assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..SIZE));
        let log = world.log();
        assert!(log.len() <= views.min(10), "{} requests for {views} views", log.len());
        assert_eq!(world.open(), 0);
        let stats = meter.stats();
        assert_eq!((stats.requests, stats.bytes_received, stats.retries), (log.len() as u64, SIZE, 0));
    }
}

// F128
#[test]
fn a_second_stream_knows_that_the_server_has_no_ranges() {
    let world = World::new();
    let chunks = without_ranges(&world);
    let session = Session::default();
    for requests in [None, Some(1)] {
        let before = world.log().len();
        assert_eq!(read(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..SIZE));
        let sent = world.log().len() - before;
        assert!(requests.is_none_or(|requests| requests == sent), "{sent} requests");
    }
    let plan = Plan::new(chunks.into(), 45_000..71_000);
    let before = world.log().len();
    let read = world.run(collect(open_plan(&world, plan, session))).unwrap().unwrap();
    assert_eq!((read, world.log().len() - before), (bytes(45_000..71_000), 1));
    assert_eq!(world.open(), 0);
}

// F128
#[test]
fn a_shared_body_that_breaks_is_requested_again() {
    let world = World::new();
    let chunks = without_ranges(&world);
    world.script(|asked| {
        let script = Script::default().no_ranges().latency(5 * MS).rate(1_000_000).piece(1700);
        // The first request that is not dropped breaks off.
        if asked.at > 20 * MS || start(asked) > 0 { script } else { script.outcome(Outcome::Cut(34_567)) }
    });
    let session = Session::default();
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..SIZE));
    // The view that lost its body, and those behind it, may begin one each.
    assert!(meter.stats().bytes_received <= 2 * SIZE, "{:?}", meter.stats());
    assert_eq!(world.open(), 0);
}

// F128
#[test]
fn a_reader_that_stops_holds_one_body_and_little_memory() {
    let world = World::new();
    let chunks = without_ranges(&world);
    let mut session = Session::default();
    session.options.max_bytes_ahead = 25_000;
    let meter = session.stats.clone();
    let (some, reader) = read_some(&world, open(&world, chunks, session), 1);
    world.run_for(MS * 60_000);
    assert_eq!(world.open(), 1, "of the body that is read on later");
    assert!(meter.stats().peak_bytes_ahead <= 25_000, "{:?}", meter.stats());
    let rest = world.run(collect(reader)).unwrap().unwrap();
    assert_eq!([some, rest].concat(), bytes(0..SIZE));
    assert_eq!((meter.stats().bytes_received, world.open()), (SIZE, 0));
}

// F128
#[test]
fn parts_of_a_blob_in_any_order_are_read_without_ranges() {
    // The order in the file is not the order in the blob, so some views need bytes that have passed.
    for order in [[3, 0, 1, 2, 4], [4, 3, 2, 1, 0], [0, 2, 1, 4, 3]] {
        for budget in [15_000, 1 << 20] {
            let world = World::new();
            without_ranges(&world);
            let part = |(at, from): (usize, u64)| Chunk {
                stored: Some(from * 10_000..(from + 1) * 10_000),
                ..plain(&[URL], at as u64 * 10_000, 10_000)
            };
            let chunks: Vec<_> = order.into_iter().enumerate().map(part).collect();
            let right = order.map(|from| bytes(from * 10_000..(from + 1) * 10_000)).concat();
            let mut session = Session::default();
            session.options.max_bytes_ahead = budget;
            assert_eq!(read(&world, chunks, session).unwrap(), right, "{order:?}");
            assert_eq!(world.open(), 0);
        }
    }
}

// F128
#[test]
fn digested_parts_of_a_blob_share_a_body_and_are_verified() {
    // The first and the last view are parts of chunks, which are verified because all of them comes.
    for damage in [None, Some(8_000), Some(52_000), Some(99_999)] {
        let world = World::new();
        let chunks = without_ranges(&world).into_iter();
        let digested = |chunk: Chunk| Chunk { md5: Some(md5(&bytes(chunk.offset..chunk.end()))), ..chunk };
        let mut content = bytes(0..SIZE);
        damage.into_iter().for_each(|at: usize| content[at] ^= 1);
        world.store(URL, content);
        let session = one_at_a_time();
        let meter = session.stats.clone();
        let part = Plan::new(chunks.map(digested).collect::<Vec<_>>().into(), 5_000..95_000);
        let read = world.run(collect(open_plan(&world, part, session))).unwrap();
        match damage {
            None => {
                assert_eq!(read.unwrap(), bytes(5_000..95_000));
                assert!(meter.stats().bytes_received <= 2 * SIZE, "{:?}", meter.stats());
            }
            Some(_) => assert_eq!(read.unwrap_err().kind(), Kind::Corrupt, "{damage:?}"),
        }
    }
}

// F128
#[test]
fn a_server_that_has_ranges_again_is_read_in_ranges() {
    let world = World::new();
    let chunks = stored(&world);
    world.script(|asked| {
        let script = Script::default().latency(5 * MS);
        if asked.at < MS { script.no_ranges() } else { script }
    });
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), bytes(0..SIZE));
    assert_eq!(world.open(), 0);
}

// F128
#[test]
fn the_last_bytes_of_a_large_file_without_ranges_are_read() {
    let world = World::new();
    let size = 80 << 20;
    world.sizes(move |_| Some(size));
    world.script(|_| Script::default().no_ranges().piece(1 << 20));
    let probed = ask(&world, &Session::default()).unwrap();
    assert_eq!((probed.size, probed.chunks.len()), (size, 1));
    let session = Session::default();
    session.validators.expect(URL, size);
    for chunks in [probed.chunks, ranges_of(URL, size, 4 << 20)] {
        let session = session.clone();
        let meter = session.stats.clone();
        let before = meter.stats().bytes_received;
        let last = Plan::new(chunks.into(), size - 10..size);
        assert_eq!(world.run(collect(open_plan(&world, last, session))).unwrap().unwrap(), [0; 10]);
        assert_eq!(meter.stats().bytes_received - before, size);
    }
}

// F136
#[test]
fn the_name_is_that_of_the_server_if_it_gives_one() {
    let named = |disposition: Option<&str>, hints: UrlHints| {
        let world = World::new();
        stored(&world);
        let content_disposition = disposition.map(str::to_owned);
        world.script(move |_| {
            with_headers(Headers { content_disposition: content_disposition.clone(), ..length(SIZE) })
                .no_ranges()
        });
        let (session, shared_streams) = (Session::default(), Streams::default());
        let context =
            OpenContext { host: world.host(), session, shared_streams, can_renew_filer_token: false };
        let file =
            world.run(async move { context.open_url("http://a/file?x", hints).await }).unwrap().unwrap();
        file.metadata().name.clone()
    };
    let hints = || UrlHints { chunk_size: SIZE, ..UrlHints::default() };
    let given = || UrlHints { name: "given".into(), ..hints() };
    assert_eq!(named(Some("attachment; filename=x; filename*=UTF-8''a%2F%C3%A9%0A.bin"), hints()), "é_.bin");
    assert_eq!(named(Some("inline; filename=\"..\""), hints()), "file");
    assert_eq!(named(Some("inline"), hints()), "file");
    assert_eq!(named(None, hints()), "file");
    assert_eq!(named(Some("inline; filename=x"), given()), "given");
    assert_eq!(named(None, UrlHints { size: Some(SIZE), ..hints() }), "file");
}

// F45
#[test]
fn a_weak_etag_is_a_validator_but_not_the_files_etag() {
    let world = World::new();
    stored(&world);
    world.script(|_| {
        with_headers(Headers {
            content_range: Some("bytes 0-0/100000".into()),
            etag: Some("W/\"1\"".into()),
            ..length(1)
        })
    });
    let session = Session::default();
    let file = ask(&world, &session).unwrap();
    assert_eq!(file.etag, None);
    world.script(|_| tagged("W/\"2\""));
    assert_eq!(changed(read_to_error(&world, open(&world, file.chunks, session))), 0);
}

#[test]
fn a_hidden_size_is_the_length_of_an_open_range() {
    // As a page of another origin sees a server: no `Content-Range`, but `Content-Length`.
    let world = World::new();
    stored(&world);
    world.script(|asked| {
        with_headers(length(match asked.range {
            None => 7,
            Some(range) => range.end.unwrap_or(SIZE) - range.start,
        }))
    });
    let session = Session::default();
    let file = ask(&world, &session).unwrap();
    assert_eq!((file.size, file.chunks.len()), (SIZE, 10));
    assert_eq!(
        world.log().iter().map(|l| l.asked.range.unwrap().to_string()).collect::<Vec<_>>(),
        ["bytes=0-0", "bytes=0-"]
    );
    assert!(world.log().iter().all(|logged| logged.aborted), "no body is waited for");
    assert_eq!(read(&world, file.chunks, session).unwrap(), bytes(0..SIZE));
}

#[test]
fn a_file_that_changes_during_open_is_not_opened() {
    let world = World::new();
    stored(&world);
    world.script(|asked| with_headers(Headers { last_modified: Some(asked.nth.to_string()), ..length(1) }));
    let error = ask(&world, &Session::default()).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::SourceChanged, Some(URL)));
}

// F42, F118
#[test]
fn a_server_without_ranges_is_read_in_one_piece() {
    let world = World::new();
    stored(&world);
    world.script(|_| Script::default().no_ranges());
    let session = Session::default();
    let file = ask(&world, &session).unwrap();
    assert_eq!((file.size, file.chunks.len()), (SIZE, 1));
    assert_eq!(read(&world, file.chunks, session).unwrap(), bytes(0..SIZE));
    assert_eq!(world.log().len(), 2);
}

// F139
#[test]
fn a_body_that_drips_while_a_file_is_opened_is_a_timeout() {
    let world = World::new();
    stored(&world);
    world.script(|_| with_headers(Headers::default()).no_ranges().piece(1).rate(500));
    let error = ask(&world, &Session::default()).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (Kind::Timeout, 3));
}

// F118
#[test]
fn a_size_in_no_header_is_counted_and_the_bytes_kept() {
    let packed = Headers { content_encoding: Some("gzip".into()), etag: Some("\"1\"".into()), ..length(7) };
    for headers in [Headers::default(), packed] {
        let world = World::new();
        stored(&world);
        let sent = headers.clone();
        world.script(move |_| with_headers(sent.clone()).no_ranges());
        let session = Session::default();
        let file = ask(&world, &session).unwrap();
        assert_eq!((file.size, &file.etag), (SIZE, &headers.etag));
        assert_eq!(read(&world, file.chunks.clone(), session.clone()).unwrap(), bytes(0..SIZE));
        let part = Plan::new(file.chunks.into(), 5..70_000);
        assert_eq!(world.run(collect(open_plan(&world, part, session))).unwrap().unwrap(), bytes(5..70_000));
        assert_eq!(asked(&world), ["http://a/file 0"], "one request in all");
    }
}

// F48
#[test]
fn an_encoded_file_is_requested_whole() {
    let world = World::new();
    stored(&world);
    world.script(|_| with_headers(Headers { content_encoding: Some("gzip".into()), ..length(7) }));
    let file = ask(&world, &Session::default()).unwrap();
    assert_eq!((file.size, world.log().len()), (SIZE, 2));
    assert_eq!(world.log()[1].asked.range, None);
    assert_eq!(read(&world, file.chunks, Session::default()).unwrap(), bytes(0..SIZE));
}

// F46
#[test]
fn an_encoded_range_is_requested_again_without_a_range() {
    for (left, requests) in [(true, 2), (false, 1)] {
        let world = World::new();
        stored(&world);
        let announced = if left { SIZE } else { 7 };
        world.script(move |asked| {
            let announced = if asked.range.is_some() { announced } else { 7 };
            with_headers(Headers { content_encoding: Some("gzip".into()), ..length(announced) }).no_ranges()
        });
        let file = ask(&world, &Session::default()).unwrap();
        assert_eq!((file.size, world.log().len()), (SIZE, requests));
        assert_eq!(world.log().last().unwrap().asked.range.is_none(), left);
        assert_eq!(read(&world, file.chunks, Session::default()).unwrap(), bytes(0..SIZE));
    }
}

#[test]
fn an_encoding_the_platform_cannot_range_is_read_whole() {
    let world = World::new();
    stored(&world);
    world.script(|asked| {
        let outcome = if asked.range.is_some() { Outcome::Refused } else { Outcome::Good };
        with_headers(Headers { content_encoding: Some("gzip".into()), ..length(7) }).outcome(outcome)
    });
    let file = ask(&world, &one_at_a_time()).unwrap();
    assert_eq!((file.size, world.log().len()), (SIZE, 3));
    assert_eq!(read(&world, file.chunks, one_at_a_time()).unwrap(), bytes(0..SIZE));
}

// F108
#[test]
fn a_file_without_a_size_must_fit_into_max_bytes_ahead() {
    let world = World::new();
    stored(&world);
    world.script(|_| with_headers(Headers::default()).no_ranges());
    let mut session = Session::default();
    session.options.max_bytes_ahead = SIZE;
    assert!(ask(&world, &session).is_ok());
    session.options.max_bytes_ahead = SIZE - 1;
    let error = ask(&world, &session).unwrap_err();
    assert_eq!((error.kind(), error.chunk()), (Kind::Unsupported, Some(URL)));
    assert!(error.to_string().contains("`size`"), "{error}");
    assert_eq!(world.open(), 0);
}

#[test]
fn a_body_that_is_cut_off_is_not_the_whole() {
    let world = World::new();
    stored(&world);
    let mut session = one_at_a_time();
    world.script(|asked| {
        let outcome = if asked.nth == 0 { Outcome::Cut(10) } else { Outcome::Good };
        with_headers(Headers::default()).no_ranges().outcome(outcome)
    });
    assert_eq!(ask(&world, &session).unwrap().size, SIZE);
    session.options.retry.passes = 1;
    world.script(|_| with_headers(Headers::default()).no_ranges().outcome(Outcome::Cut(10)));
    assert_eq!(ask(&world, &session).unwrap_err().kind(), Kind::Network);
}

// F81
#[test]
fn an_empty_file_is_empty_whatever_the_probe_returns() {
    for refuses in [false, true] {
        let world = World::new();
        world.store(URL, Vec::new());
        world.script(move |asked| {
            let refused = refuses && asked.range.is_some();
            Script::default().outcome(if refused { Outcome::Status(416) } else { Outcome::Good })
        });
        let file = ask(&world, &Session::default()).unwrap();
        assert_eq!((file.size, file.chunks.len()), (0, 0));
    }
}

#[test]
fn a_redirect_is_followed_by_the_probe_and_not_again() {
    let world = World::new();
    world.store("http://cdn/f", bytes(0..SIZE));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().redirect("http://cdn/f?sig=secret"),
        _ => Script::default(),
    });
    let session = Session::default();
    let file = ask(&world, &session).unwrap();
    assert_eq!(file.chunks[0].source.name(), URL, "errors and events have the opened URL");
    assert_eq!(read(&world, file.chunks, session).unwrap(), bytes(0..SIZE));
    let asked = asked(&world);
    assert_eq!(asked[0], "http://a/file 0");
    assert!(asked[1..].iter().all(|line| line.starts_with("http://cdn/f?sig=secret ")), "{asked:?}");
}

#[test]
fn a_url_that_cannot_be_fetched_is_not_opened() {
    for (outcome, kind, requests) in [
        (Outcome::Status(404), Kind::NotFound, 1),
        (Outcome::Status(403), Kind::Unauthorized, 1),
        (Outcome::Status(503), Kind::Http(503), 2),
        // Without a range too, once.
        (Outcome::Refused, Kind::Network, 3),
    ] {
        let world = World::new();
        stored(&world);
        world.script(move |_| Script::default().outcome(outcome.clone()));
        let error = ask(&world, &one_at_a_time()).unwrap_err();
        assert_eq!((error.kind(), error.chunk(), world.log().len()), (kind, Some(URL), requests));
    }
}

#[test]
fn a_given_size_that_differs_is_source_changed() {
    let world = World::new();
    stored(&world);
    let session = one_at_a_time();
    session.validators.expect(URL, SIZE - 1);
    let chunks = ranges_of(URL, SIZE - 1, SIZE / 10);
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, session))), 0);
}

#[test]
fn a_server_without_ranges_is_read_with_a_given_size() {
    for part in [0..SIZE, 1000..99_000, 95_000..SIZE] {
        let world = World::new();
        let chunks = stored(&world);
        world.script(|_| Script::default().no_ranges());
        let session = Session::default();
        session.validators.expect(URL, SIZE);
        let plan = Plan::new(chunks.into(), part.clone());
        assert_eq!(world.run(collect(open_plan(&world, plan, session))).unwrap().unwrap(), bytes(part));
    }
}

#[test]
fn a_replica_of_another_version_is_skipped() {
    let world = World::new();
    world.store("http://a/3,01", bytes(0..SIZE));
    world.store("http://b/3,01", bytes(0..SIZE));
    let urls = ["http://a/3,01", "http://b/3,01"].map(str::to_owned).to_vec();
    world.locator(move |_, _| Ok(Location { urls: urls.clone(), token: None }));
    world.script(|asked| match (asked.host.as_str(), asked.nth) {
        ("b", 0) => Script::default().outcome(Outcome::Refused),
        ("b", _) => tagged("\"1\""),
        (_, 0) => tagged("\"1\"").outcome(Outcome::Cut(40_000)),
        _ => tagged("\"2\""),
    });
    let chunk = Chunk { source: Source::FileId("3,01".into()), ..plain(&[], 0, SIZE) };
    assert_eq!(read(&world, vec![chunk], one_at_a_time()).unwrap(), bytes(0..SIZE));
    let asked: String = world.log().into_iter().map(|logged| logged.asked.host).collect();
    assert_eq!(asked, "abab");
}

/// A file in a remote storage only, which a filer serves at [`URL`].
fn remote(world: &World, size: u64) -> Vec<Chunk> {
    world.store(URL, bytes(0..size));
    let json = format!(r#"{{"FullPath":"/file","FileSize":{size},"Remote":{{"remote_size":{size}}}}}"#);
    let entry = Entry::parse(json.as_bytes()).expect("it is an entry");
    entry
        .chunks_to_read_at(&format!("{URL}?a=b"), &Keys::default(), &DataKeys::default())
        .expect("its filer is known")
}

#[test]
fn a_remote_file_is_read_with_a_new_token_per_request() {
    let world = World::new();
    let chunks = remote(&world, 5 << 20);
    let count = AtomicUsize::new(0);
    world.filer_tokens(move || Ok(Some(format!("t{}", count.fetch_add(1, Ordering::Relaxed)))));
    world.tokens(|_, _| panic!("that is for chunks"));
    assert_eq!(read(&world, chunks, one_at_a_time()).unwrap(), bytes(0..5 << 20));
    assert_eq!(asked(&world), ["http://a/file?a=b&jwt=t0 0", "http://a/file?a=b&jwt=t1 4194304"]);
    assert!(!format!("{:?}", world.events()).contains("jwt"));
}

#[test]
fn a_token_that_a_filer_refuses_is_renewed_once() {
    for (good_from, ok) in [(1, true), (9, false)] {
        let world = World::new();
        let chunks = remote(&world, SIZE);
        world.filer_tokens(|| Ok(Some("t".into())));
        world.script(move |asked| {
            let outcome = if asked.nth < good_from { Outcome::Status(401) } else { Outcome::Good };
            Script::default().outcome(outcome)
        });
        let read = read(&world, chunks, one_at_a_time());
        assert_eq!(world.log().len(), 2);
        assert_eq!(
            read.map_err(|error| error.kind()),
            if ok { Ok(bytes(0..SIZE)) } else { Err(Kind::Unauthorized) }
        );
    }
}

#[test]
fn without_a_token_the_filer_gets_no_request() {
    let world = World::new();
    let chunks = remote(&world, SIZE);
    world.filer_tokens(|| Err(LocateError { cause: None }));
    assert_eq!(read(&world, chunks, one_at_a_time()).unwrap_err().kind(), Kind::Unauthorized);
    assert_eq!(world.log().len(), 0);
}

#[test]
fn a_filer_that_is_still_fetching_gets_its_retry_after() {
    let world = World::new();
    let chunks = remote(&world, SIZE);
    world.script(|asked| match asked.nth {
        0 => Script::default()
            .outcome(Outcome::Status(503))
            .headers(Headers { retry_after: Some("5".into()), ..Headers::default() }),
        _ => Script::default(),
    });
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), bytes(0..SIZE));
    assert!(world.now() >= MS * 5000, "{:?}", world.now());
}

#[test]
fn a_remote_file_that_changes_is_not_mixed() {
    let world = World::new();
    let chunks = remote(&world, 5 << 20);
    world.script(|asked| tagged(if start(asked) == 0 { "\"1\"" } else { "\"2\"" }));
    assert_eq!(changed(read_to_error(&world, open(&world, chunks, one_at_a_time()))), 4 << 20);
}
