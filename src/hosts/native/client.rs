//! The client: opens files, and has what they share.

use std::{fmt, io, sync::Arc, time::Instant};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    connector::Connector,
    decode::Decoder,
    error::{BoxError, NativeCauses},
    fetch::{Fetcher, HttpClient, http_client},
    file::File,
    host::NativeHost,
    options::{Locate, Options},
};
use crate::{
    error::{Error, Kind},
    formats::{manifest::Manifest, seaweedfs::urls},
    http::url,
    read::{
        open::{OpenContext, UrlHints},
        streams::Streams,
    },
    schedule::{
        self,
        pool::{Pool, PoolLimits},
    },
};

/// Opens files, and has what they share: connections, limits and measurements. A clone is a handle on the same client.
#[derive(Clone)]
pub struct Client {
    http: HttpClient,
    pool: Pool,
    causes: Arc<NativeCauses>,
    streams: Streams<NativeHost>,
    decoder: Decoder,
}

impl Client {
    /// A client with the default limits of [`PoolLimits`] that trusts the system's certificate authorities.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Builds a client with other limits, or with more certificates to trust.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Opens a file of a filer by its URL there: fetches its entry.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] if this is not an http or https URL or not below [`Options::filer`], [`Kind::NotFound`] if there is no such file, and
    /// those of a stream.
    pub async fn open_filer(&self, url: &str, options: &Options) -> Result<File, Error> {
        let (entry_url, file_url) = urls::entry_url(&checked(url)?);
        let filer = options.filer.as_deref().map(checked).transpose()?;
        if filer.as_deref().is_some_and(|filer| !urls::is_below(&file_url, filer)) {
            return Err(Error::new(Kind::Unsupported, "the URL of the file must be below that of the filer"));
        }
        let context = self.context(filer.as_deref().or(url::origin(&file_url)), &file_url, options);
        Ok(File(context.open_filer(&entry_url, Some(&file_url), &options.keys).await?))
    }

    /// Opens a file by its entry, the JSON of a filer's response. Sends no request. `filer`: the filer's URL, path
    /// included, if there is one; [`Options::filer`] if it is `None`.
    ///
    /// # Errors
    ///
    /// [`Kind::Manifest`] if the JSON is not an entry, [`Kind::NoLocations`] if neither a filer nor
    /// [`Options::locate`] can find the chunks.
    pub async fn open_entry(
        &self,
        json: &[u8],
        filer: Option<&str>,
        options: &Options,
    ) -> Result<File, Error> {
        let filer = filer.or(options.filer.as_deref()).map(checked).transpose()?;
        let filer = filer.as_deref().map(urls::filer_base);
        if filer.is_none() && matches!(options.locate, Locate::Proxy) {
            return Err(Error::new(
                Kind::NoLocations,
                "the chunks cannot be found: neither a filer nor `locate` was given",
            ));
        }
        let context = self.context(filer, filer.unwrap_or_default(), options);
        Ok(File(context.open_entry(json, filer, &options.keys).await?))
    }

    /// Opens a file by its manifest. Sends no request.
    ///
    /// # Errors
    ///
    /// [`Kind::Closed`] if the client was closed.
    pub fn open_manifest(&self, manifest: Manifest, options: &Options) -> Result<File, Error> {
        Ok(File(self.context(None, "", options).open_manifest(manifest)?))
    }

    /// Opens any URL, to be read in ranges. If the chunk size in `hints` is 0, it is 4 MiB.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] if the server does not give the size, and those of a stream.
    pub async fn open_url(&self, url: &str, mut hints: UrlHints, options: &Options) -> Result<File, Error> {
        let url = checked(url)?;
        let context = self.context(Some(&url), &url, options);
        if hints.chunk_size == 0 {
            hints.chunk_size = schedule::options::Options::DEFAULT_CHUNK_SIZE;
        }
        Ok(File(context.open_url(&url, hints).await?))
    }

    /// The pool that all files of the client share.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Bytes of decoded chunks that are kept for reads that follow.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.streams.kept().bytes()
    }

    /// The error of a connection, or of a user's function, that caused an error of this client. The client keeps the
    /// latest ones only.
    #[must_use]
    pub fn cause(&self, error: &Error) -> Option<Arc<BoxError>> {
        self.causes.of(error.cause()?)
    }

    /// Makes every stream of every file fail with [`Kind::Closed`], and each later call. Drops the decoded
    /// chunks that are kept.
    pub fn close(&self) {
        self.streams.close();
    }

    /// `home`: the filer, or the URL that is opened; its origin gets the user's headers. `url`: what is opened, if it is one.
    fn context(&self, home: Option<&str>, url: &str, options: &Options) -> OpenContext<NativeHost> {
        let session = options.session(urls::filer_base(home.unwrap_or_default()), url, &self.pool);
        let home = home.and_then(url::origin).unwrap_or_default().to_owned();
        let fetcher = Fetcher {
            http: self.http.clone(),
            headers: options.headers.clone(),
            home,
            origins: session.options.origins.clone(),
            causes: Arc::clone(&self.causes),
        };
        let host = NativeHost {
            fetcher: Arc::new(fetcher),
            decoder: self.decoder.clone(),
            locate: options.locate.clone(),
            token: options.token.clone(),
            filer_token: options.filer_token.clone(),
            on_event: options.on_event.clone(),
            opened: Instant::now(),
        };
        let can_renew_filer_token = options.filer_token.is_some();
        OpenContext { host, session, shared_streams: self.streams.clone(), can_renew_filer_token }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds a [`Client`].
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    limits: PoolLimits,
    trusted: Vec<CertificateDer<'static>>,
}

impl ClientBuilder {
    /// The limits that all files of the client share.
    #[must_use]
    pub fn limits(mut self, limits: PoolLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts these certificates too, in PEM: of a private authority, or of one server.
    ///
    /// # Errors
    ///
    /// If the text has no certificate, or one that cannot be parsed.
    pub fn trust(mut self, pem: &[u8]) -> io::Result<Self> {
        let wrong = |message| io::Error::new(io::ErrorKind::InvalidData, message);
        let before = self.trusted.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| wrong("the file is not valid PEM"))?;
            let is_read = RootCertStore::empty().add(certificate.clone());
            is_read.map_err(|_| wrong("a certificate in the file cannot be parsed"))?;
            self.trusted.push(certificate);
        }
        if self.trusted.len() == before {
            return Err(wrong("the file contains no certificate"));
        }
        Ok(self)
    }

    /// The client. It connects, and reads the system's certificates, when the first request needs it.
    #[must_use]
    pub fn build(self) -> Client {
        Client {
            http: http_client(Connector::new(self.trusted)),
            pool: Pool::new(self.limits),
            causes: Arc::default(),
            streams: Streams::keeping(self.limits.max_cache_bytes),
            decoder: Decoder::default(),
        }
    }
}

fn checked(url: &str) -> Result<String, Error> {
    let wrong =
        || Error::new(Kind::Unsupported, "the URL must be an http or https URL without user and password");
    url::checked(url).ok_or_else(wrong)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("pool", &self.pool).finish_non_exhaustive()
    }
}
