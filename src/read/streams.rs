//! Streams that can be closed together.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{Error, Kind},
    host::Host,
    read::Handle,
};

/// The streams of a file, or of all files that share something. Clones are handles on the same list.
pub(crate) struct Streams<H: Host>(Arc<Mutex<List<H>>>);

struct List<H: Host> {
    handles: Vec<Handle<H>>,
    is_closed: bool,
}

impl<H: Host> Streams<H> {
    pub(crate) fn add(&self, handle: Handle<H>) {
        let mut list = self.lock();
        list.handles.retain(|handle| !handle.is_over());
        list.handles.push(handle);
    }

    /// Makes every stream fail with `closed`.
    pub(crate) fn close(&self) {
        let handles = {
            let mut list = self.lock();
            list.is_closed = true;
            // Taken out first: ending a stream calls back to the user.
            mem::take(&mut list.handles)
        };
        handles.iter().for_each(|handle| handle.fail(closed()));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, List<H>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Host> Clone for Streams<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Host> Default for Streams<H> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(List { handles: Vec::new(), is_closed: false })))
    }
}

impl<H: Host> fmt::Debug for Streams<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

pub(crate) fn closed() -> Error {
    Error::new(Kind::Closed, "it was closed")
}
