//! One step of the plan inside the window.

use std::collections::VecDeque;

use super::tally::Share;
use crate::{error::Error, host::Piece, model::chunk::Source};

#[derive(Debug)]
pub(super) enum Slot<P> {
    Gap {
        /// The length of the hole.
        len: u64,
        /// How many of its bytes have not been delivered.
        undelivered: u64,
    },
    View(ViewSlot<P>),
}

impl<P> Slot<P> {
    pub(super) fn gap(len: u64) -> Self {
        Self::Gap { len, undelivered: len }
    }

    /// A stretch that cannot be read: the stream fails when the reader comes to it.
    pub(super) fn failed(error: Error) -> Self
    where
        P: Piece,
    {
        let mut slot = ViewSlot::new(0, 0, Source::Inline([].into()));
        slot.stage = Stage::Failed(error);
        Self::View(slot)
    }

    /// Whether all of it has been delivered.
    pub(super) fn is_delivered(&self) -> bool {
        match self {
            Self::Gap { undelivered, .. } => *undelivered == 0,
            Self::View(slot) => matches!(slot.stage, Stage::Complete) && slot.held.is_empty(),
        }
    }
}

/// A view between its start and the delivery of its last byte.
#[derive(Debug)]
pub(super) struct ViewSlot<P> {
    /// The source of its chunk.
    pub(super) source: Source,
    /// The bytes of the view.
    pub(super) len: u64,
    /// How many of them have not been delivered.
    pub(super) undelivered: u64,
    /// How many of them are held or have been delivered.
    pub(super) received: u64,
    pub(super) held: VecDeque<P>,
    /// Bytes that are held or promised for it.
    pub(super) charge: u64,
    /// It turned out to be longer than expected, and was dropped. It is received when it is the head.
    pub(super) is_postponed: bool,
    /// The charge is memory that decoding took, not bytes to be received.
    is_decoded: bool,
    pub(super) stage: Stage,
    /// A response to one of its requests has begun.
    has_response: bool,
    /// No server is asked for it at this time.
    pub(super) is_idle: bool,
}

/// The life of a view. It may change between fetching and decoding several times, because a chunk that turns
/// out to be damaged is fetched again.
#[derive(Debug)]
pub(super) enum Stage {
    Fetching,
    /// It is being decoded.
    Decoding,
    /// All bytes have arrived, and their digest is being computed.
    Digesting,
    /// All bytes are held or delivered, and as verified as they can be.
    Complete,
    Failed(Error),
}

impl<P: Piece> ViewSlot<P> {
    pub(super) fn new(len: u64, charge: u64, source: Source) -> Self {
        Self {
            source,
            len,
            undelivered: len,
            received: 0,
            held: VecDeque::new(),
            charge,
            is_postponed: false,
            is_decoded: false,
            stage: Stage::Fetching,
            has_response: false,
            is_idle: false,
        }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.stage, Stage::Fetching | Stage::Decoding | Stage::Digesting)
    }

    /// Whether what is held must wait: all of the view has arrived before its first byte was delivered, and it
    /// is being verified.
    pub(super) fn is_withheld(&self) -> bool {
        matches!(self.stage, Stage::Decoding | Stage::Digesting) && self.undelivered == self.len
    }

    /// What it contributes to the counters of the window.
    pub(super) fn share(&self) -> Share {
        Share {
            in_flight: usize::from(self.is_in_flight()),
            decoding: usize::from(matches!(self.stage, Stage::Decoding)),
            digesting: usize::from(matches!(self.stage, Stage::Digesting)),
            idle: usize::from(matches!(self.stage, Stage::Fetching) && self.is_idle),
            awaited: usize::from(self.is_in_flight() && !self.has_response && !self.is_idle),
            bytes: self.charge,
        }
    }

    pub(super) fn on_response(&mut self) {
        self.has_response = true;
    }

    pub(super) fn push(&mut self, piece: P) {
        if piece.is_empty() {
            return;
        }
        self.received += piece.len() as u64;
        debug_assert!(self.received <= self.len, "more bytes than the view has");
        self.held.push_back(piece);
    }

    /// Takes the next bytes that are held, at most `max`, for delivery.
    pub(super) fn pop(&mut self, max: u64) -> Option<P> {
        let first = self.held.front_mut()?;
        let piece = match usize::try_from(max) {
            Ok(max) if max < first.len() => first.split_to(max),
            _ => self.held.pop_front()?,
        };
        self.on_delivered(piece.len() as u64);
        Some(piece)
    }

    fn on_delivered(&mut self, bytes: u64) {
        self.undelivered = self.undelivered.saturating_sub(bytes);
        // Of a plain view no more is held than has yet to be delivered. The memory that decoding took may
        // exceed the view, and is free when the last byte is delivered.
        self.charge = match self.stage {
            Stage::Complete if self.held.is_empty() => 0,
            _ if self.is_decoded => self.charge.saturating_sub(bytes),
            _ => self.charge.min(self.undelivered),
        };
    }

    /// The view is complete. `holds`: the memory that decoding took, if it was decoded.
    pub(super) fn complete(&mut self, holds: Option<u64>) {
        self.has_response = true;
        self.stage = Stage::Complete;
        if let Some(holds) = holds {
            self.charge = holds;
            self.is_decoded = true;
        }
        if self.held.is_empty() {
            self.charge = 0;
        }
    }

    /// The view cannot be read: what is held of it is dropped.
    pub(super) fn fail(&mut self, error: Error) {
        self.has_response = true;
        self.held.clear();
        self.stage = Stage::Failed(error);
        self.charge = 0;
    }

    /// Bytes that are held.
    pub(super) fn held_bytes(&self) -> u64 {
        self.received.saturating_sub(self.len - self.undelivered)
    }

    /// Drops what is held, so that it is received again.
    pub(super) fn discard(&mut self) {
        self.received -= self.held.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.held.clear();
    }
}
