//! Reading ahead: the order of bytes, the limits, cancellation and errors.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::time::Duration;

use futures::StreamExt;
use kelp_stream::{
    Error, Kind, Plan, Reader,
    host::event::EventKind,
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    prefetch,
    read::session::Session,
    schedule::{
        options::{Holes, Verify},
        pool::{Pool, PoolLimits},
    },
    sim::{Outcome, Script, SimHost, World, collect},
};
use proptest::prelude::*;
use support::*;

fn session(concurrency: usize, max_bytes_ahead: u64) -> Session {
    let mut session = Session::default();
    session.options.concurrency = concurrency.into();
    session.options.max_bytes_ahead = max_bytes_ahead;
    session
}

/// All orders of four chunks.
fn permutations() -> Vec<[u32; 4]> {
    let mut all = Vec::new();
    for n in 0..256_u32 {
        let order = [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3];
        if (0..4).all(|i| order.contains(&i)) {
            all.push(order);
        }
    }
    all
}

#[test]
fn bytes_are_in_file_order_in_any_order_of_arrival() {
    assert_eq!(permutations().len(), 24);
    for order in permutations() {
        let world = World::new();
        let chunks = file(&world, 4, 1000);
        world.script(move |asked| {
            let chunk: usize = asked.url.rsplit('/').next().unwrap().parse().unwrap();
            Script::default().latency(MS * 10 * order[chunk])
        });
        assert_eq!(read(&world, chunks, session(4, 1 << 20)).unwrap(), bytes(0..4000), "{order:?}");
    }
}

// F81
#[test]
fn an_empty_file_ends_without_a_request() {
    let world = World::new();
    assert_eq!(read(&world, vec![], Session::default()).unwrap(), b"");
    assert_eq!(world.log().len(), 0);
}

#[test]
fn a_file_of_one_byte_is_read() {
    let world = World::new();
    let chunks = file(&world, 1, 1);
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), bytes(0..1));
}

#[test]
fn a_thousand_chunks_are_read_through_a_small_window() {
    let world = World::new();
    let chunks = file(&world, 1000, 100);
    world.script(|asked| Script::default().latency(MS * (asked.url.len() as u32 * 7 % 5)));
    assert_eq!(read(&world, chunks, session(7, 500)).unwrap(), bytes(0..100_000));
    assert_eq!((world.log().len(), world.most_open()), (1000, 5), "500 bytes hold five chunks");
}

#[test]
fn four_views_in_flight_take_a_quarter_of_the_round_trips() {
    for (width, time) in [(1, 640), (4, 160)] {
        let world = World::new();
        let chunks = file(&world, 64, 64);
        world.script(|_| Script::default().latency(MS * 10));
        read(&world, chunks, session(width, 1 << 20)).unwrap();
        assert_eq!((world.now(), world.most_open()), (MS * time, width));
    }
}

#[test]
fn nothing_is_fetched_before_the_first_read() {
    let world = World::new();
    let chunks = file(&world, 4, 10);
    let reader = open(&world, chunks, Session::default());
    world.run_for(MS * 1000);
    assert_eq!(world.log().len(), 0);
    drop(reader);
}

#[test]
fn read_ahead_continues_between_reads() {
    let world = World::new();
    let chunks = file(&world, 20, 10);
    world.script(|_| Script::default().latency(MS));
    let reader = open(&world, chunks, session(2, 1 << 20));
    let (_, reader) = read_some(&world, reader, 1);
    world.run_for(MS * 1000);
    assert_eq!((world.log().len(), world.open()), (20, 0));
    drop(reader);
}

// F93, F109
#[test]
fn read_ahead_stops_at_the_byte_budget() {
    let world = World::new();
    let chunks = file(&world, 100, 10);
    let session = session(8, 50);
    let stats = session.stats.clone();
    let reader = open(&world, chunks, session);
    let (some, reader) = read_some(&world, reader, 10);
    world.run_for(MS * 60_000);
    assert_eq!(some.len(), 10);
    assert_eq!(world.log().len(), 6, "one read, five held");
    assert_eq!((stats.stats().bytes_ahead, stats.stats().peak_bytes_ahead), (50, 50));
    let rest = world.run(collect(reader)).unwrap().unwrap();
    assert_eq!(rest.len(), 990);
    assert_eq!(stats.stats().bytes_ahead, 0);
}

#[test]
fn a_late_head_limits_look_ahead_to_the_budget() {
    let world = World::new();
    let chunks = file(&world, 50, 10);
    world.script(|asked| Script::default().latency(if asked.url == "http://a/0" { MS * 5000 } else { MS }));
    let reader = open(&world, chunks, session(4, 100));
    let reading = collect(reader);
    let probe = world.clone();
    world.spawn(async move {
        probe.sleep(MS * 4000).await;
        assert_eq!((probe.log().len(), probe.open()), (10, 1));
    });
    assert_eq!(world.run(reading).unwrap().unwrap(), bytes(0..500));
}

// F92
#[test]
fn dropping_the_reader_cancels_every_request() {
    let world = World::new();
    let chunks = file(&world, 50, 10_000);
    world.script(|_| Script::default().latency(MS).rate(100_000).piece(1000));
    let reader = open(&world, chunks, session(4, 1 << 20));
    let (_, reader) = read_some(&world, reader, 1000);
    assert_eq!(world.open(), 4);
    drop(reader);
    world.run_for(std::time::Duration::ZERO);
    assert_eq!((world.open(), world.timers()), (0, 0));
    assert!(world.log().iter().all(|logged| logged.aborted));
    world.run_for(MS * 60_000);
    assert_eq!(world.log().len(), 4);
}

// F92
#[test]
fn a_reader_dropped_before_its_first_read_leaves_nothing() {
    let world = World::new();
    let chunks = file(&world, 4, 10);
    drop(open(&world, chunks, Session::default()));
    world.run_for(MS);
    assert_eq!((world.log().len(), world.timers()), (0, 0));
}

#[test]
fn an_error_is_final_and_cancels_the_other_requests() {
    let world = World::new();
    let chunks = file(&world, 50, 10);
    world.script(|asked| {
        let script = Script::default().latency(MS * 5);
        if asked.url == "http://a/2" { script.outcome(Outcome::Status(403)) } else { script.rate(1) }
    });
    let mut session = session(6, 1 << 20);
    session.options.timeout.idle = MS * 100_000;
    let reader = open(&world, chunks, session);
    let mut reader = reader;
    let steps = async move {
        let mut all = Vec::new();
        let error = loop {
            match reader.next().await.unwrap() {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(error) => break error,
            }
        };
        let again = reader.next().await.unwrap().unwrap_err();
        (all, error, again)
    };
    let (all, error, again) = world.run(steps).unwrap();
    assert_eq!(all, bytes(0..20));
    assert_eq!(
        (error.kind(), error.offset(), error.chunk()),
        (Kind::Unauthorized, Some(20), Some("http://a/2"))
    );
    assert_eq!((again.kind(), again.offset()), (error.kind(), error.offset()));
    world.run_for(MS);
    assert_eq!((world.open(), world.log().len(), world.timers()), (0, 6, 0));
}

// F84
#[test]
fn a_file_may_begin_with_a_hole() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    let chunks = vec![plain(&["http://a/0"], 100_000, 10)];
    let mut expected = vec![0; 100_000];
    expected.extend(bytes(0..10));
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), expected);
}

// F82
#[test]
fn holes_are_counted_and_can_be_an_error() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    let chunks: Vec<Chunk> = vec![plain(&["http://a/0"], 0, 10)];
    let plan = || Plan::new(chunks.clone().into(), 0..30);
    let session = Session::default();
    let stats = session.stats.clone();
    let all = world.run(collect(open_plan(&world, plan(), session))).unwrap().unwrap();
    assert_eq!((all.len(), &all[10..]), (30, &[0; 20][..]));
    assert_eq!((stats.stats().holes, stats.stats().hole_bytes), (1, 20));
    let mut session = Session::default();
    session.options.holes = Holes::Error;
    let (some, error) = read_to_error(&world, open_plan(&world, plan(), session));
    assert_eq!((some, error.kind(), error.offset()), (bytes(0..10), Kind::Hole, Some(10)));
}

#[test]
fn positions_beyond_four_gigabytes_are_read() {
    let world = World::new();
    world.store("http://a/0", bytes(0..10));
    let at = 1 << 40;
    let chunks: Vec<Chunk> = vec![plain(&["http://a/0"], at, 10)];
    let reader = open_plan(&world, Plan::new(chunks.into(), at - 2..at + 10), Session::default());
    assert_eq!(world.run(collect(reader)).unwrap().unwrap(), [&[0, 0], &bytes(0..10)[..]].concat());
}

// F80
#[test]
fn positions_around_4_gib_and_the_last_number_are_exact() {
    let world = World::new();
    let last = (1_u64 << 53) - 1;
    let places = [(1 << 32) - 1, 1 << 32, (1 << 32) + 1, last - 1];
    let chunks: Vec<Chunk> = places.iter().map(|at| plain(&["http://a/0"], *at, 1)).collect();
    world.store("http://a/0", vec![7]);
    for (range, expected) in [
        ((1 << 32) - 2..(1 << 32) + 3, vec![0, 7, 7, 7, 0]),
        (1 << 32..(1 << 32) + 1, vec![7]),
        (last - 3..last, vec![0, 0, 7]),
    ] {
        let plan = Plan::new(chunks.clone().into(), range);
        let reader = open_plan(&world, plan, Session::default());
        assert_eq!(world.run(collect(reader)).unwrap().unwrap(), expected);
    }
}

// F83
#[test]
fn a_manifest_of_size_zero_is_not_requested() {
    let world = World::new();
    let mut chunks = file(&world, 1, 10);
    chunks.push(Chunk { is_manifest: true, modified: 9, ..plain(&["http://a/list"], 5, 0) });
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), bytes(0..10));
    assert_eq!(world.log().len(), 1, "it is not requested");
}

// F41, F93
#[test]
fn a_chunk_larger_than_the_budget_is_held_within_it() {
    let world = World::new();
    world.store("http://a/0", bytes(0..100_000));
    world.script(|_| Script::default().piece(1000));
    let session = session(4, 10_000);
    let stats = session.stats.clone();
    let reader = open(&world, vec![plain(&["http://a/0"], 0, 100_000)], session);
    let (some, reader) = read_some(&world, reader, 1);
    world.run_for(MS * 3_600_000);
    assert!(stats.stats().bytes_received <= 12_000, "{} bytes", stats.stats().bytes_received);
    let rest = world.run(collect(reader)).unwrap().unwrap();
    assert_eq!([some, rest].concat(), bytes(0..100_000));
    // After an hour it has no connection any more.
    assert_eq!((world.log().len(), stats.stats().retries), (2, 1));
    assert!(stats.stats().bytes_received <= 102_000, "{} bytes", stats.stats().bytes_received);
    assert!(stats.stats().peak_bytes_ahead <= 10_000);
}

#[test]
fn streams_share_the_pool_and_an_idle_one_blocks_no_other() {
    let world = World::new();
    let mut chunks = file(&world, 50, 100);
    // With digests a chunk is complete when its last byte has arrived, before it is read.
    chunks.iter_mut().for_each(|chunk| chunk.md5 = Some(md5(&bytes(chunk.offset..chunk.end()))));
    let pool = Pool::new(PoolLimits { max_bytes: 400, ..PoolLimits::default() });
    let with_pool = || {
        let mut session = session(8, 1 << 20);
        session.pool = pool.clone();
        session
    };
    let idle = open(&world, chunks.clone(), with_pool());
    let (_, idle) = read_some(&world, idle, 1);
    world.run_for(MS);
    assert_eq!(pool.bytes(), 400);
    let other = open(&world, chunks, with_pool());
    assert_eq!(world.run(collect(other)).unwrap().unwrap(), bytes(0..5000));
    assert!(
        pool.peak_bytes() <= 500,
        "the head of the other stream may exceed the limit: {}",
        pool.peak_bytes()
    );
    drop(idle);
    assert_eq!((pool.bytes(), pool.in_flight()), (0, 0));
}

#[test]
fn a_manifest_without_room_does_not_block_earlier_views() {
    let world = World::new();
    let of_id = |id: &str| Chunk { source: Source::FileId(id.into()), ..plain(&[], 20, 10) };
    let listed = of_id("1,0200000001");
    world.store("http://a/1,0100000001", protobuf::manifest(std::slice::from_ref(&listed), 0));
    world.store("http://a/1,0200000001", bytes(20..30));
    world.store("http://a/0", bytes(10..20));
    world.locator(|id, _| Ok(Location { urls: vec![format!("http://a/{id}")], token: None }));
    let manifest = Chunk { is_manifest: true, ..of_id("1,0100000001") };
    let chunks = vec![plain(&["http://a/0"], 10, 10), manifest];
    let mut session = Session::default();
    session.pool = Pool::new(PoolLimits { max_bytes: 10, ..PoolLimits::default() });
    assert_eq!(read(&world, chunks, session).unwrap(), [vec![0; 10], bytes(10..30)].concat());
}

#[test]
fn a_pool_limits_the_views_in_flight_of_its_streams() {
    let world = World::new();
    let chunks = file(&world, 20, 10);
    world.script(|_| Script::default().latency(MS));
    let pool = Pool::new(PoolLimits { max_concurrency: 3, ..PoolLimits::default() });
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut session = session(8, 1 << 20);
        session.pool = pool.clone();
        readers.push(open(&world, chunks.clone(), session));
    }
    let all = world.run(futures::future::join_all(readers.into_iter().map(collect))).unwrap();
    assert!(all.into_iter().all(|read| read.unwrap() == bytes(0..200)));
    assert_eq!(world.most_open(), 3);
}

#[test]
fn requests_to_a_host_are_limited() {
    let world = World::new();
    let chunks = file(&world, 20, 10);
    world.script(|_| Script::default().latency(MS));
    let mut session = session(8, 1 << 20);
    session.options.per_host = 2;
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..200));
    assert_eq!(world.most_open(), 2);
}

#[test]
fn bytes_of_a_corrupt_replica_are_not_reused() {
    let world = World::new();
    world.store("http://a/0", b"<h1>Please log in</h1>".to_vec());
    world.store("http://b/0", bytes(0..1000));
    let mut chunk = plain(&["http://a/0", "http://b/0"], 0, 1000);
    chunk.md5 = Some(md5(&bytes(0..1000)));
    let mut session = session(1, 1 << 20);
    session.options.verify = Verify::Strict;
    assert_eq!(read(&world, vec![chunk.clone()], session).unwrap(), bytes(0..1000));

    world.store("http://b/0", vec![1; 1000]);
    let mut session = Session::default();
    session.options.verify = Verify::Strict;
    let error = read(&world, vec![chunk], session).unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts().len()),
        (Kind::ShortBody, 6),
        "three passes over two replicas"
    );
}

#[test]
fn a_handle_ends_a_stream_between_reads() {
    let world = World::new();
    let chunks = file(&world, 20, 10);
    world.script(|_| Script::default().latency(MS * 1000));
    let reader = open(&world, chunks, Session::default());
    let handle = reader.handle();
    world.spawn({
        let world = world.clone();
        async move {
            world.sleep(MS).await;
            handle.fail(kelp_stream::Error::new(Kind::Closed, "it was closed"));
        }
    });
    let (none, error) = read_to_error(&world, reader);
    assert_eq!((none.len(), error.kind(), error.offset()), (0, Kind::Closed, Some(0)));
    world.run_for(MS);
    assert_eq!((world.open(), world.timers()), (0, 0));
}

#[test]
fn waits_are_attributed_to_the_network_or_the_reader() {
    let world = World::new();
    let chunks = file(&world, 4, 1000);
    world.script(|_| Script::default().latency(MS * 30));
    let slow_network = session(1, 1 << 20);
    let stats = slow_network.stats.clone();
    read(&world, chunks.clone(), slow_network).unwrap();
    assert_eq!(stats.stats().waits.network, MS * 120);
    assert!(stats.stats().waits.reader.is_zero());

    let slow_reader = session(1, 1000);
    let stats = slow_reader.stats.clone();
    let (_, reader) = read_some(&world, open(&world, chunks, slow_reader), 1000);
    world.run_for(MS * 500);
    drop(reader);
    assert!(stats.stats().waits.reader >= MS * 400, "{:?}", stats.stats().waits);
}

#[test]
fn events_report_requests_delivered_bytes_and_one_end() {
    let world = World::new();
    let chunks = file(&world, 5, 100);
    read(&world, chunks, Session::default()).unwrap();
    let events = world.events();
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let sum = |kind| events.iter().filter(|e| e.kind == kind).filter_map(|e| e.bytes).sum::<u64>();
    assert_eq!((count(EventKind::Queue), count(EventKind::Request), count(EventKind::Headers)), (5, 5, 5));
    assert_eq!((sum(EventKind::Delivered), sum(EventKind::Body), count(EventKind::End)), (500, 500, 1));
    assert_eq!(events.last().map(|event| event.kind), Some(EventKind::End));
}

#[test]
fn the_driver_is_send_if_its_host_is() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let world = World::new();
    let (driver, reader) = prefetch(Plan::new(Vec::new().into(), 0..0), world.host(), Session::default());
    drop(is_send(driver));
    drop(is_send(reader));
}

#[test]
fn inline_content_needs_no_request() {
    let world = World::new();
    let inline = Chunk { source: Source::Inline(bytes(0..50).into()), ..plain(&[], 0, 50) };
    let reader = open_plan(&world, Plan::new(vec![inline].into(), 10..30), Session::default());
    assert_eq!(world.run(collect(reader)).unwrap().unwrap(), bytes(10..30));
    assert_eq!(world.log().len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// For any sizes, holes, latencies, faults, limits and range: the delivered bytes are the stored ones,
    /// the limits hold, and nothing is left running.
    // F15, F49
    #[test]
    fn every_run_delivers_the_file_or_an_error(
        sizes in prop::collection::vec((1..3000_u64, 0..3_u64), 1..15),
        width in 1..8_usize,
        budget in 1..6000_u64,
        cut in (0..1000_u64, 0..1000_u64),
        seed in any::<u64>(),
        faults in prop::collection::vec(0..12_u8, 40),
    ) {
        let world = World::new();
        world.seed(seed);
        let (mut end, mut chunks, mut model) = (0, Vec::new(), Vec::new());
        for (i, (size, gap)) in sizes.iter().enumerate() {
            end += gap * 100;
            model.resize(end as usize, 0);
            let urls = [format!("http://a/{i}"), format!("http://b/{i}")];
            urls.iter().for_each(|url| world.store(url, bytes(end..end + size)));
            let mut chunk = plain(&[&urls[0], &urls[1]], end, *size);
            chunk.md5 = (i % 2 == 0).then(|| md5(&bytes(end..end + size)));
            chunks.push(chunk);
            model.extend(bytes(end..end + size));
            end += size;
        }
        world.script(move |asked| {
            let n = asked.url.bytes().fold(asked.nth, |n, byte| n * 31 + usize::from(byte));
            let script = Script::default().latency(MS * (n % 17) as u32).piece(n % 900 + 1).rate(1_000_000);
            script.outcome(match faults[n % faults.len()] {
                0 => Outcome::Refused,
                1 => Outcome::Status(503),
                2 => Outcome::Cut(n % 1000),
                3 => Outcome::End(n % 1000),
                4 => Outcome::Stall(n % 1000),
                _ => Outcome::Good,
            })
        });
        let range = (cut.0 * end / 1000)..end - (cut.1 * end / 1000).min(end - cut.0 * end / 1000);
        let mut session = session(width, budget);
        session.options.retry.passes = 8;
        let stats = session.stats.clone();
        let largest = sizes.iter().map(|(size, _)| *size).max().unwrap();
        let reader = open_plan(&world, Plan::new(chunks.into(), range.clone()), session);
        let read = world.run(collect(reader)).expect("it does not hang");
        match read {
            Ok(all) => prop_assert!(all == model[range.start as usize..range.end as usize], "other bytes"),
            // In rare cases all eight passes over two replicas fail.
            Err(error) => prop_assert!(error.attempts().len() >= 16 || error.kind() == Kind::Corrupt, "{error:?}"),
        }
        prop_assert!(stats.stats().peak_bytes_ahead <= budget.max(largest));
        prop_assert!(world.most_open() <= width + stats.stats().hedges as usize);
        world.run_for(MS);
        prop_assert_eq!((world.open(), stats.stats().bytes_ahead, stats.stats().in_flight), (0, 0, 0));
    }
}

/// The times at which pieces are delivered, and their lengths.
fn deliveries(world: &World, reader: Reader<SimHost>) -> Vec<(Duration, usize)> {
    let (mut reader, clock) = (reader, world.clone());
    let all = async move {
        let mut times = Vec::new();
        while let Some(piece) = reader.next().await {
            times.push((clock.now(), piece.expect("no fault is scripted").len()));
        }
        times
    };
    world.run(all).expect("it does not hang")
}

// F84
#[test]
fn a_throttle_delivers_bytes_evenly_holes_included() {
    let world = World::new();
    let mut chunks = file(&world, 4, 1000);
    chunks.remove(1);
    let mut session = Session::default();
    session.options.throttle = Some(1000.0);
    let times = deliveries(&world, open(&world, chunks, session));
    assert_eq!(times.iter().map(|(_, len)| len).sum::<usize>(), 4000);
    assert!(times.iter().all(|(_, len)| *len <= 50));
    for (nth, (time, _)) in times.iter().enumerate() {
        assert_eq!(*time, MS * 50 * u32::try_from(nth).unwrap(), "{nth}");
    }
}

#[test]
fn a_throttled_reader_fetches_ahead_within_its_budget() {
    let world = World::new();
    let chunks = file(&world, 20, 1000);
    let mut session = Session::default();
    session.options.throttle = Some(1000.0);
    session.options.max_bytes_ahead = 3000;
    let stats = session.stats.clone();
    let (some, reader) = read_some(&world, open(&world, chunks, session), 500);
    assert_eq!(some, bytes(0..500));
    assert!(stats.stats().peak_bytes_ahead <= 3000);
    assert!((3..=4).contains(&world.log().len()));
    drop(reader);
    world.run_for(MS);
    assert_eq!((world.open(), world.timers()), (0, 0));
}

// F112
#[test]
fn an_error_ends_a_throttled_stream_at_once() {
    let world = World::new();
    let chunks = file(&world, 1, 1000);
    let mut session = Session::default();
    session.options.throttle = Some(1.0);
    let reader = open(&world, chunks, session);
    let handle = reader.handle();
    let later = world.clone();
    world.spawn(async move {
        later.sleep(MS * 1500).await;
        handle.fail(Error::new(Kind::Closed, "it was closed"));
    });
    let (some, error) = read_to_error(&world, reader);
    assert_eq!((some.len(), error.kind(), world.now()), (2, Kind::Closed, MS * 1500));
}
