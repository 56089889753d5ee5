//! A way along a plan that plans what chunk manifests list when it comes there.

use std::{ops::Range, sync::Arc};

use super::{ManifestCache, Plan, Step, View};
use crate::{
    error::{Error, Kind},
    model::chunk::{Chunk, Source},
};

/// How deep chunk manifests may lie in one another. SeaweedFS writes one level; a manifest that
/// lists itself would have no end.
pub const MAX_DEPTH: usize = 8;

/// The most chunks that a stretch of a file may be made of: manifests in manifests multiply.
const MAX_STRETCH_CHUNKS: usize = 1 << 20;

/// The steps of a plan, one after another.
///
/// ```text
///  plan:   [view] [view] [?────────] [view]        Ahead::Unread: these manifests are wanted
///                         │ learn(manifest, list)
///                         ▼
///                        [view] _gap_ [view]       goes on inside, then behind
/// ```
#[derive(Debug)]
pub struct PlanCursor {
    /// The plan, and in it the plans of stretches, the innermost last.
    frames: Vec<Frame>,
    lists: ManifestCache,
    /// What is known of manifests that this walk still needs.
    manifests: Vec<Manifest>,
}

#[derive(Debug)]
struct Frame {
    plan: Arc<Plan>,
    next: usize,
    /// The manifests that this is a stretch of.
    of: Vec<Source>,
}

#[derive(Debug)]
struct Manifest {
    source: Source,
    end: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Asked,
    Known(Arc<[Chunk]>),
    Failed(Error),
}

/// What comes next on the way.
#[derive(Debug)]
pub enum Upcoming {
    /// A view, of this chunk.
    View(View, Chunk),
    /// A gap of so many bytes.
    Gap(u64),
    /// Nothing before chunk manifests that were asked for have been read.
    Unread,
    /// A chunk manifest could not be had: what it spans cannot be read.
    Failed(Error),
    /// The end.
    End,
}

impl PlanCursor {
    /// A walk from the start of a plan; `lists`: what has been read of its manifests.
    #[must_use]
    pub fn new(plan: Arc<Plan>, lists: ManifestCache) -> Self {
        Self { frames: vec![Frame { plan, next: 0, of: Vec::new() }], lists, manifests: Vec::new() }
    }

    /// What comes next, as often as it is asked.
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
                Some(Step::Unread(stretch)) => match self.unfold(frame, stretch) {
                    Ok(Some(inner)) => self.enter(inner),
                    Ok(None) => return Upcoming::Unread,
                    Err(error) => return Upcoming::Failed(error),
                },
                None => self.leave(),
            }
        }
    }

    /// Takes the step that `ahead` showed.
    pub fn advance(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.next += 1;
        }
    }

    /// A chunk manifest is asked for.
    pub fn mark_requested(&mut self, manifest: &Chunk) {
        let (source, end) = (manifest.source.clone(), manifest.end());
        self.manifests.push(Manifest { source, end, state: State::Asked });
    }

    /// A chunk manifest that is needed next, or soon, and was not asked for: of a stretch that is
    /// less than `steps` steps away and begins before `until`. And whether it is needed next.
    pub fn next_manifest(&self, mut steps: usize, until: u64) -> Option<(Chunk, bool)> {
        let front = self.frames.len();
        for depth in (0..self.frames.len()).rev() {
            let frame = self.frames.get(depth)?;
            let (plan, next) = (Arc::clone(&frame.plan), frame.next);
            let soon = plan.unread.iter().skip(plan.unread.partition_point(|&index| index < next));
            for index in soon.take_while(|&&index| index - next < steps) {
                let Some(Step::Unread(stretch)) = plan.steps().get(*index) else { continue };
                if stretch.start >= until {
                    return None;
                }
                if let Some(chunk) = plan.manifests(stretch).find(|chunk| !self.knows(chunk)) {
                    return Some((chunk.clone(), depth + 1 == front && *index == next));
                }
            }
            steps = steps.saturating_sub(plan.steps().len().saturating_sub(next));
            if steps == 0 {
                return None;
            }
        }
        None
    }

    /// What has come of a chunk manifest that was asked for.
    pub fn on_manifest(&mut self, manifest: &Source, list: Result<Arc<[Chunk]>, Error>) {
        if let Ok(list) = &list {
            self.lists.insert(manifest, list);
        }
        if let Some(known) = self.manifests.iter_mut().find(|known| known.source == *manifest) {
            known.state = match list {
                Ok(list) => State::Known(list),
                Err(error) => State::Failed(error),
            };
        }
    }

    /// Whether a manifest was asked for; one that another stream has read need not be.
    fn knows(&self, chunk: &Chunk) -> bool {
        self.noted(&chunk.source).is_some() || self.lists.get(&chunk.source).is_some()
    }

    fn noted(&self, source: &Source) -> Option<&State> {
        self.manifests.iter().find(|known| known.source == *source).map(|known| &known.state)
    }

    /// Plans a stretch with what its manifests list; `None` while one of them is not known.
    fn unfold(&self, frame: &Frame, stretch: &Range<u64>) -> Result<Option<Frame>, Error> {
        let mut chunks = Vec::new();
        let mut of = frame.of.clone();
        for chunk in frame.plan.chunks().iter() {
            if !chunk.is_manifest {
                chunks.extend(overlaps(chunk, stretch).then(|| chunk.clone()));
                continue;
            }
            if chunk.offset > stretch.start || chunk.end() < stretch.end {
                continue;
            }
            if self.frames.len() > MAX_DEPTH || frame.of.contains(&chunk.source) {
                return Err(wrong(chunk, Kind::Manifest, "chunk manifests lie too deep in one another"));
            }
            let list = match self.noted(&chunk.source) {
                Some(State::Known(list)) => Some(Arc::clone(list)),
                Some(State::Failed(error)) => return Err(error.clone()),
                Some(State::Asked) => None,
                None => self.lists.get(&chunk.source),
            };
            let Some(list) = list else { return Ok(None) };
            chunks.extend(list.iter().filter(|listed| overlaps(listed, stretch)).cloned());
            if chunks.len() > MAX_STRETCH_CHUNKS {
                return Err(wrong(chunk, Kind::Limit, "it lists more chunks than are accepted"));
            }
            of.push(chunk.source.clone());
        }
        let plan = Plan::new(chunks.into(), stretch.clone());
        Ok(Some(Frame { plan: Arc::new(plan), next: 0, of }))
    }

    fn enter(&mut self, inner: Frame) {
        // Of the outer plan, the stretch is behind as soon as it is entered.
        self.advance();
        self.frames.push(inner);
    }

    fn leave(&mut self) {
        if let Some(frame) = self.frames.pop() {
            let end = frame.plan.range().end;
            self.manifests.retain(|manifest| manifest.end > end);
        }
    }
}

fn overlaps(chunk: &Chunk, stretch: &Range<u64>) -> bool {
    chunk.offset < stretch.end && stretch.start < chunk.end()
}

fn wrong(chunk: &Chunk, kind: Kind, message: &str) -> Error {
    Error::new(kind, message).of_chunk(chunk.source.name())
}
