//! The records of `wit/types.wit` as the core's types. Each value is checked; the error of a wrong one names its field.

use std::{rc::Rc, time::Duration};

use crate::{
    error::{Error, Kind},
    fetch::locator::Locator,
    formats::{
        manifest::{ChunkFields, Manifest, ManifestFields},
        seaweedfs::entry::Keys,
    },
    hosts::component::{
        bindings::exports::kelp::stream::types as wit, fetch::Fetcher, host::WasiHost, request::are_allowed,
    },
    http::url,
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
    let fetcher = Fetcher { headers, home, origins: None };
    let host = WasiHost { fetcher: Rc::new(fetcher), filer_token: None };
    Ok((host, options(&given)?))
}

fn options(given: &wit::Options) -> Result<Options, Error> {
    let (retry, timeout) = (given.retry.as_ref(), given.timeout.as_ref());
    let defaults = Options::default();
    let most = positive(given.max_concurrency.map(u64::from), "max-concurrency")?;
    let views = positive(given.concurrency.map(u64::from), "concurrency")?;
    let passes = positive(retry.and_then(|retry| retry.passes).map(u64::from), "retry.passes")?;
    let headers = positive(timeout.and_then(|timeout| timeout.headers).map(u64::from), "timeout.headers")?;
    let idle = positive(timeout.and_then(|timeout| timeout.idle).map(u64::from), "timeout.idle")?;
    if passes.is_some_and(|passes| passes > u64::from(MAX_PASSES)) {
        return Err(invalid("retry.passes", "at most 100"));
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let pause = |ms: Option<u32>, default| ms.map_or(default, |ms| Duration::from_millis(ms.into()));
    Ok(Options {
        concurrency: match (views, most) {
            (Some(views), _) => Concurrency::Fixed(size(views)),
            (None, Some(most)) => Concurrency::Auto { max: size(most) },
            (None, None) => defaults.concurrency,
        },
        per_host: positive(given.per_host.map(u64::from), "per-host")?.map_or(defaults.per_host, size),
        max_bytes_ahead: positive(given.max_bytes_ahead, "max-bytes-ahead")?
            .unwrap_or(defaults.max_bytes_ahead),
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
        hedge: given.hedge.unwrap_or(defaults.hedge),
        retry: RetryPolicy {
            passes: passes.map_or(defaults.retry.passes, |passes| passes as u32),
            base_delay: pause(retry.and_then(|retry| retry.base_delay), defaults.retry.base_delay),
            max_delay: pause(retry.and_then(|retry| retry.max_delay), defaults.retry.max_delay),
        },
        timeout: Timeout {
            headers: headers.map_or(defaults.timeout.headers, Duration::from_millis),
            idle: idle.map_or(defaults.timeout.idle, Duration::from_millis),
        },
        ..defaults
    })
}

/// The locator of a filer's chunks: the master if one is given, else the filer. `None` without both.
pub(super) fn locator(given: &wit::FilerOptions, origin: Option<&str>) -> Result<Option<Locator>, Error> {
    Ok(match &given.master {
        Some(master) => Some(Locator::master(&url(master, "filer.master")?)),
        None => origin.map(Locator::proxy),
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
        chunk_size: positive(given.chunk_size, "chunk-size")?.unwrap_or(4 << 20),
    })
}

/// A URL that requests can be sent to.
pub(super) fn url(text: &str, field: &str) -> Result<String, Error> {
    url::checked(text).ok_or_else(|| invalid(field, "an http or https URL without user and password"))
}

/// The origin of a filer.
pub(super) fn origin(text: &str) -> Result<String, Error> {
    Ok(url::origin(&url(text, "origin")?).unwrap_or_default().to_owned())
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
