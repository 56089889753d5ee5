//! Opening a file: its metadata and its chunks.
//!
//! A file is opened by a filer's entry ([`entry`], [`of_entry`]), a manifest ([`of_manifest`]) or a URL
//! ([`of_url`]). Each way leads to the same result: [`Opened`].

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

/// The metadata of a file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The size in bytes.
    pub size: u64,
    /// The file name; empty if there is none.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// The entity tag, quotes included.
    pub etag: Option<String>,
    /// The time of the last modification, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// Response headers that are stored with the file.
    pub stored: Vec<(&'static str, String)>,
}

impl Metadata {
    /// The file as an HTTP response represents it.
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

/// An opened file. It is read with the session that it was opened with.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// The metadata.
    pub head: Metadata,
    /// The chunks.
    pub chunks: Vec<Chunk>,
}

/// What a caller knows of a URL.
#[derive(Clone, Debug, Default)]
pub struct UrlHints {
    /// The size in bytes; a request finds it out if it is `None`.
    pub size: Option<u64>,
    /// The file name.
    pub name: String,
    /// The media type; replaces the server's.
    pub media_type: Option<String>,
    /// The size of the ranges to request.
    pub chunk_size: u64,
}

const OCTETS: &str = "application/octet-stream";

/// Fetches and parses the entry of a file from its filer. `may_renew`: a refused token can be replaced.
///
/// # Errors
///
/// Those of a stream, and [`crate::Kind::Manifest`] if the response is not an entry.
pub async fn entry<H: Host>(host: &H, options: &Options, url: &str, may_renew: bool) -> Result<Entry, Error> {
    let wanted = Expect::Body(MAX_TEXT_BYTES as u64);
    let asked = GetTarget::Filer { url, may_renew };
    let Fetched { body, .. } = retrieve(host, options, wanted, asked).await?;
    Ok(Entry::parse(&joined(&body))?)
}

/// Opens the file of an entry. `url`: where the filer serves the file, if a filer can be asked.
///
/// # Errors
///
/// [`crate::Kind::Unsupported`] if the file cannot be read, [`crate::Kind::Corrupt`] if a key is wrong.
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

/// Opens the file of a manifest.
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

/// Opens the file at a URL. If its size is known, no request is sent.
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
