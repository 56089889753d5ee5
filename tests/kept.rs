//! Decoded chunks that are kept, and fetches that reads share: what makes a request, what goes first, and who gets what.
#![cfg(not(target_arch = "wasm32"))]

mod support;

use std::{io::Write, ops::Range, time::Duration};

use flate2::write::GzEncoder;
use futures::{
    StreamExt,
    future::{join, join_all},
};
use kelp_stream::{
    Error, Kind, Plan, Reader,
    error::Error as StreamError,
    fetch::locator::Locator,
    host::event::EventKind,
    model::chunk::{Chunk, CipherKey, Compression, Source},
    prefetch_keeping,
    read::{KeptChunks, session::Session},
    schedule::{
        options::Verify,
        pool::{Pool, PoolLimits},
    },
    sim::{Outcome, Script, SimHost, World, collect},
};
use proptest::prelude::*;
use support::*;

const SIZE: u64 = 1000;

/// An open file, in a world, with the chunks that its pool keeps.
#[derive(Clone)]
struct File {
    world: World,
    chunks: Vec<Chunk>,
    session: Session,
    kept: KeptChunks<bytes::Bytes>,
}

/// Files of one pool.
fn kept(chunks: u64) -> KeptChunks<bytes::Bytes> {
    KeptChunks::new(chunks * SIZE)
}

impl File {
    /// A file of encrypted chunks of 1000 bytes; chunk i is at `http://a/i`.
    fn sealed(count: u64, kept: KeptChunks<bytes::Bytes>) -> Self {
        let world = World::new();
        world.script(|_| Script::default().latency(10 * MS).piece(100));
        let chunks = (0..count).map(|i| sealed(&world, i, &key())).collect();
        let mut session = Session::default();
        session.options.retry.passes = 1;
        Self { world, chunks, session, kept }
    }

    /// The same chunks, opened as another file of the pool.
    fn reopened(&self) -> Self {
        let mut other = self.clone();
        other.session.stats = Default::default();
        other
    }

    fn stream(&self, range: Range<u64>) -> Reader<SimHost> {
        let plan = Plan::new(self.chunks.clone().into(), range);
        let (driver, reader) =
            prefetch_keeping(plan, self.world.host(), self.session.clone(), self.kept.clone());
        self.world.spawn(driver);
        reader
    }

    /// Reads these bytes, and checks them.
    fn read(&self, range: Range<u64>) {
        let read = self.try_read(range.clone()).expect("it is read");
        assert_eq!(read, bytes(range));
    }

    fn try_read(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        self.world.run(collect(self.stream(range))).expect("it does not hang")
    }

    /// The chunks that were requested, by their numbers.
    fn asked(&self) -> Vec<String> {
        self.world.log().iter().map(|logged| logged.asked.url.replace("http://a/", "")).collect()
    }

    fn hits(&self) -> u64 {
        self.session.stats.stats().cache_hits
    }
}

/// Chunk i of a file, encrypted, at host a.
fn sealed(world: &World, i: u64, key: &CipherKey) -> Chunk {
    let url = format!("http://a/{i}");
    world.store(&url, encrypted(&bytes(i * SIZE..(i + 1) * SIZE), key));
    Chunk { key: Some(key.clone()), ..plain(&[&url], i * SIZE, SIZE) }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// One encrypted chunk that a filer relays: any file of that filer finds it.
fn relayed(kept: KeptChunks<bytes::Bytes>) -> File {
    let mut file = File::sealed(0, kept);
    file.world.store("http://f/", encrypted(&bytes(0..SIZE), &key()));
    let source = Source::FileId("3,01637037d6".into());
    file.chunks = vec![Chunk { key: Some(key()), ..Chunk::plain(source, 0, SIZE) }];
    file.session.locator = Locator::proxy("http://f");
    file
}

// F186
#[test]
fn a_read_that_a_kept_chunk_covers_makes_no_request() {
    let file = File::sealed(2, kept(2));
    for start in [500, 10, 990, 1500, 700] {
        file.read(start..start + 50);
    }
    assert_eq!(file.asked(), ["0", "1"], "a read over both chunks would ask for nothing more");
    assert_eq!((file.hits(), file.kept.bytes()), (4, 2 * SIZE));
    assert!(!file.world.events().iter().any(|event| event.kind == EventKind::Retry));
}

// F186
#[test]
fn a_compressed_chunk_is_kept_too() {
    let mut file = File::sealed(0, kept(1));
    file.world.store("http://a/0", gzip(&bytes(0..SIZE)));
    file.chunks = vec![Chunk { compression: Compression::Gzip, ..plain(&["http://a/0"], 0, SIZE) }];
    file.read(10..20);
    file.read(900..1000);
    assert_eq!((file.asked().len(), file.hits()), (1, 1));
}

// F186
#[test]
fn what_a_server_compresses_is_kept_if_a_part_is_wanted() {
    let mut file = File::sealed(0, kept(1));
    let chunk = support::file(&file.world, 1, SIZE).remove(0);
    file.chunks =
        vec![Chunk { compression: Compression::ByServer, md5: Some(md5(&bytes(0..SIZE))), ..chunk }];
    file.read(10..20);
    file.read(900..1000);
    assert_eq!((file.asked().len(), file.hits()), (1, 1));
    // The whole is passed on as it arrives.
    file.read(0..1000);
    assert_eq!((file.asked().len(), file.hits()), (2, 1));
}

#[test]
fn a_plain_chunk_is_read_in_ranges_and_not_kept() {
    let mut file = File::sealed(0, kept(4));
    file.chunks = support::file(&file.world, 1, SIZE);
    file.read(10..20);
    file.read(10..20);
    assert_eq!((file.asked().len(), file.kept.bytes()), (2, 0));
}

#[test]
fn without_a_limit_nothing_is_kept_or_shared() {
    let file = File::sealed(1, KeptChunks::default());
    let [first, second] = [file.stream(0..10), file.stream(20..30)];
    let (first, second) = file.world.run(join(collect(first), collect(second))).expect("they end");
    assert_eq!((first.expect("it is read"), second.expect("it is read")), (bytes(0..10), bytes(20..30)));
    file.read(0..10);
    assert_eq!((file.asked().len(), file.kept.bytes(), file.hits()), (3, 0, 0));
}

#[test]
fn the_least_recently_used_chunk_goes_first() {
    let file = File::sealed(4, kept(2));
    for start in [100, 1100, 100, 2100, 100, 1100] {
        file.read(start..start + 10);
    }
    assert_eq!(file.asked(), ["0", "1", "2", "1"]);
}

// F187
#[test]
fn a_stream_through_the_file_pushes_out_nothing() {
    let file = File::sealed(8, kept(2));
    file.read(100..110);
    file.read(0..8 * SIZE);
    file.read(200..210);
    assert_eq!(file.asked().iter().filter(|asked| *asked == "0").count(), 1);
    assert!(file.kept.bytes() <= 2 * SIZE);
    // What there was room for is kept: here chunk 1.
    file.read(1100..1110);
    assert_eq!(file.asked().iter().filter(|asked| *asked == "1").count(), 1);
}

// F187
#[test]
fn a_chunk_that_was_read_to_its_end_goes_first() {
    let file = File::sealed(4, kept(2));
    file.read(100..110);
    // Block by block, from the start to the end.
    (0..10).for_each(|i| file.read(1000 + i * 100..1100 + i * 100));
    file.read(2100..2110);
    file.read(100..110);
    assert_eq!(file.asked(), ["0", "1", "2"], "chunk 1 went, although chunk 0 was used before it");
    file.read(1100..1110);
    assert_eq!(file.asked(), ["0", "1", "2", "1"]);
}

// F188
#[test]
fn reads_at_the_same_time_share_one_fetch() {
    let file = File::sealed(1, kept(1));
    let ranges: Vec<_> = (0..20).map(|i| i * 50..i * 50 + 30).collect();
    let reads = join_all(ranges.iter().map(|range| collect(file.stream(range.clone()))));
    let read = file.world.run(reads).expect("they end");
    for (range, read) in ranges.into_iter().zip(read) {
        assert_eq!(read.expect("it is read"), bytes(range));
    }
    assert_eq!((file.asked().len(), file.hits()), (1, 19));
    assert_eq!(file.session.pool.in_flight(), 0);
    assert_eq!(file.session.pool.bytes(), 0);
}

// F188
#[test]
fn a_chunk_for_which_there_is_no_room_is_shared_too() {
    let file = File::sealed(1, KeptChunks::new(10));
    let reads = [file.stream(0..1000), file.stream(20..30)].map(collect);
    let read = file.world.run(join_all(reads)).expect("they end");
    let read: Vec<_> = read.into_iter().map(|read| read.expect("it is read")).collect();
    assert_eq!(read, [bytes(0..1000), bytes(20..30)]);
    assert_eq!((file.asked().len(), file.kept.bytes()), (1, 0));
}

/// Begins two reads of one chunk, and drops the first of them after 15 ms, in the middle of the body.
fn first_is_cancelled(first: &File, second: &File) -> Result<Vec<u8>, StreamError> {
    first.world.script(|_| Script::default().latency(10 * MS).piece(100).rate(100_000));
    let (mut one, two) = (first.stream(0..10), second.stream(20..30));
    let clock = first.world.clone();
    let course = async move {
        let cancelled = async {
            assert!(futures::poll!(one.next()).is_pending());
            clock.sleep(15 * MS).await;
            drop(one);
        };
        join(cancelled, collect(two)).await.1
    };
    first.world.run(course).expect("it ends")
}

// F189
#[test]
fn a_shared_fetch_outlives_the_reader_that_began_it() {
    let file = File::sealed(1, kept(1));
    assert_eq!(first_is_cancelled(&file, &file).expect("it is read"), bytes(20..30));
    assert_eq!(file.asked().len(), 1);
    assert_eq!((file.world.open(), file.world.timers(), file.session.pool.in_flight()), (0, 0, 0));
    let last = file.world.events().iter().rposition(|event| event.kind == EventKind::Body);
    let end = file.world.events().iter().position(|event| event.kind == EventKind::End);
    assert!(last < end, "a stream that has ended reports nothing more");
}

// F189
#[test]
fn another_file_begins_anew_if_the_reader_is_cancelled() {
    let first = relayed(kept(1));
    let second = first.reopened();
    assert_eq!(first_is_cancelled(&first, &second).expect("it is read"), bytes(20..30));
    assert_eq!(first.asked().len(), 2, "with its own credentials");
    assert!(first.world.log()[0].aborted);
}

// F189
#[test]
fn a_fetch_that_no_one_waits_for_is_cancelled() {
    let file = File::sealed(1, kept(1));
    file.world.script(|_| Script::default().latency(10 * MS).piece(100).rate(1000));
    let (mut one, mut two) = (file.stream(0..10), file.stream(20..30));
    let clock = file.world.clone();
    let course = async move {
        assert!(futures::poll!(one.next()).is_pending());
        assert!(futures::poll!(two.next()).is_pending());
        clock.sleep(15 * MS).await;
        drop(one);
        clock.sleep(15 * MS).await;
        assert_eq!(clock.open(), 1);
        drop(two);
        clock.sleep(MS).await;
        assert_eq!(clock.open(), 0);
    };
    file.world.run(course).expect("it ends");
    assert_eq!(file.asked().len(), 1);
}

// F190
#[test]
fn those_who_wait_for_a_failed_fetch_try_themselves() {
    let file = File::sealed(1, kept(1));
    file.world.script(|asked| {
        let outcome = if asked.nth == 0 { Outcome::Status(500) } else { Outcome::Good };
        Script::default().latency(10 * MS).outcome(outcome)
    });
    let reads = [file.stream(0..10), file.stream(20..30), file.stream(40..50)].map(collect);
    let mut read = file.world.run(join_all(reads)).expect("they end").into_iter();
    assert_eq!(
        read.next().expect("there are three").expect_err("it has one attempt").kind(),
        Kind::Http(500)
    );
    assert_eq!(read.next().expect("there are three").expect("it is read"), bytes(20..30));
    assert_eq!(read.next().expect("there are three").expect("it is read"), bytes(40..50));
}

// F191
#[test]
fn a_fetch_that_hangs_is_not_waited_for() {
    let mut file = File::sealed(1, kept(1));
    file.session.options.timeout.headers = Duration::from_secs(600);
    file.world.script(|asked| {
        let outcome = if asked.nth == 0 { Outcome::Silent } else { Outcome::Good };
        Script::default().outcome(outcome)
    });
    file.session.options.hedge = false;
    let (mut one, two) = (file.stream(0..10), file.stream(20..30));
    let course = async move {
        assert!(futures::poll!(one.next()).is_pending());
        let read = collect(two).await;
        (read, one)
    };
    let (read, _one) = file.world.run(course).expect("it ends");
    assert_eq!(read.expect("it is read"), bytes(20..30));
    assert!(file.world.now() <= Duration::from_secs(21), "{:?}", file.world.now());
}

// F192
#[test]
fn what_was_not_verified_serves_no_other_read() {
    let mut file = File::sealed(1, kept(1));
    file.chunks[0].md5 = Some(md5(b"other bytes"));
    let mut unverified = file.clone();
    unverified.session.options.verify = Verify::Off;
    unverified.read(0..10);
    for verify in [Verify::Stream, Verify::Transit, Verify::Strict] {
        file.session.options.verify = verify;
        let error = file.try_read(0..10).expect_err("its MD5 is wrong");
        assert_eq!(error.kind(), Kind::Corrupt);
    }
    // The other way round it does.
    file.chunks[0].md5 = Some(md5(&bytes(0..SIZE)));
    file.session.options.verify = Verify::Strict;
    file.read(0..10);
    unverified.chunks = file.chunks.clone();
    let before = file.asked().len();
    unverified.read(10..20);
    assert_eq!(file.asked().len(), before);
}

// F192
#[test]
fn a_read_that_verifies_does_not_share_a_fetch_that_does_not() {
    let mut file = File::sealed(1, kept(1));
    file.chunks[0].md5 = Some(md5(b"other bytes"));
    let mut unverified = file.clone();
    unverified.session.options.verify = Verify::Off;
    let reads = [unverified.stream(0..10), file.stream(20..30)].map(collect);
    let read = file.world.run(join_all(reads)).expect("they end");
    assert!(read[0].is_ok());
    assert_eq!(read[1].as_ref().expect_err("its MD5 is wrong").kind(), Kind::Corrupt);
}

// F193
#[test]
fn another_key_gets_nothing_of_what_is_kept() {
    let file = relayed(kept(4));
    file.read(0..10);
    let mut other = file.reopened();
    other.read(0..10);
    assert_eq!(file.asked().len(), 1, "the same key is a proof");
    let refused = |file: &File| file.try_read(0..10).expect_err("it is not its chunk").kind();
    other.chunks[0].key = CipherKey::new(&[8; 32]);
    assert_eq!(refused(&other), Kind::Corrupt);
    other.chunks[0].key = None;
    other.session.options.verify = Verify::Off;
    assert_ne!(other.try_read(0..10).expect("it is ciphertext"), bytes(0..10));
    // Nor do another cluster, and another file whose locator is a function.
    other.chunks = file.chunks.clone();
    for locator in [Locator::proxy("http://g"), Locator::master("http://f"), Locator::default()] {
        other.session.locator = locator;
        assert!(other.try_read(0..10).is_err());
    }
}

// F193
#[test]
fn an_unencrypted_chunk_is_kept_for_its_file_only() {
    let mut file = relayed(kept(4));
    file.world.store("http://f/", gzip(&bytes(0..SIZE)));
    file.chunks[0].key = None;
    file.chunks[0].compression = Compression::Gzip;
    file.read(0..10);
    file.read(20..30);
    assert_eq!(file.asked().len(), 1);
    file.reopened().read(0..10);
    assert_eq!(file.asked().len(), 2);
}

// F193
#[test]
fn a_chunk_of_another_length_is_another_chunk() {
    let file = relayed(kept(4));
    let mut short = file.reopened();
    short.chunks[0].size = 100;
    short.read(0..10);
    file.read(500..510);
    assert_eq!((file.asked().len(), file.kept.bytes()), (2, 1100));
}

// F195
#[test]
fn what_is_kept_needs_no_place_in_the_pool() {
    let mut file = File::sealed(2, kept(2));
    file.session.pool = Pool::new(PoolLimits { max_concurrency: 1, max_bytes: 1, ..PoolLimits::default() });
    file.read(0..10);
    file.world.script(|_| Script::default().outcome(Outcome::Silent));
    let mut hangs = file.stream(1000..1010);
    let one = file.stream(500..510);
    let course = async move {
        assert!(futures::poll!(hangs.next()).is_pending());
        (collect(one).await, hangs)
    };
    let (read, _hangs) = file.world.run(course).expect("it ends");
    assert_eq!(read.expect("it is read"), bytes(500..510));
    assert_eq!(file.world.now(), 10 * MS);
}

/// Reads of files in one pool, as they overlap: the file, the range, and how many pieces are read before the reader is
/// dropped.
fn reads() -> impl Strategy<Value = Vec<(usize, u64, u64, usize)>> {
    prop::collection::vec((0..3_usize, 0..8 * SIZE, 1..3 * SIZE, 0..12_usize), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // F194
    #[test]
    fn what_is_kept_never_exceeds_its_limit(limit in 0..6 * SIZE, reads in reads(), faulty: bool) {
        let file = File::sealed(8, KeptChunks::new(limit));
        file.world.script(move |asked| {
            let is_bad = faulty && asked.nth % 3 == 1;
            let outcome = if is_bad { Outcome::Cut(500) } else { Outcome::Good };
            Script::default().latency(5 * MS).piece(100).rate(200_000).outcome(outcome)
        });
        let files = [file.clone(), file.reopened(), file.reopened()];
        let clock = file.world.clone();
        let reading = reads.into_iter().enumerate().map(|(i, (at, start, len, pieces))| {
            let (file, clock) = (files[at].clone(), clock.clone());
            async move {
                clock.sleep(MS * (i as u32 % 7)).await;
                let range = start..(start + len).min(8 * SIZE);
                let (mut reader, mut read) = (file.stream(range.clone()), Vec::new());
                for _ in 0..pieces {
                    match reader.next().await {
                        Some(Ok(piece)) => read.extend_from_slice(&piece),
                        Some(Err(error)) => {
                            assert!(faulty, "{error}");
                            break;
                        }
                        None => {
                            assert_eq!(read.len() as u64, range.end - range.start);
                            break;
                        }
                    }
                    assert!(file.kept.bytes() <= limit);
                }
                assert_eq!(read, bytes(range.start..range.start + read.len() as u64));
                assert!(file.kept.bytes() <= limit);
            }
        });
        let all = join_all(reading.collect::<Vec<_>>());
        prop_assert!(file.world.run(all).is_some(), "it hangs");
        file.world.run_for(MS);
        prop_assert_eq!((file.world.open(), file.session.pool.in_flight(), file.session.pool.bytes()), (0, 0, 0));
    }
}
