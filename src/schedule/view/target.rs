//! What is fetched: a view of a chunk, or a whole chunk manifest.

use std::sync::Arc;

use crate::{
    host::event::{Event, EventKind},
    model::{
        chunk::{Chunk, Compression},
        limit::max_output,
    },
    schedule::{
        options::{Options, Verify},
        plan::View,
        window::{Job, JobId},
    },
};

/// A chunk of more bytes is not read to its end only because a server ignores `Range`.
const MAX_WHOLE: u64 = 64 << 20;

/// What is fetched.
#[derive(Debug)]
pub(super) struct Target {
    /// The place of the view in the plan; a chunk manifest has none.
    pub(super) index: Option<usize>,
    /// The part of the chunk that the file needs.
    pub(super) view: View,
    pub(super) chunk: Chunk,
    pub(super) mode: BodyMode,
    /// The most bytes that the decoded chunk may have.
    pub(super) max_len: u64,
}

/// How a body gets to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyMode {
    /// Piece by piece as it arrives. With a checksum, the whole chunk is read.
    Stream {
        /// Whether the checksum is computed on the way.
        has_checksum: bool,
    },
    /// Whole into memory, decoded, then on.
    Buffer,
    /// Whole into memory, decoded, and parsed as a chunk manifest.
    Manifest,
}

impl BodyMode {
    fn of_view(view: &View, chunk: &Chunk, verify: Verify, is_kept: bool) -> Self {
        if chunk.is_decoded_whole() || is_kept {
            return Self::Buffer;
        }
        let is_whole = view.is_whole(chunk) || verify == Verify::Strict;
        Self::Stream { has_checksum: is_whole && chunk.md5.is_some() && verify != Verify::Off }
    }

    pub(super) fn has_checksum(self) -> bool {
        self == Self::Stream { has_checksum: true }
    }

    pub(super) fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. })
    }
}

impl Target {
    /// What the window knows it by.
    pub(super) fn job_id(&self) -> JobId<'_> {
        match self.index {
            Some(index) => JobId::View(index),
            None => JobId::Manifest(&self.chunk.source),
        }
    }

    /// `is_kept`: the chunk is kept once it is here, so the whole of it is wanted.
    pub(super) fn new(job: Job, options: &Options, is_kept: bool) -> Self {
        match job {
            Job::View { index, view, chunk } => {
                let mode = BodyMode::of_view(&view, &chunk, options.verify, is_kept);
                Self { index: Some(index), view, mode, max_len: max_output(&chunk), chunk }
            }
            Job::Manifest(chunk) => {
                let view = View { chunk: 0, at: chunk.offset, within: 0..chunk.size };
                Self {
                    index: None,
                    view,
                    chunk,
                    mode: BodyMode::Manifest,
                    max_len: options.max_metadata_bytes,
                }
            }
        }
    }

    /// Whether bytes of the chunk are digested or decrypted outside of the decoding of a whole chunk.
    pub(super) fn needs_codec(&self) -> bool {
        let may_be_gzip = self.mode.is_stream() && self.chunk.compression == Compression::ByServer;
        self.mode.has_checksum() || self.chunk.ctr.is_some() || may_be_gzip && self.chunk.md5.is_some()
    }

    /// The MD5 of the chunk that can be checked although a part of it is wanted, if the whole of it comes.
    pub(super) fn md5_of_whole(&self, verify: Verify) -> Option<[u8; 16]> {
        let is_part = self.mode == BodyMode::Stream { has_checksum: false };
        let is_checked = is_part && verify != Verify::Off && self.chunk.size <= MAX_WHOLE;
        self.chunk.md5.filter(|_| is_checked)
    }

    /// What may be shown of the chunk.
    pub(super) fn name(&self) -> &str {
        self.chunk.source.name()
    }

    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { kind, index: self.index, chunk: Some(self.chunk.source.clone()), ..Event::default() }
    }

    pub(super) fn host_event(&self, kind: EventKind, host: &Arc<str>) -> Event {
        Event { host: Some(Arc::clone(host)), ..self.event(kind) }
    }
}
