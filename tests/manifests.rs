//! Chunks of the generic manifest that share a URL: they are merged, and the file stays the same.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

mod support;

use std::ops::Range;

use kelp_stream::{
    Error, Kind, Plan,
    http::headers::Headers,
    model::{chunk::Chunk, merge::merge},
    read::session::Session,
    schedule::{
        plan::{ManifestCache, Summary},
        retry::RetryPolicy,
    },
    sim::{Outcome, Script, World, collect},
};
use proptest::prelude::*;
use support::*;

const PACK: &str = "http://a/pack";

/// A chunk of `size` bytes at `offset` of the file, stored at position `at` of a pack.
fn packed(url: &str, offset: u64, size: u64, at: u64) -> Chunk {
    Chunk { stored: Some(at..at + size), ..plain(&[url], offset, size) }
}

/// A file of `count` chunks of 100 bytes, stored one after the other in a pack from its byte 50.
fn pack(world: &World, count: u64) -> Vec<Chunk> {
    world.store(PACK, [vec![0xee; 50], bytes(0..100 * count), vec![0xee; 50]].concat());
    (0..count).map(|i| packed(PACK, 100 * i, 100, 50 + 100 * i)).collect()
}

fn patient(max_bytes_ahead: u64) -> Session {
    let mut session = Session::default();
    session.options.max_bytes_ahead = max_bytes_ahead;
    session.options.retry = RetryPolicy { passes: 2, base_delay: MS, max_delay: 2 * MS };
    session
}

fn read_range(
    world: &World,
    chunks: Vec<Chunk>,
    range: Range<u64>,
    session: Session,
) -> Result<Vec<u8>, Error> {
    let reader = open_plan(world, Plan::new(chunks.into(), range), session);
    world.run(collect(reader)).expect("it does not hang")
}

#[test]
fn neighbours_that_fit_are_one_request() {
    let world = World::new();
    let chunks = pack(&world, 40);
    // A merged chunk has at most an eighth of the budget: ten chunks.
    let session = patient(8000);
    let merged = merge(chunks.clone(), session.options.max_bytes_ahead);
    let plan = Plan::new(merged.clone().into(), 0..4000);
    assert_eq!(Summary::of(&plan, &ManifestCache::default(), 8000).requests, 4);
    assert_eq!(read_range(&world, merged.clone(), 0..4000, session.clone()).unwrap(), bytes(0..4000));
    let ranges: Vec<_> = world.log().iter().map(|l| l.asked.range.unwrap().to_string()).collect();
    assert_eq!(ranges, ["bytes=50-1049", "bytes=1050-2049", "bytes=2050-3049", "bytes=3050-4049"]);
    assert!(session.stats.stats().peak_bytes_ahead <= 8000);
    // Only the needed part of a merged chunk is requested.
    assert_eq!(read_range(&world, merged, 995..1005, session).unwrap(), bytes(995..1005));
    let ranges: Vec<_> = world.log()[4..].iter().map(|l| l.asked.range.unwrap().to_string()).collect();
    assert_eq!(ranges, ["bytes=1045-1049", "bytes=1050-1054"]);
}

#[test]
fn merged_chunks_fail_like_unmerged_ones() {
    for outcome in [Outcome::Status(404), Outcome::Status(403), Outcome::Status(500), Outcome::Refused] {
        let errors = [false, true].map(|together| {
            let world = World::new();
            let mut chunks = pack(&world, 20);
            let gone = outcome.clone();
            chunks[10] = packed("http://b/other", 1000, 100, 0);
            world.script(move |asked| {
                let outcome = if asked.host == "b" { gone.clone() } else { Outcome::Good };
                Script::default().outcome(outcome)
            });
            let session = patient(1 << 20);
            let chunks = if together { merge(chunks, session.options.max_bytes_ahead) } else { chunks };
            assert_eq!(chunks.len(), if together { 3 } else { 20 });
            let (some, error) = read_to_error(&world, open(&world, chunks, session));
            assert_eq!(some, bytes(0..1000));
            (error.kind(), error.offset(), error.chunk().map(str::to_owned), error.attempts().to_vec())
        });
        assert_eq!(errors[0], errors[1]);
    }
}

#[test]
fn a_pack_that_ends_too_early_is_a_short_body() {
    for together in [false, true] {
        let world = World::new();
        let chunks = pack(&world, 20);
        world.store(PACK, [vec![0xee; 50], bytes(0..1000)].concat());
        let session = patient(1 << 20);
        let chunks = if together { merge(chunks, session.options.max_bytes_ahead) } else { chunks };
        let (some, error) = read_to_error(&world, open(&world, chunks, session));
        assert_eq!((some, error.offset()), (bytes(0..1000), Some(1000)));
        assert_eq!(error.kind(), Kind::ShortBody);
    }
}

#[test]
fn each_pack_has_its_own_version() {
    let world = World::new();
    world.store("http://a/1", bytes(0..200));
    world.store("http://a/2", bytes(200..400));
    let chunks: Vec<_> =
        [("http://a/1", 0, 0), ("http://a/2", 200, 0), ("http://a/1", 100, 100), ("http://a/2", 300, 100)]
            .map(|(url, offset, at)| packed(url, offset, 100, at))
            .into();
    let mut session = patient(1 << 20);
    session.options.concurrency = 1.into();
    let tagged = |etag: &str| {
        Script::default().headers(Headers { etag: Some(format!("\"{etag}\"")), ..Headers::default() })
    };
    world.script(move |asked| tagged(&asked.url));
    assert_eq!(read(&world, chunks.clone(), session.clone()).unwrap(), bytes(0..400));
    // The pack of the last chunk changes.
    world.script(move |asked| {
        if asked.range.unwrap().start == 100 && asked.url == "http://a/2" {
            tagged("new")
        } else {
            tagged(&asked.url)
        }
    });
    let (some, error) = read_to_error(&world, open(&world, chunks, session));
    assert_eq!((error.kind(), some), (Kind::SourceChanged, bytes(0..300)));
}

/// Chunks in file order, and the content of the file. Each chunk is stored after the previous one, at a
/// distance, or in another pack. There may be a hole before it, and it may have another version.
fn files() -> impl Strategy<Value = (World, Vec<Chunk>, Vec<u8>)> {
    let chunk = (1..60_u64, 0..2_usize, 0..8_u64, 0..8_u64, 0..8_i64);
    prop::collection::vec(chunk, 1..40).prop_map(|list| {
        let urls = ["http://a/0", "http://a/1"];
        let mut packs = [Vec::new(), Vec::new()];
        let (mut chunks, mut file) = (Vec::new(), Vec::new());
        for (size, pack, hole, distance, modified) in list {
            // Most chunks are neighbours.
            file.extend(vec![0; hole.saturating_sub(6) as usize]);
            packs[pack].extend(vec![0xee; distance.saturating_sub(6) as usize]);
            let (offset, at) = (file.len() as u64, packs[pack].len() as u64);
            let content = bytes(offset..offset + size);
            file.extend_from_slice(&content);
            packs[pack].extend(content);
            chunks.push(Chunk { modified: modified / 7, ..packed(urls[pack], offset, size, at) });
        }
        let world = World::new();
        urls.iter().zip(packs).for_each(|(url, pack)| world.store(url, pack));
        (world, chunks, file)
    })
}

#[test]
fn chunks_that_are_apart_in_a_pack_are_not_merged() {
    let world = World::new();
    world.store(PACK, vec![0, 0xee, 31]);
    let chunks = vec![packed(PACK, 0, 1, 0), packed(PACK, 1, 1, 2)];
    let merged = merge(chunks.clone(), 16);
    assert_eq!(merged, chunks);
    for (range, right) in [(0..2, &[0, 31][..]), (0..1, &[0][..])] {
        assert_eq!(read_range(&world, merged.clone(), range, patient(16)).unwrap(), right);
    }
}

proptest! {
    #[test]
    fn merging_does_not_change_the_file(
        (world, chunks, file) in files(),
        max_bytes_ahead in 1..4000_u64,
        from in 0.0..1.0_f64,
        to in 0.0..1.0_f64,
    ) {
        let merged = merge(chunks.clone(), max_bytes_ahead);
        prop_assert!(merged.len() <= chunks.len());
        prop_assert!(merged.iter().all(|c| c.size <= (max_bytes_ahead / 8).max(59)));
        let (from, to) = ((from * file.len() as f64) as u64, (to * file.len() as f64) as u64 + 1);
        for range in [0..file.len() as u64, from.min(to)..to] {
            let right = &file[range.start as usize..range.end as usize];
            for chunks in [chunks.clone(), merged.clone()] {
                let read = read_range(&world, chunks, range.clone(), patient(max_bytes_ahead)).unwrap();
                prop_assert_eq!(&read[..], right);
            }
        }
    }
}
