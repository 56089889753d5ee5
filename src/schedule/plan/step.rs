//! The steps of a plan.

use std::ops::Range;

use crate::model::chunk::{Chunk, Compression};

/// A stretch of the planned range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes that a chunk holds.
    View(View),
    /// A hole: positions in the file that no chunk holds. They read as zeros.
    Gap(Range<u64>),
    /// Positions that cannot be planned before the chunk manifests that span them have been read. Each of
    /// those manifests spans the whole stretch.
    Unread(Range<u64>),
}

/// The part of a chunk that the range needs. It is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The index of the chunk in the plan's list of chunks.
    pub chunk: usize,
    /// The position of its first byte in the file.
    pub at: u64,
    /// The bytes of the decoded chunk that it consists of.
    pub within: Range<u64>,
}

impl Step {
    /// The number of bytes of the file that it covers.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a step is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::View(view) => view.len(),
            Self::Gap(range) | Self::Unread(range) => range.end.saturating_sub(range.start),
        }
    }
}

impl View {
    /// The number of bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a view is never empty")]
    pub fn len(&self) -> u64 {
        self.within.end.saturating_sub(self.within.start)
    }

    /// The position in the file after its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.len())
    }

    /// Whether its chunk is fetched whole, to be kept, although a part of it is wanted: what a server compresses cannot be
    /// read in ranges. `max_kept`: the longest chunk that is kept.
    #[must_use]
    pub fn is_kept_whole(&self, chunk: &Chunk, max_kept: u64) -> bool {
        chunk.compression == Compression::ByServer && chunk.size <= max_kept && !self.is_whole(chunk)
    }

    /// Whether it consists of all bytes of its chunk that the file may use.
    #[must_use]
    pub fn is_whole(&self, chunk: &Chunk) -> bool {
        self.within == (0..chunk.size)
    }
}
