//! A walk along a plan whose chunk manifests list anything, also one another and themselves.

use std::sync::Arc;

use super::{input::Input, plan::chunks};
use crate::{
    error::{Error, Kind},
    model::chunk::{Chunk, Source},
    schedule::plan::{ManifestCache, Plan, PlanCursor, Summary, Upcoming},
};

/// The input is a range, chunks, and the content of each manifest. The walk ends after all bytes or with an
/// error, and whenever it waits, it names the manifest that it waits for.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let range = input.number(1)..input.any_number();
    let look_ahead = input.byte();
    let plan = Plan::new(few_chunks(&mut input), range);
    let mut lists: Vec<(Source, Arc<[Chunk]>)> = Vec::new();
    let known = ManifestCache::default();
    let _ = Summary::of(&plan, &known, 1 << 20);
    let mut walk = PlanCursor::new(&plan, known.clone());
    let (mut walked, mut steps) = (0, 0);
    loop {
        steps += 1;
        assert!(steps < MAX_STEPS, "the walk does not end");
        match walk.peek() {
            Upcoming::View(view, chunk) => {
                assert!(!chunk.is_manifest && view.within.end <= chunk.size && view.len() > 0);
                assert_eq!(view.at, plan.range().start + walked, "views are at their positions");
                for at in [view.at, view.end() - 1] {
                    assert_eq!(visible(plan.chunks(), &lists, at).as_ref(), Some(&chunk), "at {at}");
                }
                walked += view.len();
                walk.advance();
            }
            Upcoming::Gap(len) => {
                assert!(len > 0);
                let at = plan.range().start + walked;
                assert!([at, at + len - 1].iter().all(|at| visible(plan.chunks(), &lists, *at).is_none()));
                walked += len;
                walk.advance();
            }
            Upcoming::Unread => {
                let next_manifest = walk.next_manifest(1, u64::MAX);
                let (manifest, next) = next_manifest.expect("the walk names the manifest that it waits for");
                assert!(manifest.is_manifest && next);
                walk.mark_requested(&manifest);
                let list = list_of(&mut lists, &manifest, &mut input);
                walk.on_manifest(&manifest.source, list);
                if let Some((soon, _)) = walk.next_manifest(usize::from(look_ahead), u64::MAX) {
                    walk.mark_requested(&soon);
                    let list = list_of(&mut lists, &soon, &mut input);
                    walk.on_manifest(&soon.source, list);
                }
            }
            Upcoming::Failed(error) => {
                return assert!(matches!(error.kind(), Kind::Manifest | Kind::Limit | Kind::NotFound));
            }
            Upcoming::Busy => {}
            Upcoming::End => break,
        }
    }
    assert_eq!(walked, plan.len(), "all bytes and no more");
    assert!(Summary::of(&plan, &known, 1 << 20).gap_bytes <= plan.len());
}

/// The chunk that is visible at a position, by the simplest rule: every manifest at the position is replaced
/// by its content, and the newest chunk counts; of equally new ones, the last.
fn visible(chunks: &[Chunk], lists: &[(Source, Arc<[Chunk]>)], at: u64) -> Option<Chunk> {
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

const MAX_STEPS: usize = 10_000;

/// At most four chunks, because manifests in manifests multiply.
fn few_chunks(input: &mut Input<'_>) -> Arc<[Chunk]> {
    let count = input.byte() % 5;
    chunks(input, usize::from(count)).into()
}

/// The content of a manifest, always the same for the same manifest.
fn list_of(
    lists: &mut Vec<(Source, Arc<[Chunk]>)>,
    manifest: &Chunk,
    input: &mut Input<'_>,
) -> Result<Arc<[Chunk]>, Error> {
    if let Some((_, list)) = lists.iter().find(|(source, _)| *source == manifest.source) {
        return Ok(Arc::clone(list));
    }
    if input.byte() == u8::MAX {
        return Err(Error::new(Kind::NotFound, "the manifest does not exist"));
    }
    let list = few_chunks(input);
    lists.push((manifest.source.clone(), Arc::clone(&list)));
    Ok(list)
}
