//! An open file.

use std::{
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use futures::StreamExt;

use super::host::NativeHost;
use crate::{
    error::Error,
    model::chunk::Chunk,
    read::{
        Reader,
        open::Metadata,
        prefetch,
        session::Session,
        stats::Stats,
        streams::{Streams, closed},
    },
    schedule::plan::{Plan, Summary},
};

/// An open file. Dropping it ends nothing: its streams go on; [`File::close`] ends them.
#[derive(Debug)]
pub struct File {
    pub(super) head: Metadata,
    pub(super) md5: Option<[u8; 16]>,
    pub(super) chunks: Arc<[Chunk]>,
    pub(super) host: NativeHost,
    pub(super) session: Session,
    pub(super) streams: Streams<NativeHost>,
    pub(super) client_streams: Streams<NativeHost>,
}

impl File {
    /// What it says of itself: name, media type, entity tag, times.
    #[must_use]
    pub fn head(&self) -> &Metadata {
        &self.head
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// MD5 of all of it, where the filer saw it whole.
    #[must_use]
    pub fn md5(&self) -> Option<&[u8; 16]> {
        self.md5.as_ref()
    }

    /// Opens a stream of these bytes, clipped to the size. Nothing is fetched before the first read; from
    /// then on a task of the runtime fetches ahead. Dropping the reader cancels every request at once.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn stream(&self, range: impl RangeBounds<u64>) -> Result<Reader<NativeHost>, Error> {
        self.check_open()?;
        let (driver, reader) = prefetch(self.plan_of(&range), self.host.clone(), self.session.clone());
        tokio::spawn(driver);
        self.streams.add(reader.handle());
        self.client_streams.add(reader.handle());
        Ok(reader)
    }

    /// Reads these bytes, clipped to the size, into memory.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub async fn bytes(&self, range: impl RangeBounds<u64>) -> Result<Vec<u8>, Error> {
        let mut reader = self.stream(range)?;
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// What a stream of these bytes would do; nothing is asked.
    #[must_use]
    pub fn plan(&self, range: impl RangeBounds<u64>) -> Summary {
        let plan = Arc::new(self.plan_of(&range));
        Summary::of(&plan, &self.session.manifests, self.session.options.max_bytes_ahead)
    }

    /// What its streams have done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.session.stats.stats()
    }

    /// Makes its streams fail with [`crate::Kind::Closed`], and later calls too.
    pub fn close(&self) {
        self.streams.close();
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.streams.is_closed() || self.client_streams.is_closed() {
            return Err(closed());
        }
        Ok(())
    }

    pub(super) fn plan_of(&self, range: &impl RangeBounds<u64>) -> Plan {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let end = end.min(self.head.size);
        Plan::new(Arc::clone(&self.chunks), start.min(end)..end)
    }
}
