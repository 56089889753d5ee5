//! Performs tasks with the native host, one per line of JSON, as `program.mjs` does with the package.

// Indexing a JSON value by a missing key gives null.
#![allow(clippy::indexing_slicing)]

use std::{
    error::Error as StdError,
    io::{BufRead, Write},
    time::Duration,
};

use base64ct::{Base64, Encoding};
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kelp_stream::{
    Error,
    formats::manifest::Manifest,
    model::chunk::CipherKey,
    native::{Client, File, Locate, Options, Token},
    read::open::UrlHints,
    schedule::options::{Holes, Verify},
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

type Fault = Box<dyn StdError>;

fn main() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for line in std::io::stdin().lock().lines() {
        let report: Result<Value, Fault> = runtime.block_on(async {
            let asked: Value = serde_json::from_str(&line?)?;
            Ok(json!({ "id": asked["id"], "report": perform(&asked["task"]).await? }))
        });
        writeln!(std::io::stdout(), "{}", report?)?;
    }
    Ok(())
}

async fn perform(task: &Value) -> Result<Value, Fault> {
    let client = Client::new();
    let file = match open(&client, &task["open"]).await? {
        Ok(file) => file,
        Err(error) => return Ok(json!({ "file": { "error": failure(&error) }, "steps": [] })),
    };
    let mut steps = Vec::new();
    for step in task["steps"].as_array().ok_or("there are no steps")? {
        steps.push(match step.get("answer") {
            Some(answer) => answered(&file, answer).await?,
            None => read(&file, step).await?,
        });
    }
    let head = file.head();
    let report = json!({
        "size": head.size, "name": head.name, "type": head.media_type, "etag": head.etag, "lastModified": head.modified_ms,
    });
    Ok(json!({ "file": report, "steps": steps }))
}

async fn open(client: &Client, open: &Value) -> Result<Result<File, Error>, Fault> {
    let options = options(&open["options"])?;
    let target = &open["target"];
    let text = target.as_str().unwrap_or_default();
    let known = &open["known"];
    Ok(match open["by"].as_str() {
        Some("filer") => client.open_filer(text, &options).await,
        Some("entry") => client.open_entry(text.as_bytes(), known["filer"].as_str(), &options).await,
        Some("manifest") => Manifest::from_json(target.to_string().as_bytes())
            .and_then(|manifest| client.open_manifest(manifest, &options)),
        Some("url") => {
            let known = UrlHints {
                size: known["size"].as_u64(),
                name: known["name"].as_str().unwrap_or_default().to_owned(),
                media_type: known["type"].as_str().map(str::to_owned),
                chunk_size: known["chunkSize"].as_u64().unwrap_or_default(),
            };
            client.open_url(text, known, &options).await
        }
        by => return Err(format!("nothing is opened by {by:?}").into()),
    })
}

/// The options of a case, by their names in the JavaScript API. An unknown one fails the case.
fn options(given: &Value) -> Result<Options, Fault> {
    let mut options = Options::default();
    for (name, value) in given.as_object().unwrap_or(&Map::new()) {
        let read = &mut options.read;
        match name.as_str() {
            "concurrency" => read.concurrency = (value.as_u64().ok_or("concurrency")? as usize).into(),
            "hedge" => read.hedge = value.as_bool().ok_or("hedge")?,
            "holes" => read.holes = if value == "error" { Holes::Error } else { Holes::Zero },
            "verify" if value == "transit" => read.verify = Verify::Transit,
            "verify" if value == "strict" => read.verify = Verify::Strict,
            "verify" if value == "off" => read.verify = Verify::Off,
            "retry" => {
                read.retry.passes =
                    value["passes"].as_u64().map_or(read.retry.passes, |passes| passes as u32);
                read.retry.base_delay = delay(&value["baseDelay"], read.retry.base_delay);
                read.retry.max_delay = delay(&value["maxDelay"], read.retry.max_delay);
            }
            "timeout" => {
                read.timeout.headers = delay(&value["headers"], read.timeout.headers);
                read.timeout.idle = delay(&value["idle"], read.timeout.idle);
            }
            "locate" => options.locate = Locate::Master(value["master"].as_str().ok_or("locate")?.to_owned()),
            "filerToken" => options.filer_token = Token::fixed(value.as_str().ok_or("filerToken")?),
            "sse" => {
                let key = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| CipherKey::new(&bytes));
                options.keys.customer =
                    key(value["customerKey"].as_str().and_then(|text| Base64::decode_vec(text).ok()));
                options.keys.kek = key(value["kek"].as_str().map(from_hex));
            }
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    Ok(options)
}

fn delay(value: &Value, default: Duration) -> Duration {
    value.as_u64().map_or(default, Duration::from_millis)
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

async fn read(file: &File, step: &Value) -> Result<Value, Fault> {
    let start = step["read"]["start"].as_u64().unwrap_or(0);
    let end = step["read"]["end"].as_u64().unwrap_or(u64::MAX);
    let stop = step["stop"].as_u64().unwrap_or(u64::MAX);
    let body = file.stream(start..end)?;
    Ok(match drained(body, stop).await {
        (Body { length, .. }, None) if length >= stop => json!({ "stopped": true }),
        (Body { length, sha256 }, None) => json!({ "length": length, "sha256": sha256 }),
        (Body { length, sha256 }, Some(error)) => {
            json!({ "length": length, "sha256": sha256, "error": failure(&error) })
        }
    })
}

async fn answered(file: &File, answer: &Value) -> Result<Value, Fault> {
    let method: Method = answer["method"].as_str().unwrap_or("GET").parse()?;
    let mut headers = HeaderMap::new();
    for (name, value) in answer["headers"].as_object().unwrap_or(&Map::new()) {
        let etag = file.head().etag.as_deref().unwrap_or_default();
        let value = value.as_str().ok_or("a header")?.replace("{etag}", etag);
        headers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(&value)?);
    }
    let (parts, body) = file.respond(&method, &headers).await?.into_parts();
    let said = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes())))
    };
    let mut report = json!({ "status": parts.status.as_u16(), "headers": parts.headers.iter().map(said).collect::<Map<_, _>>() });
    if report["headers"]["content-type"] == "application/problem+json" {
        let mut text = Vec::new();
        let mut body = body;
        while let Some(piece) = body.next().await {
            text.extend_from_slice(&piece?);
        }
        report["problem"] = serde_json::from_slice(&text)?;
        return Ok(report);
    }
    let (Body { length, sha256 }, error) = drained(body, u64::MAX).await;
    if error.is_some() {
        report["broken"] = true.into();
    } else {
        report["length"] = length.into();
        report["sha256"] = sha256.into();
    }
    Ok(report)
}

struct Body {
    length: u64,
    sha256: String,
}

/// Reads to the end, to an error, or until this many bytes have arrived.
async fn drained(
    mut body: impl Stream<Item = Result<bytes::Bytes, Error>> + Unpin,
    stop: u64,
) -> (Body, Option<Error>) {
    let (mut hash, mut length, mut error) = (Sha256::new(), 0, None);
    while length < stop {
        match body.next().await {
            None => break,
            Some(Err(failed)) => {
                error = Some(failed);
                break;
            }
            Some(Ok(piece)) => {
                hash.update(&piece);
                length += piece.len() as u64;
            }
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (Body { length, sha256 }, error)
}

fn failure(error: &Error) -> Value {
    let mut report = json!({ "code": error.kind().code(), "message": error.message(), "retryable": error.kind().retryable() });
    if let Some(offset) = error.offset() {
        report["offset"] = offset.into();
    }
    report
}
