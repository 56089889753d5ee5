//! Servers that refuse requests for their load (F138).

use std::time::Duration;

use kelp_stream::{
    Kind,
    http::headers::Headers,
    model::ranges,
    read::{
        open::{OpenContext, UrlHints},
        session::Session,
        streams::Streams,
    },
    schedule::pool::Pool,
    sim::{Busy, CodecTimes, Link, Outcome, Protocol, Script, World},
};

use crate::{setup::*, support::*};

const KIB: u64 = 1 << 10;

/// A link with a server that serves this many requests at a time.
fn capped(above: usize, status: u16, retry_after: Option<&str>) -> Link {
    Link {
        round_trip: MS * 20,
        bandwidth: 12_500_000,
        protocol: Protocol::Http2(100),
        busy: Some(Busy { above, status, retry_after: retry_after.map(str::to_owned) }),
        ..Link::default()
    }
}

// F138
#[test]
fn a_server_that_serves_a_few_at_a_time_is_read_to_the_end() {
    for above in 1..4 {
        for status in [429, 503] {
            for retry_after in [None, Some("0"), Some("1")] {
                let world = World::new();
                world.link("a", capped(above, status, retry_after));
                world.store("http://a/0", bytes(0..8192 * KIB));
                let chunks = ranges::ranges_of("http://a/0", 8192 * KIB, 128 * KIB);
                let case = format!("{above} at a time, {status}, Retry-After {retry_after:?}");
                let read = read_within_a_minute(&world, chunks, Session::default());
                let read = read.unwrap_or_else(|| panic!("it takes a minute: {case}"));
                assert!(read.expect(&case) == bytes(0..8192 * KIB), "{case}");
                // Once at the start, and then whenever one more is tried.
                let refused = world.log().len() - 64;
                assert!(refused <= 24, "{refused} refusals: {case}");
                assert!(world.now() < 12 * SECOND, "{:?}: {case}", world.now());
            }
        }
    }
}

// F138
#[test]
fn a_server_that_refuses_all_ends_the_stream_after_the_passes() {
    for status in [429, 503] {
        let world = World::new();
        outcomes(&world, move |_| Outcome::Status(status));
        let chunks = ranges::ranges_of("http://a/0", 8192 * KIB, 128 * KIB);
        let read = read_within_a_minute(&world, chunks, Session::default()).expect("it ends");
        let error = read.unwrap_err();
        // While others are in flight a refusal spends no pass.
        let attempts = error.attempts().len();
        assert!(error.kind() == Kind::Http(status) && (3..6).contains(&attempts), "{attempts}");
    }
}

// F138
#[test]
fn a_chunk_that_is_always_refused_ends_the_stream() {
    let world = World::new();
    world.store("http://a/0", bytes(0..8192 * KIB));
    world.script(|asked| match asked.range {
        Some(range) if range.start == 0 => Script::default().outcome(Outcome::Status(503)),
        _ => Script::default().piece(1 << 20),
    });
    let chunks = ranges::ranges_of("http://a/0", 8192 * KIB, 128 * KIB);
    let read = read_within_a_minute(&world, chunks, Session::default()).expect("it ends");
    assert_eq!(read.unwrap_err().kind(), Kind::Http(503));
}

// F138
#[test]
fn a_refusal_that_is_seen_late_spends_no_pass() {
    let world = World::new();
    // A response to a request that needs the codec is seen when that is loaded. The other request has long ended then.
    world.codec_times(CodecTimes { load: 9 * SECOND, ..CodecTimes::default() });
    world.script(|asked| match asked.open {
        1 => Script::default().latency(MS),
        _ => Script::default().outcome(Outcome::Status(429)),
    });
    world.store("http://a/0", bytes(0..10));
    world.store("http://a/1", bytes(10..20));
    let chunks =
        vec![plain(&["http://a/0"], 0, 10), digested(plain(&["http://a/1"], 10, 10), &bytes(10..20))];
    let mut session = passes(1);
    session.options.retry.max_delay = SECOND;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..20));
    assert_eq!(world.log().len(), 3);
}

// F138
#[test]
fn another_host_is_not_asked_less() {
    let world = World::new();
    world.link("a", capped(1, 503, None));
    world.link("b", Link { busy: None, ..capped(0, 0, None) });
    let pool = Pool::default();
    let sizes = [("http://a/0", 8192 * KIB), ("http://b/0", 64 << 20)];
    sizes.iter().for_each(|(url, size)| world.store(url, bytes(0..*size)));
    let session = || {
        let mut session = Session::default();
        session.pool = pool.clone();
        session
    };
    let [a, b] = sizes.map(|(url, size)| open(&world, ranges::ranges_of(url, size, 128 * KIB), session()));
    let both = futures::future::join(kelp_stream::sim::collect(a), kelp_stream::sim::collect(b));
    let (a, b) = world.run(both).expect("they end");
    assert_eq!((a.unwrap().len() as u64, b.unwrap().len() as u64), (sizes[0].1, sizes[1].1));
    let at =
        |host: &str| world.log().into_iter().filter(|logged| logged.asked.host == host).collect::<Vec<_>>();
    let last = at("b").iter().filter_map(|logged| logged.ended).max().unwrap();
    // 64 MiB at 12.5 MB/s take 5.4 s.
    assert!(last < MS * 6500, "{last:?}");
}

// F138
#[test]
fn a_403_with_retry_after_is_waited_for() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    world.script(|asked| {
        let headers = Headers { retry_after: Some("3".into()), ..Headers::default() };
        match asked.nth {
            0 => Script::default().headers(headers).outcome(Outcome::Status(403)),
            _ => Script::default(),
        }
    });
    let read = read_one(&world, plain(&["http://a/0"], 0, 10), passes(2));
    assert_eq!(read.unwrap(), bytes(0..10));
    assert_eq!(times(&world), [Duration::ZERO, 3 * SECOND]);
}

// F206
#[test]
fn a_probe_is_refused_while_its_server_serves_others() {
    let world = World::new();
    world.link("a", Link { bandwidth: 2_000_000, ..capped(1, 503, None) });
    world.store("http://a/0", bytes(0..8192 * KIB));
    world.store("http://a/1", bytes(0..100));
    let session = Session::default();
    let reader = open(&world, ranges::ranges_of("http://a/0", 8192 * KIB, 2048 * KIB), session.clone());
    let context = OpenContext {
        host: world.host(),
        session,
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    };
    let clock = world.clone();
    let opening = async move {
        clock.sleep(MS * 300).await;
        context.open_url("http://a/1", UrlHints { chunk_size: 100, ..UrlHints::default() }).await
    };
    let both = futures::future::join(kelp_stream::sim::collect(reader), opening);
    let (read, opened) = world.run(both).expect("they end");
    assert!(read.unwrap() == bytes(0..8192 * KIB));
    assert_eq!(opened.unwrap().metadata().size, 100);
    // With no other request at the server the passes end it.
    outcomes(&world, |_| Outcome::Status(503));
    world.run_for(60 * SECOND);
    let session = Session::default();
    let context = OpenContext {
        host: world.host(),
        session,
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    };
    let opened =
        world.run(async move { context.open_url("http://a/1", UrlHints::default()).await.map(drop) });
    assert_eq!(opened.unwrap().unwrap_err().attempts().len(), 3);
}
