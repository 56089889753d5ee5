//! The options of a file.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::BoxError;
use crate::{
    fetch::locator::Locator,
    formats::seaweedfs::entry::Keys,
    host::event::Event,
    model::location::Location,
    read::session::Session,
    schedule::{options, pool::Pool},
};

/// The options of a file: how it is found and read.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// The options of every host: look-ahead, retries, timeouts, verification, throttle.
    pub read: options::Options,
    /// The URL of the filer, with its path if it is below one of a reverse proxy: `https://host/files/`. It relays the
    /// chunks at `<filer>/?proxyChunkId=`. By default the origin of the URL that is opened.
    pub filer: Option<String>,
    /// How the chunks of a filer's file are found.
    pub locate: Locate,
    /// Read tokens for chunks, by file id and origin; requested just before a request is sent.
    pub token: Token,
    /// Read tokens for the filer.
    pub filer_token: Token,
    /// Keys of S3 objects.
    pub keys: Keys,
    /// Sent to the origin of the URL that is opened, and to no other origin.
    pub headers: HeaderMap,
    /// Receives the events. Must not block.
    pub on_event: Option<Listener>,
}

/// Receives events.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

type Promise<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// How the chunks of a filer's file are found.
#[derive(Clone, Default)]
pub enum Locate {
    /// The filer at the URL relays them.
    #[default]
    Proxy,
    /// The master at this URL is asked.
    Master(String),
    /// The masters at these URLs are asked in turn, until one answers. There must be at least one.
    Masters(Vec<String>),
    /// This function is asked; see [`Locate::by`].
    Function(Arc<dyn Fn(String, bool) -> Promise<Location> + Send + Sync>),
}

impl Locate {
    /// A function finds the replicas of a file id. Its second argument is `true` if the replicas that it returned
    /// before did not work.
    pub fn by<F, P>(function: F) -> Self
    where
        F: Fn(String, bool) -> P + Send + Sync + 'static,
        P: Future<Output = Result<Location, BoxError>> + Send + 'static,
    {
        Self::Function(Arc::new(move |file_id, refresh| Box::pin(function(file_id, refresh))))
    }
}

impl fmt::Debug for Locate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxy => "Proxy",
            Self::Master(_) | Self::Masters(_) => "Master",
            Self::Function(_) => "Function",
        })
    }
}

/// A source of read tokens; none by default.
#[derive(Clone, Default)]
pub struct Token(Option<Arc<Signer>>);

type Signer = dyn Fn(String, String) -> Promise<String> + Send + Sync;

impl Token {
    /// The same token for every request.
    #[must_use]
    pub fn fixed(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::by(move |_, _| std::future::ready(Ok(token.clone())))
    }

    /// A function signs a token for a file id and an origin. For the filer the file id is empty.
    pub fn by<F, P>(function: F) -> Self
    where
        F: Fn(String, String) -> P + Send + Sync + 'static,
        P: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        Self(Some(Arc::new(move |file_id, origin| Box::pin(function(file_id, origin)))))
    }

    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn ask(&self, file_id: &str, origin: &str) -> Option<Promise<String>> {
        self.0.as_ref().map(|function| function(file_id.to_owned(), origin.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_some() { "Some" } else { "None" })
    }
}

impl Options {
    /// Adds a header, given as a line `Name: value`.
    ///
    /// # Errors
    ///
    /// If the line is not a valid header.
    pub fn header(&mut self, line: &str) -> Result<(), BoxError> {
        let (name, value) = line.split_once(':').ok_or("a header must have the form `Name: value`")?;
        self.headers
            .append(HeaderName::from_bytes(name.trim().as_bytes())?, HeaderValue::try_from(value.trim())?);
        Ok(())
    }

    /// The session of one file. `filer`: the URL of its filer without a slash at the end; `url`: what it is opened by.
    pub(super) fn session(&self, filer: &str, url: &str, pool: &Pool) -> Session {
        let mut session = Session::from(self.read.clone());
        session.pool = pool.clone();
        session.is_private = self.has_credential() || url.contains('?');
        session.locator = match &self.locate {
            Locate::Proxy => Locator::proxy(filer),
            Locate::Master(url) => Locator::master(url),
            Locate::Masters(urls) => Locator::masters(urls.iter().map(String::as_str)),
            Locate::Function(_) => Locator::default(),
        };
        session
    }
}

impl Options {
    fn has_credential(&self) -> bool {
        let has_keys = self.keys.customer.is_some() || self.keys.kek.is_some();
        !self.headers.is_empty() || self.token.is_some() || self.filer_token.is_some() || has_keys
    }
}

impl fmt::Debug for Options {
    /// Without the headers and keys, which are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("locate", &self.locate)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
