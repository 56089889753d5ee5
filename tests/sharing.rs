//! Automatic concurrency, and how streams share it, over simulated links.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::StreamExt;
use kelp_stream::{
    Error, Kind, Plan,
    host::event::EventKind,
    model::chunk::{Chunk, Source},
    prefetch,
    read::{session::Session, stats::Stats},
    schedule::{
        options::{Concurrency, Priority},
        pool::{Pool, PoolLimits},
    },
    sim::{Busy, Link, Outcome, Protocol, Script, World},
};
use support::MS;

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

/// A file of chunks of one size at one host.
fn chunks(size: u64, chunk: u64) -> Vec<Chunk> {
    let one = |i| Chunk::plain(Source::Urls([format!("http://a/{i}")].into()), i * chunk, chunk);
    (0..size / chunk).map(one).collect()
}

/// A world with one link.
fn world(chunk: u64, link: Link) -> World {
    let world = World::new();
    world.sizes(move |_| Some(chunk));
    world.link("a", link);
    world
}

fn http2(round_trip: Duration, bandwidth: u64) -> Link {
    Link { round_trip, bandwidth, protocol: Protocol::Http2(1000), ..Link::default() }
}

/// A stream that is being read.
struct Watched {
    bytes: Rc<RefCell<u64>>,
    first: Rc<RefCell<Option<Duration>>>,
    session: Session,
}

fn start(world: &World, session: &Session, chunks: &[Chunk], rate: Option<f64>) -> Watched {
    let mut session = session.clone();
    session.stats = Default::default();
    let end = chunks.iter().map(Chunk::end).max().unwrap_or_default();
    let plan = Plan::new(chunks.to_vec().into(), 0..end);
    let (driver, mut reader) = prefetch(plan, world.host(), session.clone());
    world.spawn(driver);
    let watched = Watched { bytes: Rc::default(), first: Rc::default(), session };
    let (bytes, first, clock) = (Rc::clone(&watched.bytes), Rc::clone(&watched.first), world.clone());
    world.spawn(async move {
        while let Some(piece) = reader.next().await {
            let len = piece.expect("no fault is scripted").len() as u64;
            first.borrow_mut().get_or_insert(clock.now());
            *bytes.borrow_mut() += len;
            if let Some(rate) = rate {
                clock.sleep(Duration::from_secs_f64(len as f64 / rate)).await;
            }
        }
    });
    watched
}

impl Watched {
    fn read(&self) -> u64 {
        *self.bytes.borrow()
    }

    fn stats(&self) -> Stats {
        self.session.stats.stats()
    }
}

/// Reads the whole file. Returns the time that this took, and the stats.
fn whole(world: &World, session: &Session, chunks: &[Chunk]) -> (Duration, Stats) {
    let (begun, size) = (world.now(), chunks.iter().map(|chunk| chunk.size).sum::<u64>());
    let stream = start(world, session, chunks, None);
    while stream.read() < size {
        world.run_for(MS);
    }
    (world.now() - begun, stream.stats())
}

fn pooled() -> Session {
    let mut session = Session::default();
    session.pool = Pool::default();
    session
}

fn fixed(views: usize) -> Session {
    let mut session = pooled();
    session.options.concurrency = Concurrency::Fixed(views);
    session
}

#[test]
fn auto_concurrency_is_about_as_good_as_the_best_fixed_one() {
    for (round_trip, bandwidth, chunk, count) in [
        (20 * MS, 12_500_000, 64 << 10, 500),
        (100 * MS, 12_500_000, 64 << 10, 500),
        (20 * MS, 125_000_000, MIB, 200),
        (50 * MS, 125_000_000, 4 * MIB, 100),
        (2 * MS, 12_500_000, MIB, 40),
        (50 * MS, 1_250_000, 4 * MIB, 4),
    ] {
        let file = chunks(chunk * count, chunk);
        let swept = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
            .map(|views| (views, whole(&world(chunk, http2(round_trip, bandwidth)), &fixed(views), &file).0));
        let best = swept.iter().map(|(_, time)| *time).min().unwrap();
        let enough = swept.iter().find(|(_, time)| best >= time.mul_f64(0.97)).unwrap().0;
        let (session, world) = (pooled(), world(chunk, http2(round_trip, bandwidth)));
        let (first, _) = whole(&world, &session, &file);
        let (second, stats) = whole(&world, &session, &file);
        let what = format!("{round_trip:?} {bandwidth} {chunk}: best {best:?}, {first:?}, {second:?}");
        assert!(best.as_secs_f64() / first.as_secs_f64() > 0.85, "{what}");
        assert!(best.as_secs_f64() / second.as_secs_f64() > 0.95, "{what}");
        // With few chunks, less than four views in flight make no measurable difference.
        let most = (enough * 3 / 2).max(4);
        // The byte budget may allow fewer views in flight than the concurrency.
        let concurrency =
            stats.concurrency.min(usize::try_from(session.options.max_bytes_ahead / chunk).unwrap());
        assert!(concurrency <= most, "{} although {enough} suffice: {what}", stats.concurrency);
    }
}

#[test]
fn automatic_concurrency_stays_within_its_maximum() {
    let world = world(64 << 10, http2(100 * MS, 125_000_000));
    let mut session = pooled();
    session.options.concurrency = Concurrency::Auto { max: 5 };
    let (_, stats) = whole(&world, &session, &chunks(20 * MIB, 64 << 10));
    assert_eq!((stats.concurrency, world.counts().most_open), (5, 5));
}

#[test]
fn changes_of_the_concurrency_are_reported() {
    let world = world(64 << 10, http2(100 * MS, 125_000_000));
    let (_, stats) = whole(&world, &pooled(), &chunks(20 * MIB, 64 << 10));
    let reported: Vec<_> =
        world.events().into_iter().filter(|event| event.kind == EventKind::Width).collect();
    assert!(reported.len() > 1, "{reported:?}");
    assert_eq!(reported.last().and_then(|event| event.width), Some(stats.concurrency));
    assert!(reported.windows(2).all(|pair| pair[0].width != pair[1].width));
}

#[test]
fn an_overloaded_server_gets_fewer_requests() {
    let busy = Some(Busy { above: 12, status: 503, retry_after: None });
    let world = world(64 << 10, Link { busy, ..http2(100 * MS, 125_000_000) });
    let (_, stats) = whole(&world, &pooled(), &chunks(40 * MIB, 64 << 10));
    assert!(stats.retries < 100, "{} of {}", stats.retries, stats.requests);
    // What each of the last requests found at the server, itself included.
    let (log, late) = (world.log(), stats.requests as usize * 3 / 4);
    let open = |at| log.iter().filter(|l| l.at <= at && l.ended.is_none_or(|ended| ended > at)).count();
    let most = log[late..].iter().map(|logged| open(logged.at)).max();
    assert!(most <= Some(14), "{most:?}");
}

#[test]
fn a_later_stream_starts_with_the_learned_concurrency() {
    let (world, session) = (world(64 << 10, http2(50 * MS, 125_000_000)), pooled());
    let file = chunks(20 * MIB, 64 << 10);
    let (_, learned) = whole(&world, &session, &file);
    let before = world.counts().requests;
    let stream = start(&world, &session, &file, None);
    world.run_for(MS * 40);
    assert!(learned.concurrency > 16, "{}", learned.concurrency);
    assert_eq!(world.counts().requests - before, learned.concurrency as u64);
    assert_eq!(stream.read(), 0);
}

#[test]
fn streams_of_a_pool_share_a_link_and_fill_it() {
    let (world, session) = (world(MIB, http2(20 * MS, 12_500_000)), pooled());
    let file = chunks(1 << 30, MIB);
    let streams: Vec<_> = (0..10).map(|_| start(&world, &session, &file, None)).collect();
    world.run_for(20 * SECOND);
    let read: Vec<_> = streams.iter().map(Watched::read).collect();
    let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
    assert!(*least as f64 / *most as f64 > 0.85, "{read:?}");
    assert!(read.iter().sum::<u64>() as f64 > 0.95 * 20.0 * 12_500_000.0, "{read:?}");
}

#[test]
fn a_new_stream_among_ten_gets_its_first_bytes_soon() {
    let link = || world(MIB, http2(20 * MS, 125_000_000));
    let file = chunks(4 << 30, MIB);
    let first_mib = |world: &World, session: &Session| {
        let (begun, stream) = (world.now(), start(world, session, &file, None));
        while stream.read() < MIB {
            world.run_for(MS);
        }
        (stream.first.borrow().unwrap() - begun, world.now() - begun)
    };
    let alone = first_mib(&link(), &pooled());
    let (world, session) = (link(), pooled());
    let bulk: Vec<_> = (0..10).map(|_| start(&world, &session, &file, None)).collect();
    world.run_for(5 * SECOND);
    let among = first_mib(&world, &session);
    drop(bulk);
    assert!(among.0 <= alone.0 * 3, "first byte {:?}, alone {:?}", among.0, alone.0);
    assert!(among.1 <= alone.1 * 5 / 2, "first MiB {:?}, alone {:?}", among.1, alone.1);
}

#[test]
fn a_background_stream_yields_and_does_not_starve() {
    let (world, session) = (world(MIB, http2(20 * MS, 12_500_000)), pooled());
    let file = chunks(1 << 30, MIB);
    let with = |priority| {
        let mut session = session.clone();
        session.options.priority = priority;
        session
    };
    let (low, high) = (with(Priority::Low), with(Priority::High));
    let low = start(&world, &low, &file, None);
    world.run_for(5 * SECOND);
    let before = low.read();
    let high = start(&world, &high, &file, None);
    world.run_for(20 * SECOND);
    let (low, high) = (low.read() - before, high.read());
    assert!(high > 4 * low, "{high} and {low}");
    assert!(low > 10 * MIB, "{low}");
}

#[test]
fn a_closed_stream_returns_its_share_to_the_others() {
    let (world, session) = (world(MIB, http2(20 * MS, 12_500_000)), pooled());
    let file = chunks(1 << 30, MIB);
    let stream = start(&world, &session, &file, None);
    let (driver, reader) =
        prefetch(Plan::new(file.clone().into(), 0..1 << 30), world.host(), session.clone());
    world.spawn(driver);
    let (_, reader) = world
        .run(async move {
            let mut reader = reader;
            (reader.next().await.is_some(), reader)
        })
        .unwrap();
    world.run_for(5 * SECOND);
    drop(reader);
    let before = stream.read();
    world.run_for(5 * SECOND);
    assert!(stream.read() - before > 60_000_000, "{}", stream.read() - before);
    assert!(session.pool.in_flight() <= stream.stats().in_flight);
}

#[test]
fn for_a_slow_reader_only_seconds_of_look_ahead_are_held() {
    let (world, session) = (world(MIB, http2(20 * MS, 125_000_000)), pooled());
    let stream = start(&world, &session, &chunks(1 << 30, MIB), Some(2_000_000.0));
    world.run_for(30 * SECOND);
    let held = stream.stats().bytes_ahead;
    assert!(held <= 8 * MIB, "{held} of {}", session.options.max_bytes_ahead);
    assert!(stream.read() > 55_000_000, "{}", stream.read());
    assert!(stream.stats().waits.reader > 20 * SECOND, "{:?}", stream.stats().waits);
}

#[test]
fn large_chunks_over_one_link_are_not_requested_together() {
    let (world, session) = (world(4 * MIB, http2(20 * MS, 125_000_000)), pooled());
    let file = chunks(512 * MIB, 4 * MIB);
    whole(&world, &session, &file);
    let (time, _) = whole(&world, &session, &file);
    let link = Duration::from_secs_f64(512.0 * MIB as f64 / 125_000_000.0);
    assert!(link.as_secs_f64() / time.as_secs_f64() > 0.96, "{time:?} of {link:?}");
}

#[test]
fn a_pool_counts_each_stream_once_however_it_ends() {
    let limits = PoolLimits { max_concurrency: 3, ..PoolLimits::default() };
    let world = world(64 << 10, http2(20 * MS, 125_000_000));
    let mut session = Session::default();
    session.pool = Pool::new(limits);
    for _ in 0..50 {
        let plan = Plan::new(chunks(MIB, 64 << 10).into(), 0..MIB);
        let (driver, mut reader) = prefetch(plan, world.host(), session.clone());
        world.spawn(driver);
        assert!(world.run(async move { reader.next().await.is_some() }).unwrap());
    }
    assert_eq!((session.pool.in_flight(), session.pool.bytes()), (0, 0));
    assert!(world.counts().most_open <= 3);
}

#[test]
fn a_waiting_stream_that_ended_does_not_block_others() {
    let world = world(64 << 10, http2(20 * MS, 125_000_000));
    let mut session = Session::default();
    session.pool = Pool::new(PoolLimits { max_concurrency: 1, ..PoolLimits::default() });
    let file = chunks(MIB, 64 << 10);
    let other = start(&world, &session, &file, None);
    world.run_for(MS);
    let (driver, mut reader) = prefetch(Plan::new(file.into(), 0..MIB), world.host(), session.clone());
    world.spawn(driver);
    let handle = reader.handle();
    let timer = world.clone();
    let ended = world.run(async move {
        let fails = async {
            timer.sleep(MS).await;
            handle.fail(Error::new(Kind::Closed, "it was closed"));
        };
        let (item, ()) = futures::join!(reader.next(), fails);
        (item, reader)
    });
    // The failed reader is kept: it must not block the other stream.
    let (item, _reader) = ended.unwrap();
    assert!(item.unwrap().is_err());
    world.run_for(2 * SECOND);
    assert_eq!(other.read(), MIB);
}

#[test]
fn a_hanging_server_does_not_block_streams_of_another() {
    let world = World::new();
    world.sizes(|_| Some(64 << 10));
    ["a", "b"].iter().for_each(|host| world.link(host, http2(20 * MS, 125_000_000)));
    world.script(|asked| match asked.host.as_str() {
        "a" => Script::default().outcome(Outcome::Silent),
        _ => Script::default(),
    });
    let session = pooled();
    let hanging = start(&world, &session, &chunks(MIB, 64 << 10), None);
    world.run_for(10 * MS);
    let good =
        |i: u64| Chunk::plain(Source::Urls([format!("http://b/{i}")].into()), i * (64 << 10), 64 << 10);
    let stream = start(&world, &session, &(0..16).map(good).collect::<Vec<_>>(), None);
    world.run_for(10 * SECOND);
    assert_eq!(hanging.read(), 0);
    assert!(stream.read() >= 9 * (64 << 10), "{}", stream.read());
}
