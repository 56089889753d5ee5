//! One URL as a file: how long it is, and whether it can be had in ranges.

use std::sync::Arc;

use crate::{
    error::{Error, Kind},
    fetch::get::{Expect, Fetched, GetTarget, retrieve},
    host::{Host, Piece, joined},
    http::{
        content_range, date, etag,
        headers::{ByteRange, Headers},
        url,
    },
    model::{
        chunk::{Chunk, MAX_FILE_BYTES},
        ranges::ranges_of,
    },
    schedule::{
        options::Options,
        retry::RetryPolicy,
        validators::{Seen, Validators},
    },
};

/// What is at a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFile {
    /// Bytes of it.
    pub size: u64,
    /// The media type, where the server tells it.
    pub media_type: Option<String>,
    /// The entity tag, quotes included, if it is a strong one.
    pub etag: Option<String>,
    /// When it was modified, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// What it is made of: ranges of the URL, or one chunk with all of its bytes.
    pub chunks: Vec<Chunk>,
}

/// Asks what is at a URL, to read it in ranges of `chunk_size` bytes.
///
/// One request where its answer shows the size, two where it hides it. A server that knows
/// no ranges is read in one piece. Where no answer tells the size (a chunked one, a packed one),
/// the whole is read now, up to `max_bytes_ahead` bytes, and kept with the file.
/// What is seen is pinned in the options: the file must be read with the same.
///
/// # Errors
///
/// As a stream's, and [`Kind::Unsupported`] if the size cannot be had in this way.
pub async fn open<H: Host>(
    host: &H,
    options: &Options,
    validators: &Validators,
    url: &str,
    chunk_size: u64,
) -> Result<UrlFile, Error> {
    let found = Probe { host, options, validators, url }.look().await;
    let Found { headers, size, body } = found.map_err(|error| error.of_chunk(url::without_query(url)))?;
    let (size, chunks) = match size {
        Size::Told { size, ranges } => {
            validators.expect(url, size);
            (size, ranges_of(url, size, if ranges { chunk_size } else { u64::MAX }))
        }
        Size::Counted => {
            let content: Arc<[u8]> = joined(&body).into();
            (content.len() as u64, vec![Chunk::inline(content)])
        }
    };
    if size > MAX_FILE_BYTES {
        return Err(Error::new(Kind::Limit, format!("it is longer than {MAX_FILE_BYTES} bytes"))
            .of_chunk(url::without_query(url)));
    }
    Ok(UrlFile {
        size,
        media_type: headers.content_type,
        etag: headers.etag.filter(|tag| etag::is_strong(tag)),
        modified_ms: headers.last_modified.as_deref().and_then(date::from_http).map(|seconds| seconds * 1000),
        chunks,
    })
}

/// The look at a URL before it is read.
struct Probe<'a, H> {
    host: &'a H,
    options: &'a Options,
    validators: &'a Validators,
    url: &'a str,
}

struct Found<P> {
    headers: Headers,
    size: Size,
    body: Vec<P>,
}

enum Size {
    /// A header tells it.
    Told { size: u64, ranges: bool },
    /// The body is all there.
    Counted,
}

impl<H: Host> Probe<'_, H> {
    async fn look(&self) -> Result<Found<H::Piece>, Error> {
        let first = match self.ask(Some(ByteRange { start: 0, end: Some(1) })).await {
            // An empty file has no first byte.
            Err(error) if error.kind() == Kind::Range => self.ask(None).await?,
            // Chromium takes nothing packed for an answer to a range, and calls it a broken connection.
            Err(error) if error.kind() == Kind::Network => self.ask_once().await.map_err(|_| error)?,
            answer => answer?,
        };
        if first.status == 200 && is_left_packed(&first) {
            // Deno undoes no packing of what it asked for in ranges.
            return self.ask(None).await.map(|answer| whole(answer, false));
        }
        if first.status == 200 {
            return Ok(whole(first, false));
        }
        if first.headers.is_encoded() {
            // A part of what was packed is of no use. Without `Range` it is packed too, but whole.
            return self.ask(None).await.map(|answer| whole(answer, false));
        }
        let told = first.headers.content_range.as_deref().and_then(content_range::parse);
        if let Some(size) = told.and_then(|range| range.total) {
            return Ok(Found {
                headers: first.headers,
                size: Size::Told { size, ranges: true },
                body: first.body,
            });
        }
        // Across origins `Content-Range` is hidden as a rule, but `Content-Length` is not. Still with a
        // `Range`: without it browsers let the server pack, and its length would be of the packed.
        self.ask(Some(ByteRange { start: 0, end: None })).await.map(|answer| whole(answer, true))
    }

    /// Asks for the whole, and not again.
    async fn ask_once(&self) -> Result<Fetched<H::Piece>, Error> {
        let retry = RetryPolicy { passes: 1, ..self.options.retry };
        let options = &Options { retry, ..self.options.clone() };
        Probe { options, ..*self }.ask(None).await
    }

    async fn ask(&self, range: Option<ByteRange>) -> Result<Fetched<H::Piece>, Error> {
        let Self { host, options, validators, url } = *self;
        let wanted = Expect::Unsized(options.max_bytes_ahead);
        let answer = retrieve(host, options, wanted, GetTarget::Url { url, validators, range }).await;
        let answer = answer.map_err(|error| match error.kind() {
            Kind::Limit => Error::new(Kind::Unsupported, TOO_LONG),
            _ => error,
        })?;
        let Fetched { status, headers, url: at, .. } = &answer;
        let seen = Seen { range, status: *status, headers, at: at.as_deref() };
        validators.see(url, seen).map_err(|failure| Error::new(failure.kind, failure.message))?;
        Ok(answer)
    }
}

const TOO_LONG: &str =
    "its size cannot be seen, and it is longer than may be read ahead: give it with `size`";

/// Whether what a server packed is as long as it was on its way.
fn is_left_packed<P: Piece>(answer: &Fetched<P>) -> bool {
    let len = answer.body.iter().map(|piece| piece.len() as u64).sum();
    answer.headers.is_encoded() && answer.headers.content_length == Some(len)
}

/// What an answer with all of a URL tells.
fn whole<P>(answer: Fetched<P>, ranges: bool) -> Found<P> {
    let size = match answer.headers.body_length() {
        Some(size) => Size::Told { size, ranges },
        None => Size::Counted,
    };
    Found { headers: answer.headers, size, body: answer.body }
}
