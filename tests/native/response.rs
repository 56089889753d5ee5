//! A file as the answer to a request.

use std::collections::BTreeMap;

use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use hyper::body::Body;
use kelp_stream::{
    Kind,
    native::{Client, Disposition, File, Presentation, ResponseBody, problem},
};
use serde_json::{Value, json};

use crate::{hex, quick, run, store::Store, urlencoded};

const SIZE: usize = 50_000;
const MODIFIED: &str = "Mon, 23 Nov 2026 02:13:20 GMT";
const EARLIER: &str = "Mon, 23 Nov 2026 02:13:19 GMT";

type Fields<'a> = &'a [(&'a str, &'a str)];

async fn film(store: &mut Store) -> File {
    let more = json!({ "mime": "video/webm", "mtime": "2026-11-23T02:13:20.500Z" });
    store.add("/f/film one.webm", SIZE, 16_384, &more);
    let url = format!("{}/f/film one.webm", store.filer);
    Client::new().open_filer(&url, &quick()).await.unwrap()
}

fn fields(headers: Fields<'_>) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    headers.iter().map(field).collect()
}

async fn get(file: &File, headers: Fields<'_>) -> Response<ResponseBody> {
    file.respond(&Method::GET, &fields(headers)).await.unwrap()
}

fn header<'r>(response: &'r Response<ResponseBody>, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn bytes(response: Response<ResponseBody>) -> Vec<u8> {
    let actual = response.body().size_hint().exact().unwrap();
    let bytes = BodyExt::collect(response.into_body()).await.unwrap().to_bytes().to_vec();
    assert_eq!(bytes.len() as u64, actual);
    bytes
}

#[test]
fn without_conditions_the_response_is_the_whole_file() {
    run(async {
        let mut store = Store::start("");
        let file = film(&mut store).await;
        let before = store.requests().len();
        let head = file.respond(&Method::HEAD, &fields(&[("range", "bytes=0-4")])).await.unwrap();
        assert_eq!((head.status().as_u16(), head.body().is_end_stream()), (200, true));
        assert_eq!(store.requests().len(), before);
        let whole = get(&file, &[]).await;
        assert_eq!((whole.status().as_u16(), whole.headers()), (200, head.headers()));
        let actual: BTreeMap<_, _> =
            whole.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        let expected = [
            ("accept-ranges", "bytes"),
            ("content-disposition", "inline; filename=\"film one.webm\"; filename*=UTF-8''film%20one.webm"),
            ("content-length", "50000"),
            ("content-type", "video/webm"),
            ("etag", file.head().etag.as_deref().unwrap()),
            ("last-modified", MODIFIED),
            ("x-content-type-options", "nosniff"),
        ];
        assert_eq!(actual, BTreeMap::from(expected));
        assert_eq!(bytes(whole).await, file.bytes(..).await.unwrap());
    });
}

#[test]
fn one_range_is_a_part_and_conditions_come_first() {
    run(async {
        let mut store = Store::start("");
        let file = film(&mut store).await;
        let right = file.bytes(..).await.unwrap();
        let tag = file.head().etag.clone().unwrap();
        let weak = format!("W/{tag}");
        let other = "\"another\"";
        let part = |start, end| (206, start, end);
        let whole = (200, 0, SIZE);
        let none = |status| (status, 0, 0);
        let table: &[(Fields<'_>, (u16, usize, usize))] = &[
            (&[("range", "bytes=10-19")], part(10, 20)),
            (&[("range", "bytes=16000-")], part(16_000, SIZE)),
            (&[("range", "bytes=-5")], part(SIZE - 5, SIZE)),
            (&[("range", "bytes=50000-")], none(416)),
            (&[("range", "bytes=5-4")], whole),
            (&[("range", "bytes=0-1"), ("range", "bytes=5-6")], whole),
            (&[("range", "bytes=5-9"), ("if-range", &tag)], part(5, 10)),
            (&[("range", "bytes=5-9"), ("if-range", MODIFIED)], part(5, 10)),
            (&[("range", "bytes=5-9"), ("if-range", &weak)], whole),
            (&[("range", "bytes=5-9"), ("if-none-match", other)], part(5, 10)),
            (&[("if-none-match", &weak)], none(304)),
            (&[("if-none-match", other), ("if-none-match", &tag)], none(304)),
            (&[("if-modified-since", MODIFIED)], none(304)),
            (&[("if-modified-since", EARLIER)], whole),
            (&[("if-match", &tag)], whole),
            (&[("if-match", &weak)], none(412)),
            (&[("if-unmodified-since", EARLIER)], none(412)),
            (&[("if-unmodified-since", MODIFIED)], whole),
        ];
        for (asked, (status, start, end)) in table {
            let response = get(&file, asked).await;
            assert_eq!(response.status().as_u16(), *status, "{asked:?}");
            let range = match status {
                206 => format!("bytes {start}-{}/{SIZE}", end - 1),
                416 => format!("bytes */{SIZE}"),
                _ => String::new(),
            };
            assert_eq!(header(&response, "content-range"), range, "{asked:?}");
            assert!(bytes(response).await == right[*start..*end], "{asked:?}");
        }
        for method in [Method::POST, Method::PUT, Method::OPTIONS] {
            let refused = file.respond(&method, &HeaderMap::new()).await.unwrap();
            assert_eq!((refused.status().as_u16(), header(&refused, "allow")), (405, "GET, HEAD"));
            assert!(bytes(refused).await.is_empty());
        }
    });
}

#[test]
fn every_captured_file_and_its_ranges_are_answered() {
    run(async {
        let client = Client::new();
        for cluster in ["plain", "cipher"] {
            let store = Store::start(cluster);
            let mut parts = 0;
            for case in
                store.cases.iter().filter(|case| case["expect"].is_null() && case["name"] != "manifest")
            {
                let url = format!("{}{}", store.filer, urlencoded(case["path"].as_str().unwrap()));
                let file = client.open_filer(&url, &quick()).await.unwrap();
                let whole = get(&file, &[]).await;
                assert_eq!(header(&whole, "content-length"), file.size().to_string(), "{case}");
                assert_eq!(hex(&bytes(whole).await), case["sha256"], "{case}");
                for range in case["ranges"].as_array().unwrap() {
                    let (start, end) = (range["start"].as_u64().unwrap(), range["end"].as_u64().unwrap());
                    if start == end || file.plan(start..end).requests > 300 {
                        continue;
                    }
                    let asked = format!("bytes={start}-{}", end - 1);
                    let part = get(&file, &[("range", &asked)]).await;
                    assert_eq!(part.status().as_u16(), 206, "{case}: {asked}");
                    assert_eq!(hex(&bytes(part).await), range["sha256"], "{case}: {asked}");
                    parts += 1;
                }
            }
            assert!(parts > 100, "{cluster}: {parts}");
        }
    });
}

#[test]
fn stored_headers_are_sent_byte_by_byte() {
    run(async {
        let mut store = Store::start("");
        let added = store.add("/f/a.bin", 100, 100, &json!({}));
        // `attachment; filename="ä"` in Latin-1, and a value that no header can carry.
        let extended = r#""Extended":{"Content-Disposition":"YXR0YWNobWVudDsgZmlsZW5hbWU9IuQi","Content-Language":"YQpi"}"#;
        let entry = added["entry"].as_str().unwrap().replace(r#""Extended":null"#, extended);
        store.ask("addEntry", &json!(["/f/a.bin", entry]));
        let url = format!("{}/f/a.bin", store.filer);
        let file = Client::new().open_filer(&url, &quick()).await.unwrap();
        let response = get(&file, &[]).await;
        let actual = response.headers().get("content-disposition").unwrap();
        assert_eq!(actual.as_bytes(), b"attachment; filename=\"\xe4\"");
        assert_eq!(header(&response, "content-language"), "");
    });
}

// F147
#[test]
fn a_caller_chooses_the_name_and_a_credential_is_private() {
    run(async {
        let mut store = Store::start("");
        store.add("/f/a.html", 100, 100, &json!({ "mime": "text/html" }));
        let url = format!("{}/f/a.html", store.filer);
        let file = Client::new().open_filer(&url, &quick()).await.unwrap();
        let presentation =
            Presentation { disposition: Some(Disposition::Attachment), name: Some("b c.html") };
        let response = file.respond_as(&Method::HEAD, &fields(&[]), presentation).await.unwrap();
        assert_eq!(
            header(&response, "content-disposition"),
            "attachment; filename=\"b c.html\"; filename*=UTF-8''b%20c.html"
        );
        assert!(header(&response, "content-security-policy").starts_with("sandbox;"));
        assert_eq!(header(&response, "cache-control"), "");
        let mut options = quick();
        options.header("X-Api-Key: k").unwrap();
        for (url, options) in [(url.clone(), options), (format!("{url}?jwt=t"), quick())] {
            let file = Client::new().open_filer(&url, &options).await.unwrap();
            let response = file.respond(&Method::HEAD, &fields(&[])).await.unwrap();
            assert_eq!(header(&response, "cache-control"), "private, no-cache");
        }
    });
}

#[test]
fn an_early_error_is_a_problem_and_a_later_one_cuts_off() {
    run(async {
        let mut store = Store::start("");
        let file = film(&mut store).await;
        for (status, answered, title) in
            [(404, 404, "Not Found"), (403, 403, "Forbidden"), (400, 502, "Bad Gateway")]
        {
            let fault = store.ask("fault", &json!([{ "server": "filer" }, { "status": status }]));
            let response = get(&file, &[("range", "bytes=20000-20001")]).await;
            store.ask("removeFault", &json!([fault]));
            assert_eq!(response.status().as_u16(), answered, "{status}");
            let actual = ["content-type", "cache-control", "x-content-type-options"]
                .map(|name| header(&response, name).to_owned());
            assert_eq!(actual, ["application/problem+json", "no-store", "nosniff"]);
            assert_eq!(header(&response, "etag"), "");
            let actual: Value = serde_json::from_slice(&bytes(response).await).unwrap();
            assert_eq!(
                (
                    &actual["type"],
                    &actual["title"],
                    &actual["status"],
                    &actual["offset"],
                    &actual["retryable"]
                ),
                (&json!("about:blank"), &json!(title), &json!(answered), &json!(20_000), &json!(false))
            );
            assert!(
                actual["chunk"].is_string() && actual["detail"].is_string() && actual["code"].is_string()
            );
        }
        let url = format!("{}/nothing", store.filer);
        let error = Client::new().open_filer(&url, &quick()).await.unwrap_err();
        assert_eq!(problem(&error).status().as_u16(), 404);

        let mut body = get(&file, &[]).await.into_body();
        body.next().await.unwrap().unwrap();
        file.close();
        let end = loop {
            match body.next().await {
                Some(Ok(_)) => {}
                end => break end,
            }
        };
        assert_eq!(end.unwrap().unwrap_err().kind(), Kind::Closed);
        let error = file.respond(&Method::GET, &HeaderMap::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Closed);
    });
}
