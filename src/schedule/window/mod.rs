//! Which views of a plan may start, and which bytes may be delivered.
//!
//! A window is the part of a plan between the reader and the farthest fetch. It limits the views in flight
//! and the bytes in memory, and it delivers bytes in file order although fetches complete in any order. It
//! does no I/O: its methods take events (a response began, bytes arrived, a view completed or failed) and
//! return decisions (what may start, what is delivered).
//!
//! ```text
//!            delivered │ head            ahead              │ not started
//!  plan:  ───────────  │ [view 3 ▓▓░░]  [view 4 ▓▓▓▓]  _gap_ │  [view 5] …
//!                      └ delivered as it arrives             └ starts when the limits allow
//! ```
//!
//! # Life of a view
//!
//! ```text
//!  start ──► Fetching ──► Complete ──► all bytes delivered: the slot is dropped
//!             │    ▲  └─► Failed ────► the stream fails when the reader comes to it
//!             ▼    │
//!            Decoding
//! ```
//!
//! # Example
//!
//! Two views may be in flight and 8 bytes in memory. The plan has the views `a`, `b` and `c` of 4 bytes each:
//!
//! ```text
//!  call                in flight  bytes  result
//!  next_start()                0      0  Start { a, cost: 4, head: true }
//!  start(a)                    1      4
//!  next_start(), start(b)      2      8
//!  next_start()                2      8  TooManyViews
//!  push(b, 4 bytes)            2      8
//!  finish(b)                   1      8
//!  deliver()                   1      8  Wait: `a` comes first
//!  next_start()                1      8  TooManyBytes: `c` would hold 4 more
//!  push(a, 4 bytes)            1      8
//!  deliver()                   1      4  the bytes of `a`, although its body has not ended
//!  next_start(), start(c)      2      8
//!  finish(a), deliver()        1      4  the bytes of `b`
//! ```
//!
//! The head may exceed the byte budget, because it must not stall the stream. A view that is longer than the
//! budget is received in parts: its body is paused while [`Window::is_full`].
//!
//! What is decoded whole may turn out to be longer than expected: a chunk after a truncation, or a chunk manifest, whose
//! length no list has. If there is no room for it, it is dropped, and received when it is the head. A head that needs the
//! room that is promised to chunk manifests ahead takes it from them.

mod delivery;
mod job;
mod slot;
mod start;
mod tally;

pub use delivery::{Delivery, Head};
pub use job::{Job, JobId};
pub use start::Next;

use std::{collections::VecDeque, ops::Range, sync::Arc};

use self::{
    slot::{Slot, Stage, ViewSlot},
    tally::{Share, Tally},
};
use crate::{
    error::Error,
    host::Piece,
    model::chunk::{Chunk, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor},
};

/// How far a window may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Views in flight.
    pub views: usize,
    /// Bytes held or promised.
    pub bytes: u64,
}

/// The part of a plan between the reader and the farthest fetch.
#[derive(Debug)]
pub struct Window<P> {
    range: Range<u64>,
    cursor: PlanCursor,
    limits: Limits,
    /// As many bytes as the reader can need soon.
    target_bytes: u64,
    /// Views are delivered only when they are complete and verified.
    strict: bool,
    /// The longest chunk that is kept once it is here.
    max_kept: u64,
    /// The index of the first slot: how many steps have been delivered.
    first: usize,
    slots: VecDeque<Slot<P>>,
    /// Chunk manifests in flight, in the order in which they started.
    manifests: Vec<(Source, Share)>,
    /// Chunk manifests that turned out to be longer than expected. They are read when the reader waits for them.
    postponed: Vec<Source>,
    /// Chunk manifests were dropped, and whatever fetches them has not been woken.
    has_dropped: bool,
    /// The sum over slots and manifests.
    tally: Tally,
    /// The position in the file of the next byte to deliver.
    position: u64,
    /// Nothing may start any more.
    failed: bool,
    /// All steps of the plan have entered the window.
    is_exhausted: bool,
}

impl<P: Piece> Window<P> {
    /// A window at the start of a plan. `cache`: the manifests of the file that have been read.
    #[must_use]
    pub fn new(plan: &Plan, cache: ManifestCache, limits: Limits, strict: bool) -> Self {
        let range = plan.range();
        Self {
            position: range.start,
            range,
            cursor: PlanCursor::new(plan, cache),
            limits,
            target_bytes: u64::MAX,
            strict,
            max_kept: 0,
            first: 0,
            slots: VecDeque::new(),
            manifests: Vec::new(),
            postponed: Vec::new(),
            has_dropped: false,
            tally: Tally::default(),
            failed: false,
            is_exhausted: false,
        }
    }

    /// Chunks of up to this many bytes are kept once they are here.
    #[must_use]
    pub fn keeping(self, max_kept: u64) -> Self {
        Self { max_kept, ..self }
    }

    /// Bytes held or promised.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tally.total().bytes
    }

    /// Views and chunk manifests in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tally.total().in_flight
    }

    /// Views in flight that are being decoded, so no server is busy with them.
    #[must_use]
    pub fn decoding(&self) -> usize {
        self.tally.total().decoding
    }

    /// Views in flight whose digests are being computed, so no server is busy with them.
    #[must_use]
    pub fn digesting(&self) -> usize {
        self.tally.total().digesting
    }

    /// Views in flight that wait for their turn at a host, or pause.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.tally.total().idle
    }

    /// Views in flight at servers whose responses have not begun.
    #[must_use]
    pub fn awaiting_response(&self) -> usize {
        self.tally.total().awaited
    }

    /// The position in the file of the next byte to deliver.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes have been delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.position.saturating_sub(self.range.start)
    }

    /// Sets how many views may be in flight, and how many bytes the reader can need soon; the window holds no
    /// more than that, and no more than its byte budget.
    pub fn update_limits(&mut self, views: usize, target_bytes: u64) {
        self.limits.views = views;
        self.target_bytes = target_bytes;
    }

    /// The response to the request for a view has begun.
    pub fn on_response(&mut self, index: usize) {
        self.update(index, ViewSlot::on_response);
    }

    /// Takes bytes of a view, in their order. The caller must not pass bytes beyond the end of the view.
    pub fn push(&mut self, index: usize, piece: P) {
        if let Some(slot) = self.view_mut(index) {
            slot.push(piece);
        }
    }

    /// How many bytes of a view are held or have been delivered.
    #[must_use]
    pub fn received(&self, index: usize) -> u64 {
        self.view(index).map_or(0, |slot| slot.received)
    }

    /// Whether bytes of a view have been delivered, so it cannot be received again from its start.
    #[must_use]
    pub fn has_delivered(&self, index: usize) -> bool {
        self.view(index).is_none_or(|slot| slot.undelivered < slot.len)
    }

    /// Drops what is held of a view, so that it is received again from its start, unless bytes of it have
    /// been delivered. Returns whether it did.
    pub fn discard(&mut self, index: usize) -> bool {
        let slot = self.view_mut(index).filter(|slot| slot.undelivered == slot.len);
        slot.map(ViewSlot::discard).is_some()
    }

    /// Whether the reader waits for this view, or will soon: it is one of the next `steps` in the window, it
    /// is not complete, and it is not delivering bytes to the reader.
    #[must_use]
    pub fn holds_up_reader(&self, index: usize, steps: usize) -> bool {
        let is_near = index.checked_sub(self.first).is_some_and(|ahead| ahead < steps);
        let is_delivering = |slot: &ViewSlot<P>| index == self.first && !slot.held.is_empty() && !self.strict;
        is_near && self.view(index).is_some_and(|slot| slot.is_in_flight() && !is_delivering(slot))
    }

    /// Whether the body of a view must pause, because as many of its bytes are held as the budget allows.
    /// Only a head that is longer than the budget comes to this. A view whose bytes are all held need not
    /// pause: only the end of its body is missing.
    #[must_use]
    pub fn is_full(&self, index: usize) -> bool {
        self.view(index)
            .is_some_and(|slot| slot.received < slot.len && slot.held_bytes() >= self.flow_limit())
    }

    /// Whether a view that gave its connection back need not go on yet: half of the bytes that the budget allows are still
    /// held.
    #[must_use]
    pub fn is_half_full(&self, index: usize) -> bool {
        self.view(index)
            .is_some_and(|slot| slot.received < slot.len && slot.held_bytes() > self.flow_limit() / 2)
    }

    /// Raises the cost of a job: it may hold more bytes than expected at its start. `room`: how many more bytes the pool
    /// has room for. If `false` is returned, there is no room, and what has been received of the job has to be dropped.
    pub fn raise_cost(&mut self, id: JobId<'_>, bytes: u64, room: u64) -> bool {
        let room = room.min(self.limits.bytes.saturating_sub(self.bytes()));
        match id {
            JobId::View(index) => {
                let is_head = self.is_head(index);
                let raise = |slot: &mut ViewSlot<P>| {
                    let fits = is_head || bytes.saturating_sub(slot.charge) <= room;
                    slot.is_postponed = !fits;
                    if fits {
                        slot.charge = slot.charge.max(bytes);
                    }
                    fits
                };
                let fits = self.update(index, raise).unwrap_or(true);
                self.make_room(0);
                fits
            }
            JobId::Manifest(manifest) => {
                let is_next = self.slots.iter().all(Slot::is_delivered);
                let Some(at) = self.manifests.iter().position(|(source, _)| source == manifest) else {
                    return false;
                };
                let Some((_, share)) = self.manifests.get_mut(at) else { return false };
                if !(is_next && at == 0) && bytes.saturating_sub(share.bytes) > room {
                    self.postponed.push(manifest.clone());
                    self.drop_manifest(at);
                    return false;
                }
                let before = *share;
                share.bytes = share.bytes.max(bytes);
                self.tally.replace(before, *share);
                self.make_room(1);
                true
            }
        }
    }

    /// Whether a view was dropped because it is longer than expected, and is not the head.
    #[must_use]
    pub fn is_postponed(&self, index: usize) -> bool {
        self.view(index).is_some_and(|slot| slot.is_postponed) && !self.is_head(index)
    }

    /// Whether a chunk manifest is to be fetched no more, or not now.
    #[must_use]
    pub fn is_dropped(&self, manifest: &Source) -> bool {
        self.manifests.iter().all(|(source, _)| source != manifest)
    }

    /// Whether what waits for [`Self::is_postponed`] or [`Self::is_dropped`] has to look again, since the last call.
    pub fn take_news(&mut self) -> bool {
        let head = self.slots.iter_mut().find(|slot| !slot.is_delivered());
        let is_head = match head {
            Some(Slot::View(slot)) => std::mem::take(&mut slot.is_postponed),
            _ => false,
        };
        std::mem::take(&mut self.has_dropped) || is_head
    }

    /// Whether all before a view has been delivered.
    fn is_head(&self, index: usize) -> bool {
        let before = index.saturating_sub(self.first);
        self.slots.iter().take(before).all(Slot::is_delivered)
    }

    /// The head may be beyond the budget: chunk manifests are dropped, all but the first `keep`.
    fn make_room(&mut self, keep: usize) {
        while self.bytes() > self.limits.bytes && self.manifests.len() > keep {
            self.drop_manifest(self.manifests.len() - 1);
        }
    }

    /// What fetches a chunk manifest drops it. It is read when the reader waits for it.
    fn drop_manifest(&mut self, at: usize) {
        let (source, share) = self.manifests.remove(at);
        self.tally.remove(share);
        self.cursor.on_dropped(&source);
        self.has_dropped = true;
    }

    /// Decoding of a view starts or ends.
    pub fn set_decoding(&mut self, id: JobId<'_>, is_decoding: bool) {
        self.set_stage(id, if is_decoding { Stage::Decoding } else { Stage::Fetching });
    }

    /// All bytes of a view have arrived and are digested, or its digest has ended.
    pub fn set_digesting(&mut self, id: JobId<'_>, is_digesting: bool) {
        self.set_stage(id, if is_digesting { Stage::Digesting } else { Stage::Fetching });
    }

    /// From now on no server is asked for a view, or one is again.
    pub fn set_idle(&mut self, id: JobId<'_>, is_idle: bool) {
        if let JobId::View(index) = id {
            self.update(index, |slot| slot.is_idle = is_idle);
        }
    }

    fn set_stage(&mut self, id: JobId<'_>, stage: Stage) {
        if let JobId::View(index) = id {
            self.update(index, |slot| slot.stage = stage);
        }
    }

    /// A view is complete and as verified as it can be. `holds`: the memory that decoding took, if it was
    /// decoded.
    pub fn finish(&mut self, index: usize, holds: Option<u64>) {
        self.update(index, |slot| slot.complete(holds));
    }

    /// A view cannot be read. What comes before it is still delivered; nothing starts any more, and what
    /// comes after it is dropped.
    pub fn fail(&mut self, index: usize, error: Error) {
        self.failed = true;
        self.update(index, |slot| slot.fail(error));
        self.manifests.drain(..).for_each(|(_, share)| self.tally.remove(share));
        while self.end() > index + 1 {
            if let Some(Slot::View(slot)) = self.slots.pop_back() {
                self.tally.remove(slot.share());
            }
        }
    }

    /// A chunk manifest has been read, or could not be read. In that case what it spans fails when the reader
    /// comes to it.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        self.cursor.on_manifest(manifest, list);
        if let Some(at) = self.manifests.iter().position(|(source, _)| source == manifest) {
            let (_, share) = self.manifests.remove(at);
            self.tally.remove(share);
        }
    }

    /// Drops everything: nothing is held, started or delivered any more.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.manifests.clear();
        self.tally = Tally::default();
        self.failed = true;
    }

    /// The index of the step that follows the slots.
    fn end(&self) -> usize {
        self.first + self.slots.len()
    }

    /// The most bytes that are held of a view that is delivered as it arrives. If the view is delivered only
    /// when it is complete, it must be held as a whole.
    fn flow_limit(&self) -> u64 {
        if self.strict { u64::MAX } else { self.limits.bytes.max(1) }
    }

    fn view(&self, index: usize) -> Option<&ViewSlot<P>> {
        match self.slots.get(index.checked_sub(self.first)?)? {
            Slot::View(slot) => Some(slot),
            Slot::Gap { .. } => None,
        }
    }

    /// A view, for changes that do not concern the tally.
    fn view_mut(&mut self, index: usize) -> Option<&mut ViewSlot<P>> {
        match self.slots.get_mut(index.checked_sub(self.first)?)? {
            Slot::View(slot) => Some(slot),
            Slot::Gap { .. } => None,
        }
    }

    /// Changes a view, and the tally with it.
    fn update<R>(&mut self, index: usize, change: impl FnOnce(&mut ViewSlot<P>) -> R) -> Option<R> {
        let slot = self.view_mut(index)?;
        let before = slot.share();
        let result = change(slot);
        let after = slot.share();
        self.tally.replace(before, after);
        Some(result)
    }

    /// Drops the steps that have been delivered.
    fn drop_delivered(&mut self) {
        while self.slots.front().is_some_and(Slot::is_delivered) {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(Slot::View(slot)) = self.slots.pop_front() {
            self.tally.remove(slot.share());
        }
        self.first += 1;
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
