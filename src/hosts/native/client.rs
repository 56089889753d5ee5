//! Where files are opened.

use std::{fmt, io, sync::Arc, time::Instant};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    BoxError,
    body::NativeCauses,
    connector::Connector,
    fetch::{Fetcher, Wire, wire},
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
    schedule::pool::{Pool, PoolLimits},
};

/// Connections, and what all files that are read over them share. Clones are handles on the same one.
#[derive(Clone)]
pub struct Client {
    wire: Wire,
    pool: Pool,
    causes: Arc<NativeCauses>,
    streams: Streams<NativeHost>,
}

impl Client {
    /// A client that trusts whom the system trusts, with the limits of [`PoolLimits`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A client with limits of its own, or that trusts more than the system does.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Opens a file of a filer: fetches its entry.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] for what is no http or https URL, [`Kind::NotFound`], and as a stream's.
    pub async fn open_filer(&self, url: &str, options: &Options) -> Result<File, Error> {
        let (entry_url, file_url) = urls::entry_url(&checked(url)?);
        let context = self.context(&file_url, options);
        Ok(File(context.open_filer(&entry_url, Some(&file_url), &options.keys).await?))
    }

    /// Opens a file by its entry, the JSON that a filer answered; `filer`: where to ask for more, if
    /// there is one to be asked.
    ///
    /// # Errors
    ///
    /// [`Kind::Manifest`] for what is no entry, [`Kind::NoLocations`] where nothing says where chunks are.
    pub fn open_entry(&self, json: &[u8], filer: Option<&str>, options: &Options) -> Result<File, Error> {
        let filer = filer.map(checked).transpose()?;
        let origin = filer.as_deref().and_then(url::origin);
        if origin.is_none() && matches!(options.locate, Locate::Proxy) {
            return Err(Error::new(Kind::NoLocations, "a filer or `locate` must say where the chunks are"));
        }
        let context = self.context(origin.unwrap_or_default(), options);
        Ok(File(context.open_entry(json, origin, &options.keys)?))
    }

    /// Opens a file by a list of its chunks.
    ///
    /// # Errors
    ///
    /// [`Kind::Closed`].
    pub fn open_manifest(&self, manifest: Manifest, options: &Options) -> Result<File, Error> {
        Ok(File(self.context("", options).open_manifest(manifest)?))
    }

    /// Opens one URL, to be read in ranges. An empty name in `known` is taken from the URL, a chunk size
    /// of 0 is 4 MiB.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] where its size cannot be had, and as a stream's.
    pub async fn open_url(&self, url: &str, mut known: UrlHints, options: &Options) -> Result<File, Error> {
        let url = checked(url)?;
        let context = self.context(&url, options);
        if known.name.is_empty() {
            known.name = url::name_of(&url);
        }
        if known.chunk_size == 0 {
            known.chunk_size = CHUNK_SIZE;
        }
        Ok(File(context.open_url(&url, known).await?))
    }

    /// What is shared, to look at.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What a connection, or a function of the user's, failed with: the cause of an error of this
    /// client's, if it is one of the latest.
    #[must_use]
    pub fn cause(&self, error: &Error) -> Option<Arc<BoxError>> {
        self.causes.of(error.cause()?)
    }

    /// Makes every stream of every file fail with [`Kind::Closed`], and each later call.
    pub fn close(&self) {
        self.streams.close();
    }

    fn context(&self, url: &str, options: &Options) -> OpenContext<NativeHost> {
        let home = url::origin(url).unwrap_or_default().to_owned();
        let session = options.session(&home, &self.pool);
        let fetcher = Fetcher {
            wire: self.wire.clone(),
            headers: options.headers.clone(),
            home,
            causes: Arc::clone(&self.causes),
        };
        let host = NativeHost {
            fetcher: Arc::new(fetcher),
            locate: options.locate.clone(),
            token: options.token.clone(),
            filer_token: options.filer_token.clone(),
            on_event: options.on_event.clone(),
            since: Instant::now(),
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

/// Makes a [`Client`].
#[derive(Clone, Debug, Default)]
pub struct ClientBuilder {
    limits: PoolLimits,
    trusted: Vec<CertificateDer<'static>>,
}

impl ClientBuilder {
    /// What all files of the client share.
    #[must_use]
    pub fn limits(mut self, limits: PoolLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts these certificates too, in PEM: an authority of one's own, or the certificate of one server.
    ///
    /// # Errors
    ///
    /// Where there is none in it, or one that cannot be read.
    pub fn trust(mut self, pem: &[u8]) -> io::Result<Self> {
        let wrong = |message| io::Error::new(io::ErrorKind::InvalidData, message);
        let before = self.trusted.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| wrong("a certificate is not as PEM has it"))?;
            let is_read = RootCertStore::empty().add(certificate.clone());
            is_read.map_err(|_| wrong("a certificate cannot be read"))?;
            self.trusted.push(certificate);
        }
        if self.trusted.len() == before {
            return Err(wrong("there is no certificate in it"));
        }
        Ok(self)
    }

    /// The client. Nothing is connected, nor read from the system, before it is needed.
    #[must_use]
    pub fn build(self) -> Client {
        Client {
            wire: wire(Connector::new(self.trusted)),
            pool: Pool::new(self.limits),
            causes: Arc::default(),
            streams: Streams::default(),
        }
    }
}

/// As much at a time as SeaweedFS cuts files into.
const CHUNK_SIZE: u64 = 4 << 20;

fn checked(url: &str) -> Result<String, Error> {
    let wrong = || Error::new(Kind::Unsupported, "it is no http or https URL without user and password");
    url::checked(url).ok_or_else(wrong)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("pool", &self.pool).finish_non_exhaustive()
    }
}
