//! What a decoded chunk is known by.

use crate::{
    fetch::locator::Locator,
    model::chunk::{Chunk, Source},
    read::{session::Session, stats::StatsHandle},
    schedule::options::Verify,
};

/// What a decoded chunk is known by: what is stored, how it is decoded, and what was verified. No URL with a token is
/// part of it, unless it is the chunk's only name; then the chunk is kept for its own file.
pub(crate) struct Identity {
    chunk: Chunk,
    /// The MD5 that was, or has to be, verified.
    md5: Option<[u8; 16]>,
    /// The counters of the file stand for the file.
    file: StatsHandle,
    locator: Locator,
}

impl Identity {
    pub(crate) fn new(chunk: &Chunk, session: &Session) -> Self {
        Self {
            md5: chunk.md5.filter(|_| session.options.verify != Verify::Off),
            // What a chunk holds does not depend on its place in a file.
            chunk: Chunk { offset: 0, modified: 0, md5: None, ..chunk.clone() },
            file: session.stats.clone(),
            locator: session.locator.clone(),
        }
    }

    /// Whether what this one names is what `wanted` names, and is as verified. In another file that is so if the chunk has
    /// the same id in the same cluster, and the same key, which is the proof that the file may be read.
    pub(super) fn serves(&self, wanted: &Self) -> bool {
        let realm = self.locator.realm();
        let is_elsewhere = !realm.is_empty() && self.is_for_all_files() && realm == wanted.locator.realm();
        (is_elsewhere || self.is_of(&wanted.file))
            && self.chunk == wanted.chunk
            && wanted.md5.is_none_or(|md5| self.md5 == Some(md5))
    }

    /// Whether it is a chunk of this file.
    pub(super) fn is_of(&self, file: &StatsHandle) -> bool {
        self.file.is(file)
    }

    /// Whether other files may use it.
    pub(super) fn is_for_all_files(&self) -> bool {
        self.chunk.key.is_some() && matches!(self.chunk.source, Source::FileId(_))
    }

    /// The number of decoded bytes.
    pub(super) fn len(&self) -> u64 {
        self.chunk.size
    }

    /// The counters of its file.
    pub(super) fn file(&self) -> &StatsHandle {
        &self.file
    }
}
