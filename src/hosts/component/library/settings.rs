//! The records of `wit/types.wit` as the core's types. Each value is checked; the error of a wrong one names its field.

use std::{rc::Rc, time::Duration};

use crate::{
    error::{Error, Kind},
    fetch::locator::Locator,
    formats::{
        manifest::{ChunkFields, Manifest, ManifestFields},
        seaweedfs::{entry::Keys, urls::filer_base},
    },
    hosts::component::{
        bindings::exports::kelp::stream::types as wit, fetch::Fetcher, host::WasiHost, request::are_allowed,
    },
    http::{origins::Origins, url},
    model::chunk::{CipherKey, MAX_FILE_BYTES},
    read::open::UrlHints,
    schedule::{
        options::{Concurrency, Holes, Options, Timeout, Verify},
        retry::RetryPolicy,
    },
};

/// The JavaScript API has the same limit.
const MAX_PASSES: u32 = 100;

/// The host, which sends the user's headers to `home`, and the core's options.
pub(super) fn host_and_options(given: wit::Options, home: String) -> Result<(WasiHost, Options), Error> {
    let headers: Vec<_> =
        given.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if !are_allowed(&headers) {
        return Err(invalid("headers", "headers that the host allows in requests"));
    }
    let options = options(&given)?;
    let fetcher = Fetcher { headers, home, origins: options.origins.clone() };
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token: None };
    Ok((host, options))
}

fn options(given: &wit::Options) -> Result<Options, Error> {
    let defaults = Options::default();
    Ok(Options {
        concurrency: concurrency(given)?,
        per_host: positive(given.per_host.map(u64::from), "per-host")?.map_or(defaults.per_host, size),
        max_bytes_ahead: positive(given.max_bytes_ahead, "max-bytes-ahead")?
            .unwrap_or(defaults.max_bytes_ahead),
        holes: match given.holes {
            Some(wit::Holes::Error) => Holes::Error,
            Some(wit::Holes::Zero) | None => Holes::Zero,
        },
        verify: match given.verify {
            Some(wit::Verify::BeforeRelease) => Verify::Strict,
            Some(wit::Verify::Transit) => Verify::Transit,
            Some(wit::Verify::Off) => Verify::Off,
            Some(wit::Verify::AsRead) | None => Verify::Stream,
        },
        throttle: positive(given.throttle, "throttle")?.map(|bytes| bytes as f64),
        hedge: given.hedge.unwrap_or(defaults.hedge),
        origins: match &given.origins {
            Some(list) => Origins::only(list).ok_or_else(|| invalid("origins", "http or https URLs"))?,
            None => Origins::default(),
        },
        retry: given.retry.as_ref().map(retry).transpose()?.unwrap_or_default(),
        timeout: given.timeout.as_ref().map(timeout).transpose()?.unwrap_or_default(),
        ..defaults
    })
}

fn concurrency(given: &wit::Options) -> Result<Concurrency, Error> {
    let max = positive(given.max_concurrency.map(u64::from), "max-concurrency")?;
    let views = positive(given.concurrency.map(u64::from), "concurrency")?;
    Ok(match (views, max) {
        (Some(views), _) => Concurrency::Fixed(size(views)),
        (None, Some(max)) => Concurrency::Auto { max: size(max) },
        (None, None) => Concurrency::default(),
    })
}

fn retry(given: &wit::Retry) -> Result<RetryPolicy, Error> {
    let passes = positive(given.passes.map(u64::from), "retry.passes")?;
    if passes.is_some_and(|passes| passes > u64::from(MAX_PASSES)) {
        return Err(invalid("retry.passes", "at most 100"));
    }
    let defaults = RetryPolicy::default();
    let pause = |ms: Option<u32>, default| ms.map_or(default, |ms| Duration::from_millis(ms.into()));
    Ok(RetryPolicy {
        passes: passes.map_or(defaults.passes, |passes| passes as u32),
        base_delay: pause(given.base_delay, defaults.base_delay),
        max_delay: pause(given.max_delay, defaults.max_delay),
    })
}

fn timeout(given: &wit::Timeout) -> Result<Timeout, Error> {
    let defaults = Timeout::default();
    let headers = positive(given.headers.map(u64::from), "timeout.headers")?;
    let idle = positive(given.idle.map(u64::from), "timeout.idle")?;
    Ok(Timeout {
        headers: headers.map_or(defaults.headers, Duration::from_millis),
        idle: idle.map_or(defaults.idle, Duration::from_millis),
    })
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The locator of a filer's chunks: the masters if there are any, else the filer. `None` without both.
pub(super) fn locator(given: &wit::FilerOptions, filer: Option<&str>) -> Result<Option<Locator>, Error> {
    let masters = given.masters.iter().flatten().map(|master| url(master, "filer.masters"));
    let masters = masters.collect::<Result<Vec<_>, _>>()?;
    Ok(match masters.is_empty() {
        false => Some(Locator::masters(masters.iter().map(String::as_str))),
        true => filer.map(Locator::proxy),
    })
}

/// The keys of S3 objects.
pub(super) fn keys(given: &wit::FilerOptions) -> Result<Keys, Error> {
    let key = |bytes: &Option<Vec<u8>>, name| match bytes {
        Some(bytes) => CipherKey::new(bytes).map(Some).ok_or_else(|| invalid(name, "32 bytes")),
        None => Ok(None),
    };
    Ok(Keys { customer: key(&given.customer_key, "filer.customer-key")?, kek: key(&given.kek, "filer.kek")? })
}

/// What the caller knows about a URL.
pub(super) fn url_hints(given: wit::UrlOptions) -> Result<UrlHints, Error> {
    if given.size.is_some_and(|size| size > MAX_FILE_BYTES) {
        return Err(invalid("size", "at most 2^53 - 1"));
    }
    Ok(UrlHints {
        size: given.size,
        name: given.name.unwrap_or_default(),
        media_type: given.media_type,
        chunk_size: positive(given.chunk_size, "chunk-size")?.unwrap_or(Options::DEFAULT_CHUNK_SIZE),
    })
}

/// A URL that requests can be sent to.
pub(super) fn url(text: &str, field: &str) -> Result<String, Error> {
    url::checked(text).ok_or_else(|| invalid(field, "an http or https URL without user and password"))
}

/// The URL of a filer, without a slash at the end.
pub(super) fn filer(text: &str, field: &str) -> Result<String, Error> {
    Ok(filer_base(&url(text, field)?).to_owned())
}

/// A manifest; its fields are checked.
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
        Some(0) => Err(invalid(field, "at least 1")),
        _ => Ok(number),
    }
}

/// The error of a field that must have another value.
pub(super) fn invalid(field: &str, must: &str) -> Error {
    Error::new(Kind::Unsupported, [field, " must be ", must].concat())
}
