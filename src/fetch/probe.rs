//! Probes a URL: finds out its size, and whether the server supports ranges.

use std::sync::Arc;

use crate::{
    error::{Error, Kind},
    fetch::get::{Expect, Fetched, GetTarget, get},
    host::{Host, Piece, joined},
    http::{
        content_disposition, content_range, date, etag,
        file_name::clean,
        headers::{ByteRange, Headers},
        url,
    },
    model::{
        chunk::{Chunk, MAX_FILE_BYTES},
        ranges::ranges_of,
    },
    schedule::{
        options::Options,
        pool::Pool,
        retry::RetryPolicy,
        validators::{Seen, Validators},
    },
};

/// The file at a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFile {
    /// The size in bytes.
    pub size: u64,
    /// The name, if the server gives one: without a path and control characters.
    pub name: Option<String>,
    /// The media type, if the server gives one.
    pub media_type: Option<String>,
    /// The entity tag, quotes included, if it is a strong one.
    pub etag: Option<String>,
    /// The time of the last modification, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// Its chunks: ranges of the URL, or one chunk that holds all bytes.
    pub chunks: Vec<Chunk>,
}

/// Probes a URL, to read it in ranges of `chunk_size` bytes.
///
/// Sends one request if the response has the size, else two. The first asks for one byte. A 200 that is one byte long
/// may be that byte under the wrong status, so it does not count; the second request, for all bytes from the first on,
/// shows the length of the whole. If the server does not support ranges, the file is one chunk. If no response has the
/// size (a chunked or a compressed one), the whole is read now, up to `max_bytes_ahead` bytes, and kept in memory.
/// Records the validators of the responses; the file must be read with the same `validators`.
///
/// # Errors
///
/// Those of a stream, and [`Kind::Unsupported`] if the size cannot be found out in this way. [`Kind::Range`] if a part
/// is not the one that was requested.
pub async fn open<H: Host>(
    host: &H,
    options: &Options,
    pool: &Pool,
    validators: &Validators,
    url: &str,
    chunk_size: u64,
) -> Result<UrlFile, Error> {
    let found = Probe { host, options, pool, validators, url }.find_size().await;
    let Found { headers, size, body } = found.map_err(|error| error.of_chunk(url::without_query(url)))?;
    let (size, chunks) = match size {
        Size::Known { size, ranges } => {
            validators.expect(url, size);
            (size, ranges_of(url, size, if ranges { chunk_size } else { u64::MAX }))
        }
        Size::Counted => {
            let content: Arc<[u8]> = joined(&body).into();
            (content.len() as u64, vec![Chunk::inline(content)])
        }
    };
    if size > MAX_FILE_BYTES {
        return Err(Error::new(
            Kind::Limit,
            format!("the file is longer than {MAX_FILE_BYTES} bytes, which is the limit"),
        )
        .of_chunk(url::without_query(url)));
    }
    Ok(UrlFile {
        size,
        name: headers
            .content_disposition
            .as_deref()
            .and_then(content_disposition::file_name)
            .as_deref()
            .and_then(clean),
        media_type: headers.content_type,
        etag: headers.etag.filter(|tag| etag::is_strong(tag)),
        modified_ms: headers.last_modified.as_deref().and_then(date::from_http).map(|seconds| seconds * 1000),
        chunks,
    })
}

/// The probe of one URL.
struct Probe<'a, H> {
    host: &'a H,
    options: &'a Options,
    pool: &'a Pool,
    validators: &'a Validators,
    url: &'a str,
}

struct Found<P> {
    headers: Headers,
    size: Size,
    body: Vec<P>,
}

enum Size {
    /// A header has it. `ranges`: the server supports ranges.
    Known { size: u64, ranges: bool },
    /// The whole body was read.
    Counted,
}

impl<H: Host> Probe<'_, H> {
    async fn find_size(&self) -> Result<Found<H::Piece>, Error> {
        let first = match self.fetch(FIRST_BYTE).await {
            // An empty file has no first byte.
            Err(error) if error.kind() == Kind::Range => return self.whole(None, false).await,
            // Chromium reports a compressed response to a range request as a broken connection.
            Err(error) if error.kind() == Kind::Network => {
                let whole = self.fetch_once().await.map_err(|_| error)?;
                return Ok(found(checked(whole, None)?, false));
            }
            response => checked(response?, FIRST_BYTE)?,
        };
        let is_whole = first.status == 200;
        // Deno does not decompress the response to a range request. And a part of compressed bytes cannot be decoded;
        // without `Range` the response is compressed too, but whole.
        if if is_whole { is_still_encoded(&first) } else { first.headers.is_encoded() } {
            return self.whole(None, false).await;
        }
        if is_whole && length(&first) != 1 {
            return Ok(found(first, false));
        }
        let content_range = first.headers.content_range.as_deref().filter(|_| !is_whole);
        if let Some(size) = content_range.and_then(content_range::parse).and_then(|range| range.total) {
            let size = Size::Known { size, ranges: true };
            return Ok(Found { headers: first.headers, size, body: first.body });
        }
        // Across origins `Content-Range` is usually hidden, but `Content-Length` is not. The request still has a
        // `Range`: without it browsers accept compression, and the length would be that of the compressed bytes.
        self.whole(Some(ByteRange { start: 0, end: None }), !is_whole).await
    }

    /// Requests the whole. `ranges`: the server is known to support ranges.
    async fn whole(&self, range: Option<ByteRange>, ranges: bool) -> Result<Found<H::Piece>, Error> {
        Ok(found(checked(self.fetch(range).await?, range)?, ranges))
    }

    /// Requests the whole, without retries.
    async fn fetch_once(&self) -> Result<Fetched<H::Piece>, Error> {
        let retry = RetryPolicy { passes: 1, ..self.options.retry };
        let options = &Options { retry, ..self.options.clone() };
        Probe { options, ..*self }.fetch(None).await
    }

    async fn fetch(&self, range: Option<ByteRange>) -> Result<Fetched<H::Piece>, Error> {
        let Self { host, options, pool, validators, url } = *self;
        let expect = Expect::Unsized(options.max_bytes_ahead);
        let response = get(host, options, pool, expect, GetTarget::Url { url, validators, range }).await;
        let response = response.map_err(|error| match error.kind() {
            Kind::Limit => Error::new(Kind::Unsupported, TOO_LONG),
            _ => error,
        })?;
        let Fetched { status, headers, url: at, .. } = &response;
        let seen = Seen { range, status: *status, headers, at: at.as_deref() };
        validators.check(url, seen).map_err(|failure| Error::new(failure.kind, &*failure.message))?;
        Ok(response)
    }
}

const TOO_LONG: &str = "the server sends no size, and the file is longer than `maxBytesAhead`: pass its size in the option `size`";

const FIRST_BYTE: Option<ByteRange> = Some(ByteRange { start: 0, end: Some(1) });

/// The response, unless it is a part and not the requested one.
fn checked<P>(response: Fetched<P>, range: Option<ByteRange>) -> Result<Fetched<P>, Error> {
    let fault = (response.status == 206).then(|| content_range::fault(&response.headers, range)).flatten();
    fault.map_or(Ok(response), |why| Err(Error::new(Kind::Range, why)))
}

/// Whether the platform did not decode an encoded body: it is as long as its `Content-Length`.
fn is_still_encoded<P: Piece>(response: &Fetched<P>) -> bool {
    response.headers.is_encoded() && response.headers.content_length == Some(body_len(response))
}

/// The length of a whole body, by its headers or as it was read.
fn length<P: Piece>(response: &Fetched<P>) -> u64 {
    response.headers.body_length().unwrap_or_else(|| body_len(response))
}

fn body_len<P: Piece>(response: &Fetched<P>) -> u64 {
    response.body.iter().map(|piece| piece.len() as u64).sum()
}

/// What a response with the whole file has.
fn found<P>(response: Fetched<P>, ranges: bool) -> Found<P> {
    let part = response.headers.content_range.as_deref().filter(|_| response.status == 206);
    let total = part.and_then(content_range::parse).and_then(|range| range.total);
    let size = match total.or_else(|| response.headers.body_length()) {
        Some(size) => Size::Known { size, ranges },
        None => Size::Counted,
    };
    Found { headers: response.headers, size, body: response.body }
}
