//! The part of a window that delivers bytes to the reader.

use super::{
    Window,
    slot::{Slot, Stage},
};
use crate::{error::Error, host::Piece, model::chunk::Source};

/// What the reader gets next.
#[derive(Debug)]
pub enum Delivery<P> {
    /// Bytes of a view.
    Piece {
        /// The bytes.
        piece: P,
        /// The view, by its place in the plan.
        index: usize,
        /// Its chunk.
        source: Source,
    },
    /// Zeros of a hole.
    Zeros {
        /// How many.
        len: usize,
        /// The hole, by its place in the plan.
        index: usize,
        /// The length of the whole hole, at its start only.
        gap: Option<u64>,
    },
    /// Nothing now.
    Wait,
    /// All has been delivered.
    End,
    /// The next bytes could not be read.
    Failed(Error),
}

/// The state of the first undelivered step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// The reader gets bytes, the end or an error.
    Ready,
    /// It is being fetched, or waits until it may start.
    Fetching,
    /// It is being decoded, or its digest is being computed.
    Decoding,
}

/// The most zeros of a hole that are delivered at once.
const MAX_ZEROS: u64 = 64 << 10;

impl<P: Piece> Window<P> {
    /// Delivers the next bytes, at most `max`.
    pub fn deliver(&mut self, max: u64) -> Delivery<P> {
        loop {
            match self.slots.front_mut() {
                None => return if self.is_at_end() { Delivery::End } else { Delivery::Wait },
                Some(Slot::Gap { undelivered: 0, .. }) => self.pop_front(),
                Some(Slot::Gap { undelivered, len }) => {
                    let gap = (undelivered == len).then_some(*len);
                    let n = (*undelivered).min(MAX_ZEROS).min(max);
                    *undelivered -= n;
                    self.position += n;
                    return Delivery::Zeros { len: n as usize, index: self.first, gap };
                }
                Some(Slot::View(_)) => match self.deliver_view(max) {
                    Some(delivery) => return delivery,
                    None => self.pop_front(),
                },
            }
        }
    }

    /// Delivers bytes of the first view; `None` if all of them have been delivered.
    fn deliver_view(&mut self, max: u64) -> Option<Delivery<P>> {
        let Some(Slot::View(slot)) = self.slots.front_mut() else { return None };
        if self.strict && slot.is_in_flight() || slot.is_withheld() {
            return Some(Delivery::Wait);
        }
        let before = slot.share();
        if let Some(piece) = slot.pop(max) {
            self.tally.replace(before, slot.share());
            self.position += piece.len() as u64;
            return Some(Delivery::Piece { piece, index: self.first, source: slot.source.clone() });
        }
        match &slot.stage {
            Stage::Complete => None,
            Stage::Failed(error) => Some(Delivery::Failed(error.clone().at(self.position))),
            Stage::Fetching | Stage::Decoding | Stage::Digesting => Some(Delivery::Wait),
        }
    }

    /// What the reader waits for, if anything.
    #[must_use]
    pub fn head(&self) -> Head {
        match self.slots.front() {
            None if self.is_at_end() => Head::Ready,
            None => Head::Fetching,
            Some(Slot::Gap { .. }) => Head::Ready,
            Some(Slot::View(slot)) => match slot.stage {
                Stage::Complete | Stage::Failed(_) => Head::Ready,
                _ if !self.strict && !slot.held.is_empty() && !slot.is_withheld() => Head::Ready,
                Stage::Decoding | Stage::Digesting => Head::Decoding,
                Stage::Fetching => Head::Fetching,
            },
        }
    }

    /// Whether nothing comes after the slots.
    fn is_at_end(&self) -> bool {
        self.is_exhausted || self.position >= self.range.end
    }
}
