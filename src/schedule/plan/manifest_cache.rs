//! What chunk manifests have been found to list.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::model::chunk::{Chunk, Source};

/// The most chunks that are kept in memory by all lists of one file: what six manifests of the
/// filer's own size list, some 12 MB.
const MAX_KEPT: usize = 1 << 16;

/// What the chunk manifests of a file list, as far as they have been read lately. Clones share it,
/// so that a stream finds what another one has read.
#[derive(Clone, Default)]
pub struct ManifestCache(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// From the oldest to the newest.
    lists: VecDeque<(Source, Arc<[Chunk]>)>,
    chunks: usize,
}

impl ManifestCache {
    /// What a chunk manifest lists, if it is still known.
    #[must_use]
    pub fn get(&self, manifest: &Source) -> Option<Arc<[Chunk]>> {
        self.lock().lists.iter().find(|(source, _)| source == manifest).map(|(_, list)| Arc::clone(list))
    }

    /// Keeps a list, and forgets the oldest ones if there are too many.
    pub fn insert(&self, manifest: &Source, list: &Arc<[Chunk]>) {
        let mut kept = self.lock();
        if kept.lists.iter().any(|(source, _)| source == manifest) {
            return;
        }
        kept.chunks += list.len();
        kept.lists.push_back((manifest.clone(), Arc::clone(list)));
        while kept.chunks > MAX_KEPT
            && let Some((_, oldest)) = kept.lists.pop_front()
        {
            kept.chunks -= oldest.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManifestCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestCache").field("lists", &self.lock().lists.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(len: usize) -> Arc<[Chunk]> {
        vec![Chunk::plain(Source::FileId("1,0100000001".into()), 0, 1); len].into()
    }

    fn manifest(id: u64) -> Source {
        Source::FileId(format!("1,{id:02x}00000001").into())
    }

    // F86
    #[test]
    fn the_oldest_lists_are_forgotten_when_there_are_too_many_chunks() {
        let lists = ManifestCache::default();
        for id in 1..=5 {
            lists.insert(&manifest(id), &list(MAX_KEPT / 4));
        }
        let known: Vec<bool> = (1..=5).map(|id| lists.clone().get(&manifest(id)).is_some()).collect();
        assert_eq!(known, [false, true, true, true, true]);
    }

    #[test]
    fn a_list_that_comes_twice_counts_once() {
        let lists = ManifestCache::default();
        for _ in 0..3 {
            lists.insert(&manifest(1), &list(MAX_KEPT / 2));
        }
        lists.insert(&manifest(2), &list(MAX_KEPT / 2));
        assert!(lists.get(&manifest(1)).is_some() && lists.get(&manifest(2)).is_some());
    }
}
