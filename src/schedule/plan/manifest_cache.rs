//! A cache of what chunk manifests list.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::known::Known;
use crate::model::chunk::{Chunk, Source};

/// The most chunks that are cached for one file, over all manifests: six manifests as the filer writes them,
/// about 12 MB of memory.
const MAX_CHUNKS: usize = 1 << 16;

/// The chunks that the recently read chunk manifests of a file list. Clones share the cache, so a stream uses
/// what another stream has read.
#[derive(Clone, Default)]
pub struct ManifestCache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lists: Known<Option<Arc<[Chunk]>>>,
    /// The manifests, the oldest first.
    order: VecDeque<Source>,
    /// How many chunks all lists have.
    chunks: usize,
}

impl ManifestCache {
    /// The chunks that a manifest lists, if they are cached.
    #[must_use]
    pub fn get(&self, manifest: &Source) -> Option<Arc<[Chunk]>> {
        self.lock().lists.get(manifest)?.clone()
    }

    /// Caches a list, and drops the oldest lists if there are too many chunks.
    pub fn insert(&self, manifest: &Source, list: &Arc<[Chunk]>) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.lists.entry(manifest).replace(Arc::clone(list)).is_some() {
            return;
        }
        state.chunks += list.len();
        state.order.push_back(manifest.clone());
        while state.chunks > MAX_CHUNKS
            && let Some(oldest) = state.order.pop_front()
        {
            state.chunks -= state.lists.remove(&oldest).flatten().map_or(0, |list| list.len());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
    fn the_oldest_lists_are_dropped_beyond_the_limit() {
        let cache = ManifestCache::default();
        for id in 1..=5 {
            cache.insert(&manifest(id), &list(MAX_CHUNKS / 4));
        }
        let known: Vec<bool> = (1..=5).map(|id| cache.clone().get(&manifest(id)).is_some()).collect();
        assert_eq!(known, [false, true, true, true, true]);
    }

    #[test]
    fn a_list_that_is_inserted_again_counts_once() {
        let cache = ManifestCache::default();
        for _ in 0..3 {
            cache.insert(&manifest(1), &list(MAX_CHUNKS / 2));
        }
        cache.insert(&manifest(2), &list(MAX_CHUNKS / 2));
        assert!(cache.get(&manifest(1)).is_some() && cache.get(&manifest(2)).is_some());
    }
}
