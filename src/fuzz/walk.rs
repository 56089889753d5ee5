//! A way along a plan whose chunk manifests list anything, one another and themselves too.

use std::sync::Arc;

use super::{input::Input, plan::chunks};
use crate::{
    error::{Error, Kind},
    model::chunk::{Chunk, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Summary, Upcoming},
};

/// A range, chunks, and what each manifest lists: the walk ends, after all bytes or at an error,
/// and never waits for what nobody is asked for.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let range = input.number(1)..input.any_number();
    let far = input.byte();
    let plan = Arc::new(Plan::new(some(&mut input), range));
    let mut lists: Vec<(Source, Arc<[Chunk]>)> = Vec::new();
    let known = ManifestCache::default();
    let _ = Summary::of(&plan, &known, 1 << 20);
    let mut walk = PlanCursor::new(Arc::clone(&plan), known.clone());
    let (mut walked, mut steps) = (0, 0);
    loop {
        steps += 1;
        assert!(steps < MANY, "it has no end");
        match walk.peek() {
            Upcoming::View(view, chunk) => {
                assert!(!chunk.is_manifest && view.within.end <= chunk.size && view.len() > 0);
                assert_eq!(view.at, plan.range().start + walked, "views are in their places");
                for at in [view.at, view.end() - 1] {
                    assert_eq!(seen(plan.chunks(), &lists, at).as_ref(), Some(&chunk), "at {at}");
                }
                walked += view.len();
                walk.advance();
            }
            Upcoming::Gap(len) => {
                assert!(len > 0);
                let at = plan.range().start + walked;
                assert!([at, at + len - 1].iter().all(|at| seen(plan.chunks(), &lists, *at).is_none()));
                walked += len;
                walk.advance();
            }
            Upcoming::Unread => {
                let wanted = walk.next_manifest(1, u64::MAX);
                let (manifest, next) = wanted.expect("it says what it waits for");
                assert!(manifest.is_manifest && next);
                walk.mark_requested(&manifest);
                let list = list_of(&mut lists, &manifest, &mut input);
                walk.on_manifest(&manifest.source, list);
                if let Some((soon, _)) = walk.next_manifest(usize::from(far), u64::MAX) {
                    walk.mark_requested(&soon);
                    let list = list_of(&mut lists, &soon, &mut input);
                    walk.on_manifest(&soon.source, list);
                }
            }
            Upcoming::Failed(error) => {
                return assert!(matches!(error.kind(), Kind::Manifest | Kind::Limit | Kind::NotFound));
            }
            Upcoming::End => break,
        }
    }
    assert_eq!(walked, plan.len(), "all bytes, no more");
    assert!(Summary::of(&plan, &known, 1 << 20).gap_bytes <= plan.len());
}

/// The chunk that is seen at a position, by the simplest rule: with every manifest there replaced by
/// what it lists, the newest, and of equals the last.
fn seen(chunks: &[Chunk], lists: &[(Source, Arc<[Chunk]>)], at: u64) -> Option<Chunk> {
    let here = |chunk: &&Chunk| chunk.offset <= at && at < chunk.end();
    let mut chunks: Vec<Chunk> = chunks.iter().filter(here).cloned().collect();
    while chunks.iter().any(|chunk| chunk.is_manifest) {
        let list = |chunk: Chunk| match lists.iter().find(|(source, _)| *source == chunk.source) {
            Some((_, list)) if chunk.is_manifest => list.iter().filter(here).cloned().collect(),
            _ => vec![chunk],
        };
        chunks = chunks.into_iter().flat_map(list).collect();
    }
    chunks.into_iter().max_by_key(|chunk| chunk.modified)
}

const MANY: usize = 10_000;

/// Few, since manifests in manifests multiply.
fn some(input: &mut Input<'_>) -> Arc<[Chunk]> {
    let count = input.byte() % 5;
    chunks(input, usize::from(count)).into()
}

/// What a manifest lists: always the same.
fn list_of(
    lists: &mut Vec<(Source, Arc<[Chunk]>)>,
    manifest: &Chunk,
    input: &mut Input<'_>,
) -> Result<Arc<[Chunk]>, Error> {
    if let Some((_, list)) = lists.iter().find(|(source, _)| *source == manifest.source) {
        return Ok(Arc::clone(list));
    }
    if input.byte() == u8::MAX {
        return Err(Error::new(Kind::NotFound, "it is not there"));
    }
    let list = some(input);
    lists.push((manifest.source.clone(), Arc::clone(&list)));
    Ok(list)
}
