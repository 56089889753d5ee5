//! Plans, compared with SeaweedFS's own planner and with a simple model.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may say what it expects"
)]

use std::{ops::Range, sync::Arc};

use kelp_stream::{
    model::chunk::{Chunk, Source},
    schedule::plan::{Plan, Step},
};
use proptest::prelude::*;
use serde_json::Value;

fn chunk(offset: u64, size: u64, modified: i64) -> Chunk {
    Chunk { modified, ..Chunk::plain(Source::FileId("1,0100000000".into()), offset, size) }
}

/// Stretches of the file: positions, the chunk that is visible there, and the first byte within it.
type Owned = Vec<(Range<u64>, Option<(usize, u64)>)>;

/// Joins adjacent stretches of one chunk.
fn joined(stretches: impl IntoIterator<Item = (Range<u64>, Option<(usize, u64)>)>) -> Owned {
    let mut all: Owned = Vec::new();
    for (positions, owner) in stretches {
        if positions.is_empty() {
            continue;
        }
        if let Some((last, last_owner)) = all.last_mut() {
            assert_eq!(last.end, positions.start, "stretches follow one another");
            let goes_on = match (&*last_owner, &owner) {
                (None, None) => true,
                (Some((a, from)), Some((b, next))) => a == b && from + (last.end - last.start) == *next,
                _ => false,
            };
            if goes_on {
                last.end = positions.end;
                continue;
            }
        }
        all.push((positions, owner));
    }
    all
}

fn owners(plan: &Plan) -> Owned {
    joined(plan.steps().iter().map(|step| match step {
        Step::Gap(gap) => (gap.clone(), None),
        Step::View(view) => (view.at..view.end(), Some((view.chunk, view.within.start))),
        Step::Unread(_) => unreachable!("there are no manifests"),
    }))
}

// F76, F77
#[test]
fn every_byte_has_the_same_chunk_as_in_seaweedfs() {
    let text = std::fs::read("tests/fixtures/plan-vectors.json").unwrap();
    let vectors: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(vectors.len(), 400);
    for (number, vector) in vectors.iter().enumerate() {
        let u64_of = |value: &Value, key: &str| value[key].as_u64().unwrap_or_default();
        let mut ids = Vec::new();
        let chunks: Arc<[Chunk]> = vector["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| {
                ids.push(each["file_id"].as_str().unwrap());
                let modified = each["modified_ts_ns"].as_str().unwrap().parse().unwrap();
                chunk(u64_of(each, "offset"), u64_of(each, "size"), modified)
            })
            .collect();
        let start = u64_of(vector, "start");
        let end = start + u64_of(vector, "size");

        let mut at = start;
        let mut expected = Vec::new();
        for view in vector["views"].as_array().into_iter().flatten() {
            let owner = ids.iter().position(|id| *id == view["file_id"].as_str().unwrap()).unwrap();
            let from = u64_of(view, "at");
            expected.push((at..from, None));
            at = from + u64_of(view, "size");
            expected.push((from..at, Some((owner, u64_of(view, "offset_in_chunk")))));
        }
        expected.push((at..end, None));

        assert_eq!(owners(&Plan::new(chunks, start..end)), joined(expected), "vector {number}");
    }
}

/// The chunk that is visible at each position, by a simple model: chunks overwrite one another, the oldest
/// first.
fn modelled(chunks: &[Chunk], range: &Range<u64>) -> Vec<Option<(usize, u64)>> {
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    order.sort_by_key(|&index| (chunks[index].modified, index));
    let mut bytes = vec![None; usize::try_from(range.end).unwrap()];
    for index in order {
        for position in chunks[index].offset..chunks[index].end().min(range.end) {
            bytes[usize::try_from(position).unwrap()] = Some((index, position - chunks[index].offset));
        }
    }
    bytes.split_off(usize::try_from(range.start).unwrap())
}

/// The chunk that is visible at each position, by the plan. Checks that the steps are adjacent and cover the
/// range.
fn planned(plan: &Plan) -> Vec<Option<(usize, u64)>> {
    let mut bytes = Vec::new();
    let mut at = plan.range().start;
    for step in plan.steps() {
        assert!(step.len() > 0, "no step is empty");
        match step {
            Step::Gap(gap) => {
                assert_eq!(gap.start, at);
                bytes.extend(gap.clone().map(|_| None));
            }
            Step::View(view) => {
                assert_eq!(view.at, at);
                bytes.extend(view.within.clone().map(|byte| Some((view.chunk, byte))));
            }
            Step::Unread(_) => unreachable!("there are no manifests"),
        }
        at += step.len();
    }
    assert_eq!(at, plan.range().end);
    bytes
}

fn some_chunks() -> impl Strategy<Value = Vec<Chunk>> {
    // There are few versions, so that many are equal.
    let one = (0_u64..120, 0_u64..40, -2_i64..4);
    prop::collection::vec(one.prop_map(|(offset, size, modified)| chunk(offset, size, modified)), 0..24)
}

fn some_range() -> impl Strategy<Value = Range<u64>> {
    (0_u64..180, 0_u64..180).prop_map(|(a, b)| a.min(b)..a.max(b))
}

proptest! {
    // F76
    #[test]
    fn a_plan_matches_the_model(chunks in some_chunks(), range in some_range()) {
        let plan = Plan::new(chunks.clone().into(), range.clone());
        prop_assert_eq!(planned(&plan), modelled(&chunks, &range));
    }

    #[test]
    fn adjacent_views_are_of_different_chunks(chunks in some_chunks()) {
        let plan = Plan::new(chunks.into(), 0..200);
        prop_assert_eq!(owners(&plan).len(), plan.steps().len());
    }

    #[test]
    fn the_plan_of_a_range_is_a_part_of_the_whole_plan(chunks in some_chunks(), range in some_range()) {
        let chunks: Arc<[Chunk]> = chunks.into();
        let all = Plan::new(chunks.clone(), 0..200);
        let cut = all.steps().iter().map(|step| {
            let (positions, owner) = match step {
                Step::Gap(gap) => (gap.clone(), None),
                Step::View(view) => (view.at..view.end(), Some((view.chunk, view.within.start))),
                Step::Unread(_) => unreachable!("there are no manifests"),
            };
            let kept = positions.start.clamp(range.start, range.end)..positions.end.clamp(range.start, range.end);
            let skipped = kept.start - positions.start.min(kept.start);
            (kept, owner.map(|(chunk, from)| (chunk, from + skipped)))
        });
        prop_assert_eq!(owners(&Plan::new(chunks, range.clone())), joined(cut));
    }

    // F78
    #[test]
    fn no_input_breaks_a_plan(
        chunks in prop::collection::vec((any::<u64>(), any::<u64>(), any::<i64>()), 0..12),
        start in any::<u64>(),
        end in any::<u64>(),
    ) {
        let chunks = chunks.into_iter().map(|(offset, size, modified)| chunk(offset, size, modified)).collect();
        let plan = Plan::new(chunks, start..end);
        prop_assert_eq!(plan.steps().iter().map(|step| u128::from(step.len())).sum::<u128>(), u128::from(plan.len()));
        for view in plan.views() {
            prop_assert!(view.within.end <= plan.chunk(view).size);
            prop_assert_eq!(view.at - view.within.start, plan.chunk(view).offset);
        }
    }
}
