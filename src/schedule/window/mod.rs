//! What may start, and what may leave.
//!
//! A window is the part of a plan between the reader and the farthest fetch. It counts views in
//! flight and bytes, keeps file order, and touches nothing: its methods are told what happened
//! and say what may happen next.
//!
//! ```text
//!            delivered │ head            ahead              │ not started
//!  plan:  ───────────  │ [view 3 ▓▓░░]  [view 4 ▓▓▓▓]  _gap_ │  [view 5] …
//!                      └ leaves as it arrives                └ starts when slots and bytes allow
//! ```

mod slot;

use std::{collections::VecDeque, ops::Range, sync::Arc};

use self::slot::{Slot, Stage, ViewSlot};
use crate::{
    error::Error,
    host::Piece,
    model::chunk::{Chunk, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Upcoming, View, cost},
};

/// How far a window may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Views in flight.
    pub views: usize,
    /// Bytes held or promised. The head alone may pass it: it must not stall the stream.
    pub bytes: u64,
}

/// The part of a plan between the reader and the farthest fetch.
#[derive(Debug)]
pub struct Window<P> {
    range: Range<u64>,
    walk: PlanCursor,
    limits: Limits,
    /// Views leave only when they are complete and verified.
    strict: bool,
    /// The number of the first slot: how many steps are behind it.
    head: usize,
    slots: VecDeque<Slot<P>>,
    /// Chunk manifests that are being read, each with what it holds.
    manifests: Vec<(Source, u64)>,
    in_flight: usize,
    /// Of these, how many are being decoded, and of how many the answer has not begun.
    decoding: usize,
    awaited: usize,
    bytes: u64,
    /// As many bytes as the reader can need soon.
    reach: u64,
    position: u64,
    failed: bool,
    /// All steps have entered the window.
    exhausted: bool,
}

/// What may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This view, or chunk manifest, at this cost in bytes. `head`: the reader waits for nothing
    /// else.
    Start {
        /// What it is.
        job: Job,
        /// Bytes that it holds at most while it is fetched and decoded.
        cost: u64,
        /// Whether nothing before it is under way or held.
        head: bool,
    },
    /// Nothing now: as many views as may be are in flight.
    TooManyViews,
    /// Nothing now: the next view would hold too many bytes.
    TooManyBytes,
    /// Nothing before a chunk manifest has been read.
    Unread,
    /// Nothing ever: all has started, or a view failed.
    Nothing,
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// The part of a chunk that the file needs.
    View {
        /// Its place in the plan.
        index: usize,
        /// Which part.
        view: View,
        /// Of which chunk.
        chunk: Chunk,
    },
    /// A chunk manifest.
    Manifest(Chunk),
}

/// Names what is under way.
#[derive(Clone, Copy, Debug)]
pub enum JobId<'a> {
    /// A view, by its place in the plan.
    View(usize),
    /// A chunk manifest.
    Manifest(&'a Source),
}

/// What may leave.
#[derive(Debug)]
pub enum Delivery<P> {
    /// These bytes.
    Piece {
        /// The bytes.
        piece: P,
        /// The view that they are of.
        index: usize,
        /// Its chunk.
        source: Source,
    },
    /// Zeros for a gap.
    Zeros {
        /// How many, now.
        len: usize,
        /// The gap.
        index: usize,
        /// How long the whole gap is, told once, at its start.
        gap: Option<u64>,
    },
    /// Nothing now.
    Wait,
    /// All has left.
    End,
    /// The reader has come to what could not be had.
    Failed(Error),
}

/// What the head is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It has bytes, or an end, for the reader.
    Ready,
    /// It waits for a server, or for its turn to start.
    Fetching,
    /// It is being decoded.
    Decoding,
}

impl<P: Piece> Window<P> {
    /// A window at the start of a plan; `lists`: what has been read of its chunk manifests.
    #[must_use]
    pub fn new(plan: Arc<Plan>, lists: ManifestCache, limits: Limits, strict: bool) -> Self {
        let range = plan.range();
        Self {
            position: range.start,
            range,
            walk: PlanCursor::new(plan, lists),
            limits,
            strict,
            head: 0,
            slots: VecDeque::new(),
            manifests: Vec::new(),
            in_flight: 0,
            decoding: 0,
            awaited: 0,
            bytes: 0,
            reach: u64::MAX,
            failed: false,
            exhausted: false,
        }
    }

    /// Bytes held or promised.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Views in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Views in flight that are being decoded: no server is busy with them.
    #[must_use]
    pub fn decoding(&self) -> usize {
        self.decoding
    }

    /// Views in flight whose answers have not begun.
    #[must_use]
    pub fn awaiting_response(&self) -> usize {
        self.awaited
    }

    /// The answer to the request for a view has begun.
    pub fn on_response(&mut self, index: usize) {
        if let Some(slot) = self.view_mut(index)
            && slot.is_awaited()
        {
            slot.is_begun = true;
            self.awaited -= 1;
        }
    }

    /// From now on so many views may be in flight, and no more bytes be held or promised than `reach`, where
    /// that is less than the limit.
    pub fn update_limits(&mut self, views: usize, reach: u64) {
        self.limits.views = views;
        self.reach = reach;
    }

    /// Position in the file of the next byte to leave.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What may start next. Gaps before it enter the window on the way: they cost nothing.
    pub fn next_start(&mut self) -> Next {
        self.next(true)
    }

    /// What may start next where there is no room for what `upcoming` named: a chunk manifest that
    /// is read ahead of its turn must not hold up what is before it.
    pub fn next_start_in_order(&mut self) -> Next {
        self.next(false)
    }

    fn next(&mut self, early: bool) -> Next {
        if self.failed {
            return Next::Nothing;
        }
        self.sweep();
        loop {
            if self.in_flight >= self.limits.views {
                return Next::TooManyViews;
            }
            // A chunk manifest first: what it lists is to be known when its turn comes.
            if let Some(next) = self.upcoming_manifest(early) {
                return next;
            }
            match self.walk.peek() {
                Upcoming::End => {
                    self.exhausted = true;
                    return Next::Nothing;
                }
                // It may have come to manifests that lie in others.
                Upcoming::Unread => return self.upcoming_manifest(early).unwrap_or(Next::Unread),
                Upcoming::Failed(error) => {
                    self.slots.push_back(Slot::failed(error));
                    self.failed = true;
                    return Next::Nothing;
                }
                Upcoming::Gap(len) => {
                    // A run of gaps and nothing else must not be unrolled ahead of the reader.
                    if self.slots.len() > GAPS_AHEAD && self.in_flight == 0 && self.bytes == 0 {
                        return Next::TooManyViews;
                    }
                    self.walk.advance();
                    self.slots.push_back(Slot::gap(len));
                }
                Upcoming::View(view, chunk) => {
                    let cost = cost(&view, &chunk, self.flow_limit());
                    let head = self.slots.is_empty();
                    return if !head && self.bytes.saturating_add(cost) > self.limits.bytes.min(self.reach) {
                        Next::TooManyBytes
                    } else {
                        let job = Job::View { index: self.end(), view, chunk };
                        Next::Start { job, cost, head }
                    };
                }
            }
        }
    }

    /// A chunk manifest that must be read now, or, if it may be `early`, so soon that it is to be
    /// fetched ahead: of a stretch that the views in flight, and the bytes ahead, would reach.
    fn upcoming_manifest(&self, early: bool) -> Option<Next> {
        let until = self.position.saturating_add(self.limits.bytes.max(1));
        let (manifest, now) = self.walk.next_manifest(self.limits.views, until).filter(|(_, now)| *now || early)?;
        let head = now && self.slots.is_empty() && self.manifests.is_empty();
        let room = self.limits.bytes.saturating_sub(self.bytes);
        // At the head it may pass the limit, as a view may.
        if !head && room < MANIFEST_COST {
            return now.then_some(Next::TooManyBytes);
        }
        Some(Next::Start { job: Job::Manifest(manifest), cost: MANIFEST_COST.min(room), head })
    }

    /// Starts what `upcoming` named: counts it from now on.
    pub fn start(&mut self, job: &Job, cost: u64) {
        match job {
            Job::View { index, view, chunk } => {
                debug_assert_eq!(*index, self.end(), "views start in file order");
                self.walk.advance();
                self.slots.push_back(Slot::View(ViewSlot::new(view.len(), cost, chunk.source.clone())));
                self.awaited += 1;
            }
            Job::Manifest(chunk) => {
                self.walk.mark_requested(chunk);
                self.manifests.push((chunk.source.clone(), cost));
            }
        }
        self.in_flight += 1;
        self.bytes += cost;
    }

    /// A chunk manifest lists these chunks, or cannot be had. Then what it spans fails when the
    /// reader comes there.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        self.walk.on_manifest(manifest, list);
        if let Some(at) = self.manifests.iter().position(|(source, _)| source == manifest) {
            let (_, charge) = self.manifests.swap_remove(at);
            self.bytes -= charge;
            self.in_flight -= 1;
        }
    }

    /// Takes bytes of a view, in its order. Bytes beyond its end are a bug of the caller.
    pub fn push(&mut self, index: usize, piece: P) {
        if let Some(slot) = self.view_mut(index) {
            slot.arrive(piece);
        }
    }

    /// How many bytes of a view are here or have left.
    #[must_use]
    pub fn received(&self, index: usize) -> u64 {
        self.view(index).map_or(0, |slot| slot.arrived)
    }

    /// Whether bytes of a view have left: it can no more be started over.
    #[must_use]
    pub fn has_delivered(&self, index: usize) -> bool {
        self.view(index).is_none_or(|slot| slot.left < slot.len)
    }

    /// Drops what arrived of a view, to start it over, unless bytes of it have left; returns whether it did.
    pub fn discard(&mut self, index: usize) -> bool {
        let slot = self.view_mut(index).filter(|slot| slot.left == slot.len);
        slot.map(ViewSlot::discard).is_some()
    }

    /// It holds at least this many bytes: more than was thought when it started.
    pub fn raise_cost(&mut self, ticket: JobId<'_>, bytes: u64) {
        match ticket {
            JobId::View(index) => self.recharge(index, |charge| charge.max(bytes)),
            JobId::Manifest(manifest) => {
                if let Some((_, charge)) = self.manifests.iter_mut().find(|(source, _)| source == manifest) {
                    let before = std::mem::replace(charge, bytes.max(*charge));
                    self.bytes += *charge - before;
                }
            }
        }
    }

    /// It is being decoded, or no longer is.
    pub fn set_decoding(&mut self, ticket: JobId<'_>, decoding: bool) {
        if let JobId::View(index) = ticket
            && let Some(slot) = self.view_mut(index)
        {
            let stage = if decoding { Stage::Decoding } else { Stage::Fetching };
            let before = std::mem::replace(&mut slot.stage, stage);
            self.decoding =
                self.decoding + usize::from(decoding) - usize::from(matches!(before, Stage::Decoding));
        }
    }

    /// A view is complete and as good as can be known; it holds so many bytes from now on.
    pub fn finish(&mut self, index: usize, holds: Option<u64>) {
        self.on_response(index);
        if let Some(slot) = self.view_mut(index) {
            slot.stage = Stage::Done;
            self.in_flight -= 1;
        }
        if let Some(holds) = holds {
            self.recharge(index, |_| holds);
            self.view_mut(index).into_iter().for_each(|slot| slot.decoded = true);
        }
        self.release_if_empty(index);
    }

    /// A view cannot be had. What is before it still leaves; nothing starts any more.
    pub fn fail(&mut self, index: usize, error: Error) {
        self.failed = true;
        self.on_response(index);
        if let Some(slot) = self.view_mut(index) {
            slot.held.clear();
            slot.stage = Stage::Failed(error);
            self.in_flight -= 1;
            self.recharge(index, |_| 0);
        }
        // What lies behind it will never be read.
        for (_, charge) in self.manifests.drain(..) {
            self.bytes -= charge;
            self.in_flight -= 1;
        }
        while self.end() > index + 1 {
            if let Some(Slot::View(slot)) = self.slots.pop_back() {
                self.bytes -= slot.charge;
                self.in_flight -= usize::from(slot.is_flying());
                self.awaited -= usize::from(slot.is_awaited());
                self.decoding -= usize::from(matches!(slot.stage, Stage::Decoding));
            }
        }
    }

    /// Gives everything up: nothing is held, starts or leaves any more.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.manifests.clear();
        self.in_flight = 0;
        (self.decoding, self.awaited) = (0, 0);
        self.bytes = 0;
        self.failed = true;
    }

    /// Lets the next bytes leave, `most` at most.
    pub fn deliver(&mut self, most: u64) -> Delivery<P> {
        loop {
            let Some(slot) = self.slots.front_mut() else {
                return if self.is_at_end() { Delivery::End } else { Delivery::Wait };
            };
            match slot {
                Slot::Gap { left: 0, .. } => self.advance(),
                Slot::Gap { left, len } => {
                    let gap = (left == len).then_some(*len);
                    let n = (*left).min(GAP_PIECE).min(most);
                    *left -= n;
                    self.position += n;
                    return Delivery::Zeros { len: n as usize, index: self.head, gap };
                }
                Slot::View(slot) => {
                    if self.strict && slot.is_flying() {
                        return Delivery::Wait;
                    }
                    if let Some(piece) = slot.take(most) {
                        let n = piece.len() as u64;
                        let charge = slot.charge;
                        let source = slot.source.clone();
                        slot.leave(n);
                        self.bytes = self.bytes - charge + slot.charge;
                        self.position += n;
                        return Delivery::Piece { piece, index: self.head, source };
                    }
                    match &slot.stage {
                        Stage::Done => self.advance(),
                        Stage::Failed(error) => {
                            return Delivery::Failed(error.clone().at(self.position));
                        }
                        Stage::Fetching | Stage::Decoding => return Delivery::Wait,
                    }
                }
            }
        }
    }

    /// What the reader would find.
    #[must_use]
    pub fn head(&self) -> Head {
        match self.slots.front() {
            None if self.is_at_end() => Head::Ready,
            None => Head::Fetching,
            Some(Slot::Gap { .. }) => Head::Ready,
            Some(Slot::View(slot)) => match slot.stage {
                Stage::Done | Stage::Failed(_) => Head::Ready,
                _ if !self.strict && !slot.held.is_empty() => Head::Ready,
                Stage::Decoding => Head::Decoding,
                Stage::Fetching => Head::Fetching,
            },
        }
    }

    /// Whether the reader waits for this view, or soon will: it is one of the next `steps` in the window, is not
    /// complete, and brings the reader no bytes now.
    #[must_use]
    pub fn holds_up_reader(&self, index: usize, steps: usize) -> bool {
        let is_near = index.checked_sub(self.head).is_some_and(|ahead| ahead < steps);
        let is_served = |slot: &ViewSlot<P>| index == self.head && !slot.held.is_empty() && !self.strict;
        is_near && self.view(index).is_some_and(|slot| slot.is_flying() && !is_served(slot))
    }

    /// Whether a body has to wait: of what flows, no more than the budget is held. Only the head
    /// can come to this, since nothing else so large is started. A view that is all here waits
    /// for nothing but the end of its body.
    #[must_use]
    pub fn is_full(&self, index: usize) -> bool {
        self.view(index).is_some_and(|slot| slot.arrived < slot.len && slot.held_bytes() >= self.flow_limit())
    }

    /// The number of the step that comes next.
    fn end(&self) -> usize {
        self.head + self.slots.len()
    }

    /// Whether nothing comes behind the slots.
    fn is_at_end(&self) -> bool {
        self.exhausted || self.position >= self.range.end
    }

    /// A view that is held back until it is complete has to be held whole.
    fn flow_limit(&self) -> u64 {
        if self.strict { u64::MAX } else { self.limits.bytes.max(1) }
    }

    fn view(&self, index: usize) -> Option<&ViewSlot<P>> {
        match self.slots.get(index.checked_sub(self.head)?)? {
            Slot::View(slot) => Some(slot),
            Slot::Gap { .. } => None,
        }
    }

    fn view_mut(&mut self, index: usize) -> Option<&mut ViewSlot<P>> {
        match self.slots.get_mut(index.checked_sub(self.head)?)? {
            Slot::View(slot) => Some(slot),
            Slot::Gap { .. } => None,
        }
    }

    fn recharge(&mut self, index: usize, new: impl FnOnce(u64) -> u64) {
        if let Some(slot) = self.view_mut(index) {
            let before = slot.charge;
            slot.charge = new(before);
            let after = slot.charge;
            self.bytes = self.bytes - before + after;
        }
    }

    /// A complete view of which all has left holds nothing.
    fn release_if_empty(&mut self, index: usize) {
        if self.view(index).is_some_and(|slot| slot.held.is_empty()) {
            self.recharge(index, |_| 0);
        }
    }

    /// Steps of which all has left are behind the reader, whether or not it has come back since.
    fn sweep(&mut self) {
        while self.slots.front().is_some_and(Slot::is_spent) {
            self.advance();
        }
    }

    fn advance(&mut self) {
        if let Some(Slot::View(slot)) = self.slots.pop_front() {
            self.bytes -= slot.charge;
        }
        self.head += 1;
    }
}

/// Gaps are handed out as zeros in pieces of this size, made when they are asked for.
const GAP_PIECE: u64 = 64 << 10;

/// What is set aside for a chunk manifest that is fetched: the filer's own take less than 1.5 MB,
/// and no length of them is known before.
const MANIFEST_COST: u64 = 1 << 20;

/// How many gaps may be in a window that holds nothing else.
const GAPS_AHEAD: usize = 64;

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
