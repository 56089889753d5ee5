//! The MD5s of many chunks that arrive together.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use kelp_stream::{
    Kind,
    formats::manifest::{ChunkFields, Manifest, ManifestFields},
    native::{Client, Options},
    schedule::options::Verify,
};
use md5::{Digest, Md5};

use crate::{quick, run, server::Server};

const CHUNKS: usize = 48;

/// Chunks of different lengths, and a server that has them.
struct Chunks {
    server: Server,
    all: Arc<Vec<Vec<u8>>>,
}

impl Chunks {
    fn start() -> Self {
        let len = |at: usize| 1 + at * 7919 % 150_000;
        let chunk = |at: usize| (0..len(at)).map(|n| ((n * (at + 3)) >> 3) as u8).collect();
        let all: Arc<Vec<Vec<u8>>> = Arc::new((0..CHUNKS).map(chunk).collect());
        let served = Arc::clone(&all);
        let server = Server::start(move |head| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let chunk = &served[path[1..].parse::<usize>().unwrap()];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", chunk.len());
            [head.as_bytes(), chunk].concat()
        });
        Self { server, all }
    }

    fn bytes(&self) -> Vec<u8> {
        self.all.concat()
    }

    /// The file; the MD5 of chunk `wrong` is that of another text.
    fn manifest(&self, wrong: Option<usize>) -> Manifest {
        let mut offset = 0;
        let chunk = |(at, bytes): (usize, &Vec<u8>)| {
            let digested = if wrong == Some(at) { b"another" } else { &bytes[..] };
            let chunk = ChunkFields {
                urls: vec![format!("{}/{at}", self.server.origin)],
                offset,
                size: bytes.len() as u64,
                md5: Some(Md5::digest(digested).to_vec()),
                ..ChunkFields::default()
            };
            offset += chunk.size;
            chunk
        };
        let chunks: Vec<ChunkFields> = self.all.iter().enumerate().map(chunk).collect();
        ManifestFields { size: offset, chunks, ..ManifestFields::default() }.check().unwrap()
    }
}

fn options(verify: Verify) -> Options {
    let mut options = quick();
    options.read.verify = verify;
    options.read.concurrency = 16.into();
    options
}

#[test]
fn many_chunks_in_many_streams_are_digested_at_once() {
    run(async {
        let (chunks, client) = (Chunks::start(), Client::new());
        let read = |verify| {
            let file = client.open_manifest(chunks.manifest(None), &options(verify)).unwrap();
            async move { file.bytes(..).await.unwrap() }
        };
        let modes = [Verify::Stream, Verify::Strict, Verify::Stream, Verify::Transit, Verify::Stream];
        for bytes in join_all(modes.map(read)).await {
            assert_eq!(bytes, chunks.bytes());
        }
    });
}

#[test]
fn a_wrong_md5_is_found_and_the_end_of_its_chunk_withheld() {
    run(async {
        let chunks = Chunks::start();
        for wrong in [0, 1, 20, CHUNKS - 1] {
            for verify in [Verify::Stream, Verify::Strict] {
                let client = Client::new();
                let file = client.open_manifest(chunks.manifest(Some(wrong)), &options(verify)).unwrap();
                let mut reader = file.stream(..).unwrap();
                let mut read = Vec::new();
                let error = loop {
                    match reader.next().await.unwrap() {
                        Ok(piece) => read.extend_from_slice(&piece),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), Kind::Corrupt, "{wrong}: {error}");
                let before = chunks.all[..wrong].concat().len();
                let end = before + chunks.all[wrong].len();
                let most = if verify == Verify::Strict { before + 1 } else { end };
                assert!((before..most).contains(&read.len()), "{wrong}: {} bytes", read.len());
                assert!(chunks.bytes().starts_with(&read), "{wrong}");
            }
        }
    });
}

#[test]
fn readers_dropped_in_the_middle_leave_nothing_in_the_way() {
    run(async {
        let (chunks, client) = (Chunks::start(), Client::new());
        for pieces in 0..30 {
            let file = client.open_manifest(chunks.manifest(None), &options(Verify::Stream)).unwrap();
            let mut reader = file.stream(..).unwrap();
            for _ in 0..pieces {
                reader.next().await.unwrap().unwrap();
            }
            drop(reader);
            assert_eq!(file.stats().in_flight, 0);
        }
        let file = client.open_manifest(chunks.manifest(None), &options(Verify::Stream)).unwrap();
        assert_eq!(file.bytes(..).await.unwrap(), chunks.bytes());
    });
}

#[test]
fn a_runtime_ends_in_the_middle_and_the_next_one_reads_all() {
    let (chunks, client) = (Chunks::start(), Client::new());
    for _ in 0..5 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let file = client.open_manifest(chunks.manifest(None), &options(Verify::Stream)).unwrap();
        let mut reader = runtime.block_on(async {
            let mut reader = file.stream(..).unwrap();
            reader.next().await.unwrap().unwrap();
            reader
        });
        runtime.shutdown_timeout(Duration::from_secs(10));
        let rest = futures::FutureExt::now_or_never(reader.next());
        assert!(rest.is_none_or(|piece| piece.unwrap().is_ok()), "its driver is gone, so it gets no error");
    }
    run(async {
        let file = client.open_manifest(chunks.manifest(None), &options(Verify::Stream)).unwrap();
        assert_eq!(file.bytes(..).await.unwrap(), chunks.bytes());
    });
}
