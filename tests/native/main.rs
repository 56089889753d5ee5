//! The native host: against a server whose bytes a test writes, and against the stand-in cluster.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "clippy does not see that helpers are a test's"
)]

mod digests;
mod load;
mod matching_prefix;
mod response;
mod server;
#[path = "../support/store.rs"]
mod store;
mod tls;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64ct::{Base64, Encoding};
use flate2::{Compression, write::GzEncoder};
use futures::{StreamExt, future::join_all};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kelp_stream::{
    Kind,
    formats::{
        manifest::{ChunkFields, ManifestFields},
        seaweedfs::entry::Keys,
    },
    model::{chunk::CipherKey, location::Location},
    native::{Client, File, Locate, Options, Token},
    read::open::UrlHints,
};
use serde_json::{Value, json};
use server::{Server, answer};
use sha2::{Digest, Sha256};
use store::Store;

/// Runs a test for a minute and a half at most.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        tokio::time::timeout(Duration::from_secs(90), test).await.expect("it takes no longer");
    });
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads all of a file; once the first piece is here, the first volume server is killed.
async fn read_while_a_server_dies(file: &File, store: &mut Store) -> Vec<u8> {
    let mut reader = file.stream(..).unwrap();
    let mut bytes = reader.next().await.unwrap().unwrap().to_vec();
    store.ask("killVolume", &json!([0]));
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    bytes
}

fn quick() -> Options {
    let mut options = Options::default();
    options.read.retry.base_delay = Duration::from_millis(1);
    options
}

fn keys(case: &Value) -> Keys {
    let key = |name: &str, decode: fn(&str) -> Vec<u8>| {
        case["key"][name].as_str().map(|text| CipherKey::new(&decode(text)).unwrap())
    };
    let unhex = |text: &str| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    Keys { customer: key("sseC", |text| Base64::decode_vec(text).unwrap()), kek: key("sseS3Kek", unhex) }
}

/// One chunk at a URL that holds `size` bytes.
fn manifest(url: &str, size: u64) -> kelp_stream::formats::manifest::Manifest {
    let chunk = ChunkFields { urls: vec![url.to_owned()], size, ..ChunkFields::default() };
    ManifestFields { size, chunks: vec![chunk], ..ManifestFields::default() }.check().unwrap()
}

async fn read(url: &str, size: u64) -> Result<Vec<u8>, kelp_stream::Error> {
    Client::new().open_manifest(manifest(url, size), &quick()).unwrap().bytes(..).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Reads each file of a cluster whole and in its ranges, by each way to find chunks; returns how many
/// files and ranges were read.
async fn read_cluster(cluster: &str) -> (usize, usize) {
    let client = Client::new();
    let store = Store::start(cluster);
    let mut count = (0, 0);
    for case in &store.cases {
        let url = format!("{}{}", store.filer, urlencoded(case["path"].as_str().unwrap()));
        let mut ways = vec![Locate::Proxy, Locate::Master(store.master.clone())];
        if case["name"] == "manifest" {
            // It has ten thousand chunks: it is read once, and not where each has to be deciphered.
            ways.truncate(if cluster == "cipher" { 0 } else { 1 });
        }
        // The capture has not the bytes that are in a remote storage.
        ways.retain(|_| case["name"] != "remote-only");
        for locate in ways {
            let mut options = quick();
            options.keys = keys(case);
            options.locate = locate;
            let file = client.open_filer(&url, &options).await.unwrap_or_else(|e| panic!("{case}: {e}"));
            let whole = file.bytes(..).await;
            if let Some(expected) = case["expect"].as_str() {
                assert_eq!(format!("error {}", whole.unwrap_err().kind().code()), expected, "{case}");
                continue;
            }
            assert_eq!(hex(&whole.unwrap_or_else(|e| panic!("{case}: {e:?}"))), case["sha256"], "{case}");
            count.0 += 1;
            for range in case["ranges"].as_array().unwrap() {
                let wanted = range["start"].as_u64().unwrap()..range["end"].as_u64().unwrap();
                if file.plan(wanted.clone()).requests > 300 {
                    continue;
                }
                let part = file.bytes(wanted.clone()).await.unwrap();
                assert_eq!(hex(&part), range["sha256"], "{}: {wanted:?}", case["name"]);
                count.1 += 1;
            }
        }
    }
    count
}

#[test]
fn every_file_of_the_plain_cluster_is_read() {
    run(async { assert_eq!(read_cluster("plain").await, (39, 261)) });
}

#[test]
fn every_file_of_the_encrypting_cluster_is_read() {
    run(async { assert_eq!(read_cluster("cipher").await, (40, 274)) });
}

#[test]
fn every_encrypted_object_is_read_whole_and_in_ranges() {
    run(async { assert_eq!(read_cluster("s3").await, (10, 76)) });
}

fn urlencoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

#[test]
fn files_behind_tokens_are_read_and_tokens_renewed() {
    run(async {
        let mut store = Store::start("jwt");
        let filer = store.ask("sign", &json!(["filerRead"])).as_str().unwrap().to_owned();
        let client = Client::new();
        for case in store.cases.clone() {
            let url = format!("{}{}", store.filer, urlencoded(case["path"].as_str().unwrap()));
            let asked = Arc::new(AtomicUsize::new(0));
            let (count, good) = (Arc::clone(&asked), filer.clone());
            let mut options = quick();
            options.locate = Locate::Master(store.master.clone());
            // The first one is refused.
            options.filer_token = Token::by(move |_, _| {
                let first = count.fetch_add(1, Ordering::Relaxed) == 0;
                let token = if first { "e30.e30.bad".to_owned() } else { good.clone() };
                async move { Ok(token) }
            });
            let file = client.open_filer(&url, &options).await.unwrap();
            assert_eq!(hex(&file.bytes(..).await.unwrap()), case["sha256"], "{case}");
            assert!(asked.load(Ordering::Relaxed) >= 2, "{case}");
            let error = client.open_filer(&url, &quick()).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unauthorized);
        }
    });
}

#[test]
fn the_error_of_a_users_function_is_the_cause() {
    run(async {
        let store = Store::start("plain");
        let case = store.case("one");
        let url = format!("{}{}", store.filer, case["path"].as_str().unwrap());
        let client = Client::new();
        let mut options = quick();
        options.locate = Locate::by(|_, _| async { Err("the moon is full".into()) });
        let file = client.open_filer(&url, &options).await.unwrap();
        let error = file.bytes(..).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NoLocations);
        assert_eq!(client.cause(&error).unwrap().to_string(), "the moon is full");

        let volumes = store.volumes.clone();
        options.locate = Locate::by(move |file_id, _| {
            let urls = volumes.iter().map(|volume| format!("{volume}/{file_id}")).collect();
            async { Ok(Location { urls, token: None }) }
        });
        let file = client.open_filer(&url, &options).await.unwrap();
        assert_eq!(hex(&file.bytes(..).await.unwrap()), case["sha256"]);
    });
}

#[test]
fn dead_replicas_and_cut_bodies_are_survived() {
    run(async {
        let mut store = Store::start("");
        let file = store.add("/f.bin", 400_000, 50_000, &json!({ "replicas": [0, 1] }));
        store.ask("fault", &json!([{ "server": "volume1", "times": 3 }, { "cut": 20_000 }]));
        let url = format!("{}/f.bin", store.filer);
        let mut options = quick();
        options.locate = Locate::Master(store.master.clone());
        let opened = Client::new().open_filer(&url, &options).await.unwrap();
        let bytes = read_while_a_server_dies(&opened, &mut store).await;
        assert_eq!(hex(&bytes), file["sha256"]);
    });
}

#[test]
fn dropping_the_reader_closes_every_connection_at_once() {
    run(async {
        let server =
            Server::start(|_| b"HTTP/1.1 200 OK\r\nX-Stall: 1\r\nContent-Length: 1000\r\n\r\nabc".to_vec());
        let client = Client::new();
        let file = client.open_manifest(manifest(&server.origin, 1000), &quick()).unwrap();
        let mut reader = file.stream(..).unwrap();
        assert_eq!(reader.next().await.unwrap().unwrap(), "abc");
        assert_eq!(server.connections().0, 1);
        drop(reader);
        assert!(server.empties().await);
        assert_eq!(file.stats().in_flight, 0);
    });
}

#[test]
fn closing_a_file_or_its_client_ends_its_streams() {
    run(async {
        let server =
            Server::start(|_| b"HTTP/1.1 200 OK\r\nX-Stall: 1\r\nContent-Length: 1000\r\n\r\nabc".to_vec());
        let close: [fn(&Client, &File); 2] = [|_, file| file.close(), |client, _| client.close()];
        for close in close {
            let client = Client::new();
            let file = client.open_manifest(manifest(&server.origin, 1000), &quick()).unwrap();
            let mut reader = file.stream(..).unwrap();
            reader.next().await.unwrap().unwrap();
            close(&client, &file);
            assert_eq!(reader.next().await.unwrap().unwrap_err().kind(), Kind::Closed);
            assert_eq!(file.stream(..).unwrap_err().kind(), Kind::Closed);
            assert!(server.empties().await);
        }
    });
}

#[test]
fn connections_are_used_again() {
    run(async {
        let server = Server::start(|_| answer("200 OK", "", b"abc"));
        let client = Client::new();
        for _ in 0..5 {
            let file = client.open_manifest(manifest(&server.origin, 3), &quick()).unwrap();
            assert_eq!(file.bytes(..).await.unwrap(), b"abc");
        }
        assert_eq!((server.heads().len(), server.connections().1), (5, 1));
    });
}

// F186, F188
#[test]
fn a_client_keeps_decoded_chunks_and_shares_their_fetches() {
    run(async {
        let content: Vec<u8> = (0..9000_u32).map(|i| (i * i) as u8).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&content).unwrap();
        let stored = gzip.finish().unwrap();
        let server = Server::start(move |_| answer("200 OK", "", &stored));
        let fields = ManifestFields {
            size: 9000,
            chunks: vec![ChunkFields {
                urls: vec![format!("{}/a", server.origin)],
                size: 9000,
                gzip: true,
                ..ChunkFields::default()
            }],
            ..ManifestFields::default()
        };
        let client = Client::new();
        let file = client.open_manifest(fields.check().unwrap(), &quick()).unwrap();
        let ranges = (0..20).map(|i| i * 400..i * 400 + 300);
        let reads = join_all(ranges.clone().map(|range| file.bytes(range))).await;
        for (range, read) in ranges.zip(reads) {
            assert_eq!(read.unwrap(), content[range.start as usize..range.end as usize]);
        }
        assert_eq!(file.bytes(8990..9000).await.unwrap(), content[8990..]);
        assert_eq!((server.heads().len(), file.stats().cache_hits, client.cached_bytes()), (1, 20, 9000));
        file.close();
        assert_eq!(client.cached_bytes(), 0);
    });
}

// F134
#[test]
fn a_filer_below_a_path_is_read_there() {
    run(async {
        let entry = r#"{"FullPath":"/f/one","FileSize":3,"chunks":[{"file_id":"3,01637037d6","size":3}]}"#;
        let server = Server::start(move |head| match head.split(' ').nth(1) {
            Some("/files/f/one?metadata=true") => answer("200 OK", "", entry.as_bytes()),
            Some("/files/?proxychunkid=3,01637037d6&readdeleted=true") => answer("200 OK", "", b"abc"),
            _ => answer("404 Not Found", "", b""),
        });
        let client = Client::new();
        let mut options = quick();
        options.header("X-Tenant: seven").unwrap();
        for slash in ["", "/"] {
            let filer = format!("{}/files{slash}", server.origin);
            let file = client.open_entry(entry.as_bytes(), Some(&filer), &options).await.unwrap();
            assert_eq!(file.bytes(..).await.unwrap(), b"abc");
            options.filer = Some(filer);
            let file = client.open_filer(&format!("{}/files/f/one", server.origin), &options).await.unwrap();
            assert_eq!(file.bytes(..).await.unwrap(), b"abc");
            let file = client.open_entry(entry.as_bytes(), None, &options).await.unwrap();
            assert_eq!(file.bytes(..).await.unwrap(), b"abc");
        }
        assert!(server.heads().iter().all(|head| head.contains("x-tenant: seven")));
        let outside = client.open_filer(&format!("{}/f/one", server.origin), &options).await;
        assert_eq!(outside.unwrap_err().kind(), Kind::Unsupported);
    });
}

// F144
#[test]
fn headers_go_to_the_opened_origin_only() {
    run(async {
        let abroad = Server::start(|_| answer("200 OK", "", b"abc"));
        let there = abroad.origin.clone();
        let home = Server::start(move |head| match head.starts_with("get /near") {
            true => answer("302 Found", "Location: /far\r\n", b""),
            false => answer("302 Found", &format!("Location: {there}/x\r\n"), b""),
        });
        let mut options = quick();
        options.headers = HeaderMap::from_iter(
            ["authorization", "x-api-key"]
                .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("secret"))),
        );
        let url = format!("{}/near", home.origin);
        let file = Client::new().open_url(&url, UrlHints::default(), &options).await.unwrap();
        assert_eq!(file.bytes(..).await.unwrap(), b"abc");
        assert!(home.heads().iter().all(|head| head.contains("secret")), "{:?}", home.heads());
        assert!(!abroad.heads().is_empty() && abroad.heads().iter().all(|head| !head.contains("secret")));
    });
}

#[test]
fn a_request_with_a_token_follows_no_redirect() {
    run(async {
        let abroad = Server::start(|_| answer("200 OK", "", b"abc"));
        let there = abroad.origin.clone();
        let home = Server::start(move |_| answer("302 Found", &format!("Location: {there}/x\r\n"), b""));
        let client = Client::new();
        let mut options = quick();
        options.filer_token = Token::fixed("secret");
        let error = client.open_filer(&home.origin, &options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        assert_eq!(
            client.cause(&error).unwrap().to_string(),
            "the server redirected a request that carries a token, and such a redirect is not followed"
        );
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert!(home.heads().iter().all(|head| head.contains("jwt=secret")));
        assert!(abroad.heads().is_empty());
    });
}

#[test]
fn endless_redirects_are_an_error() {
    run(async {
        let server = Server::start(|_| answer("302 Found", "Location: /\r\n", b""));
        assert_eq!(read(&server.origin, 3).await.unwrap_err().kind(), Kind::Network);
    });
}

#[test]
fn all_members_of_a_gzip_encoding_are_decoded() {
    run(async {
        let plain: Vec<u8> = (0..300_000_u32).map(|at| (at / 1000) as u8).collect();
        let packed = [gzip(&plain[..100]), gzip(&plain[100..])].concat();
        let server = Server::start(move |head| match head.contains("accept-encoding: gzip") {
            true => answer("200 OK", "Content-Encoding: gzip\r\n", &packed),
            false => answer("406 Not Acceptable", "", b""),
        });
        let whole: Vec<u8> = (0..300_000_u32).map(|at| (at / 1000) as u8).collect();
        assert_eq!(read(&server.origin, 300_000).await.unwrap(), whole);
    });
}

#[test]
fn broken_or_unknown_content_encodings_are_errors() {
    run(async {
        let mut cut = gzip(&[7; 1000]);
        cut.truncate(cut.len() - 4);
        for (encoding, body) in [("gzip", cut), ("gzip", b"abc".to_vec()), ("br", vec![0; 9])] {
            let headers = format!("Content-Encoding: {encoding}\r\n");
            let server = Server::start(move |_| answer("200 OK", &headers, &body));
            assert_eq!(read(&server.origin, 2000).await.unwrap_err().kind(), Kind::Network, "{encoding}");
        }
    });
}

#[test]
fn a_url_is_read_in_ranges_without_an_encoding() {
    run(async {
        let body: Vec<u8> = (0..=255).collect();
        let stored = body.clone();
        let server = Server::start(move |head| {
            assert!(head.contains("accept-encoding: identity"), "{head}");
            let range = head.split("range: bytes=").nth(1).unwrap().split("\r\n").next().unwrap();
            let (start, last) = range.split_once('-').unwrap();
            let (start, last): (usize, usize) = (start.parse().unwrap(), last.parse().unwrap());
            let headers = format!("Content-Range: bytes {start}-{last}/256\r\nETag: \"v\"\r\n");
            answer("206 Partial Content", &headers, &stored[start..=last])
        });
        let known = UrlHints { chunk_size: 50, ..UrlHints::default() };
        let url = format!("{}/a%20b.bin?x=1#y", server.origin);
        let file = Client::new().open_url(&url, known, &quick()).await.unwrap();
        assert_eq!((file.size(), file.head().name.as_str()), (256, "a b.bin"));
        assert_eq!(file.head().etag.as_deref(), Some("\"v\""));
        assert_eq!(file.bytes(..).await.unwrap(), body);
        assert_eq!(file.bytes(10..=12).await.unwrap(), [10, 11, 12]);
        assert_eq!(file.bytes(250..1000).await.unwrap(), body[250..]);
    });
}

#[test]
fn opening_and_reading_can_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    run(async {
        let client = Client::new();
        let options = quick();
        drop(is_send(client.open_filer("http://a/", &options)));
        drop(is_send(client.open_url("http://a/", UrlHints::default(), &options)));
        let file = client.open_manifest(ManifestFields::default().check().unwrap(), &options).unwrap();
        drop(is_send(file.bytes(..)));
        drop(is_send(file.stream(..).unwrap()));
        drop(is_send(file.respond(&Method::GET, &HeaderMap::new())));
        drop(is_send(file.respond(&Method::GET, &HeaderMap::new()).await.unwrap()));
    });
}

#[test]
fn a_url_that_is_not_http_is_refused_before_any_request() {
    run(async {
        let client = Client::new();
        for url in ["", "ftp://a/b", "a/b", "http://", "http://user:secret@a/b", "http://a:port/"] {
            let error = client.open_filer(url, &quick()).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().contains("secret")),
                (Kind::Unsupported, false),
                "{url}"
            );
        }
    });
}
