//! The plan of any chunks and any range.

use std::{ops::Range, sync::Arc};

use super::input::Input;
use crate::{
    model::chunk::{Chunk, Source},
    schedule::plan::{Plan, Step},
};

/// The input is a range and chunks. The steps of the plan are those of the simplest possible rule.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let range = input.any_number()..input.any_number();
    let chunks: Arc<[Chunk]> = chunks(&mut input, 64).into();
    let plan = Plan::new(Arc::clone(&chunks), range.clone());
    assert_eq!(plan.range(), range.start..range.end.max(range.start));
    assert_covers(&plan);
    for step in plan.steps() {
        match step {
            Step::View(view) => {
                let visible = view.at..view.end();
                assert_eq!(view.at - chunks[view.chunk].offset, view.within.start);
                assert!(overlapping(&chunks, &visible).all(|(index, chunk)| {
                    let (hides, hidden) = (&chunks[view.chunk], chunk);
                    !chunk.is_manifest && (hidden.modified, index) <= (hides.modified, view.chunk)
                }));
            }
            Step::Gap(gap) => assert_eq!(overlapping(&chunks, gap).count(), 0),
            Step::Unread(stretch) => {
                let spanning: Vec<&Chunk> = plan.manifests(stretch).collect();
                let touching = overlapping(&chunks, stretch).filter(|(_, chunk)| chunk.is_manifest).count();
                assert!(!spanning.is_empty() && spanning.len() == touching);
            }
        }
    }
}

/// Asserts that the steps of a plan follow one another from its start to its end, and that none is empty.
pub(super) fn assert_covers(plan: &Plan) {
    let mut at = plan.range().start;
    for step in plan.steps() {
        let start = match step {
            Step::View(view) => {
                let chunk = plan.chunk(view);
                assert!(view.within.start < view.within.end && view.within.end <= chunk.size);
                view.at
            }
            Step::Gap(range) | Step::Unread(range) => range.start,
        };
        assert!(start == at && step.len() > 0, "{}", plan.draw());
        at += step.len();
    }
    assert_eq!(at, plan.range().end, "{}", plan.draw());
    assert_eq!(plan.len(), plan.range().end - plan.range().start);
}

/// The chunks that have a position in a stretch.
fn overlapping<'a>(chunks: &'a [Chunk], stretch: &'a Range<u64>) -> impl Iterator<Item = (usize, &'a Chunk)> {
    let holds = |(_, chunk): &(usize, &Chunk)| chunk.offset.max(stretch.start) < chunk.end().min(stretch.end);
    chunks.iter().enumerate().filter(holds)
}

/// At most `max` chunks.
pub(super) fn chunks(input: &mut Input<'_>, max: usize) -> Vec<Chunk> {
    std::iter::from_fn(|| (!input.is_empty()).then(|| chunk(input))).take(max).collect()
}

fn chunk(input: &mut Input<'_>) -> Chunk {
    let how = input.byte();
    let source = Source::FileId(format!("1,{:02x}00000001", 1 + (how >> 5)).into());
    let plain = Chunk::plain(source, input.any_number(), input.any_number());
    Chunk {
        modified: if how & 2 == 2 { input.any_number().cast_signed() } else { i64::from(how >> 2 & 3) },
        is_manifest: how & 1 == 1,
        ..plain
    }
}
