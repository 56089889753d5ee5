//! The setup of the tests: files at two hosts, scripts of servers, and reads.

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flate2::write::GzEncoder;
use futures::{
    StreamExt,
    future::{Either, select},
};
use kelp_stream::{
    Error, Plan,
    host::{LocateError, event::EventKind},
    model::{
        chunk::{Chunk, Source},
        location::Location,
    },
    read::session::Session,
    schedule::options::Verify,
    sim::{Outcome, Script, SimRequest, World, collect},
};

use crate::support::*;

pub const SECOND: Duration = Duration::from_secs(1);

/// A session with this many passes over the replicas.
pub fn passes(passes: u32) -> Session {
    let mut session = Session::default();
    session.options.retry.passes = passes;
    session
}

pub fn verify(verify: Verify) -> Session {
    let mut session = passes(1);
    session.options.verify = verify;
    session
}

/// A chunk of `size` bytes at hosts a and b.
pub fn two(world: &World, size: u64) -> Chunk {
    at_two(world, bytes(0..size), size)
}

pub fn at_two(world: &World, stored: Vec<u8>, size: u64) -> Chunk {
    world.store("http://a/0", stored.clone());
    world.store("http://b/0", stored);
    plain(&["http://a/0", "http://b/0"], 0, size)
}

/// The same chunk at this replica only.
pub fn plain_at(chunk: &Chunk, url: &str) -> Chunk {
    Chunk { source: Source::Urls([url.to_owned()].into()), ..chunk.clone() }
}

pub fn digested(chunk: Chunk, all: &[u8]) -> Chunk {
    Chunk { md5: Some(md5(all)), ..chunk }
}

/// An encrypted chunk at hosts a and b.
pub fn sealed(world: &World, size: u64) -> Chunk {
    let stored = encrypted(&bytes(0..size), &key());
    Chunk { key: Some(key()), ..at_two(world, stored, size) }
}

/// A chunk with a file id, which a lookup finds at `hosts`.
pub fn located(world: &World, hosts: &'static [&'static str], size: u64) -> Chunk {
    for host in hosts {
        world.store(&format!("http://{host}/3,01"), bytes(0..size));
    }
    world.locator(move |id, _| Ok(location(hosts, id)));
    of_id("3,01", size)
}

pub fn of_id(id: &str, size: u64) -> Chunk {
    Chunk { source: Source::FileId(id.into()), ..plain(&[], 0, size) }
}

pub fn location(hosts: &[&str], id: &str) -> Location {
    Location { urls: hosts.iter().map(|host| format!("http://{host}/{id}")).collect(), token: None }
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// Bodies in pieces of 100 bytes. Endless requests end in a panic.
pub fn outcomes(world: &World, outcome: impl Fn(&SimRequest) -> Outcome + Send + 'static) {
    world.script(move |asked| {
        assert!(asked.nth < 1000, "more than 1000 requests");
        Script::default().piece(100).outcome(outcome(asked))
    });
}

/// The outcome of each host; others are good.
pub fn hosts(world: &World, list: &'static [(&'static str, Outcome)]) {
    outcomes(world, move |asked| {
        let known = list.iter().find(|(host, _)| *host == asked.host);
        known.map_or(Outcome::Good, |(_, outcome)| outcome.clone())
    });
}

/// The outcome of the first request to each host; other requests are good.
pub fn at_first(world: &World, list: &'static [(&'static str, Outcome)]) {
    outcomes(world, move |asked| {
        let known = list.iter().find(|(host, _)| *host == asked.host && asked.nth == 0);
        known.map_or(Outcome::Good, |(_, outcome)| outcome.clone())
    });
}

/// All requests: `a`, `b bytes=0-99`.
pub fn asked(world: &World) -> Vec<String> {
    let one = |asked: &SimRequest| match asked.range {
        Some(range) => format!("{} {range}", asked.host),
        None => asked.host.clone(),
    };
    world.log().iter().map(|logged| one(&logged.asked)).collect()
}

/// The time of each request.
pub fn times(world: &World) -> Vec<Duration> {
    world.log().iter().map(|logged| logged.at).collect()
}

pub fn kinds(world: &World) -> Vec<EventKind> {
    world.events().iter().map(|event| event.kind).collect()
}

pub fn hosts_of(error: &Error) -> Vec<&str> {
    error.attempts().iter().map(|each| each.host.as_str()).collect()
}

/// Reads one chunk whole.
pub fn read_one(world: &World, chunk: Chunk, session: Session) -> Result<Vec<u8>, Error> {
    read(world, vec![chunk], session)
}

/// Reads a part of one chunk at the start of its file.
pub fn read_part(
    world: &World,
    chunk: Chunk,
    part: std::ops::Range<u64>,
    session: Session,
) -> Result<Vec<u8>, Error> {
    let reader = open_plan(world, Plan::new(vec![chunk].into(), part), session);
    world.run(collect(reader)).expect("the stream ends")
}

/// Reads a chunk with a reader that pauses after each piece.
pub fn read_with_pauses(world: &World, chunk: Chunk, session: Session, pause: Duration) -> Vec<u8> {
    let mut reader = open(world, vec![chunk], session);
    let clock = world.clone();
    let read = world.run(async move {
        let mut read = Vec::new();
        while let Some(piece) = reader.next().await {
            read.extend_from_slice(&piece.expect("it is read"));
            clock.sleep(pause).await;
        }
        read
    });
    read.expect("it ends")
}

/// Reads to the end, or for one minute of the virtual clock: `None` if retries do not end.
pub fn read_within_a_minute(
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
    world.run(course).expect("the clock advances")
}

/// A file whose second chunk, at hosts a and b, is complete long before the first.
pub fn second_after_a_slow_first(world: &World, stored: Vec<u8>) -> Vec<Chunk> {
    world.store("http://slow/0", bytes(0..1000));
    let second = Chunk { offset: 1000, ..at_two(world, stored, 1000) };
    vec![plain(&["http://slow/0"], 0, 1000), second]
}

/// The calls of the locator: `3,01`, `3,01 refresh`.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub fn add(&self, id: &str, refresh: bool) {
        let call = if refresh { format!("{id} refresh") } else { id.to_owned() };
        self.0.lock().expect("no thread panicked").push(call);
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("no thread panicked").clone()
    }
}

/// Sets the locator, by file id and whether to refresh; returns its calls.
pub fn locator(
    world: &World,
    locate: impl Fn(&str, bool) -> Result<Location, LocateError> + Send + 'static,
) -> Calls {
    let calls = Calls::default();
    world.locator({
        let calls = calls.clone();
        move |id, refresh| {
            calls.add(id, refresh);
            locate(id, refresh)
        }
    });
    calls
}

/// Tokens t1, t2, ... in the order of the calls.
pub fn numbered_tokens(world: &World) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    world.tokens({
        let count = Arc::clone(&count);
        move |_, _| Ok(Some(format!("t{}", count.fetch_add(1, Ordering::Relaxed) + 1)))
    });
    count
}

pub fn queries(world: &World) -> Vec<String> {
    world.log().into_iter().map(|logged| logged.asked.query).collect()
}
