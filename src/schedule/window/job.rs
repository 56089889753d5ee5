//! What a window fetches.

use crate::{
    model::chunk::{Chunk, Source},
    schedule::plan::View,
};

/// Something to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// The part of a chunk that the file needs.
    View {
        /// Its place in the plan.
        index: usize,
        /// Which part.
        view: View,
        /// The chunk.
        chunk: Chunk,
    },
    /// A chunk manifest.
    Manifest(Chunk),
}

/// Identifies a job that was started.
#[derive(Clone, Copy, Debug)]
pub enum JobId<'a> {
    /// A view, by its place in the plan.
    View(usize),
    /// A chunk manifest.
    Manifest(&'a Source),
}
