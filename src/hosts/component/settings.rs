//! The nouns of `wit/types.wit` as the core's, checked; and the core's errors as theirs.

use std::{rc::Rc, time::Duration};

use super::{
    bindings::exports::kelp::stream::types::{self as wit, ErrorCode},
    fetch::{Fetcher, may_be_sent},
    host::WasiHost,
};
use crate::{
    error::{Error, Kind},
    fetch::locator::Locator,
    formats::{
        manifest::{ChunkFields, Manifest, ManifestFields},
        seaweedfs::entry::Keys,
    },
    http::url,
    model::chunk::CipherKey,
    read::open::UrlHints,
    schedule::{
        options::{Concurrency, Holes, Options, Timeout, Verify},
        retry::RetryPolicy,
    },
};

/// As many passes as the JavaScript API takes.
const MAX_PASSES: u32 = 100;

/// A host that sends a file's headers to `home`, and what the options say.
pub(super) fn of_file(given: wit::Options, home: String) -> Result<(WasiHost, Options), Error> {
    let headers: Vec<_> =
        given.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if !may_be_sent(&headers) {
        return Err(refused("headers", "such as may be sent"));
    }
    let fetcher = Fetcher { headers, home, origins: None };
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token: None };
    Ok((host, options(&given)?))
}

fn options(given: &wit::Options) -> Result<Options, Error> {
    let (retry, timeout) = (given.retry.as_ref(), given.timeout.as_ref());
    let known = Options::default();
    let most = positive(given.max_concurrency.map(u64::from), "max-concurrency")?;
    let views = positive(given.concurrency.map(u64::from), "concurrency")?;
    let passes = positive(retry.and_then(|retry| retry.passes).map(u64::from), "retry.passes")?;
    let headers = positive(timeout.and_then(|timeout| timeout.headers).map(u64::from), "timeout.headers")?;
    let idle = positive(timeout.and_then(|timeout| timeout.idle).map(u64::from), "timeout.idle")?;
    if passes.is_some_and(|passes| passes > u64::from(MAX_PASSES)) {
        return Err(refused("retry.passes", "at most 100"));
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let pause = |ms: Option<u32>, known| ms.map_or(known, |ms| Duration::from_millis(ms.into()));
    Ok(Options {
        concurrency: match (views, most) {
            (Some(views), _) => Concurrency::Fixed(size(views)),
            (None, Some(most)) => Concurrency::Auto { max: size(most) },
            (None, None) => known.concurrency,
        },
        per_host: positive(given.per_host.map(u64::from), "per-host")?.map_or(known.per_host, size),
        max_bytes_ahead: positive(given.max_bytes_ahead, "max-bytes-ahead")?.unwrap_or(known.max_bytes_ahead),
        holes: match given.holes {
            Some(wit::Holes::Error) => Holes::Error,
            Some(wit::Holes::Zero) | None => Holes::Zero,
        },
        verify: match given.verify {
            Some(wit::Verify::BeforeRelease) => Verify::Strict,
            Some(wit::Verify::Off) => Verify::Off,
            Some(wit::Verify::AsRead) | None => Verify::Stream,
        },
        throttle: positive(given.throttle, "throttle")?.map(|bytes| bytes as f64),
        hedge: given.hedge.unwrap_or(known.hedge),
        retry: RetryPolicy {
            passes: passes.map_or(known.retry.passes, |passes| passes as u32),
            base_delay: pause(retry.and_then(|retry| retry.base_delay), known.retry.base_delay),
            max_delay: pause(retry.and_then(|retry| retry.max_delay), known.retry.max_delay),
        },
        timeout: Timeout {
            headers: headers.map_or(known.timeout.headers, Duration::from_millis),
            idle: idle.map_or(known.timeout.idle, Duration::from_millis),
        },
        ..known
    })
}

/// What says where the chunks of a filer's file are, if anything does.
pub(super) fn locator(given: &wit::FilerOptions, origin: Option<&str>) -> Result<Option<Locator>, Error> {
    Ok(match &given.master {
        Some(master) => Some(Locator::master(&url(master, "filer.master")?)),
        None => origin.map(Locator::proxy),
    })
}

/// The keys of S3 objects.
pub(super) fn keys(given: &wit::FilerOptions) -> Result<Keys, Error> {
    let key = |bytes: &Option<Vec<u8>>, name| match bytes {
        Some(bytes) => CipherKey::new(bytes).map(Some).ok_or_else(|| refused(name, "32 bytes")),
        None => Ok(None),
    };
    Ok(Keys { customer: key(&given.customer_key, "filer.customer-key")?, kek: key(&given.kek, "filer.kek")? })
}

/// What is known of a URL.
pub(super) fn url_head(given: wit::UrlOptions) -> Result<UrlHints, Error> {
    if given.size.is_some_and(|size| size > crate::model::chunk::MAX_FILE_BYTES) {
        return Err(refused("size", "at most 2^53 - 1"));
    }
    Ok(UrlHints {
        size: given.size,
        name: given.name.unwrap_or_default(),
        media_type: given.media_type,
        chunk_size: positive(given.chunk_size, "chunk-size")?.unwrap_or(4 << 20),
    })
}

/// A URL that can be asked.
pub(super) fn url(text: &str, field: &str) -> Result<String, Error> {
    url::checked(text).ok_or_else(|| refused(field, "an http or https URL without user and password"))
}

/// A filer's origin.
pub(super) fn origin(text: &str) -> Result<String, Error> {
    Ok(url::origin(&url(text, "origin")?).unwrap_or_default().to_owned())
}

/// A manifest whose fields have been checked.
pub(super) fn manifest(given: wit::Manifest) -> Result<Manifest, Error> {
    let chunks = given.chunks.into_iter().map(|chunk| ChunkFields {
        urls: chunk.urls,
        offset: chunk.offset,
        size: chunk.size,
        range: chunk.stored.map(|stored| stored.start..stored.end),
        key: chunk.key,
        gzip: chunk.compression.is_some(),
        md5: chunk.md5,
        modified: chunk.modified,
    });
    let fields = ManifestFields {
        size: given.size,
        name: Some(given.name),
        media_type: given.media_type,
        etag: given.etag,
        last_modified_ms: given.last_modified,
        chunks: chunks.collect(),
    };
    Ok(fields.check()?)
}

fn positive(number: Option<u64>, field: &str) -> Result<Option<u64>, Error> {
    match number {
        Some(0) => Err(refused(field, "at least 1")),
        _ => Ok(number),
    }
}

pub(super) fn refused(field: &str, must: &str) -> Error {
    Error::new(Kind::Unsupported, [field, " must be ", must].concat())
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let attempts = error.attempts().iter().map(|attempt| wit::Attempt {
            host: attempt.host.clone(),
            status: attempt.status,
            reason: code(attempt.reason),
        });
        Self {
            code: code(error.kind().code()),
            message: error.to_string(),
            retryable: error.kind().retryable(),
            chunk: error.chunk().map(str::to_owned),
            offset: error.offset(),
            attempts: attempts.collect(),
        }
    }
}

/// The code of the core, in the spelling of wit.
fn code(code: &str) -> ErrorCode {
    match code {
        "closed" => ErrorCode::Closed,
        "corrupt" => ErrorCode::Corrupt,
        "hole" => ErrorCode::Hole,
        "http" => ErrorCode::Http,
        "limit" => ErrorCode::Limit,
        "long_body" => ErrorCode::LongBody,
        "manifest" => ErrorCode::Manifest,
        "network" => ErrorCode::Network,
        "no_locations" => ErrorCode::NoLocations,
        "not_found" => ErrorCode::NotFound,
        "range" => ErrorCode::Range,
        "short_body" => ErrorCode::ShortBody,
        "source_changed" => ErrorCode::SourceChanged,
        "timeout" => ErrorCode::Timeout,
        "unauthorized" => ErrorCode::Unauthorized,
        "unsupported" => ErrorCode::Unsupported,
        _ => ErrorCode::Internal,
    }
}
