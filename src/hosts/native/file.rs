//! An open file.

use std::ops::{Bound, Range, RangeBounds};

use futures::StreamExt;

use super::host::NativeHost;
use crate::{
    error::Error,
    read::{Reader, metadata::Metadata, open_file::OpenFile, stats::Stats},
    schedule::plan::Summary,
};

/// An open file. Dropping it does not end its streams; [`File::close`] does.
#[derive(Debug)]
pub struct File(pub(super) OpenFile<NativeHost>);

impl File {
    /// The metadata: name, media type, entity tag, time.
    #[must_use]
    pub fn head(&self) -> &Metadata {
        self.0.metadata()
    }

    /// The size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.metadata().size
    }

    /// The MD5 of the whole file, if the filer stored one.
    #[must_use]
    pub fn md5(&self) -> Option<&[u8; 16]> {
        self.0.md5()
    }

    /// Opens a stream of these bytes, clipped to the size. Nothing is fetched before the first read; then a task of
    /// the runtime fetches ahead. Dropping the reader cancels all its requests at once.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Closed`] if the file or the client was closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn stream(&self, range: impl RangeBounds<u64>) -> Result<Reader<NativeHost>, Error> {
        let (driver, reader) = self.0.start(bounds(&range))?;
        tokio::spawn(driver);
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

    /// What a stream of these bytes would do. Sends no request.
    #[must_use]
    pub fn plan(&self, range: impl RangeBounds<u64>) -> Summary {
        self.0.summary(&self.0.plan(bounds(&range)))
    }

    /// The counters of all its streams.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Makes its streams fail with [`crate::Kind::Closed`], and later calls too.
    pub fn close(&self) {
        self.0.close();
    }
}

/// The bounds as a range of positions.
fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
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
    start..end
}
