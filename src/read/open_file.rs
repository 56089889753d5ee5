//! An open file: starts streams of its bytes, and ends them.

use std::{future::Future, ops::Range, sync::Arc};

use super::{
    Reader,
    metadata::Metadata,
    prefetch_keeping,
    session::Session,
    stats::Stats,
    streams::{Streams, closed},
};
use crate::{
    error::Error,
    host::Host,
    http::respond::{Presentation, Representation},
    model::chunk::{Chunk, Source},
    schedule::plan::{Plan, Summary},
};

/// An open file. Dropping it does not end its streams; [`OpenFile::close`] does.
#[derive(Debug)]
pub struct OpenFile<H: Host> {
    pub(super) metadata: Metadata,
    pub(super) md5: Option<[u8; 16]>,
    pub(super) chunks: Arc<[Chunk]>,
    pub(super) host: H,
    pub(super) session: Session,
    pub(super) streams: Streams<H>,
    pub(super) shared_streams: Streams<H>,
}

impl<H: Host> OpenFile<H> {
    /// The metadata of the file.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The file as a response to a request for it describes it.
    #[must_use]
    pub fn as_served<'a>(&'a self, presentation: Presentation<'a>) -> Representation<'a> {
        let is_private = self.session.is_private || self.chunks.first().is_some_and(needs_credential);
        Representation { is_private, presentation, ..self.metadata.as_served() }
    }

    /// The MD5 of the whole file, if its entry has one.
    #[must_use]
    pub fn md5(&self) -> Option<&[u8; 16]> {
        self.md5.as_ref()
    }

    /// The host that its streams use.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Whether chunks are known only by their file id, so that a locator must find their replicas.
    #[must_use]
    pub fn needs_locator(&self) -> bool {
        self.chunks.iter().any(|chunk| matches!(chunk.source, Source::FileId(_)))
    }

    /// The plan of a stream of these bytes, clipped to the size.
    #[must_use]
    pub fn plan(&self, range: Range<u64>) -> Plan {
        let end = range.end.min(self.metadata.size);
        Plan::new(Arc::clone(&self.chunks), range.start.min(end)..end)
    }

    /// What a stream with this plan would do. Sends no request.
    #[must_use]
    pub fn summary(&self, plan: &Plan) -> Summary {
        Summary::of(plan, &self.session.manifests, self.session.options.max_bytes_ahead)
    }

    /// Starts a stream of these bytes, clipped to the size. Nothing is fetched unless the driver is polled.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`] if the file or its pool was closed.
    pub fn start(&self, range: Range<u64>) -> Result<(impl Future<Output = ()> + use<H>, Reader<H>), Error>
    where
        H: Clone,
    {
        self.start_on(self.host.clone(), self.plan(range))
    }

    /// As [`Self::start`], with a host of its own and a plan of this file.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`] if the file or its pool was closed.
    pub fn start_on(
        &self,
        host: H,
        plan: Plan,
    ) -> Result<(impl Future<Output = ()> + use<H>, Reader<H>), Error> {
        self.check_open()?;
        let (driver, reader) =
            prefetch_keeping(plan, host, self.session.clone(), self.shared_streams.kept().clone());
        self.streams.add(reader.handle());
        self.shared_streams.add(reader.handle());
        Ok((driver, reader))
    }

    /// The counters of all its streams.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.session.stats.stats()
    }

    /// Fails if the file or its pool was closed.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`].
    pub fn check_open(&self) -> Result<(), Error> {
        if self.streams.is_closed() || self.shared_streams.is_closed() {
            return Err(closed());
        }
        Ok(())
    }

    /// Makes its streams fail with [`crate::Kind::Closed`], and later calls too.
    pub fn close(&self) {
        self.streams.close();
        self.shared_streams.kept().forget(&self.session.stats);
    }
}

/// Whether a chunk of a manifest has a key, or URLs with a query, which may be a signature. The chunks of a file are
/// alike.
fn needs_credential(chunk: &Chunk) -> bool {
    let Source::Urls(urls) = &chunk.source else { return false };
    chunk.key.is_some() || urls.iter().any(|url| url.as_bytes().contains(&b'?'))
}
