//! TLS, and HTTP/2 under it.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use kelp_stream::{
    Kind,
    model::location::Location,
    native::{Client, Locate, Options},
};
use serde_json::{Value, json};

use crate::{hex, quick, read_while_a_server_dies, run, store::Store};

fn trusting(store: &Store) -> Client {
    Client::builder().trust(store.certificate.as_bytes()).unwrap().build()
}

/// The master of the stand-in knows no https.
fn at_volumes(store: &Store, count: usize) -> Options {
    let volumes = store.volumes[..count].to_vec();
    let mut options = quick();
    options.locate = Locate::by(move |file_id, _| {
        let urls = volumes.iter().map(|volume| format!("{volume}/{file_id}")).collect();
        async { Ok(Location { urls, token: None }) }
    });
    options
}

fn connections(requests: &[Value]) -> usize {
    requests.iter().map(|request| request["connection"].as_u64().unwrap()).collect::<BTreeSet<_>>().len()
}

/// The most requests that ran at one time.
fn most_at_once(requests: &[Value]) -> usize {
    let time = |request: &Value, name: &str| request[name].as_f64().unwrap();
    let running = |at: f64| {
        requests.iter().filter(|request| time(request, "at") <= at && at < time(request, "ended")).count()
    };
    requests.iter().map(|request| running(time(request, "at"))).max().unwrap_or_default()
}

/// Waits until no request is open, for two seconds at most; the runtime goes on meanwhile.
async fn settles(store: &mut Store) -> bool {
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if store.ask("inFlight", &json!([])) == 0 {
            return true;
        }
    }
    false
}

#[test]
fn over_http2_many_views_share_one_connection() {
    run(async {
        let mut store = Store::start_http2("");
        let file = store.add("/f.bin", 2_000_000, 50_000, &json!({}));
        store.ask("setLatency", &json!([20]));
        let mut options = quick();
        options.read.concurrency = 16.into();
        let url = format!("{}/f.bin", store.filer);
        let opened = trusting(&store).open_filer(&url, &options).await.unwrap();
        assert_eq!(hex(&opened.bytes(..).await.unwrap()), file["sha256"]);
        assert!(store.settles());
        let requests = store.requests();
        assert_eq!((requests.len(), connections(&requests)), (41, 1));
        assert!(most_at_once(&requests) > 8, "{}", most_at_once(&requests));
    });
}

#[test]
fn over_http1_many_views_take_few_connections() {
    run(async {
        let mut store = Store::start("");
        store.add("/f.bin", 2_000_000, 50_000, &json!({}));
        let mut options = quick();
        options.read.concurrency = 4.into();
        let url = format!("{}/f.bin", store.filer);
        let client = Client::new();
        for _ in 0..2 {
            let opened = client.open_filer(&url, &options).await.unwrap();
            opened.bytes(..).await.unwrap();
        }
        let requests = store.requests();
        assert_eq!(requests.len(), 82);
        // A connection that is being made is not given up for one that has become free.
        assert!(connections(&requests) <= 10, "{}", connections(&requests));
    });
}

#[test]
fn an_untrusted_certificate_is_a_network_error_with_its_cause() {
    run(async {
        let mut store = Store::start_http2("");
        store.add("/f.bin", 1000, 1000, &json!({}));
        let client = Client::new();
        let error = client.open_filer(&format!("{}/f.bin", store.filer), &quick()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        let cause = client.cause(&error).unwrap();
        let mut chain = cause.to_string();
        let mut source = cause.source();
        while let Some(error) = source {
            chain = format!("{chain}: {error}");
            source = error.source();
        }
        assert!(chain.contains("invalid peer certificate"), "{chain}");
        assert!(store.requests().is_empty());

        // A name that the certificate has not.
        let elsewhere = store.filer.replace("127.0.0.1", "127.0.0.2");
        let error = trusting(&store).open_filer(&format!("{elsewhere}/f.bin"), &quick()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
    });
}

#[test]
fn only_certificates_can_be_trusted() {
    for wrong in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Client::builder().trust(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn http2_survives_a_reset_body_and_a_dead_server() {
    run(async {
        let mut store = Store::start_http2("");
        let file = store.add("/f.bin", 1_000_000, 50_000, &json!({ "replicas": [0, 1] }));
        // So many bytes, and the stream is reset.
        store.ask("fault", &json!([{ "server": "volume1", "times": 2 }, { "cut": 20_000 }]));
        let url = format!("{}/f.bin", store.filer);
        let opened = trusting(&store).open_filer(&url, &at_volumes(&store, 2)).await.unwrap();
        let bytes = read_while_a_server_dies(&opened, &mut store).await;
        assert_eq!(hex(&bytes), file["sha256"]);
    });
}

#[test]
fn over_http2_a_server_that_says_goodbye_is_asked_anew() {
    run(async {
        let mut store = Store::start_http2("");
        let file = store.add("/f.bin", 1_000_000, 50_000, &json!({ "replicas": [0] }));
        store.ask("setRate", &json!([400_000]));
        let mut options = at_volumes(&store, 1);
        options.read.concurrency = 4.into();
        let url = format!("{}/f.bin", store.filer);
        let opened = trusting(&store).open_filer(&url, &options).await.unwrap();
        let mut reader = opened.stream(..).unwrap();
        let mut bytes = reader.next().await.unwrap().unwrap().to_vec();
        store.ask("retireConnections", &json!(["volume0"]));
        store.ask("setRate", &json!([0]));
        while let Some(piece) = reader.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(hex(&bytes), file["sha256"]);
        let at_volume: Vec<Value> =
            store.requests().into_iter().filter(|request| request["server"] == "volume0").collect();
        assert!(connections(&at_volume) >= 2, "{}", connections(&at_volume));
    });
}

#[test]
fn http2_resets_streams_of_a_dropped_reader() {
    run(async {
        let mut store = Store::start_http2("");
        store.add("/f.bin", 1_000_000, 50_000, &json!({}));
        let url = format!("{}/f.bin", store.filer);
        let opened = trusting(&store).open_filer(&url, &quick()).await.unwrap();
        store.ask("setRate", &json!([10_000]));
        let mut reader = opened.stream(..).unwrap();
        reader.next().await.unwrap().unwrap();
        drop(reader);
        assert!(settles(&mut store).await);
        store.ask("setRate", &json!([0]));
        opened.bytes(..10).await.unwrap();
        assert_eq!(connections(&store.requests()), 1);
    });
}
