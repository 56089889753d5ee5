//! Walks along a plan, and lets the lists of chunk manifests join it on the way.
//!
//! The [`Sweep`] finds the steps. Where a chunk manifest starts, it asks for the chunks that the manifest lists. If they
//! are known, they join the sweep in the place of the manifest. Otherwise the cursor stops there, until the
//! manifest has been read.
//!
//! # Example
//!
//! The file consists of a chunk `A`, a manifest `m` and a chunk `B`. `m` lists a chunk `c` and another
//! manifest `n`, and `n` lists a chunk `d`:
//!
//! ```text
//!  the sweep has    peek()     the caller
//!  A m B            View(A)    advances
//!    m B            Unread     asks next_manifest() and reads m
//!                              on_manifest(m, [c, n])
//!    c n B          View(c)    advances
//!      n B          Unread     asks next_manifest() and reads n
//!                              on_manifest(n, [d])
//!      d B          View(d)    advances
//!        B          View(B)    advances
//!                   End
//! ```
//!
//! `next_manifest` also finds manifests before the cursor comes to them, so that they can be read ahead.
//!
//! # Hostile lists
//!
//! A manifest is data from outside. It may list itself, or another one ten times that lists a third one ten times. The
//! cursor remembers up to which position the list of each manifest counts, and a manifest that is listed again there
//! adds nothing: six manifests of which each lists the next ten times cost as much as six. Limited are how deep
//! manifests are nested, how many chunks and manifests there are at one place ([`Sweep`]), and how often a list
//! joins at different places.

mod manifests;

use std::{ops::Range, sync::Arc};

use self::manifests::Manifests;
use super::{
    ManifestCache, Plan, Step, View,
    listing::Item,
    sweep::{Event, Sweep},
};
use crate::{
    error::{Error, Kind},
    host::rare,
    model::chunk::{Chunk, Source},
};

/// A position in a plan.
#[derive(Debug)]
pub struct PlanCursor {
    sweep: Sweep,
    manifests: Manifests,
    next: Option<Found>,
}

/// The next step, once it is found.
#[derive(Debug)]
enum Found {
    Step(Range<u64>, Option<Item>),
    Unread,
    Failed(Error),
    Busy,
    End,
}

/// The next step of a plan.
#[derive(Debug)]
pub enum Upcoming {
    /// A view of this chunk.
    View(View, Chunk),
    /// A hole of this many bytes.
    Gap(u64),
    /// The next stretch cannot be planned before its chunk manifests have been read.
    Unread,
    /// A chunk manifest could not be read, so the stretch that it spans cannot be read either.
    Failed(Error),
    /// The next step has not been found yet. The next call goes on; other tasks of the thread should run before.
    Busy,
    /// The end of the plan.
    End,
}

impl PlanCursor {
    /// A cursor at the start of a plan. `cache`: the manifests of the file that have been read.
    #[must_use]
    pub fn new(plan: &Plan, cache: ManifestCache) -> Self {
        Self {
            sweep: Sweep::new(Arc::clone(plan.chunks()), plan.range()),
            manifests: Manifests::new(cache),
            next: None,
        }
    }

    /// The next step. The position does not change, but manifests that have been read join the plan. The work of one
    /// call is limited.
    pub fn peek(&mut self) -> Upcoming {
        self.look();
        match &self.next {
            Some(Found::Step(positions, Some(item))) => {
                Upcoming::View(view(positions, item), item.chunk().clone())
            }
            Some(Found::Step(gap, None)) => Upcoming::Gap(gap.end.saturating_sub(gap.start)),
            Some(Found::Unread) => Upcoming::Unread,
            Some(Found::Failed(error)) => Upcoming::Failed(error.clone()),
            Some(Found::Busy) => Upcoming::Busy,
            Some(Found::End) | None => Upcoming::End,
        }
    }

    /// Moves past the step that `peek` returned. A stretch that has not been read is skipped; nothing follows a failure.
    pub fn advance(&mut self) {
        match self.next.take() {
            Some(Found::Unread) => {
                let end = self.sweep.stretch().end;
                self.sweep.skip_to(end);
            }
            Some(Found::Failed(error)) => self.next = Some(Found::Failed(error)),
            Some(Found::Step(..) | Found::Busy | Found::End) | None => {}
        }
    }

    /// The rest of the steps, if no manifest is read any more.
    pub(super) fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                Upcoming::Busy => continue,
                Upcoming::View(view, _) => steps.push(Step::View(view)),
                Upcoming::Unread => steps.push(Step::Unread(self.sweep.stretch())),
                Upcoming::Gap(_) => {
                    if let Some(Found::Step(gap, _)) = &self.next {
                        steps.push(Step::Gap(gap.clone()));
                    }
                }
                Upcoming::Failed(_) | Upcoming::End => return steps,
            }
            self.advance();
        }
    }

    /// Records that a chunk manifest is being read.
    pub fn mark_requested(&mut self, manifest: &Chunk) {
        self.manifests.mark_requested(manifest);
    }

    /// A chunk manifest that was requested is not read now. It is the next one when the cursor waits for it.
    pub fn on_dropped(&mut self, manifest: &Source) {
        self.manifests.on_dropped(manifest);
    }

    /// The next chunk manifest that has not been requested, and whether the cursor waits for it. One for which it
    /// does not wait must start before `until`, and no more than `max_ahead` of them are under way or unused.
    pub fn next_manifest(&mut self, max_ahead: usize, until: u64) -> Option<(Chunk, bool)> {
        if self.next.is_none() {
            self.look();
        }
        let is_waiting = matches!(self.next, Some(Found::Unread));
        if !self.manifests.has_unrequested() && !is_waiting {
            return None;
        }
        rare::call(|| self.manifests.next(&self.sweep, is_waiting, max_ahead, until))
    }

    /// Counts the manifests whose lists are needed at the current position and that are not known, and takes them
    /// as requested.
    pub(super) fn take_unread(&mut self) -> u64 {
        if self.manifests.has_unrequested() {
            rare::call(|| self.manifests.take_unread(&self.sweep))
        } else {
            0
        }
    }

    /// Takes the result of reading a chunk manifest that was marked as requested.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        rare::call(|| self.manifests.on_manifest(manifest, list));
    }

    /// Looks for the next step, unless it is known.
    fn look(&mut self) {
        if matches!(self.next, None | Some(Found::Unread | Found::Busy)) {
            self.next = Some(self.find());
        }
    }

    fn find(&mut self) -> Found {
        loop {
            let event = self.sweep.next();
            let found = self.sweep.take_found();
            if !found.is_empty() {
                rare::call(|| self.manifests.add(found));
            }
            let blocked = match event {
                Event::Step(positions, visible) => return Found::Step(positions, visible),
                Event::Busy => return Found::Busy,
                Event::End => return Found::End,
                Event::TooMany => {
                    let message =
                        "the chunk manifests list too many chunks or manifests for the same part of the file";
                    Found::Failed(Error::new(Kind::Limit, message))
                }
                Event::Manifest(manifest) => {
                    match rare::call(|| self.manifests.join(&manifest, &mut self.sweep)) {
                        Ok(true) => continue,
                        Ok(false) => Found::Unread,
                        Err(error) => Found::Failed(error),
                    }
                }
            };
            return match self.sweep.cut() {
                Some(Event::Step(positions, visible)) => Found::Step(positions, visible),
                _ => blocked,
            };
        }
    }
}

fn view(positions: &Range<u64>, item: &Item) -> View {
    let offset = item.chunk().offset;
    let within = positions.start.saturating_sub(offset)..positions.end.saturating_sub(offset);
    View { chunk: item.index(), at: positions.start, within }
}

#[cfg(test)]
mod tests;
