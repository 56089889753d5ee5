//! Streams that are closed together, and the decoded chunks that are kept for them.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Error, Kind},
    host::Host,
    read::{kept::KeptChunks, reader::Handle},
};

/// The open streams of a file, or of the files that share a client or a pool, and the chunks that are kept for them.
/// Clones share both.
pub struct Streams<H: Host> {
    list: Arc<Mutex<List<H>>>,
    kept: KeptChunks<H::Piece>,
}

struct List<H: Host> {
    handles: Vec<Handle<H>>,
    is_closed: bool,
}

impl<H: Host> Streams<H> {
    /// With at most this many bytes of decoded chunks, beside the streams.
    #[must_use]
    pub fn keeping(max_bytes: u64) -> Self {
        let list = List { handles: Vec::new(), is_closed: false };
        Self { list: Arc::new(Mutex::new(list)), kept: KeptChunks::new(max_bytes) }
    }

    /// The decoded chunks that are kept.
    pub fn kept(&self) -> &KeptChunks<H::Piece> {
        &self.kept
    }

    /// Adds a stream, and drops those that have ended.
    pub(crate) fn add(&self, handle: Handle<H>) {
        let mut list = self.lock();
        list.handles.retain(|handle| !handle.is_over());
        list.handles.push(handle);
    }

    /// Makes every stream fail with [`Kind::Closed`], and drops what is kept.
    pub fn close(&self) {
        let handles = {
            let mut list = self.lock();
            list.is_closed = true;
            // Taken out of the lock: the end of a stream calls the user's code.
            mem::take(&mut list.handles)
        };
        handles.iter().for_each(|handle| handle.fail(closed()));
        self.kept.close();
    }

    /// Whether they were closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, List<H>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Host> Clone for Streams<H> {
    fn clone(&self) -> Self {
        Self { list: Arc::clone(&self.list), kept: self.kept.clone() }
    }
}

impl<H: Host> Default for Streams<H> {
    fn default() -> Self {
        Self::keeping(0)
    }
}

impl<H: Host> fmt::Debug for Streams<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// The error of a stream, or of a call, after its file was closed.
pub(crate) fn closed() -> Error {
    Error::new(Kind::Closed, "the file was closed")
}
