//! Opening a file: what it says of itself, and what it is made of.

use super::session::Session;
use crate::{
    error::Error,
    fetch::{
        get::{Expect, Fetched, GetTarget, retrieve},
        probe,
    },
    formats::{
        manifest::Manifest,
        seaweedfs::entry::{Entry, Keys, MAX_TEXT_BYTES},
    },
    host::{Host, joined},
    http::respond::Representation,
    model::{chunk::Chunk, merge::merge, ranges::ranges_of},
    schedule::options::Options,
};

/// What a file says of itself.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// In bytes.
    pub size: u64,
    /// What a reader may save it as; empty if it has none.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// As a header writes it, quotes included.
    pub etag: Option<String>,
    /// Milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// Headers that are stored with the file.
    pub stored: Vec<(&'static str, String)>,
}

impl Metadata {
    /// As a request for the file is answered with.
    #[must_use]
    pub fn as_served(&self) -> Representation<'_> {
        Representation {
            size: self.size,
            etag: self.etag.as_deref(),
            last_modified_ms: self.modified_ms,
            media_type: &self.media_type,
            name: &self.name,
            stored: &self.stored,
        }
    }
}

/// A file that was found; with the options that it was found with it can be read.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// What it says of itself.
    pub head: Metadata,
    /// What it is made of.
    pub chunks: Vec<Chunk>,
}

/// What is known beforehand of one URL.
#[derive(Clone, Debug, Default)]
pub struct UrlHints {
    /// In bytes; asked for where it is not known.
    pub size: Option<u64>,
    /// What a reader may save it as.
    pub name: String,
    /// The media type, in place of the server's.
    pub media_type: Option<String>,
    /// How many bytes to ask for at a time.
    pub chunk_size: u64,
}

const OCTETS: &str = "application/octet-stream";

/// Fetches an entry from where its filer tells it. `may_renew`: there is a way to another token.
///
/// # Errors
///
/// As a stream's, and [`crate::Kind::Manifest`] where the answer is no entry.
pub async fn entry<H: Host>(host: &H, options: &Options, url: &str, may_renew: bool) -> Result<Entry, Error> {
    let wanted = Expect::Body(MAX_TEXT_BYTES as u64);
    let asked = GetTarget::Filer { url, may_renew };
    let Fetched { body, .. } = retrieve(host, options, wanted, asked).await?;
    Ok(Entry::parse(&joined(&body))?)
}

/// The file of an entry; `url` is where its filer serves it, if there is one to be asked.
///
/// # Errors
///
/// [`crate::Kind::Unsupported`] where it cannot be read, [`crate::Kind::Corrupt`] where a key is wrong.
pub fn of_entry(entry: &Entry, url: Option<&str>, keys: &Keys, session: &Session) -> Result<Opened, Error> {
    let chunks = match url {
        Some(url) => entry.chunks_to_read_at(url, keys)?,
        None => entry.chunks_to_read(keys)?,
    };
    if let Some(url) = url.filter(|_| entry.is_remote_only()) {
        session.validators.expect(url, entry.size());
    }
    let head = Metadata {
        size: entry.size(),
        name: entry.name().to_owned(),
        media_type: entry.media_type().to_owned(),
        etag: Some(entry.etag()),
        modified_ms: entry.modified_ms(),
        stored: entry.served(),
    };
    Ok(Opened { head, chunks })
}

/// The file of a manifest.
#[must_use]
pub fn of_manifest(manifest: Manifest, options: &Options) -> Opened {
    let head = Metadata {
        size: manifest.size(),
        name: manifest.name().to_owned(),
        media_type: manifest.media_type().to_owned(),
        etag: Some(manifest.etag().to_owned()),
        modified_ms: manifest.last_modified_ms(),
        stored: Vec::new(),
    };
    Opened { head, chunks: merge(manifest.into_chunks(), options.max_bytes_ahead) }
}

/// The file at a URL. Where its size is known, nobody is asked.
///
/// # Errors
///
/// Those of [`probe::open`].
pub async fn of_url<H: Host>(
    host: &H,
    session: &Session,
    url: &str,
    known: UrlHints,
) -> Result<Opened, Error> {
    let UrlHints { size, name, media_type, chunk_size } = known;
    if let Some(size) = size {
        session.validators.expect(url, size);
        let media_type = media_type.unwrap_or_else(|| OCTETS.to_owned());
        let head = Metadata { size, name, media_type, ..Metadata::default() };
        return Ok(Opened { head, chunks: ranges_of(url, size, chunk_size) });
    }
    let found = probe::open(host, &session.options, &session.validators, url, chunk_size).await?;
    let head = Metadata {
        size: found.size,
        name,
        media_type: media_type.or(found.media_type).unwrap_or_else(|| OCTETS.to_owned()),
        etag: found.etag,
        modified_ms: found.modified_ms,
        stored: Vec::new(),
    };
    Ok(Opened { head, chunks: found.chunks })
}
