//! The part of a window that decides what may start.

use super::{
    Window,
    job::Job,
    slot::{Slot, ViewSlot},
    tally::Share,
};
use crate::{
    host::Piece,
    schedule::plan::{Upcoming, cost},
};

/// What may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A view or chunk manifest may start.
    Start {
        /// What it is.
        job: Job,
        /// The most bytes that it holds while it is fetched and decoded.
        cost: u64,
        /// Whether the reader waits for it: nothing before it is in flight or held.
        head: bool,
    },
    /// Nothing now: the limit on views in flight is reached.
    TooManyViews,
    /// Nothing now: the next job would exceed the byte budget.
    TooManyBytes,
    /// Nothing before a chunk manifest has been read.
    Unread,
    /// Nothing yet: the next call looks on for the next step. Other tasks of the thread should run before.
    Planning,
    /// Nothing any more: all has started, or a view failed.
    Nothing,
}

/// The cost of a chunk manifest. Its length is not known before it is fetched; those that the filer writes
/// have less than 1.5 MB.
const MANIFEST_COST: u64 = 1 << 20;

/// How many holes may be in a window that holds nothing else.
const MAX_GAPS_AHEAD: usize = 64;

impl<P: Piece> Window<P> {
    /// What may start next. Holes before it enter the window on the way, because they cost nothing.
    pub fn next_start(&mut self) -> Next {
        self.next(true)
    }

    /// What may start next in file order. For use if the pool rejected what `next_start` returned: a chunk
    /// manifest that is read ahead must not delay the views before it.
    pub fn next_start_in_order(&mut self) -> Next {
        self.next(false)
    }

    /// Starts what `next_start` returned.
    pub fn start(&mut self, job: &Job, cost: u64) {
        match job {
            Job::View { index, view, chunk } => {
                debug_assert_eq!(*index, self.end(), "views start in file order");
                self.cursor.advance();
                let slot = ViewSlot::new(view.len(), cost, chunk.source.clone());
                self.tally.add(slot.share());
                self.make_room(0);
                self.slots.push_back(Slot::View(slot));
            }
            Job::Manifest(chunk) => {
                self.cursor.mark_requested(chunk);
                let share = Share { in_flight: 1, bytes: cost, ..Share::default() };
                self.tally.add(share);
                self.manifests.push((chunk.source.clone(), share));
            }
        }
    }

    fn next(&mut self, may_read_ahead: bool) -> Next {
        if self.failed {
            return Next::Nothing;
        }
        self.drop_delivered();
        loop {
            if self.in_flight() >= self.limits.views {
                return Next::TooManyViews;
            }
            // Chunk manifests come first, so that their lists are known when the reader comes to them.
            if let Some(next) = self.next_manifest(may_read_ahead) {
                return next;
            }
            match self.cursor.peek() {
                Upcoming::End => {
                    self.is_exhausted = true;
                    return Next::Nothing;
                }
                Upcoming::Busy => return Next::Planning,
                // `peek` may have expanded a manifest that lists other manifests.
                Upcoming::Unread => return self.next_manifest(may_read_ahead).unwrap_or(Next::Unread),
                Upcoming::Failed(error) => {
                    self.slots.push_back(Slot::failed(error));
                    self.failed = true;
                    return Next::Nothing;
                }
                Upcoming::Gap(len) => {
                    // A long series of holes must not enter the window far ahead of the reader.
                    if self.slots.len() > MAX_GAPS_AHEAD && self.in_flight() == 0 && self.bytes() == 0 {
                        return Next::TooManyViews;
                    }
                    self.cursor.advance();
                    self.slots.push_back(Slot::gap(len));
                }
                Upcoming::View(view, chunk) => {
                    let cost = match view.is_kept_whole(&chunk, self.max_kept) {
                        true => chunk.size.saturating_mul(2),
                        false => cost(&view, &chunk, self.flow_limit()),
                    };
                    let head = self.slots.is_empty();
                    let budget = self.limits.bytes.min(self.target_bytes);
                    if !head && self.bytes().saturating_add(cost) > budget {
                        return Next::TooManyBytes;
                    }
                    return Next::Start { job: Job::View { index: self.end(), view, chunk }, cost, head };
                }
            }
        }
    }

    /// A chunk manifest that the cursor waits for or, if it may be read ahead, one that the limits on views
    /// and bytes would reach.
    fn next_manifest(&mut self, may_read_ahead: bool) -> Option<Next> {
        let until = self.position.saturating_add(self.limits.bytes.max(1));
        let (manifest, is_next) = self.cursor.next_manifest(self.limits.views, until)?;
        if !is_next && !may_read_ahead {
            return None;
        }
        let head = is_next && self.slots.is_empty() && self.manifests.is_empty();
        let room = self.limits.bytes.saturating_sub(self.bytes());
        // At the head it may exceed the budget, as a view may.
        if !head && (room < MANIFEST_COST || self.postponed.contains(&manifest.source)) {
            return is_next.then_some(Next::TooManyBytes);
        }
        Some(Next::Start { job: Job::Manifest(manifest), cost: MANIFEST_COST.min(room), head })
    }
}
