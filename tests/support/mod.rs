//! Helpers for the tests in the simulation: files with known bytes, and fixtures.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::panic, reason = "tests may panic")]

pub mod protobuf;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use futures::StreamExt;
use kelp_stream::{
    Error, Plan, Reader, decode,
    formats::seaweedfs::entry::{DataKeys, Entry, EntryError, Keys},
    host::{Algorithm, Checksum},
    model::chunk::{Chunk, CipherKey, Source},
    prefetch,
    read::session::Session,
    sim::{SimHost, World, collect},
};

pub const MS: Duration = Duration::from_millis(1);

/// The byte at a position of the file in every test.
pub fn byte(at: u64) -> u8 {
    (at.wrapping_mul(31) ^ (at >> 8) ^ (at >> 16)) as u8
}

pub fn bytes(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(byte).collect()
}

pub fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest;
    md5::Md5::digest(bytes).into()
}

pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut digest = decode::DirectDigest::new(Algorithm::Crc32c);
    digest.update(bytes);
    match digest.value() {
        Checksum::Crc32c(crc) => crc,
        Checksum::Md5(_) => panic!("it is a CRC"),
    }
}

pub fn plain(urls: &[&str], offset: u64, size: u64) -> Chunk {
    Chunk::plain(Source::Urls(urls.iter().map(|url| (*url).to_owned()).collect()), offset, size)
}

/// The chunks of an entry, with its data keys decrypted.
pub fn chunks_to_read(entry: &Entry, keys: &Keys) -> Result<Vec<Chunk>, EntryError> {
    let mut data_keys = DataKeys::default();
    for wrapped in entry.wrapped_keys(keys) {
        let kek = keys.kek.as_ref().expect("it is needed");
        if let Ok(key) = decode::open(kek, &mut wrapped.bytes().to_vec()) {
            data_keys.insert(wrapped, key);
        }
    }
    entry.chunks_to_read(keys, &data_keys)
}

/// A file of `count` chunks of `size` bytes; chunk i is at `http://a/i`.
pub fn file(world: &World, count: u64, size: u64) -> Vec<Chunk> {
    (0..count)
        .map(|i| {
            let url = format!("http://a/{i}");
            world.store(&url, bytes(i * size..(i + 1) * size));
            plain(&[&url], i * size, size)
        })
        .collect()
}

/// Encrypts bytes as SeaweedFS does.
pub fn encrypted(plain: &[u8], key: &CipherKey) -> Vec<u8> {
    use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
    let nonce = [9; 12];
    let ciphertext =
        Aes256Gcm::new(key.bytes().into()).encrypt(&nonce.into(), plain).expect("it is short enough");
    [&nonce[..], &ciphertext].concat()
}

pub fn key() -> CipherKey {
    CipherKey::new(&[7; 32]).expect("it is 32 bytes")
}

/// Opens a stream of the whole file, and starts its driver.
pub fn open(world: &World, chunks: Vec<Chunk>, session: impl Into<Session>) -> Reader<SimHost> {
    let end = chunks.iter().map(Chunk::end).max().unwrap_or(0);
    open_plan(world, Plan::new(chunks.into(), 0..end), session)
}

pub fn open_plan(world: &World, plan: Plan, session: impl Into<Session>) -> Reader<SimHost> {
    let (driver, reader) = prefetch(plan, world.host(), session.into());
    world.spawn(driver);
    reader
}

/// Reads to the end.
pub fn read(world: &World, chunks: Vec<Chunk>, session: impl Into<Session>) -> Result<Vec<u8>, Error> {
    let reader = open(world, chunks, session);
    world.run(collect(reader)).expect("it does not hang")
}

/// Reads until there are `len` bytes or the stream ends, and returns the reader too.
pub fn read_some(world: &World, reader: Reader<SimHost>, len: usize) -> (Vec<u8>, Reader<SimHost>) {
    let mut reader = reader;
    let some = async move {
        let mut some = Vec::new();
        while some.len() < len
            && let Some(piece) = reader.next().await
        {
            some.extend_from_slice(&piece.expect("these bytes can be read"));
        }
        (some, reader)
    };
    world.run(some).expect("it does not hang")
}

/// Reads until the error, and returns the bytes before it too.
pub fn read_to_error(world: &World, reader: Reader<SimHost>) -> (Vec<u8>, Error) {
    let mut reader = reader;
    let all = async move {
        let mut all = Vec::new();
        loop {
            match reader.next().await.expect("an error stays") {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(error) => return (all, error),
            }
        }
    };
    world.run(all).expect("it does not hang")
}

pub fn fixture(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&fixture(path)).expect("fixtures are JSON")
}

pub fn urls(urls: &[String]) -> Source {
    Source::Urls(Arc::from(urls))
}
