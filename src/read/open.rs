//! Opens files.
//!
//! A file can be opened in four ways, and each finds the same two things, its [`Metadata`] and its chunks:
//!
//! - by its URL at a filer: the filer's entry is fetched and lists the chunks;
//! - by an entry that the caller has: nothing is fetched;
//! - by a manifest that the caller has: nothing is fetched;
//! - by any URL: the size is requested unless it is given, and each chunk is a range of the URL.
//!
//! Every host opens files with an [`OpenContext`], which it makes from the user's options. The context becomes
//! part of the [`OpenFile`] that it returns.

use super::{
    data_keys::unwrap_keys,
    metadata::Metadata,
    open_file::OpenFile,
    session::Session,
    streams::{Streams, closed},
};
use crate::{
    error::{Error, Kind},
    fetch::{
        get::{Expect, Fetched, GetTarget, get},
        probe,
    },
    formats::{
        manifest::Manifest,
        seaweedfs::{
            entry::{Entry, Keys},
            urls,
        },
    },
    host::{Host, PrepareError, joined},
    http::url,
    model::{
        chunk::{Chunk, Source},
        merge::merge,
        ranges::ranges_of,
    },
};

/// What a caller knows about a URL before it is opened.
#[derive(Clone, Debug, Default)]
pub struct UrlHints {
    /// Size in bytes; requested from the server if absent.
    pub size: Option<u64>,
    /// File name. If it is empty, it is that of the server's `Content-Disposition`, where it can be seen, else the last
    /// component of the URL's path; without separators and control characters.
    pub name: String,
    /// Media type; replaces the server's.
    pub media_type: Option<String>,
    /// Bytes per range request.
    pub chunk_size: u64,
}

const UNLOADED: &str = "a part of kelp-stream cannot be loaded";

const OCTETS: &str = "application/octet-stream";

/// The host and the handles that a file is opened with, and read with afterwards.
#[derive(Debug)]
pub struct OpenContext<H: Host> {
    /// The platform that sends the requests.
    pub host: H,
    /// The options and handles of the file.
    pub session: Session,
    /// The streams of all files that share the pool. Closing them closes this file too.
    pub shared_streams: Streams<H>,
    /// Whether the host can get a new token for the filer after a 401.
    pub can_renew_filer_token: bool,
}

impl<H: Host> OpenContext<H> {
    /// Opens a file of a filer: fetches its entry from `entry_url`. `file_url` is the URL of the file itself;
    /// content that is not stored in chunks is read from there.
    ///
    /// # Errors
    ///
    /// Those of a stream. [`crate::Kind::Manifest`] if the response is not an entry. Those of
    /// [`Self::open_entry`]. If the pool was closed before, nothing is requested.
    pub async fn open_filer(
        self,
        entry_url: &str,
        file_url: Option<&str>,
        keys: &Keys,
    ) -> Result<OpenFile<H>, Error> {
        self.check_open()?;
        let target = GetTarget::Filer { url: entry_url, may_renew: self.can_renew_filer_token };
        let expect = Expect::Body(self.session.options.max_metadata_bytes);
        let Session { options, pool, .. } = &self.session;
        let Fetched { body, .. } = get(&self.host, options, pool, expect, target).await?;
        let entry = Entry::parse(&joined(&body))?;
        self.open_parsed(&entry, file_url, keys).await
    }

    /// Opens a file by its entry, the JSON of a filer's response. `filer`: the filer's URL without a slash at the end,
    /// if content that is not stored in chunks may be read from there.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Manifest`] if this is not an entry. [`crate::Kind::Unsupported`] if the file cannot be
    /// read. [`crate::Kind::Corrupt`] if a key is wrong. [`crate::Kind::Closed`] if the pool was closed.
    pub async fn open_entry(
        self,
        json: &[u8],
        filer: Option<&str>,
        keys: &Keys,
    ) -> Result<OpenFile<H>, Error> {
        let entry = Entry::parse(json)?;
        let file_url = filer.map(|filer| urls::file_url(filer, entry.path()));
        self.open_parsed(&entry, file_url.as_deref(), keys).await
    }

    async fn open_parsed(
        self,
        entry: &Entry,
        file_url: Option<&str>,
        keys: &Keys,
    ) -> Result<OpenFile<H>, Error> {
        let data_keys = unwrap_keys(&self.host, entry, keys).await?;
        let chunks = match file_url {
            Some(url) => entry.chunks_to_read_at(url, keys, &data_keys)?,
            None => entry.chunks_to_read(keys, &data_keys)?,
        };
        // Chunk manifests, and ranges of a URL.
        if chunks.iter().any(|chunk| chunk.is_manifest || matches!(chunk.source, Source::Filer(_))) {
            let loaded = self.host.load_more().await;
            loaded.map_err(|PrepareError { cause }| Error::new(Kind::Network, UNLOADED).because(cause))?;
        }
        if let Some(url) = file_url.filter(|_| entry.is_remote_only()) {
            self.session.validators.expect(url, entry.size());
        }
        let metadata = Metadata {
            size: entry.size(),
            name: entry.name().to_owned(),
            media_type: entry.media_type().to_owned(),
            etag: Some(entry.etag()),
            modified_ms: entry.modified_ms(),
            stored: entry.served(),
        };
        self.finish(metadata, chunks, entry.md5().copied())
    }

    /// Opens a file by a manifest.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`] if the pool was closed.
    pub fn open_manifest(self, manifest: Manifest) -> Result<OpenFile<H>, Error> {
        let metadata = Metadata {
            size: manifest.size(),
            name: manifest.name().to_owned(),
            media_type: manifest.media_type().to_owned(),
            etag: Some(manifest.etag().to_owned()),
            modified_ms: manifest.last_modified_ms(),
            stored: Vec::new(),
        };
        let chunks = merge(manifest.into_chunks(), self.session.options.max_bytes_ahead);
        self.finish(metadata, chunks, None)
    }

    /// Opens the file at a URL, to be read in ranges. Sends no request if the size is known.
    ///
    /// # Errors
    ///
    /// Those of [`probe::open`]. [`crate::Kind::Closed`] if the pool was closed.
    pub async fn open_url(self, url: &str, hints: UrlHints) -> Result<OpenFile<H>, Error> {
        self.check_open()?;
        let UrlHints { size, name, media_type, chunk_size } = hints;
        let session = &self.session;
        let named = |of_server: Option<String>| match name.is_empty() {
            true => of_server.unwrap_or_else(|| url::name_of(url)),
            false => name.clone(),
        };
        if let Some(size) = size {
            let name = named(None);
            session.validators.expect(url, size);
            let media_type = media_type.unwrap_or_else(|| OCTETS.to_owned());
            let metadata = Metadata { size, name, media_type, ..Metadata::default() };
            return self.finish(metadata, ranges_of(url, size, chunk_size), None);
        }
        let Session { options, pool, validators, .. } = session;
        let found = probe::open(&self.host, options, pool, validators, url, chunk_size).await?;
        let metadata = Metadata {
            size: found.size,
            name: named(found.name),
            media_type: media_type.or(found.media_type).unwrap_or_else(|| OCTETS.to_owned()),
            etag: found.etag,
            modified_ms: found.modified_ms,
            stored: Vec::new(),
        };
        self.finish(metadata, found.chunks, None)
    }

    /// Whether anything may be requested: the pool was not closed before.
    fn check_open(&self) -> Result<(), Error> {
        if self.shared_streams.is_closed() { Err(closed()) } else { Ok(()) }
    }

    /// The file, unless the pool was closed meanwhile.
    fn finish(
        self,
        metadata: Metadata,
        chunks: Vec<Chunk>,
        md5: Option<[u8; 16]>,
    ) -> Result<OpenFile<H>, Error> {
        let Self { host, session, shared_streams, .. } = self;
        let streams = Streams::default();
        let file = OpenFile { metadata, md5, chunks: chunks.into(), host, session, streams, shared_streams };
        file.check_open()?;
        Ok(file)
    }
}
