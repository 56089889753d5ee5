//! What is known of chunk manifests, by their ids.

use std::{collections::HashMap, sync::Arc};

use crate::model::chunk::Source;

/// A map from chunk manifests.
#[derive(Debug)]
pub(super) struct Known<T>(HashMap<Arc<str>, T>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Known<T> {
    pub(super) fn get(&self, manifest: &Source) -> Option<&T> {
        self.0.get(manifest.name())
    }

    pub(super) fn get_mut(&mut self, manifest: &Source) -> Option<&mut T> {
        self.0.get_mut(manifest.name())
    }

    pub(super) fn remove(&mut self, manifest: &Source) -> Option<T> {
        self.0.remove(manifest.name())
    }

    /// The value of a manifest; the default if there is none yet.
    pub(super) fn entry(&mut self, manifest: &Source) -> &mut T
    where
        T: Default,
    {
        self.0.entry(id(manifest)).or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn id(manifest: &Source) -> Arc<str> {
    match manifest {
        Source::FileId(id) => Arc::clone(id),
        _ => manifest.name().into(),
    }
}
