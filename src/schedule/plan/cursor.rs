//! Walks along a plan and expands chunk manifests on the way.
//!
//! A plan leaves the stretches open that chunk manifests span ([`Step::Unread`]). When the cursor comes to
//! such a stretch and its manifests have been read, it plans the stretch and puts the inner plan on a stack
//! of frames. The steps of the innermost frame come next; when they end, the frame is removed and the outer
//! plan continues.
//!
//! # Example
//!
//! The file consists of a chunk `A`, a manifest `m` and a chunk `B`. `m` lists a chunk `c` and another
//! manifest `n`, and `n` lists a chunk `d`. `>` marks the next step of each frame:
//!
//! ```text
//!  frames, the innermost last         peek()                the caller
//!  [>A ?m  B]                         View(A)               advances
//!  [ A>?m  B]                         Unread                asks next_manifest() and reads m
//!                                                           on_manifest(m, [c, n])
//!  [ A ?m >B] [>c ?n]                 View(c)               advances
//!  [ A ?m >B] [ c>?n]                 Unread                asks next_manifest() and reads n
//!                                                           on_manifest(n, [d])
//!  [ A ?m >B] [ c ?n>] [>d]           View(d)               advances
//!  [ A ?m >B]                         View(B)               advances
//!  (no frame)                         End
//! ```
//!
//! `next_manifest` also finds manifests before the cursor comes to them, so that they can be read ahead.

use std::{ops::Range, sync::Arc};

use super::{ManifestCache, Plan, Step, View};
use crate::{
    error::{Error, Kind},
    model::chunk::{Chunk, Source},
};

/// How deep chunk manifests may be nested. SeaweedFS writes one level. Without a limit a manifest that lists
/// itself would never end.
const MAX_DEPTH: usize = 8;

/// The most chunks that a stretch may consist of, because nested manifests multiply.
const MAX_STRETCH_CHUNKS: usize = 1 << 20;

/// A position in a plan.
#[derive(Debug)]
pub struct PlanCursor {
    /// The plan, and the plans of the stretches that the cursor is inside of, the innermost last.
    frames: Vec<Frame>,
    cache: ManifestCache,
    /// The requested manifests that the rest of the plan needs.
    manifests: Vec<Manifest>,
}

/// A plan and the cursor's position in it.
#[derive(Debug)]
struct Frame {
    plan: Arc<Plan>,
    /// The index of the next step.
    next: usize,
    /// The manifests that this frame expands, and those that they are nested in.
    expands: Vec<Source>,
}

#[derive(Debug)]
struct Manifest {
    source: Source,
    /// The position in the file after its last byte.
    end: u64,
    state: ManifestState,
}

#[derive(Debug)]
enum ManifestState {
    Requested,
    Read(Arc<[Chunk]>),
    Failed(Error),
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
    /// The end of the plan.
    End,
}

impl PlanCursor {
    /// A cursor at the start of a plan. `cache`: the manifests of the file that have been read.
    #[must_use]
    pub fn new(plan: Arc<Plan>, cache: ManifestCache) -> Self {
        let frame = Frame { plan, next: 0, expands: Vec::new() };
        Self { frames: vec![frame], cache, manifests: Vec::new() }
    }

    /// The next step. The position does not change, but manifests that have been read are expanded.
    pub fn peek(&mut self) -> Upcoming {
        loop {
            let Some(frame) = self.frames.last() else {
                return Upcoming::End;
            };
            match frame.plan.steps().get(frame.next) {
                Some(Step::View(view)) => {
                    return Upcoming::View(view.clone(), frame.plan.chunk(view).clone());
                }
                Some(Step::Gap(gap)) => return Upcoming::Gap(gap.end.saturating_sub(gap.start)),
                Some(Step::Unread(stretch)) => match self.expand(frame, stretch) {
                    Ok(Some(inner)) => self.push(inner),
                    Ok(None) => return Upcoming::Unread,
                    Err(error) => return Upcoming::Failed(error),
                },
                None => self.pop(),
            }
        }
    }

    /// Moves past the step that `peek` returned.
    pub fn advance(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.next += 1;
        }
    }

    /// Records that a chunk manifest is being read.
    pub fn mark_requested(&mut self, manifest: &Chunk) {
        let (source, end) = (manifest.source.clone(), manifest.end());
        self.manifests.push(Manifest { source, end, state: ManifestState::Requested });
    }

    /// The next chunk manifest that has not been requested, and whether the cursor waits for it. Looks no
    /// more than `steps` steps ahead, and at stretches that start before `until`.
    pub fn next_manifest(&self, mut steps: usize, until: u64) -> Option<(Chunk, bool)> {
        let innermost = self.frames.len();
        for depth in (0..self.frames.len()).rev() {
            let frame = self.frames.get(depth)?;
            let (plan, next) = (&frame.plan, frame.next);
            let ahead = plan.unread.iter().skip(plan.unread.partition_point(|&index| index < next));
            for index in ahead.take_while(|&&index| index - next < steps) {
                let Some(Step::Unread(stretch)) = plan.steps().get(*index) else { continue };
                if stretch.start >= until {
                    return None;
                }
                if let Some(chunk) = plan.manifests(stretch).find(|chunk| !self.is_known(chunk)) {
                    return Some((chunk.clone(), depth + 1 == innermost && *index == next));
                }
            }
            steps = steps.saturating_sub(plan.steps().len().saturating_sub(next));
            if steps == 0 {
                return None;
            }
        }
        None
    }

    /// Takes the result of reading a chunk manifest that was marked as requested.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        if let Ok(list) = &list {
            self.cache.insert(manifest, list);
        }
        if let Some(known) = self.manifests.iter_mut().find(|known| known.source == *manifest) {
            known.state = match list {
                Ok(list) => ManifestState::Read(list),
                Err(error) => ManifestState::Failed(error),
            };
        }
    }

    /// Whether a manifest has been requested, or was read by another stream.
    fn is_known(&self, chunk: &Chunk) -> bool {
        self.state(&chunk.source).is_some() || self.cache.get(&chunk.source).is_some()
    }

    fn state(&self, source: &Source) -> Option<&ManifestState> {
        self.manifests.iter().find(|known| known.source == *source).map(|known| &known.state)
    }

    /// Plans a stretch with the chunks that its manifests list; `None` until all of them have been read.
    fn expand(&self, frame: &Frame, stretch: &Range<u64>) -> Result<Option<Frame>, Error> {
        let mut chunks = Vec::new();
        let mut expands = frame.expands.clone();
        for chunk in frame.plan.chunks().iter() {
            if !chunk.is_manifest {
                chunks.extend(overlaps(chunk, stretch).then(|| chunk.clone()));
                continue;
            }
            if chunk.offset > stretch.start || chunk.end() < stretch.end {
                continue;
            }
            if self.frames.len() > MAX_DEPTH || frame.expands.contains(&chunk.source) {
                let message = "the chunk manifest contains itself, or manifests are nested more than 8 deep";
                return Err(manifest_error(chunk, Kind::Manifest, message));
            }
            let Some(list) = self.list(&chunk.source)? else { return Ok(None) };
            chunks.extend(list.iter().filter(|listed| overlaps(listed, stretch)).cloned());
            if chunks.len() > MAX_STRETCH_CHUNKS {
                let message = "the chunk manifests list more than 2^20 chunks for the same part of the file";
                return Err(manifest_error(chunk, Kind::Limit, message));
            }
            expands.push(chunk.source.clone());
        }
        let plan = Arc::new(Plan::new(chunks.into(), stretch.clone()));
        Ok(Some(Frame { plan, next: 0, expands }))
    }

    /// The chunks that a manifest lists; `None` if it has not been read.
    fn list(&self, manifest: &Source) -> Result<Option<Arc<[Chunk]>>, Error> {
        match self.state(manifest) {
            Some(ManifestState::Read(list)) => Ok(Some(Arc::clone(list))),
            Some(ManifestState::Failed(error)) => Err(error.clone()),
            Some(ManifestState::Requested) => Ok(None),
            None => Ok(self.cache.get(manifest)),
        }
    }

    /// Enters a stretch. The outer frame continues behind it.
    fn push(&mut self, inner: Frame) {
        self.advance();
        self.frames.push(inner);
    }

    /// Leaves the innermost frame, and drops the manifests that end with it.
    fn pop(&mut self) {
        if let Some(frame) = self.frames.pop() {
            let end = frame.plan.range().end;
            self.manifests.retain(|manifest| manifest.end > end);
        }
    }
}

fn manifest_error(manifest: &Chunk, kind: Kind, message: &str) -> Error {
    Error::new(kind, message).of_chunk(manifest.source.name())
}

fn overlaps(chunk: &Chunk, stretch: &Range<u64>) -> bool {
    chunk.offset < stretch.end && stretch.start < chunk.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
        Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
    }

    /// A manifest with the id `name`.
    fn manifest(name: &str, offset: u64, end: u64) -> Chunk {
        let source = Source::FileId(name.into());
        Chunk { source, is_manifest: true, ..chunk(offset, end - offset, 0) }
    }

    /// What a cursor returns along a plan, if each manifest has the chunks that `lists` names.
    fn walk(plan: Plan, lists: &[(&str, &[Chunk])]) -> String {
        let mut cursor = PlanCursor::new(Arc::new(plan), ManifestCache::default());
        let mut drawing = Vec::new();
        loop {
            match cursor.peek() {
                Upcoming::View(view, chunk) => {
                    drawing.push(format!("{}@{}+{}", chunk.modified, view.within.start, view.len()));
                }
                Upcoming::Gap(len) => drawing.push(format!("_{len}")),
                Upcoming::Unread => {
                    let Some((manifest, true)) = cursor.next_manifest(1, u64::MAX) else {
                        return drawing.join(" ") + " ?";
                    };
                    cursor.mark_requested(&manifest);
                    let name = manifest.source.name();
                    if let Some((_, list)) = lists.iter().find(|(known, _)| *known == name) {
                        cursor.on_manifest(&manifest.source, Ok((*list).into()));
                    }
                    drawing.push(name.to_owned());
                    continue;
                }
                Upcoming::Failed(error) => drawing.push(error.kind().code().into()),
                Upcoming::End => return drawing.join(" "),
            }
            cursor.advance();
        }
    }

    #[test]
    fn listed_chunks_compete_by_their_own_versions() {
        let list = [chunk(0, 6, 2), manifest("m", 3, 9)];
        let listed = [chunk(3, 2, 3), chunk(5, 4, 1)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "2@0+3 m 3@0+2 2@5+1 1@1+3");
    }

    // F88
    #[test]
    fn listed_chunks_are_clipped_to_the_span_of_their_manifest() {
        let list = [manifest("m", 3, 6), chunk(6, 3, 1)];
        let listed = [chunk(0, 9, 5)];
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("m", &listed)]), "_3 m 5@3+3 1@0+3");
    }

    #[test]
    fn listed_chunks_take_the_place_of_their_manifest_in_the_list() {
        let listed = [chunk(0, 9, 1)];
        let first = [manifest("m", 0, 9), Chunk { size: 4, ..chunk(2, 4, 1) }];
        assert_eq!(walk(Plan::new(first.into(), 0..9), &[("m", &listed)]), "m 1@0+2 1@0+4 1@6+3");
        let last = [chunk(2, 4, 1), manifest("m", 0, 9)];
        assert_eq!(walk(Plan::new(last.into(), 0..9), &[("m", &listed)]), "m 1@0+9");
    }

    #[test]
    fn manifests_may_be_nested() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([chunk(0, 2, 1), manifest("b", 2, 9)], [chunk(2, 3, 2), chunk(6, 3, 3)]);
        let lists: [(&str, &[Chunk]); 2] = [("a", &a), ("b", &b)];
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &lists), "a 1@0+2 b 2@0+3 _1 3@0+3");
        assert_eq!(walk(Plan::new(list.into(), 1..2), &lists), "a 1@1+1", "only what the range needs");
    }

    // F85
    #[test]
    fn a_manifest_that_contains_itself_is_an_error() {
        let list = [manifest("a", 0, 9)];
        let (a, b) = ([manifest("b", 0, 9)], [manifest("a", 0, 9)]);
        assert_eq!(walk(Plan::new(list.clone().into(), 0..9), &[("a", &list)]), "a manifest");
        assert_eq!(walk(Plan::new(list.into(), 0..9), &[("a", &a), ("b", &b)]), "a b manifest");
    }

    // F85
    #[test]
    fn manifests_may_be_nested_eight_deep() {
        let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        let inner: Vec<[Chunk; 1]> = (1..10).map(|i| [manifest(&names[i], 0, 9)]).collect();
        let mut lists: Vec<(&str, &[Chunk])> = Vec::new();
        for (name, list) in names.iter().zip(&inner) {
            lists.push((name, list));
        }
        let list: Arc<[Chunk]> = [manifest("0", 0, 9)].into();
        assert_eq!(walk(Plan::new(list.clone(), 0..9), &lists), "0 1 2 3 4 5 6 7 manifest");
        let last = [chunk(0, 9, 7)];
        lists[7] = ("7", &last);
        assert_eq!(walk(Plan::new(list, 0..9), &lists), "0 1 2 3 4 5 6 7 7@0+9");
    }

    // F85
    #[test]
    fn manifests_that_multiply_are_an_error() {
        let many: Vec<Chunk> = (0..1024).map(|_| manifest("b", 0, 9)).collect();
        let chunks = vec![chunk(0, 9, 1); 2048];
        let list: Arc<[Chunk]> = [manifest("a", 0, 9)].into();
        assert_eq!(walk(Plan::new(list, 0..9), &[("a", &many), ("b", &chunks)]), "a b limit");
    }
}
