//! One step of the plan inside the window.

use std::collections::VecDeque;

use crate::{error::Error, host::Piece, model::chunk::Source};

#[derive(Debug)]
pub(super) enum Slot<P> {
    Gap { len: u64, left: u64 },
    View(ViewSlot<P>),
}

impl<P> Slot<P> {
    pub(super) fn gap(len: u64) -> Self {
        Self::Gap { len, left: len }
    }

    /// What cannot be had: the reader fails when it comes there.
    pub(super) fn failed(error: Error) -> Self
    where
        P: Piece,
    {
        let mut slot = ViewSlot::new(0, 0, Source::Inline([].into()));
        slot.stage = Stage::Failed(error);
        Self::View(slot)
    }

    /// Whether all of it has left.
    pub(super) fn is_spent(&self) -> bool {
        match self {
            Self::Gap { left, .. } => *left == 0,
            Self::View(slot) => matches!(slot.stage, Stage::Done) && slot.held.is_empty(),
        }
    }
}

#[derive(Debug)]
pub(super) struct ViewSlot<P> {
    /// The chunk that it is of.
    pub(super) source: Source,
    /// Bytes of the view, in all.
    pub(super) len: u64,
    /// Of these, how many have not left.
    pub(super) left: u64,
    /// Of these, how many are here or have left.
    pub(super) arrived: u64,
    pub(super) held: VecDeque<P>,
    /// Bytes that are held or promised on its behalf.
    pub(super) charge: u64,
    /// The charge is memory that decoding took, not bytes to come.
    pub(super) decoded: bool,
    pub(super) stage: Stage,
    /// An answer to its request has begun.
    pub(super) is_begun: bool,
}

#[derive(Debug)]
pub(super) enum Stage {
    Fetching,
    Decoding,
    Done,
    Failed(Error),
}

impl<P: Piece> ViewSlot<P> {
    pub(super) fn new(len: u64, charge: u64, source: Source) -> Self {
        Self {
            source,
            len,
            left: len,
            arrived: 0,
            held: VecDeque::new(),
            charge,
            decoded: false,
            stage: Stage::Fetching,
            is_begun: false,
        }
    }

    pub(super) fn is_flying(&self) -> bool {
        matches!(self.stage, Stage::Fetching | Stage::Decoding)
    }

    /// Whether a server has not answered yet.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_flying() && !self.is_begun
    }

    pub(super) fn arrive(&mut self, piece: P) {
        if piece.is_empty() {
            return;
        }
        self.arrived += piece.len() as u64;
        debug_assert!(self.arrived <= self.len, "more bytes than the view has");
        self.held.push_back(piece);
    }

    /// The next bytes that are here, `most` at most.
    pub(super) fn take(&mut self, most: u64) -> Option<P> {
        let piece = self.held.front_mut()?;
        match usize::try_from(most) {
            Ok(most) if most < piece.len() => Some(piece.split_to(most)),
            _ => self.held.pop_front(),
        }
    }

    pub(super) fn leave(&mut self, n: u64) {
        self.left = self.left.saturating_sub(n);
        // Of bytes that flow, no more are held than have yet to leave. What decoding took may be
        // more than the view, and is free when its last byte has left.
        self.charge = match self.stage {
            Stage::Done if self.held.is_empty() => 0,
            _ if self.decoded => self.charge.saturating_sub(n),
            _ => self.charge.min(self.left),
        };
    }

    /// Bytes that are here and have not left.
    pub(super) fn held_bytes(&self) -> u64 {
        self.arrived.saturating_sub(self.len - self.left)
    }

    pub(super) fn discard(&mut self) {
        self.arrived -= self.held.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.held.clear();
    }
}
