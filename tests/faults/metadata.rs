//! Sizes that do not match the stored bytes, and lists of chunks that multiply (F75 to F91, F121 to F126).

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use kelp_stream::{
    Kind, Plan, Session,
    formats::seaweedfs::entry::Keys,
    http::headers::Headers,
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    read::{open::OpenContext, streams::Streams},
    schedule::pool::{Pool, PoolLimits},
    sim::{Script, World, collect},
};

use crate::{setup::*, support::*};

// F36, F75
#[test]
fn a_chunk_stored_too_short_is_an_error_and_shifts_nothing() {
    let world = World::new();
    world.store("http://a/0", bytes(0..500));
    world.store("http://a/1", bytes(1000..2000));
    let chunks = vec![plain(&["http://a/0"], 0, 1000), plain(&["http://a/1"], 1000, 1000)];
    let (some, error) = read_to_error(&world, open(&world, chunks, passes(2)));
    assert_eq!((some, error.kind(), error.offset()), (bytes(0..500), Kind::ShortBody, Some(500)));
}

// F75
#[test]
fn bytes_beyond_the_size_after_a_truncation_are_clipped() {
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

/// A world in which every file id is at one server, and the manifest or chunk `k` has the id `1,<k>00000001`.
fn world_of_ids() -> World {
    let world = World::new();
    world.locator(|id, _| Ok(Location { urls: vec![format!("http://a/{id}")], token: None }));
    world
}

fn id(k: u64) -> Source {
    Source::FileId(format!("1,{k:04x}00000001").into())
}

/// The manifest `k` over the positions 0 to 100.
fn over_all(k: u64) -> Chunk {
    Chunk { source: id(k), is_manifest: true, ..Chunk::plain(id(k), 0, 100) }
}

fn store_manifest(world: &World, k: u64, chunks: &[Chunk]) {
    world.store(&format!("http://a/{}", id(k).name()), protobuf::manifest(chunks, 0));
}

// F121
#[test]
fn manifests_that_multiply_are_read_once_each() {
    let world = world_of_ids();
    for k in 1..=6 {
        let next = if k == 6 { vec![Chunk::plain(id(7), 0, 100)] } else { vec![over_all(k + 1); 10] };
        store_manifest(&world, k, &next);
    }
    world.store(&format!("http://a/{}", id(7).name()), bytes(0..100));
    let started = std::time::Instant::now();
    assert_eq!(read(&world, vec![over_all(1); 10], Session::default()).unwrap(), bytes(0..100));
    assert_eq!(world.log().len(), 7, "six manifests and a chunk");
    // It took 38 s when each listing counted.
    assert!(started.elapsed().as_secs() < 10);
}

// F121
#[test]
fn two_thousand_manifests_over_one_stretch_are_read() {
    let world = world_of_ids();
    world.store(&format!("http://a/{}", id(0).name()), bytes(0..100));
    world.store(&format!("http://a/{}", id(1).name()), bytes(500..600));
    let newest = Chunk { modified: 2, size: 50, ..Chunk::plain(id(1), 25, 50) };
    for k in 2..2000 {
        store_manifest(&world, k, &[Chunk { modified: -1, ..Chunk::plain(id(0), 0, 100) }]);
    }
    store_manifest(&world, 1000, &[Chunk::plain(id(0), 0, 100), newest]);
    let chunks = (2..2000).map(over_all).collect();
    let started = std::time::Instant::now();
    let expected = [bytes(0..25), bytes(500..550), bytes(75..100)].concat();
    assert_eq!(read(&world, chunks, Session::default()).unwrap(), expected);
    assert_eq!(world.log().len(), 1998 + 3);
    // It took 51 s with a search for each manifest.
    assert!(started.elapsed().as_secs() < 20);
}

// F122
#[test]
fn a_million_chunks_are_planned_in_slices() {
    let world = World::new();
    world.store("http://a/0", bytes(0..1000));
    let chunks: Vec<Chunk> = (0..200_000).rev().map(|i| plain(&["http://a/0"], i * 1000, 1000)).collect();
    let reader = open(&world, chunks, Session::default());
    let turns = Arc::new(AtomicUsize::new(0));
    let (count, network) = (Arc::clone(&turns), world.clone());
    world.spawn(async move {
        while network.log().is_empty() {
            count.fetch_add(1, Ordering::Relaxed);
            let mut is_over = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    });
    let (some, _reader) = read_some(&world, reader, 1000);
    assert_eq!(some, bytes(0..1000));
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > 50, "{turns}: other tasks have their turn before the first request");
}

// F125
#[test]
fn metadata_that_is_too_long_is_not_read() {
    let world = world_of_ids();
    let huge = vec![b' '; 9 << 20];
    world.store("http://f/x", huge.clone());
    world.store(&format!("http://a/{}", id(1).name()), huge);
    let session = || {
        let mut session = Session::default();
        session.options.max_metadata_bytes = 8 << 20;
        session
    };
    let context = OpenContext {
        host: world.host(),
        session: session(),
        shared_streams: Streams::default(),
        can_renew_filer_token: false,
    };
    let opening = async { context.open_filer("http://f/x", None, &Keys::default()).await.map(drop) };
    let error = world.run(opening).unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
    let error = read(&world, vec![over_all(1)], session()).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
    assert!(world.counts().bytes_sent < 1 << 20, "the length is known before the body");
    // A server that does not say how long the body is.
    world.script(|_| Script::default().headers(Headers::default()));
    let error = read(&world, vec![over_all(1)], session()).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
}

// F126
#[test]
fn a_chunk_that_the_host_cannot_hold_is_not_requested() {
    let world = World::new();
    let mut chunk = at_two(&world, bytes(0..1000), 128 << 20);
    chunk.key = Some(key());
    let mut session = Session::default();
    session.pool = Pool::new(PoolLimits { max_chunk_bytes: 40 << 20, ..PoolLimits::default() });
    let reader = open_plan(&world, Plan::new(vec![chunk.clone()].into(), 5..6), session.clone());
    let (_, error) = read_to_error(&world, reader);
    assert_eq!(error.kind(), Kind::Limit);
    assert!(asked(&world).is_empty());
    // A plain chunk is not held.
    chunk.key = None;
    let reader = open_plan(&world, Plan::new(vec![chunk].into(), 5..6), session);
    assert_eq!(world.run(collect(reader)).unwrap().unwrap(), bytes(5..6));
}

const MIB: u64 = 1 << 20;

/// A session of at most this many MiB ahead and eight views, over a network of small pieces.
fn of_mib(world: &World, mib: u64) -> Session {
    world.script(|_| Script::default().piece(64 << 10).rate(10_000_000));
    let mut session = passes(1);
    session.options.max_bytes_ahead = mib * MIB;
    session.options.concurrency = 8.into();
    session
}

// F204
#[test]
fn chunks_longer_than_their_size_stay_within_the_budget() {
    let world = World::new();
    let stored = encrypted(&bytes(0..MIB), &key());
    let chunks: Vec<Chunk> = (0..8)
        .map(|i| {
            let url = format!("http://a/{i}");
            world.store(&url, stored.clone());
            Chunk { key: Some(key()), ..plain(&[&url], i * 1000, 1000) }
        })
        .collect();
    let session = of_mib(&world, 1);
    let meter = session.stats.clone();
    let reader = open(&world, chunks, session);
    let (mut some, reader) = read_some(&world, reader, 500);
    // The reader pauses: no read waits for the rest, which holds no connection meanwhile.
    world.run_for(60 * SECOND);
    assert_eq!(world.open(), 0);
    some.extend(world.run(collect(reader)).unwrap().unwrap());
    assert!(some == bytes(0..1000).repeat(8));
    // The head is held as stored and as decoded.
    let peak = meter.stats().peak_bytes_ahead;
    assert!((2 * MIB..3 * MIB + (MIB >> 1)).contains(&peak), "{peak}");
    assert!(meter.stats().requests <= 16, "{:?}", meter.stats());
}

// F205
#[test]
fn manifests_read_ahead_stay_within_the_budget() {
    let world = world_of_ids();
    world.store(&format!("http://a/{}", id(0).name()), bytes(0..800));
    // An unknown field of 3 MiB.
    let padding = [&[0xfa, 1, 0x80, 0x80, 0xc0, 1][..], &vec![0; 3 << 20]].concat();
    let chunks: Vec<Chunk> = (1..=4)
        .map(|k| {
            let span = Chunk::plain(id(k), (k - 1) * 200, 200);
            let listed = Chunk { source: id(0), ..span.clone() };
            let content = [protobuf::manifest(&[listed], 0), padding.clone()].concat();
            world.store(&format!("http://a/{}", id(k).name()), content);
            Chunk { is_manifest: true, ..span }
        })
        .collect();
    let session = of_mib(&world, 5);
    let meter = session.stats.clone();
    assert_eq!(read(&world, chunks, session).unwrap(), bytes(0..200).repeat(4));
    // One is held twice, and no other beside it.
    let peak = meter.stats().peak_bytes_ahead;
    assert!((6 * MIB..6 * MIB + (MIB >> 1)).contains(&peak), "{peak}");
    assert!(meter.stats().requests <= 12, "{:?}", meter.stats());
}
